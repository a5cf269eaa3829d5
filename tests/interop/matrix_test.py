#!/usr/bin/env python3
"""What the matrix against the Linux kernel says of a cell, and that it has a cell for what the library has."""
import json
import os
import pathlib
import subprocess
import sys

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from interop_lib import kernel_bench, kernel_cells  # noqa: E402

faults = []


def check(what, good):
    if not good:
        faults.append(what)
        print(f"FAILED: {what}")


# --- verdicts: what was asked for, what came of it, how the verdict begins
ROUND = {"sizes": [0, 1]}
WINDOW = kernel_cells.window_rounds(32)


def answer(*rounds, lacking=False, **faults_):
    return {"rounds": [dict(zip(("sent", "answers", "delivered"), r)) for r in rounds], "faults": faults_, "lacking": lacking}


for asked, got, begin in (
    ([ROUND], answer((2, 2, [0, 1])), "passed"),
    ([ROUND], answer((2, 2, [1, 0])), "passed"),
    ([ROUND], answer((2, 2, [0])), "FAILED: 2 sent, 2 came back"),
    ([ROUND], answer((2, 2, [0, 0])), "FAILED: 2 sent, 2 came back"),
    ([ROUND], answer((2, 0, [])), "FAILED: the kernel answered none"),
    ([ROUND], answer((2, 0, []), lacking=True, no_such_header=2), "ours has none: 2 no_such_header"),
    ([ROUND], answer((2, 1, [0]), lacking=True), "FAILED"),
    (WINDOW, answer((6, 3, [32, 1, 33]), (33, 33, [32, 1])), "passed"),
    (WINDOW, answer((6, 4, [32, 1, 0, 33]), (33, 33, [32, 1])), "FAILED"),  # left of the window
    (WINDOW, answer((6, 4, [32, 1, 1, 33]), (33, 33, [32, 1])), "FAILED"),  # twice
    (WINDOW, answer((6, 3, [32, 1, 33]), (33, 33, [32, 1, 0])), "FAILED"),
    (WINDOW, answer((6, 3, [32, 1, 33]), (33, 33, [32])), "FAILED"),
):
    verdict = kernel_bench.judged({"rounds": asked}, got)
    check(f"{got}: {verdict}", verdict.startswith(begin))
for refused, lacking, begin in (
    ("line 1, column 7: unsupported algorithm 'x'", True, "ours has none: unsupported algorithm 'x'"),
    ("line 1: bad value", False, "FAILED: ours refuses it: bad value"),
):
    verdict = kernel_bench.judged({"rounds": []}, {"refused": refused, "lacking": lacking})
    check(f"{refused}: {verdict}", verdict == begin)
said = "Error: no such algorithm\nCommand failed -:3\nError: other\nCommand failed -:12\n"
check("refusals by line", kernel_bench.refusals(said) == {3: "Error: no such algorithm", 12: "Error: other"})

# --- the rows: every cell has a text for each side, and no two SAs of a row share an SPI
names, number = set(), 0
for row in [*kernel_cells.rows(), kernel_cells.FORGED]:
    check(f"{row.name} is there once", row.name not in names)
    names.add(row.name)
    check(f"{row.name}: columns differ", len({c.column for c in row.cells}) == len(row.cells))
    spis = set()
    for cell in row.cells:
        number += 1
        ours, theirs = cell.texts(number)
        of_cell = [line.split(" spi ")[1].split()[0] for line in ours.splitlines() if " state " in line]
        check(f"{row.name} {cell.column}: SPIs", len(of_cell) == 2 * len(cell.layers) and not spis & set(of_cell))
        spis |= set(of_cell)
        check(f"{row.name} {cell.column}: policies", theirs.count(" dir out") == ours.count(" dir out") == 1)
check("hosts have numbers of 16 bits", number < 65536)

# --- what the library has and the kernel too
table = {
    "encryption": [
        {"name": "aes", "kernel": "cbc(aes)", "key_bits": [128, 192, 256], "salt": 0, "combined": False, "icv": 0},
        {"name": "new", "kernel": "cbc(new)", "key_bits": [128, 0, 0], "salt": 0, "combined": False, "icv": 0},
        {"name": "aesgcm16", "kernel": "rfc4106(gcm(aes))", "key_bits": [128, 0, 0], "salt": 4, "combined": True, "icv": 16},
        {"name": "idea", "kernel": "", "key_bits": [128, 0, 0], "salt": 0, "combined": False, "icv": 0},
    ],
    "integrity": [{"name": "sha1", "kernel": "hmac(sha1)", "key": 20, "icv": 20}],
}
check("unlisted", kernel_cells.unlisted(table) == (["cbc(new) 16", "hmac(sha1) 20 160"], ["ESP idea"]))
program = pathlib.Path(os.environ.get("IPSECPP_BIN", ""), "kernel_peer")
if os.access(program, os.X_OK):
    own = json.loads(subprocess.run([program, "--algorithms"], check=True, capture_output=True).stdout)
    check(f"the matrix lacks {kernel_cells.unlisted(own)[0]}", not kernel_cells.unlisted(own)[0])
else:
    check(f"{program} was built", False)

print(f"{number} cells in {len(names)} rows, {len(faults)} failed")
sys.exit(bool(faults))
