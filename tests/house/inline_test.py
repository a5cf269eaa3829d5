"""Every function and variable of a header is inline or a template: two objects of one program may include it. What the tests were
compiled to says so, since many of them are one object and the linker has nothing to complain about."""
import re
import subprocess
import sys

import house

# As compilers write ipsec::..., and its tables of virtual functions and types.
STRONG = re.compile(r" [TDBR] (_Z(?:T[VIS])?N[KVRO]*5ipsec(?!4test|4fuzz)\S*)$", re.M)


def strong(listed):
    return sorted(set(STRONG.findall(listed)))


def main():
    assert strong("00 T _ZN5ipsec6policy1fEi\n01 W _ZN5ipsec1gEv\n02 t _ZN5ipsec1hEv\n03 T _ZN5ipsec4test1iEv\n04 T main") == [
        "_ZN5ipsec6policy1fEi"]
    objects = sorted((house.BUILD / "tests").rglob("*.o"))
    if len(objects) < 20:
        print(f"skipped: no compiled tests in {house.BUILD.name}")
        sys.exit(77)
    listed = subprocess.run(["nm", "--defined-only", *map(str, objects)], check=True, capture_output=True, text=True).stdout
    assert " W _ZN5ipsec" in listed
    faults = subprocess.run(["c++filt", *strong(listed)], check=True, capture_output=True, text=True,
                            stdin=subprocess.DEVNULL).stdout.splitlines()
    house.finish([f"{name}: not inline" for name in faults], f"{len(objects)} objects, nothing of a header is theirs alone")


main()
