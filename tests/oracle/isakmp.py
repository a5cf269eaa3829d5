"""ISAKMP messages taken apart: RFC 2408 section 3, attributes of RFC 2407 and RFC 2409."""

import struct
from dataclasses import dataclass, field

NAMES = {1: "SA", 2: "P", 3: "T", 4: "KE", 5: "ID", 6: "CERT", 7: "CR", 8: "HASH", 9: "SIG", 10: "NONCE", 11: "N", 12: "D", 13: "VID",
         14: "ATTR", 15: "NAT-D", 16: "NAT-OA", 20: "NAT-D", 21: "NAT-OA", 130: "NAT-D", 131: "NAT-OA", 132: "FRAGMENT"}
SA, PROPOSAL, TRANSFORM, KE, ID, CERT, HASH, SIG, NONCE, NOTIFY, DELETE, ATTRIBUTES, FRAGMENT = 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 14, 132
REQUEST = 7  # of a certificate
NAT_D = (20, 130, 15)  # RFC 3947, and the drafts 00 to 03 and 04 to 07
BASE, MAIN, AUTHENTICATION_ONLY, AGGRESSIVE, INFORMATIONAL, TRANSACTION, QUICK, NEW_GROUP = 1, 2, 3, 4, 5, 6, 32, 33
VENDOR = 13
EXCHANGES = {1: "Base", 2: "Main", 3: "Authentication Only", 4: "Aggressive", 5: "Informational", 6: "Transaction", 32: "Quick", 33: "New Group"}


class Malformed(Exception):
    pass


@dataclass
class Message:
    cookie_i: bytes
    cookie_r: bytes
    first: int
    exchange: int
    encrypted: bool
    message_id: bytes
    body: bytes


@dataclass
class Payload:
    kind: int
    body: bytes   # without the generic header
    start: int    # where the generic header begins
    end: int


@dataclass
class Transform:
    number: int
    identifier: int
    pairs: list       # (attribute, value) as sent: lifetimes come in pairs and may come twice

    @property
    def attributes(self):
        return dict(self.pairs)


@dataclass
class Proposal:
    number: int
    protocol: int
    spi: bytes
    transforms: list = field(default_factory=list)


def parse_message(data):
    if len(data) < 28:
        raise Malformed("shorter than an ISAKMP header")
    ci, cr, first, version, exchange, flags, mid, length = struct.unpack(">8s8sBBBB4sI", data[:28])
    if version >> 4 != 1:
        raise Malformed(f"version {version >> 4}.{version & 15}")
    if length != len(data):
        raise Malformed(f"length field {length}, datagram {len(data)}")
    return Message(ci, cr, first, exchange, bool(flags & 1), mid, data[28:])


def parse_chain(first, data):
    """The payloads and where the last one ends; what follows it is padding of the encryption."""
    out, at, kind = [], 0, first
    while kind:
        if len(data) - at < 4:
            raise Malformed("payload chain breaks off")
        following, _, length = struct.unpack_from(">BBH", data, at)
        if length < 4 or at + length > len(data):
            raise Malformed(f"payload length {length} with {len(data) - at} octets left")
        out.append(Payload(kind, data[at + 4 : at + length], at, at + length))
        kind, at = following, at + length
    return out, at


def parse_attributes(data):
    out, at = [], 0
    while at < len(data):
        if len(data) - at < 4:
            raise Malformed("attribute breaks off")
        kind, value = struct.unpack_from(">HH", data, at)
        at += 4
        if kind & 0x8000:
            out.append((kind & 0x7FFF, value))
        else:
            if at + value > len(data):
                raise Malformed("attribute longer than its transform")
            out.append((kind, int.from_bytes(data[at : at + value], "big")))
            at += value
    return out


def parse_sa(body):
    """Proposals of an SA payload in the IPsec DOI."""
    doi, situation = struct.unpack_from(">II", body)
    if doi not in (0, 1) or situation != 1:
        raise Malformed(f"DOI {doi}, situation {situation}")
    proposals = []
    for p in parse_chain(PROPOSAL, body[8:])[0]:
        if p.kind != PROPOSAL:
            raise Malformed("something else among the proposals")
        number, protocol, spi_size, count = struct.unpack_from(">BBBB", p.body)
        proposal = Proposal(number, protocol, p.body[4 : 4 + spi_size])
        for t in parse_chain(TRANSFORM, p.body[4 + spi_size :])[0]:
            proposal.transforms.append(Transform(t.body[0], t.body[1], parse_attributes(t.body[4:])))
        if len(proposal.transforms) != count:
            raise Malformed(f"{count} transforms announced, {len(proposal.transforms)} there")
        proposals.append(proposal)
    return proposals
