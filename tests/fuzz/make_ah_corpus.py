#!/usr/bin/env python3
"""Writes those seeds of the fuzz target of AH that have options or extension headers into tests/fuzz/corpus/ah/: one for each
class of option and header, each way to lie with them, in both directions. The same run writes the same files."""
import pathlib
import struct

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus" / "ah"
TRANSPORT, OVER6, IN_FRONT, OUT = 0x01, 0x02, 0x20, 0x80
HOP_BY_HOP, UDP, ROUTING, FRAGMENT, AH, DESTINATION = 0, 17, 43, 44, 51, 60
HERE6, THERE6 = bytes.fromhex("20010db8000000000000000000000002"), bytes.fromhex("20010db8000000000000000000000001")
HOP6 = bytes.fromhex("20010db800000000000000000000000a")
PAYLOAD = bytes.fromhex("0035003500100000") + b"payload!"
AH_OCTETS = bytes([UDP, 4]) + struct.pack(">HII", 0, 0x10203040, 1) + bytes(12) + PAYLOAD
PLAIN6 = bytes.fromhex("010400000000")

V4 = {  # options, by name
    "every-class": "01820b112233445566778899 94040000 0707080102030400",
    "timestamp": "440c0900 00000001 00000000",
    "route": "830704c0000201 00",
    "route-ended": "830708c0000201 00",
    "route-twice": "830704c0000201 890704c000020100 00",
    "route-lies": "830705c0000201 00",
    "option-length-0": "07000000",
    "option-length-1": "94010000",
    "option-too-long": "07050000",
    "option-cut": "01010107",
}
V6 = {  # (number, what follows the next header octet), by name
    "options-change": [(HOP_BY_HOP, "01 3e02aaaa 1e03bbbbbb 3f03cccccc")],
    "options-both-sides": [(DESTINATION, "00 3e04a1b2c3d4"), (ROUTING, "02 0000 00000000" + HOP6.hex()), (DESTINATION, "00 3e0401020304")],
    "destination": [(DESTINATION, "00 3e04a1b2c3d4")],
    "routing-0": [(ROUTING, "04 0002 00000000" + HOP6.hex() * 2)],
    "routing-0-ended": [(ROUTING, "04 0000 00000000" + HOP6.hex() * 2)],
    "routing-2": [(ROUTING, "02 0201 00000000" + HOP6.hex())],
    "routing-4": [(ROUTING, "02 0400 00000000" + HOP6.hex())],
    "routing-lies": [(ROUTING, "02 0002 00000000" + HOP6.hex())],
    "atomic-fragment": [(HOP_BY_HOP, "00" + PLAIN6.hex()), (FRAGMENT, "00 0000 12345678")],
    "option6-too-long": [(HOP_BY_HOP, "00 3e0500000000")],
    "option6-cut": [(DESTINATION, "00 00000000001e")],
    "hop-by-hop-second": [(DESTINATION, "00" + PLAIN6.hex()), (HOP_BY_HOP, "00" + PLAIN6.hex())],
    "chain-cut": [(DESTINATION, "f0" + PLAIN6.hex())],
    "chain-too-long": [(DESTINATION, "00" + PLAIN6.hex())] * 17,
}


def checksum(octets):
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def v4(options, protocol, body):
    head = struct.pack(">BBHHHBBH", 0x45 + len(options) // 4, 0, 20 + len(options) + len(body), 1, 0, 64, protocol, 0)
    head += bytes([192, 0, 2, 1, 192, 0, 2, 2]) + options
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + body


def v6(chain, protocol, body):
    numbers = [number for number, _ in chain] + [protocol]
    headers = b"".join(bytes([following]) + bytes.fromhex(rest) for (_, rest), following in zip(chain, numbers[1:]))
    return struct.pack(">IHBB", 0x60000000, len(headers) + len(body), numbers[0], 64) + THERE6 + HERE6 + headers + body


def write(name, choice, packet):
    (CORPUS / name).write_bytes(bytes([choice]) + packet)


for name, options in V4.items():
    octets = bytes.fromhex(options)
    write(f"v4-{name}", TRANSPORT, v4(octets, AH, AH_OCTETS))
    write(f"out-v4-{name}", OUT | TRANSPORT, v4(octets, UDP, PAYLOAD))
for name, chain in V6.items():
    write(f"v6-{name}", TRANSPORT | OVER6, v6(chain, AH, AH_OCTETS))
    write(f"out-v6-{name}", OUT | TRANSPORT | OVER6, v6(chain, UDP, PAYLOAD))
    write(f"out-front-v6-{name}", OUT | TRANSPORT | OVER6 | IN_FRONT, v6(chain, UDP, PAYLOAD))
for name, number in (("destination", DESTINATION), ("hop-by-hop", HOP_BY_HOP), ("fragment", FRAGMENT)):
    behind = bytes([number]) + AH_OCTETS[1:24] + bytes([UDP, 0]) + (bytes(6) if number == FRAGMENT else PLAIN6) + PAYLOAD
    write(f"v6-behind-{name}", TRANSPORT | OVER6, v6([], AH, behind))
