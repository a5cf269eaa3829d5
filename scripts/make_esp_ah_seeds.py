#!/usr/bin/env python3
"""Makes the seeds of the fuzz targets esp and ah: tests/fuzz/corpus/{esp,ah}/.

The first octet of a seed chooses the SA (see tests/fuzz/esp_fuzz.hpp, ah_fuzz.hpp), the rest is a packet. The SPI is 10203040.
"""
import pathlib
import struct

CORPUS = pathlib.Path(__file__).resolve().parent.parent / "tests" / "fuzz" / "corpus"
A4, B4 = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])
A6, B6 = bytes.fromhex("20010db8" + "00" * 11 + "01"), bytes.fromhex("20010db8" + "00" * 11 + "02")
UDP = bytes.fromhex("0035003500100000") + b"payload!"


def checksum(header):
    total = sum(struct.unpack(">%dH" % (len(header) // 2), header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def v4(protocol, payload, fragment=0, options=b"", tos=0):
    size = 20 + len(options)
    head = struct.pack(">BBHHHBBH", 0x40 | size // 4, tos, size + len(payload), 0x1234, fragment, 64, protocol, 0) + A4 + B4 + options
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def v6(protocol, payload):
    return struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64) + A6 + B6 + payload


def esp(text, next_header, block, iv, pad=None, sequence=1, spi=0x10203040, octets=None):
    step = max(block, 4)
    if pad is None:
        pad = -(len(text) + 2) % step
    padding = bytes(range(1, pad + 1)) if octets is None else octets
    return struct.pack(">II", spi, sequence) + bytes(iv) + text + padding + bytes([pad, next_header]) + bytes(12)


def ah(next_header, payload, icv, alignment, sequence=1, length=None, spi=0x10203040, reserved=0):
    size = -(-(12 + icv) // alignment) * alignment
    words = size // 4 - 2 if length is None else length
    return struct.pack(">BBHII", next_header, words, reserved, spi, sequence) + bytes(size - 12) + payload


def main():
    seeds = {"esp": {}, "ah": {}}
    sizes = [(1, 0), (4, 8), (8, 8), (16, 16)]
    e = seeds["esp"]
    for i, (block, iv) in enumerate(sizes):
        for extended in (0, 4):
            k = i << 3 | extended
            n = f"{block}{'-esn' if extended else ''}"
            e[f"tunnel4-{n}"] = bytes([k]) + v4(50, esp(v4(17, UDP), 4, block, iv))
            e[f"tunnel6-{n}"] = bytes([k | 2]) + v6(50, esp(v6(17, UDP), 41, block, iv))
            e[f"transport4-{n}"] = bytes([k | 1]) + v4(50, esp(UDP, 17, block, iv))
            e[f"transport6-{n}"] = bytes([k | 3]) + v6(50, esp(UDP, 17, block, iv))
    inner = v4(17, UDP)
    e["dummy"] = b"\x00" + v4(50, esp(bytes(32), 59, 1, 0))
    e["tfc"] = b"\x00" + v4(50, esp(inner + bytes(64), 4, 1, 0))
    e["pad-255"] = b"\x00" + v4(50, esp(inner + bytes(1), 4, 1, 0, pad=253))
    e["bad-padding"] = b"\x00" + v4(50, esp(inner, 4, 1, 0, pad=2, octets=b"\1\1"))
    e["pad-too-long"] = b"\x00" + v4(50, esp(b"", 4, 1, 0, pad=2, octets=b"")[:8] + b"\1\2\xff\4" + bytes(12))
    e["inner-not-ip"] = b"\x00" + v4(50, esp(UDP, 17, 1, 0))
    e["inner-short"] = b"\x00" + v4(50, esp(inner[:-4], 4, 1, 0))
    e["congestion-not-ect"] = b"\x00" + v4(50, esp(inner, 4, 1, 0), tos=3)
    e["sequence-0"] = b"\x00" + v4(50, esp(inner, 4, 1, 0, sequence=0))
    e["sequence-early"] = b"\x04" + v4(50, esp(inner, 4, 1, 0, sequence=0xFFFFFFFF))
    e["spi-0"] = b"\x00" + v4(50, esp(inner, 4, 1, 0, spi=0))
    e["other-spi"] = b"\x00" + v4(50, esp(inner, 4, 1, 0, spi=0x10203041))
    e["fragment"] = b"\x00" + v4(50, esp(inner, 4, 1, 0), fragment=0x2000)
    e["options"] = b"\x01" + v4(50, esp(UDP, 17, 1, 0), options=b"\1\1\1\0")
    e["not-esp"] = b"\x00" + inner
    e["unaligned"] = b"\x18" + v4(50, esp(inner, 4, 1, 0))
    e["truncated"] = b"\x00" + v4(50, b"\x10\x20\x30\x40\0\0\0\1")
    e["unauthentic"] = b"\x40" + v4(50, esp(inner, 4, 1, 0))
    e["length-lies"] = b"\x00" + v4(50, esp(inner, 4, 1, 0))[:-1]
    e["version-5"] = b"\x00\x55" + v4(50, esp(inner, 4, 1, 0))[1:]
    e["chain"] = b"\x03" + v6(0, b"\x3c\0\1\4\0\0\0\0" + b"\x32\0\1\4\0\0\0\0" + esp(UDP, 17, 1, 0))
    e["bad-chain"] = b"\x03" + v6(0, b"\x00\0\1\4\0\0\0\0" + b"\x32\0\1\4\0\0\0\0" + esp(UDP, 17, 1, 0))
    a = seeds["ah"]
    for i, icv in enumerate((12, 16, 24, 32)):
        for extended in (0, 4):
            k = i << 3 | extended
            n = f"{icv}{'-esn' if extended else ''}"
            a[f"tunnel4-{n}"] = bytes([k]) + v4(51, ah(4, inner, icv, 4))
            a[f"tunnel4-aligned8-{n}"] = bytes([k]) + v4(51, ah(4, inner, icv, 8))
            a[f"tunnel6-{n}"] = bytes([k | 2]) + v6(51, ah(41, v6(17, UDP), icv, 8))
            a[f"transport4-{n}"] = bytes([k | 1]) + v4(51, ah(17, UDP, icv, 4))
            a[f"transport6-{n}"] = bytes([k | 3]) + v6(51, ah(17, UDP, icv, 8))
    a["length-0"] = b"\x00" + v4(51, ah(4, inner, 12, 4, length=0))
    a["length-255"] = b"\x00" + v4(51, ah(4, inner, 12, 4, length=255))
    a["reserved"] = b"\x00" + v4(51, ah(4, inner, 12, 4, reserved=0xBEEF))
    a["spi-0"] = b"\x00" + v4(51, ah(4, inner, 12, 4, spi=0))
    a["other-spi"] = b"\x00" + v4(51, ah(4, inner, 12, 4, spi=0x10203041))
    a["sequence-0"] = b"\x00" + v4(51, ah(4, inner, 12, 4, sequence=0))
    a["sequence-early"] = b"\x04" + v4(51, ah(4, inner, 12, 4, sequence=0xFFFFFFFF))
    a["fragment"] = b"\x00" + v4(51, ah(4, inner, 12, 4), fragment=1)
    a["options"] = b"\x01" + v4(51, ah(17, UDP, 12, 4), options=b"\1\1\1\0")
    a["chain"] = b"\x03" + v6(0, b"\x33\0\1\4\0\0\0\0" + ah(17, UDP, 12, 8))
    a["options-behind"] = b"\x03" + v6(51, ah(60, b"\x11\0\1\4\0\0\0\0" + UDP, 12, 8))
    a["inner-not-ip"] = b"\x00" + v4(51, ah(17, UDP, 12, 4))
    a["congestion-not-ect"] = b"\x00" + v4(51, ah(4, inner, 12, 4), tos=3)
    a["not-ah"] = b"\x00" + inner
    a["truncated"] = b"\x00" + v4(51, ah(4, b"", 12, 4)[:20])
    a["length-lies"] = b"\x00" + v4(51, ah(4, inner, 12, 4))[:-1]
    a["version-5"] = b"\x00\x55" + v4(51, ah(4, inner, 12, 4))[1:]
    a["unauthentic"] = b"\x40" + v4(51, ah(4, inner, 12, 4))
    for target, found in seeds.items():
        for mode in range(4):  # the way out: any packet
            found[f"out-{mode}-v4"] = bytes([0x80 | mode]) + inner
            found[f"out-{mode}-v6"] = bytes([0x80 | mode]) + v6(17, UDP)
        found["out-options"] = b"\x81" + v4(17, UDP, options=b"\1\1\1\0")
        found["out-fragment"] = b"\x81" + v4(17, UDP, fragment=0x2000)
        found["out-chain"] = b"\x83" + v6(0, b"\x2b\0\1\4\0\0\0\0" + b"\x3c\0\0\0\0\0\0\0" + b"\x11\0\1\4\0\0\0\0" + UDP)
        found["out-nothing-follows"] = b"\x83" + v6(59, b"")
        found["out-link-padding"] = b"\x80" + inner + bytes(18)
        folder = CORPUS / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, octets in found.items():
            (folder / name).write_bytes(octets)
        print(f"{target}: {len(found)} seeds")


if __name__ == "__main__":
    main()
