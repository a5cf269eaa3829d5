"""The figures of docs/ are as scripts/diagrams would draw them now, and have every edge that a human typed from the RFCs."""
import re
import subprocess
import sys

import house

if not (house.ROOT / "docs").is_dir():
    print("skipped: no docs/")
    sys.exit(77)


def typed():
    """(exchange, role, state, event, next) of rfc2409_edges.txt, which tables_test.cpp holds against the code, both ways."""
    lines = (house.ROOT / "tests" / "ike" / "rfc2409_edges.txt").read_text().splitlines()
    return {tuple(line[1:-1].split(" | ")) for line in lines if line.startswith("[")}


def drawn(text):
    """The same of every figure in a page, as who looks at the picture reads it: states by what is written on them."""
    found = []
    for figure in re.findall(r"<!-- figure: \w+ -->\n(.*?)<!-- end -->", text, re.S):
        for exchange, role, count, body in re.findall(
                r"^([\w ]+), ([\w ]+) \((\d+) edges\):\n\n```mermaid\nstateDiagram-v2\n(.*?)```", figure, re.S | re.M):
            names = {"[*]": "-"} | dict(re.findall(r"^    (\w+) : \w+ \((.+)\)$", body, re.M))
            edges = re.findall(r"^    (\S+) --> (\w+) : (\w+)$", body, re.M)
            found += [(exchange, role, names.get(a, a), event, names.get(b, b)) for a, b, event in edges]
            if len(edges) != int(count):
                found.append((exchange, role, f"says {count} edges", "has", str(len(edges))))
    return found


def differences(wanted, text):
    found = drawn(text)
    return ([f"not drawn: {' | '.join(e)}" for e in sorted(wanted - set(found))] +
            [f"drawn, and nowhere typed: {' | '.join(e)}" for e in sorted(set(found) - wanted)] +
            [f"drawn twice: {' | '.join(e)}" for e in sorted({e for e in found if found.count(e) > 1})])


wanted = typed()
pages = "".join(figure for page in sorted((house.ROOT / "docs").glob("*.md"))
                for figure in re.findall(r"<!-- figure: \w+ -->\n.*?<!-- end -->\n", page.read_text(), re.S))
faults = differences(wanted, pages)
if subprocess.run([sys.executable, house.ROOT / "scripts" / "diagrams", "--check"]).returncode != 0:
    faults.append("scripts/diagrams --check says no")
# An edge that is missing is seen: each one, taken out of what was typed, and each arrow, taken out of the pages.
if not wanted:
    faults.append("no edges")
for edge in sorted(wanted & set(drawn(pages))):
    if f"drawn, and nowhere typed: {' | '.join(edge)}" not in differences(wanted - {edge}, pages):
        faults.append(f"taken out of the file, and nobody notices: {' | '.join(edge)}")
arrows = 0
for arrow in re.finditer(r"^    \S+ --> \w+ : \w+\n", pages, re.M):
    arrows += 1
    if not any(d.startswith("not drawn") for d in differences(wanted, pages[:arrow.start()] + pages[arrow.end():])):
        faults.append(f"taken out of the page, and nobody notices: {arrow.group().strip()}")
if arrows != len(wanted):
    faults.append(f"{arrows} arrows for {len(wanted)} edges")
house.finish(faults, f"{len(wanted)} edges")
