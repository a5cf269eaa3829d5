"""check.py CASE.cpp: the case must be refused by the compiler, with the words of its `// expect:` lines.

Several expectations on one line are parted by ` | `: one of them is enough (compilers phrase differently). With
-DIPSECPP_LEGAL the same file must compile, so that it is refused for the one thing it shows and for nothing else."""
import os
import pathlib
import re
import subprocess
import sys

case = pathlib.Path(sys.argv[1])
source = pathlib.Path(os.environ["IPSECPP_SOURCE"])
command = [os.environ["IPSECPP_CXX"], "-std=c++23", "-fsyntax-only", f"-I{source}/include", f"-I{source}/tests",
           *(f"-isystem{folder}" for folder in os.environ.get("IPSECPP_BOTAN_INCLUDES", "").split(":") if folder), str(case)]

expected = re.findall(r"^// expect: (.*\S)\s*$", case.read_text(), re.MULTILINE)
if not expected or "IPSECPP_LEGAL" not in case.read_text():
    sys.exit(f"{case}: has no `// expect: text`, or no #ifdef IPSECPP_LEGAL")
legal = subprocess.run([*command, "-DIPSECPP_LEGAL"], capture_output=True, text=True)
if legal.returncode != 0:
    sys.exit(f"{case}: its legal half does not compile:\n{legal.stderr}")
illegal = subprocess.run(command, capture_output=True, text=True)
if illegal.returncode == 0:
    sys.exit(f"{case}: compiles, and must not")
for line in expected:
    if not any(text in illegal.stderr for text in line.split(" | ")):
        sys.exit(f"{case}: refused, but nothing says `{line}`:\n{illegal.stderr}")
print(f"{case.name}: refused as expected")
