#!/usr/bin/env python3
"""What a test of the examples says and how it ends when something is missing."""

import os
import sys

from support import check, finish, is_complaint, run

HERE = os.path.dirname(os.path.abspath(__file__))
# parts of the test, CI; the exit code and the last line
CASES = [
    ("check('a', True)", "", 0, "0 failed"),
    ("check('a', False)", "", 1, "1 failed"),
    ("needs(True, 'no tool')", "true", 0, "0 failed"),
    ("needs(False, 'no tool'); check('a', True)", "", 77, "skipped: no tool"),
    ("needs(False, 'no tool'); needs(False, 'no tool'); skip('not root')", "", 77, "skipped: no tool; not root"),
    ("needs(False, 'no tool'); check('a', False)", "", 1, "1 failed"),
    ("needs(False, 'no tool'); needs(False, 'no tool'); check('a', True)", "true", 1, "1 failed"),
    ("skip('not root')", "true", 77, "skipped: not root"),
    ("program('no_such_program', 'no lib'); check('a', False)", "", 77, "skipped: no_such_program was not built: no lib"),
    ("program('no_such_program', 'no lib')", "true", 1, "1 failed"),
]
for parts, ci, wanted, last in CASES:
    code, shown, errors = run(sys.executable, "-c", f"from support import *; {parts}; finish()", cwd=HERE, env={**os.environ, "CI": ci})
    check(f"CI={ci or 'no'}, {parts}: exit {wanted}", code == wanted and shown.splitlines()[-1:] == [last], shown + errors)
# program, what it said, whether it is a complaint
COMPLAINTS = [
    ("tool", "tool: --in: nowhere: give a file\n", True),
    ("tool", "tool: file: line 1: unknown word 'x'\n", False),
    ("tool", "other: --in: nowhere: give a file\n", False),
    ("tool", "tool: --in: nowhere: give a file", False),
    ("tool", "tool: --in: nowhere\ntool: --in: give a file\n", False),
    ("wire_bump", "wire_bump: --address: 'here' is no address\n", False),
]
for name, errors, wanted in COMPLAINTS:
    check(f"{errors!r} is {'a' if wanted else 'no'} complaint of {name}", is_complaint(name, errors) == wanted)
finish()
