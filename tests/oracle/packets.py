"""Captures and IP: yields (frame number, IP packet) from pcap and pcapng files, and takes IP packets apart."""

import ipaddress
import struct
from dataclasses import dataclass

ETHERTYPES_VLAN = (0x8100, 0x88A8)


def frames(path):
    """Yields (number from 1, link type, octets) of a pcap or pcapng file, one at a time."""
    with open(path, "rb") as f:
        magic = f.read(4)
        f.seek(0)
        if magic == b"\x0a\x0d\x0d\x0a":
            yield from _pcapng(f)
        else:
            yield from _pcap(f)


def _pcap(f):
    head = f.read(24)
    order = {b"\xd4\xc3\xb2\xa1": "<", b"\x4d\x3c\xb2\xa1": "<", b"\xa1\xb2\xc3\xd4": ">", b"\xa1\xb2\x3c\x4d": ">"}.get(head[:4])
    if order is None or len(head) < 24:
        raise ValueError("not a capture")
    link = struct.unpack(order + "I", head[20:24])[0] & 0xFFFF
    number = 0
    while record := f.read(16):
        kept, whole = struct.unpack(order + "II", record[8:])
        data = f.read(kept)
        if len(record) < 16 or len(data) < kept:
            raise ValueError("capture breaks off")
        number += 1
        if kept != whole:
            raise ValueError(f"frame {number} was captured only in part")
        yield number, link, data


def _pcapng(f):
    order, links, number = "<", [], 0
    while head := f.read(8):
        if head[:4] == b"\x0a\x0d\x0d\x0a":
            magic = f.read(4)
            order = "<" if magic == b"\x4d\x3c\x2b\x1a" else ">"
            f.seek(-4, 1)
            links = []
        kind, length = struct.unpack(order + "II", head)
        body = f.read(length - 8)[:-4]
        if kind == 1:
            links.append(struct.unpack(order + "H", body[:2])[0])
        elif kind == 6:
            interface, _, _, kept, whole = struct.unpack(order + "IIIII", body[:20])
            number += 1
            if kept != whole:
                raise ValueError(f"frame {number} was captured only in part")
            yield number, links[interface], body[20 : 20 + kept]


def ip_of(link, data):
    """The IP packet in a frame, or None."""
    if link in (1, 113, 276):
        at = {1: 12, 113: 14, 276: 0}[link]
        kind = struct.unpack_from(">H", data, at)[0]
        at = {1: 14, 113: 16, 276: 20}[link]
        while kind in ETHERTYPES_VLAN:
            kind = struct.unpack_from(">H", data, at + 2)[0]
            at += 4
        if kind not in (0x0800, 0x86DD):
            return None
        data = data[at:]
    elif link == 0:
        data = data[4:]  # the address family, in the byte order of whoever captured
    elif link not in (12, 14, 101, 228, 229):
        raise ValueError(f"link type {link} is not known here")
    if not data or data[0] >> 4 not in (4, 6):
        return None
    length = struct.unpack_from(">H", data, 2)[0] if data[0] >> 4 == 4 else 40 + struct.unpack_from(">H", data, 4)[0]
    return data[:length] if len(data) >= length else None


@dataclass
class Ip:
    """An IP packet without options other than those in `header`; `payload` begins at protocol `protocol`."""

    header: bytes
    protocol: int
    payload: bytes
    source: str
    destination: str
    fragment: tuple = None  # (identification, offset, more)

    @property
    def version(self):
        return self.header[0] >> 4


def parse_ip(packet):
    """Takes the header off. Extension headers of IPv6 that come before ESP or AH are refused by name, not skipped."""
    if packet[0] >> 4 == 4:
        size = (packet[0] & 15) * 4
        flags = struct.unpack_from(">H", packet, 6)[0]
        fragment = (packet[4:6], (flags & 0x1FFF) * 8, bool(flags & 0x2000)) if flags & 0x3FFF else None
        source, destination = (str(ipaddress.ip_address(packet[a : a + 4])) for a in (12, 16))
        return Ip(packet[:size], packet[9], packet[size:], source, destination, fragment)
    source, destination = (str(ipaddress.ip_address(packet[a : a + 16])) for a in (8, 24))
    protocol, payload, fragment = packet[6], packet[40:], None
    if protocol == 44:
        flags = struct.unpack_from(">H", payload, 2)[0]
        fragment = (payload[4:8], flags & 0xFFF8, bool(flags & 1))
        protocol, payload = payload[0], payload[8:]
    return Ip(packet[:40], protocol, payload, source, destination, fragment)


class Reassembler:
    """Joins fragments; a packet that is whole passes through."""

    def __init__(self):
        self.parts = {}

    def add(self, ip):
        if ip.fragment is None:
            return ip
        key = (ip.source, ip.destination, ip.protocol if ip.version == 4 else 0, ip.fragment[0])
        group = self.parts.setdefault(key, {})
        group[ip.fragment[1]] = ip
        payload, first = b"", group.get(0)
        while len(payload) in group:
            piece = group[len(payload)]
            payload += piece.payload
            if not piece.fragment[2]:
                del self.parts[key]
                return Ip(first.header, first.protocol, payload, first.source, first.destination)
        return None


def packets(path):
    """Yields (number, Ip) for every whole IP packet of a capture."""
    joined = Reassembler()
    for number, link, data in frames(path):
        packet = ip_of(link, data)
        if packet is not None and (ip := joined.add(parse_ip(packet))) is not None:
            yield number, ip
