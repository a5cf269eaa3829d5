#!/usr/bin/env python3
"""examples/ike_tables: the edges that it lists are those typed by hand, and what it draws for Graphviz has each of them."""
import os
import re
import subprocess
import sys

from support import is_complaint

program = os.path.join(os.environ["IPSECPP_BIN"], "ike_tables")
if not os.path.exists(program):
    print("skipped: the examples were not built")
    sys.exit(77)


def run(*arguments, code=0):
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60)
    assert code == 0 or done.stdout == "" and is_complaint("ike_tables", done.stderr), (arguments, done.stderr)
    assert done.returncode == code, (arguments, done.returncode, done.stderr)
    return done.stdout


by_hand = open(os.path.join(os.environ["IPSECPP_SOURCE"], "tests", "ike", "rfc2409_edges.txt")).read()
wanted = sorted(re.findall(r"^\[(.*)\]$", by_hand, re.M))
listed = sorted(run("--list").splitlines())
assert listed == wanted, set(listed) ^ set(wanted)

drawn = []
for exchange, role in sorted({tuple(e.split(" | ")[:2]) for e in wanted}):
    text = run(exchange, role)
    assert re.match(r'digraph exchange \{\n.*label = "%s, %s";.*\}\n$' % (exchange, role), text, re.S), text
    for state, following, event in re.findall(r'^    "([^"]+)" -> "([^"]+)" \[label = "([^"]+)"\];$', text, re.M):
        drawn.append(f"{exchange} | {role} | {state} | {event} | {following}")
assert sorted(drawn) == wanted, set(drawn) ^ set(wanted)
for wrong in (("No Mode",), ("Quick Mode", "nobody"), ("--list", "Quick Mode"), ("--list", "initiator"), ("Quick Mode", "initiator", "more")):
    run(*wrong, code=2)
with open("/dev/full", "w") as full:
    done = subprocess.run([program, "--list"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 2 and is_complaint("ike_tables", done.stderr), done
print(f"{len(wanted)} edges listed and drawn")
