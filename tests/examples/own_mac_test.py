#!/usr/bin/env python3
"""examples/own_mac: a MAC of one's own goes through AH and ESP, padded where AH has to be aligned."""
import os
import re
import subprocess
import sys

program = os.path.join(os.environ["IPSECPP_BIN"], "own_mac")
if not os.path.exists(program):
    print("skipped: the examples were not built")
    sys.exit(77)
run = subprocess.run([program], capture_output=True, text=True, timeout=60)
print(run.stdout, run.stderr)
rows = re.findall(r"ICV of +(\d+) octets: AH of (\d+) octets \((\d+) of them padding\), (\d+) on the wire; in ESP (\d+)", run.stdout)
wanted = []
for icv in (5, 8, 13, 40):
    padded = (icv + 3) // 4 * 4
    # 40 octets in an IPv4 tunnel; ESP has 8 octets in front and 2 octets of trailer, padded to 4
    wanted.append((icv, 12 + padded, padded - icv, 40 + 20 + 12 + padded, 20 + 8 + 40 + 4 + icv))
assert run.returncode == 0, run.returncode
assert [tuple(map(int, r)) for r in rows] == wanted, (rows, wanted)
