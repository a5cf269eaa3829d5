"""The tables of docs/conformance.md are as the citations have them, no requirement lost its proof, and the script would notice."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import house

PROVEN = "rfc2406-2.2-1"  # some requirement that a test cites
EXCUSED = "rfc2409-4-20"  # some MAY with a reason, of an RFC that is ruled wholly


def check(root):
    done = subprocess.run([sys.executable, house.ROOT / "scripts" / "conformance", "--check"], capture_output=True, text=True,
                          env=os.environ | {"IPSECPP_SOURCE": str(root)})
    return done.returncode, done.stdout + done.stderr


def change(path, turn):
    path.write_text(turn(path.read_text(encoding="utf-8")), encoding="utf-8")


def forget(root):
    for path in (root / "tests").rglob("*.?pp"):
        text = path.read_text(encoding="utf-8")
        if PROVEN in text:
            path.write_text(text.replace(PROVEN, "rfc2406-2.2-m1"), encoding="utf-8")


BREAKS = {
    "nobody proves it": (forget, f"a hole: {PROVEN}"),
    "a MAY without a test and without a reason": (lambda root: change(root / "tests/requirements/exceptions.txt",
                                                                      lambda t: t.replace(f" {EXCUSED}", "")),
                                                  f"a hole: {EXCUSED}"),
    "a known hole that is none": (lambda root: change(root / "tests/requirements/holes.txt", lambda t: t + PROVEN + "\n"),
                                  f"{PROVEN} is no hole"),
    "a reason for what is proven": (lambda root: change(root / "tests/requirements/exceptions.txt",
                                                        lambda t: t + f"\nabsent | {PROVEN} | for no good reason\n"),
                                    f"{PROVEN} is excepted, yet"),
    "a MUST that no test shows": (lambda root: change(root / "tests/requirements/exceptions.txt",
                                                      lambda t: t.replace("absent | rfc2407-4.4.1.2-1", "unseen | rfc2407-4.4.1.2-1")),
                                  "is a MUST, and no test shows it"),
    "a reason without words": (lambda root: change(root / "tests/requirements/exceptions.txt",
                                                   lambda t: t + "\nabsent | rfc2402-A-2 | no\n"), "and a reason"),
    "an old page": (lambda root: change(root / "docs/conformance.md", lambda t: t.replace("| MUST |", "| MAY |", 1)), "out of date"),
}


def main():
    if not (house.ROOT / "docs").is_dir():
        print("skipped: no docs/")
        sys.exit(77)
    code, said = check(house.ROOT)
    print(said, end="")
    faults = [] if code == 0 else ["the page or its proofs: see above"]
    with tempfile.TemporaryDirectory() as folder:
        for n, (name, (spoil, expected)) in enumerate(BREAKS.items()):
            root = pathlib.Path(folder) / str(n)
            root.mkdir()
            for part in ("include", "examples"):
                (root / part).symlink_to(house.ROOT / part)
            shutil.copytree(house.ROOT / "docs", root / "docs")
            shutil.copytree(house.ROOT / "tests", root / "tests", ignore=shutil.ignore_patterns("data", "corpus", "__pycache__"))
            if code == 0 and check(root)[0] != 0:
                faults.append("a copy of the tree is judged otherwise than the tree")
            spoil(root)
            broken, said = check(root)
            if broken != 1 or expected not in said:
                faults.append(f"{name}: not noticed")
    house.finish(faults, f"conformance, {len(BREAKS)} ways to break it")


main()
