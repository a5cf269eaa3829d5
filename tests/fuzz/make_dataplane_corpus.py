#!/usr/bin/env python3
"""Writes the seeds of the fuzz target of the inbound walk into tests/fuzz/corpus/dataplane_inbound/: one burst for each SA of the
target, and one for each way to be dropped that the walk can tell. The same run writes the same files."""
import pathlib
import struct

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus" / "dataplane_inbound"
HERE4, THERE4 = bytes([192, 0, 2, 2]), bytes([192, 0, 2, 1])
HERE6 = bytes.fromhex("20010db8000000000000000000000002")
THERE6 = bytes.fromhex("20010db8000000000000000000000001")
ESP, AH, UDP, ICMP, IPIP, IPV6, FRAGMENT, NONE = 50, 51, 17, 1, 4, 41, 44, 59


def checksum(octets):
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def v4(protocol, body, source=THERE4, destination=HERE4, word=0, tos=0, options=b""):
    head = struct.pack(">BBHHHBBH", 0x45 + len(options) // 4, tos, 20 + len(options) + len(body), 1, word, 64, protocol, 0)
    head += source + destination + options
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + body


def v6(following, body, source=THERE6, destination=HERE6):
    return struct.pack(">IHBB", 0x60000000, len(body), following, 64) + source + destination + body


def udp(size=16):
    return struct.pack(">HHHH", 1000, 2000, 8 + size, 0) + bytes(size)


def esp(spi, sequence, text, following, pad=None):
    if pad is None:
        pad = -(len(text) + 2) % 4
    trailer = bytes(range(1, pad + 1)) + bytes([pad, following])
    return struct.pack(">II", spi, sequence) + bytes(8) + text + trailer + bytes(12)


def ah(spi, sequence, text, following, size=24, padding=0):
    return struct.pack(">BBHII", following, (size + padding) // 4 - 2, 0, spi, sequence) + bytes(size + padding - 12) + text


def burst(*packets):
    return b"".join(struct.pack(">H", len(p)) + p for p in packets)


inner4 = v4(UDP, udp(), bytes([10, 1, 1, 1]), bytes([10, 2, 2, 2]))
inner6 = v6(UDP, udp(), bytes.fromhex("fd01" + "0" * 28), bytes.fromhex("fd02" + "0" * 28))
many = inner4
for i in range(10):
    many = v4(AH, ah(0x102, i + 1, many, IPIP))

seeds = {
    "esp_tunnel": burst(v4(ESP, esp(0x100, 1, inner4, IPIP))),
    "esp_tunnel_6_in_4": burst(v4(ESP, esp(0x100, 1, inner6, IPV6))),
    "esp_tunnel_over_6": burst(v6(ESP, esp(0x105, 1, inner4, IPIP)), v6(ESP, esp(0x105, 2, inner6, IPV6))),
    "esp_tunnel_padded_for_length": burst(v4(ESP, esp(0x100, 1, inner4 + bytes(40), IPIP))),
    "esp_transport": burst(v4(ESP, esp(0x101, 1, udp(), UDP))),
    "esp_transport_over_6": burst(v6(ESP, esp(0x106, 1, udp(), UDP))),
    "esp_most_padding": burst(v4(ESP, esp(0x101, 1, udp(9), UDP, 255 - 2))),
    "ah_tunnel": burst(v4(AH, ah(0x102, 1, inner4, IPIP))),
    "ah_tunnel_padded_to_8": burst(v4(AH, ah(0x102, 1, inner4, IPIP, 24))),
    "ah_tunnel_over_6": burst(v6(AH, ah(0x107, 1, inner6, IPV6))),
    "ah_transport": burst(v4(AH, ah(0x103, 1, udp(), UDP))),
    "bundle": burst(v4(AH, ah(0x104, 1, esp(0x104, 1, udp(), UDP), ESP))),
    "bundle_without_inner": burst(v4(AH, ah(0x104, 1, udp(), UDP))),
    "bundle_without_outer": burst(v4(ESP, esp(0x104, 1, udp(), UDP))),
    "nested": burst(v4(ESP, esp(0x101, 1, ah(0x103, 1, udp(), UDP), AH))),
    "nested_too_deep": burst(many),
    "tunnel_of_clear_icmp": burst(v4(ESP, esp(0x100, 1, v4(ICMP, bytes(8)), IPIP))),
    "clear_bypass": burst(v4(ICMP, bytes(8))),
    "clear_not_allowed": burst(v4(UDP, udp())),
    "clear_without_policy": burst(v6(NONE, b"")),
    "copies": burst(*[v4(ESP, esp(0x101, 5, udp(), UDP))] * 3),
    "jump": burst(v4(ESP, esp(0x101, 200, udp(), UDP)), v4(ESP, esp(0x101, 1, udp(), UDP)), v4(ESP, esp(0x101, 137, udp(), UDP))),
    "sequence_0": burst(v4(ESP, esp(0x101, 0, udp(), UDP))),
    "spi_0": burst(v4(ESP, esp(0, 1, udp(), UDP))),
    "spi_255": burst(v4(AH, ah(255, 1, udp(), UDP))),
    "spi_unknown": burst(v4(ESP, esp(0x999, 1, udp(), UDP)), v6(AH, ah(0x999, 1, udp(), UDP))),
    "bad_icv": burst(v4(AH, ah(0x103, 1, udp(), UDP)[:12] + b"y" * 12 + udp())),
    "bad_padding": burst(v4(ESP, esp(0x101, 1, udp(16) + b"\x02\x01", UDP)[:-14] + bytes([2, UDP]) + bytes(12))),
    "pad_length_lies": burst(v4(ESP, esp(0x101, 1, udp(), UDP)[:-14] + bytes([255, UDP]) + bytes(12))),
    "dummy": burst(v4(ESP, esp(0x100, 1, bytes(16), NONE))),
    "inner_is_no_ip": burst(v4(ESP, esp(0x100, 1, bytes(40), IPIP)), v4(ESP, esp(0x100, 2, inner4, IPV6)), v4(ESP, esp(0x100, 3, udp(), UDP))),
    "inner_length_lies": burst(v4(ESP, esp(0x100, 1, inner4[:-4], IPIP))),
    "congestion": burst(v4(ESP, esp(0x100, 1, inner4, IPIP), tos=3)),
    "fragments": burst(v4(ESP, esp(0x100, 1, inner4 + bytes(2), IPIP), word=0x2000), v4(AH, bytes(24), word=1),
                       v6(FRAGMENT, struct.pack(">BBHI", ESP, 0, 1, 7) + esp(0x105, 1, bytes(16), IPIP)[:40])),
    "inner_fragment": burst(v4(ESP, esp(0x100, 1, v4(UDP, bytes(16), word=2), IPIP))),
    "esp_truncated": burst(*[v4(ESP, esp(0x101, 1, udp(), UDP)[:n]) for n in (0, 7, 8, 15, 29)]),
    "ah_truncated": burst(*[v4(AH, ah(0x103, 1, udp(), UDP)[:n]) for n in (0, 11, 12, 23)]),
    "ah_length_lies": burst(v4(AH, ah(0x103, 1, udp(), UDP, 24, 8)), v4(AH, ah(0x103, 2, udp(), UDP, 16))),
    "esp_off_the_word": burst(v4(ESP, esp(0x101, 1, udp(), UDP) + b"\0")),
    "link_padding": burst(v4(ESP, esp(0x101, 1, udp(), UDP)) + bytes(9)),
    "options": burst(v4(ESP, esp(0x101, 1, udp(), UDP), options=bytes.fromhex("94040000")),
                     v4(AH, ah(0x103, 1, udp(), UDP), options=bytes.fromhex("94040000")),
                     v4(AH, ah(0x103, 2, udp(), UDP), options=bytes.fromhex("830704c000020100"))),
    "labels": burst(v4(ESP, esp(0x101, 1, udp(), UDP), options=bytes.fromhex("860a00000000010400050000")),
                    v4(ESP, esp(0x100, 1, v4(UDP, udp(), bytes([10, 1, 1, 1]), bytes([10, 2, 2, 2]),
                                             options=bytes.fromhex("860a00000000010400050000")), IPIP))),
    "label_of_another_domain": burst(v4(ESP, esp(0x100, 1, v4(UDP, udp(), bytes([10, 1, 1, 1]), bytes([10, 2, 2, 2]),
                                                              options=bytes.fromhex("860a00000009010400050000")), IPIP))),
    "empty": b"",
    "no_packet": burst(b"", b"\x45"),
}


def main():
    CORPUS.mkdir(parents=True, exist_ok=True)
    for name, octets in seeds.items():
        (CORPUS / name).write_bytes(octets)


if __name__ == "__main__":
    main()
