"""What the tests of the example programs share: the program, its runs, verdicts, and what is skipped.

A part that needs what is missing here is skipped, and the test says so: the last line gives the reasons and the exit code is 77. What
`scripts/packages test` installs is never missing where CI=true: there it is a failure.

Environment: IPSECPP_BIN (folder of the programs), IPSECPP_SOURCE (the project), CI.
"""

import os
import subprocess
import sys

SOURCE = os.environ.get("IPSECPP_SOURCE", os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
BIN = os.environ.get("IPSECPP_BIN", os.path.join(SOURCE, "build", "dev", "bin"))
IN_CI = os.environ.get("CI") == "true"
SANITIZED = os.environ.get("IPSECPP_SANITIZED") == "1"

_failures = 0
_skipped = []


def check(what, held, shown=""):
    global _failures
    print(("ok      " if held else "FAILED  ") + what, flush=True)
    if not held:
        _failures += 1
        print(shown, flush=True)


def skip(why):
    """A part cannot run on this machine, whatever is installed."""
    if why not in _skipped:
        _skipped.append(why)
        print("skipped: " + why, flush=True)


def needs(there, why):
    """Whether something is there that `scripts/packages test` brings, or that the build makes. If not: skipped, or in CI a failure."""
    if not there and IN_CI:
        if why not in _skipped:
            _skipped.append(why)
            check(f"all that the test needs is there: {why}", False)
    elif not there:
        skip(why)
    return bool(there)


def program(name, why="the build left it out"):
    """The path of a program that the build made. Ends the test when there is none."""
    path = os.path.join(BIN, name)
    if not needs(os.path.exists(path), f"{name} was not built: {why}"):
        finish()
    return path


def finish():
    """The last line, and the exit code: 1 when anything failed, 77 when anything was skipped, else 0."""
    print(f"{_failures} failed")
    if _failures == 0 and _skipped:
        print("skipped: " + "; ".join(_skipped))
    sys.exit(1 if _failures else 77 if _skipped else 0)


def run(path, *arguments, timeout=600, **more):
    """@return exit code, standard output and standard error of a program without input"""
    done = subprocess.run([path, *arguments], capture_output=True, text=True, timeout=timeout, **{"stdin": subprocess.DEVNULL, **more})
    return done.returncode, done.stdout, done.stderr


# What to do begins with one of these.
HINTS = ("correct", "give", "say", "see", "take", "use", "write")


def is_complaint(name, errors):
    """Whether a program said one readable line about what is wrong, and in its end what to do."""
    if errors.rpartition(": ")[2].split(" ")[0] not in HINTS:
        return False
    return errors.startswith(name + ": ") and len(errors.splitlines()) == 1 and errors.endswith("\n") and len(errors) < 400
