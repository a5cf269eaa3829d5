"""Small rules of the house: include guards, line lengths, header lengths, words and paths that do not belong here."""
import re
import subprocess

import house

LONGEST_LINE = 130
LONG_HEADER = 400
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX)\b|\bplace" r"holder\b")
MACHINE_PATH = re.compile(r"(?<![\w.$}~-])/(?:work|home|root|Users|srv)/[\w.-]+")
PACKAGE_HOST = re.compile(r"https?://[\w.-]*(?:deb" r"ian|ubun" r"tu|apt\.|py" r"pi|mirror)[\w.-]*", re.IGNORECASE)


def files():
    """What git tracks or would track; the whole tree where there is no git."""
    listed = subprocess.run(["git", "-C", str(house.ROOT), "-c", f"safe.directory={house.ROOT}", "ls-files", "-co",
                             "--exclude-standard", "-z"], capture_output=True)
    if listed.returncode == 0 and listed.stdout:
        return [house.ROOT / name.decode() for name in listed.stdout.split(b"\0") if name]
    return [p for p in house.ROOT.rglob("*") if p.is_file() and "build" not in p.relative_to(house.ROOT).parts[:1]]


def main():
    assert MACHINE_PATH.search('"/ho' 'me/me/x"') and not MACHINE_PATH.search("docs/home/x") and not MACHINE_PATH.search("$x/work/y")
    faults, long_headers = [], []
    for path in files():
        relative = path.relative_to(house.ROOT).as_posix()
        if not path.is_file() or relative.startswith(("tests/data/", "tests/fuzz/corpus/", "examples/data/")):
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        lines = text.splitlines()
        code = path.suffix in (".hpp", ".cpp")
        if relative.startswith("include/") and path.suffix == ".hpp":
            if not lines or lines[0] != "#pragma once":
                faults.append(f"{relative}:1: a public header begins with #pragma once")
            if "\nnamespace ipsec" not in text and house.room(relative.removeprefix("include/ipsec/")):
                faults.append(f"{relative}: no namespace ipsec")
            if len(lines) > LONG_HEADER:
                long_headers.append(f"{len(lines):5} {relative}")
        for n, line in enumerate(lines, 1):
            if code and len(line) > LONGEST_LINE:
                faults.append(f"{relative}:{n}: {len(line)} columns; {LONGEST_LINE} fit")
            if code and line != line.rstrip():
                faults.append(f"{relative}:{n}: space at the end of the line")
            if code and "\t" in line:
                faults.append(f"{relative}:{n}: a tab")
            if code and UNFINISHED.search(line):
                faults.append(f"{relative}:{n}: unfinished: {UNFINISHED.search(line).group()}")
            if match := MACHINE_PATH.search(line):
                faults.append(f"{relative}:{n}: a path of one machine: {match.group()}")
            if match := PACKAGE_HOST.search(line):
                faults.append(f"{relative}:{n}: a package host: {match.group()}")
    if long_headers:
        print(f"headers over {LONG_HEADER} lines (a report, not a fault):", *sorted(long_headers, reverse=True), sep="\n")
    house.finish(faults, "hygiene")


main()
