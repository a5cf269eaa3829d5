#!/usr/bin/env python3
"""Makes tests/data/linux-kernel/vectors.json from a folder of captures with manual keys.

Usage: make_kernel_vectors.py FOLDER OUT.json [STATES.json]

FOLDER holds vectors.json (one entry per combination: algorithms, addresses, keys) and the Ethernet captures it names. The
output holds the same entries with the IP packets of each capture as hex, one combination per line, so that the tests need
neither the captures nor a reader for them. STATES.json gets what `ip xfrm state` listed in each combination, by its name.
"""
import json
import pathlib
import struct
import sys


def ip_packets(path):
    """The IP packets of a classic little- or big-endian Ethernet pcap, link padding removed."""
    data = path.read_bytes()
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">", b"\x4d\x3c\xb2\xa1": "<", b"\xa1\xb2\x3c\x4d": ">"}[data[:4]]
    (link,) = struct.unpack(order + "I", data[20:24])
    if link != 1:
        sys.exit(f"{path}: link type {link} is not Ethernet")
    at = 24
    while at < len(data):
        _, _, captured, length = struct.unpack(order + "IIII", data[at : at + 16])
        if captured != length:
            sys.exit(f"{path}: packet cut by the capture")
        frame = data[at + 16 : at + 16 + captured]
        at += 16 + captured
        kind, packet = frame[12:14], frame[14:]
        if kind == b"\x08\x00":
            yield packet[: struct.unpack(">H", packet[2:4])[0]]
        elif kind == b"\x86\xdd":
            yield packet[: 40 + struct.unpack(">H", packet[4:6])[0]]


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    folder, out = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
    entries = json.loads((folder / "vectors.json").read_text())
    lines = []
    for entry in entries:
        capture = folder / entry.pop("pcap")
        protocols = {50, 51, 17}
        entry["packets"] = []
        for packet in ip_packets(capture):
            protocol = packet[9] if packet[0] >> 4 == 4 else packet[6]
            if protocol in protocols:
                entry["packets"].append(packet.hex())
        if not entry["packets"]:
            sys.exit(f"{capture}: no ESP, AH or UDP packet")
        lines.append(json.dumps(entry, separators=(",", ":")))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("[\n" + ",\n".join(lines) + "\n]\n")
    if len(sys.argv) == 4:
        states = {path.stem: path.read_text() for path in sorted((folder / "state").glob("*.state"))}
        pathlib.Path(sys.argv[3]).write_text(json.dumps(states, indent=0) + "\n")


if __name__ == "__main__":
    main()
