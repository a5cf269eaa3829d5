#!/usr/bin/env python3
"""Every line of the lists of what others got wrong, as far as it is about what is here, has a test that names it."""
import os
import pathlib
import re
import sys

SOURCE = pathlib.Path(os.environ["IPSECPP_SOURCE"])
SHARED = os.environ.get("IPSECPP_SHARED")
if not SHARED or not os.path.isdir(os.path.join(SHARED, "conformance")):
    print("skipped: IPSECPP_SHARED does not name the folder with the checklists")
    sys.exit(77)
SHARED = pathlib.Path(SHARED)
# Of IKEv2 and of EAP, which are not there yet.
LATER = {"cve-14", "cve-15", "cve-17", "cve-20", "cve-29", "cve-30", "cve-31", "cve-32"}

tests = "\n".join(p.read_text(encoding="utf-8") for p in sorted((SOURCE / "tests").rglob("*"))
                  if p.suffix in (".cpp", ".hpp", ".py") and p.name != "checklists_test.py")


def named(prefix):
    """The numbers behind `prefix` in the tests: "43", "43, 44 and 45", "32 to 36"."""
    found = set()
    for numbers in re.findall(prefix + r"(\d+(?:(?:, | and | to |/)-?\d+)*)", tests, re.I):
        for first, last in re.findall(r"(\d+)(?: to (\d+))?", numbers):
            found.update(range(int(first), int(last or first) + 1))
    return found


def listed(name, pattern):
    return re.findall(pattern, (SHARED / name).read_text(encoding="utf-8"), re.M)


wanted = []
for name in ("conformance/ike1-checklist.md", "conformance/ipsec-checklist.md"):
    wanted += listed(name, r"^\| ([A-Z0-9]+-)(\d+) \|")
wanted += [(p, n) for p, n in listed("conformance/cve-lessons.md", r"^\| (cve-)(\d+) \|") if p + n not in LATER]
both_parts = re.search(r"^IKEv1 / ISAKMP$(.*)^IKEv2$", (SHARED / "PITFALLS.md").read_text(encoding="utf-8"), re.M | re.S).group(1)
wanted += [("pitfalls?[ -]", n) for n in re.findall(r"^(\d+)\. ", both_parts, re.M)]
assert len(wanted) > 200, f"{len(wanted)} lines: the lists are not what they were"

faults = [f"{prefix}{number}" for prefix, number in wanted if int(number) not in named(prefix)]
for fault in faults:
    print(f"{fault}: no test names it")
print(f"checklists, {len(wanted)} lines: {len(faults)} faults")
sys.exit(1 if faults else 0)
