#!/usr/bin/env python3
"""Seeds of the targets `reassembly` and `icmp`: run in tests/fuzz; writes corpus/<target>/<name>."""
import pathlib
import struct

HERE = pathlib.Path(__file__).parent / "corpus"


def checksum(octets):
    octets += b"\0" * (len(octets) % 2)
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def v4(payload, protocol=50, flags=0, options=b"", ident=7, source=b"\xc0\x00\x02\x01"):
    head = bytearray(struct.pack(">BBHHHBBH", 0x45 + len(options) // 4, 0, 20 + len(options) + len(payload), ident, flags, 64, protocol, 0))
    head += source + b"\xc0\x00\x02\x02" + options
    head[10:12] = struct.pack(">H", checksum(bytes(head)))
    return bytes(head) + payload


def v6(payload, nxt):
    return struct.pack(">IHBB", 6 << 28, len(payload), nxt, 64) + b"\xfd\x01" + b"\0" * 13 + b"\1" + b"\xfd\x02" + b"\0" * 13 + b"\2" + payload


def frag6(payload, offset, more, nxt=50):
    return v6(struct.pack(">BBHI", nxt, 0, offset | more, 9) + payload, 44)


def listed(*packets):
    return b"".join(struct.pack(">H", len(p)) + p for p in packets)


def icmp4(quote, kind=3, code=4, mtu=1300):
    text = bytearray(struct.pack(">BBHI", kind, code, 0, mtu) + quote)
    text[2:4] = struct.pack(">H", checksum(bytes(text)))
    return v4(bytes(text), 1)


def icmp6(quote, kind=2, mtu=1300):
    text = bytearray(struct.pack(">BBHI", kind, 0, 0, mtu) + quote)
    packet = v6(bytes(text), 58)
    text[2:4] = struct.pack(">H", checksum(packet[8:40] + struct.pack(">II", len(text), 58) + bytes(text)))
    return v6(bytes(text), 58)


def main():
    data = bytes(range(256)) * 12
    fragments = [v4(data[:800], flags=0x2000), v4(data[800:1600], flags=0x2000 | 100), v4(data[1600:1700], flags=200)]
    six = [frag6(data[:800], 0, 1), frag6(data[800:1000], 800, 0)]
    seeds = {
        "reassembly": {
            "in-order": listed(*fragments), "reversed": listed(*fragments[::-1]), "doubled": listed(*fragments[:2], *fragments),
            "overlap": listed(fragments[0], v4(data[:80], flags=0x2000 | 90), fragments[2]),
            "tiny": listed(v4(data[:8], 6, 0x2000), v4(data[:80], 6, 1)), "death": listed(v4(data[:800], flags=0x1FFF)),
            "v6": listed(*six), "v6-reversed": listed(*six[::-1]), "v6-overlap": listed(six[0], frag6(data[:80], 400, 1)),
            "v6-atomic": listed(frag6(data[:80], 0, 0)), "two": listed(fragments[0], v4(data[:800], 51, 0x2000), fragments[1], fragments[2]),
            "cut-v4": b"\0\0" + v4(data[:1500]), "cut-options": b"\x20\0" + v4(data[:900], options=b"\x82\x03\0\x01\x07\x04\x04\0"),
            "cut-v6": b"\x40\0" + v6(data[:1500], 50), "cut-v6-atomic": b"\x40\0" + frag6(data[:1500], 0, 0),
        },
        "icmp": {
            "v4-too-big": icmp4(v4(data[:100])), "v4-eight-octets": icmp4(v4(data[:1400])[:28]), "v4-old-router": icmp4(v4(data[:1400]), mtu=0),
            "v4-unreachable": icmp4(v4(data[:100], 17), code=3), "v6-too-big": icmp6(v6(data[:1000], 50)),
            "v6-fragment": icmp6(frag6(data[:1000], 0, 1)), "v6-later": icmp6(frag6(data[:1000], 800, 0)),
            "answer-v4": v4(data[:1400], 17), "answer-v6": v6(data[:1400], 6), "answer-chain": v6(bytes([50, 1]) + data[:1400], 60),
            "multicast": v4(data[:100], 17, source=b"\xe0\0\0\1"),
        },
    }
    for target, files in seeds.items():
        (HERE / target).mkdir(parents=True, exist_ok=True)
        for name, octets in files.items():
            (HERE / target / name).write_bytes(octets)


if __name__ == "__main__":
    main()
