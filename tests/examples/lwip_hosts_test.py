#!/usr/bin/env python3
"""Runs lwip_hosts as its users do: what is sent must come out, and the eavesdropper must read nothing unless policy lets it.

Environment: as support.py says, and IPSECPP_SANITIZED (1: less is sent).
"""

import re

import support
from support import SANITIZED, check, finish

PROGRAM = support.program("lwip_hosts", "no lwIP here (Debian: liblwip-dev)")
OCTETS = 100_000 if SANITIZED else 1_000_000


def run(*arguments):
    return support.run(PROGRAM, *arguments, timeout=300)


def text_of(side, octets):
    """What a host sends, made again."""
    out = b""
    while len(out) < octets:
        out += b"lwIP over ESP, line %012d from the %s\n" % (len(out), side)
    return out[:octets]


def checksum(text):
    total = 0xCBF29CE484222325
    for octet in text:
        total = (total ^ octet) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return f"{total:016x}"


def row(shown, label):
    """The numbers of both hosts in a row of the table; zeros where there is no such row."""
    found = re.search(r"^\s*(?:\w+:)?\s*" + re.escape(label) + r".*?\s(\d+)\s+(\d+)$", shown, re.MULTILINE)
    return [int(found[1]), int(found[2])] if found else [0, 0]


def carries():
    sums = f"checksums {checksum(text_of(b'left', OCTETS))} and {checksum(text_of(b'right', OCTETS))}"
    runs = [(), ("--ipv6",), ("--suite", "aes256-sha256"), ("--suite", "aes128gcm16", "--ipv6"), ("--suite", "null-sha1"), ("--suite", "3des-md5"),
            ("--piece", "300"), ("--piece", "64", "--ipv6")]
    for arguments in runs:
        name = " ".join(arguments) or "no option"
        code, shown, errors = run("--octets", str(OCTETS), *arguments)
        last = shown.splitlines()[-1] if shown else ""
        if "null-sha1" in arguments:  # authentic, but anybody can read it, and the program says so
            check(f"{name}: the text is readable, which is a failure", code == 1 and last.startswith("NOT HIDDEN") and min(row(shown, "packets with text")) > 0, shown + errors)
            continue
        check(f"{name}: what was sent came, with the checksums of the text", code == 0 and last.startswith("EQUAL") and sums in last, shown + errors)
        sent, esp, ike = row(shown, "packets protected"), row(shown, "packets of protocol 50"), row(shown, "packets of protocol 17")
        check(f"{name}: every protected packet was ESP on the wire", min(esp) > OCTETS / 1500 and abs(sum(sent) - sum(esp)) <= 8, shown)
        check(f"{name}: IKE was there, and TCP never showed", min(ike) >= 4 and row(shown, "packets of protocol 6") == [0, 0], shown)
        check(f"{name}: nobody could read the text", row(shown, "packets with text") == [0, 0], shown)
        in_place, joined = row(shown, "copies avoided"), row(shown, "chains, joined")
        whole = "--piece" not in arguments
        check(f"{name}: pbufs in one piece are not copied, chains are joined", (joined == [0, 0] and min(in_place) >= min(esp)) if whole else
              min(joined) > OCTETS / 1500, shown)
        check(f"{name}: IKE's datagrams leave lwIP as chains", row(shown, "of these chains")[0] >= 4, shown)

    code, shown, errors = run("--clear", "--octets", str(OCTETS))
    check("--clear: equal, and the eavesdropper reads TCP", code == 0 and sums in shown and min(row(shown, "packets with text")) > OCTETS / 1500 and
          row(shown, "packets of protocol 50") == [0, 0] and min(row(shown, "packets of protocol 6")) > 0, shown + errors)
    few = 100_000
    sums = f"checksums {checksum(text_of(b'left', few))} and {checksum(text_of(b'right', few))}"
    for seed in (1, 2):
        code, shown, errors = run("--loss", "0.05", "--seed", str(seed), "--octets", str(few))
        check(f"loss, seed {seed}: what TCP sends again is what it was, not what ESP made of it", code == 0 and sums in shown and sum(row(shown, "lost on the wire")) > 0,
              shown + errors)


def refuses():
    cases = {
        "an unknown suite": ["--suite", "rot13-sha1"],
        "a cipher without integrity": ["--suite", "aes128"],
        "NULL with NULL": ["--suite", "null-none"],
        "a group in the suite": ["--suite", "aes128-sha1-modp2048"],
        "a suite that IKEv1 has not": ["--suite", "chacha20poly1305"],
        "no octets": ["--octets", "0"],
        "octets that are no number": ["--octets", "many"],
        "a receive buffer of nothing": ["--piece", "0"],
        "a loss of everything": ["--loss", "1"],
        "an unknown option": ["--frobnicate"],
    }
    for what, arguments in cases.items():
        code, shown, errors = run(*arguments)
        check(f"{what}: exit 2 and one line", code == 2 and not shown and support.is_complaint("lwip_hosts", errors), f"{code}: {shown}{errors}")
    code, shown, _ = run("--help")
    check("--help says what the exit codes mean", code == 0 and "Exit code" in shown)


if __name__ == "__main__":
    carries()
    refuses()
    finish()
