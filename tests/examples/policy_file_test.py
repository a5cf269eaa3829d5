#!/usr/bin/env python3
"""The policy of the textbooks through two_gateways: three suites for three kinds of traffic, each negotiated by itself.

Environment: as support.py says.
"""

import json
import os
import tempfile

from support import SOURCE, check, finish, is_complaint, program, run

PROGRAM, DECODE = program("two_gateways"), program("ipsec_decode")
DATA = os.path.join(SOURCE, "examples", "data")
CAPTURE, POLICY = os.path.join(DATA, "textbook.pcap"), os.path.join(DATA, "textbook.policy")

with tempfile.TemporaryDirectory() as folder:

    def write(text):
        path = os.path.join(folder, "policy")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path

    out = os.path.join(folder, "out")
    code, said, errors = run(PROGRAM, "--in", CAPTURE, "--policy", POLICY, "--out", out)
    check("all that went in came out", code == 0 and not errors and "EQUAL: 34 packets" in said, (code, said, errors))
    for policy, service, suite in (
        (1, "10.1.0.0/24 -> 10.2.0.20[23] tcp", "3des-sha1"),
        (2, "10.1.0.0/24 -> 10.2.0.30[80] tcp", "idea-ripemd160"),
        (3, "10.1.0.0/24 -> 10.2.0.0/24 any", "des-md5"),
    ):
        lines = [line for line in said.splitlines() if f"SA, {suite} tunnel, {service}" in line]
        check(f"policy {policy}: a pair of SAs with {suite}, at both ends", len(lines) == 2 and f"policy {policy} is served" in said, said)
    check("three pairs", "6 IPsec SAs" in said, said)
    check("each packet by the first policy that fits", "policy 1: apply: 9 packets" in said and "policy 3: apply: 4 packets left to right, 4" in said, said)

    # what was on the wire, by another program, with the keys of the file
    code, seen, errors = run(DECODE, "--in", os.path.join(out, "protected.pcap"), "--keys", os.path.join(out, "keys.json"), "--json")
    packets = [json.loads(line) for line in seen.splitlines()]
    esp = [p for p in packets if p["kind"] == "ESP"]
    check("ipsec_decode opens every one of them", code == 0 and len(esp) == 34 and all(p["icv"] == "ok" and p.get("payload") for p in esp), (code, seen[-1500:], errors))

    for what, text, word in (
        ("three words", "10.1.0.0/24 10.2.0.0/24 des-md5\n", "policy:1:"),
        ("an address that is none", "# nothing\n10.1.0.0/33 10.2.0.0/24 any des-md5\n", "policy:2: '10.1.0.0/33'"),
        ("two families", "10.1.0.0/24 fd02::/64 any des-md5\n", "'fd02::/64'"),
        ("a protocol that is none", "10.1.0.0/24 10.2.0.0/24 tcpp/23 des-md5\n", "'tcpp/23'"),
        ("a port that is none", "10.1.0.0/24 10.2.0.0/24 tcp/99999 des-md5\n", "'tcp/99999'"),
        ("a port without ports", "10.1.0.0/24 10.2.0.0/24 icmp/8 des-md5\n", "'icmp/8'"),
        ("a suite that is none", "10.1.0.0/24 10.2.0.0/24 any des-md6\n", "md6"),
        ("a suite that is not in IKEv1", "10.1.0.0/24 10.2.0.0/24 any chacha20poly1305\n", "chacha20poly1305"),
        ("no policy", "# nothing\n", "no policy"),
    ):
        code, said, errors = run(PROGRAM, "--in", CAPTURE, "--policy", write(text), "--out", out)
        check(f"{what}: one line that names it, exit code 2", code == 2 and is_complaint("two_gateways", errors) and word in errors, (code, said, errors))
    code, said, errors = run(PROGRAM, "--policy", os.path.join(folder, "none"), "--out", out)
    check("no such file: one line, exit code 2", code == 2 and is_complaint("two_gateways", errors), (code, said, errors))
finish()
