#!/usr/bin/env python3
"""Writes the seeds of the fuzz targets group_attributes and ike_offer: small groups of both kinds as attributes of RFC 2409
appendix A, groups with something wrong with them, and offers that have them. The same run writes the same files."""
import pathlib
import struct

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"
TYPE, PRIME, ONE, TWO, A, B, SIZE, ORDER = 5, 6, 7, 8, 9, 10, 15, 16


def basic(kind, value):
    return struct.pack(">HH", 0x8000 | kind, value)


def variable(kind, value):
    octets = value.to_bytes((value.bit_length() + 7) // 8 or 1, "big")
    return struct.pack(">HH", kind, len(octets)) + octets


def modp(prime, generator, *more):
    return basic(TYPE, 1) + variable(PRIME, prime) + variable(ONE, generator) + b"".join(more)


def ec2n(size, polynomial, x, a, b, *more):
    return (basic(TYPE, 3) + basic(SIZE, size) + variable(PRIME, polynomial) + variable(ONE, x) + variable(A, a) + variable(B, b)
            + b"".join(more))


SAFE = 18446744073709550147  # 2^64 less 1469: it and the half of it less one are primes
SEEDS = {
    "modp": modp(SAFE, 2),
    "modp-no-prime": modp(SAFE + 2, 2),
    "modp-even": modp(SAFE + 1, 2),
    "modp-generator-one": modp(SAFE, 1),
    "modp-order": modp(SAFE, 4, variable(ORDER, (SAFE - 1) // 2)),
    "modp-size": modp(SAFE, 2, basic(SIZE, 64)),
    "modp-wrong-size": modp(SAFE, 2, basic(SIZE, 63)),
    "modp-with-curve": modp(SAFE, 2, variable(A, 0)),
    "modp-basic-generator": basic(TYPE, 1) + variable(PRIME, SAFE) + basic(ONE, 2),
    "modp-long": modp(1 << 8200, 2),
    "ecp": basic(TYPE, 2) + variable(PRIME, SAFE) + variable(ONE, 2),
    "ec2n-17": ec2n(17, 1 << 17 | 1 << 3 | 1, 2, 1, 1),
    "ec2n-17-y": ec2n(17, 1 << 17 | 1 << 3 | 1, 2, 1, 1, variable(TWO, 3)),
    "ec2n-61": ec2n(61, 1 << 61 | 1 << 5 | 1 << 2 | 1 << 1 | 1, 0x7b, 0, 0x7338f),
    "ec2n-61-order": ec2n(61, 1 << 61 | 1 << 5 | 1 << 2 | 1 << 1 | 1, 0x7b, 0, 0x7338f, variable(ORDER, 1 << 61)),
    "ec2n-reducible": ec2n(16, 1 << 16 | 1, 2, 0, 1),
    "ec2n-singular": ec2n(17, 1 << 17 | 1 << 3 | 1, 2, 0, 0),
    "ec2n-third": ec2n(155, 0x0800000000000000000000004000000000000001, 0x7b, 0, 0x07338f,
                       variable(ORDER, 0x0800000000000000000057db5698537193aef944)),
    "with-others": basic(1, 5) + basic(2, 2) + modp(SAFE, 5) + basic(11, 1) + variable(12, 86400),
    "nothing": basic(1, 5),
}

SUITE = basic(1, 7) + basic(14, 128) + basic(2, 2) + basic(3, 1)
NUMBER = 4


def offer(*transforms):
    """The body of an SA payload with one proposal for ISAKMP, RFC 2408 section 3.4 to 3.6."""
    last = len(transforms) - 1
    listed = b"".join(struct.pack(">BBHBBH", 3 if i < last else 0, 0, 8 + len(t), i + 1, 1, 0) + t for i, t in enumerate(transforms))
    return struct.pack(">II", 1, 1) + struct.pack(">BBHBBBB", 0, 0, 8 + len(listed), 1, 1, 0, len(transforms)) + listed


OFFERS = {
    "inline": offer(SUITE + modp(SAFE, 2)),
    "inline-other": offer(SUITE + modp(SAFE, 5)),
    "inline-curve": offer(SUITE + SEEDS["ec2n-61-order"]),
    "inline-long": offer(SUITE + modp(1 << 8200, 2), SUITE + basic(NUMBER, 2)),
    "inline-and-number": offer(SUITE + basic(NUMBER, 40000) + modp(SAFE, 2)),
    "inline-again": offer(SUITE + modp(SAFE, 2) + modp(SAFE, 2)),
    "number": offer(SUITE + basic(NUMBER, 40000) + basic(11, 1) + variable(12, 86400)),
    "number-of-nobody": offer(SUITE + basic(NUMBER, 40001), SUITE + basic(NUMBER, 2)),
    "prf": offer(SUITE + basic(NUMBER, 2) + basic(13, 65001)),
    "four": offer(SUITE + basic(NUMBER, 2), SUITE + basic(NUMBER, 40000), SUITE + modp(SAFE, 2), SUITE + modp(SAFE, 5)),
}

for target, seeds in {"group_attributes": SEEDS, "ike_offer": OFFERS}.items():
    (CORPUS / target).mkdir(parents=True, exist_ok=True)
    for name, octets in seeds.items():
        (CORPUS / target / name).write_bytes(octets)
