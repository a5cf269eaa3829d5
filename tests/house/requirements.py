"""The requirements of the RFCs by id and strength, as scripts/requirement-ids lists them, and who cites them."""
import re

import house

FOLDER = house.ROOT / "tests" / "requirements"
ID = re.compile(r"\brfc(\d+)-([0-9]+(?:\.[0-9]+)*|[A-Z](?:\.[0-9]+)*)-(m?)(\d+)\b")
LEVELS = ("MUST", "SHOULD", "MAY", "must")


def known():
    """id -> level, in the order of the RFCs and their sections."""
    out = {}
    for line in (FOLDER / "ids.txt").read_text().splitlines():
        prefix, *words = line.split()
        level, of_section = "", {}
        for word in words:
            if word in LEVELS:
                level = word
                continue
            series = "m" if word.startswith("m") else ""
            first, _, last = word.removeprefix("m").partition("-")
            for n in range(int(first), int(last or first) + 1):
                of_section[series, n] = level
        out.update({f"{prefix}-{series}{n}": of_section[series, n] for series, n in sorted(of_section)})
    return out


def citing_lines(*folders):
    """(path, line number, line) of the sources that may cite: data and the lists themselves are none."""
    for path in house.sources(*folders):
        relative = path.relative_to(house.ROOT).as_posix()
        if not relative.startswith(("tests/requirements/", "tests/house/", "tests/data/")):
            for n, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
                yield relative, n, line


def cited_in(*folders):
    """id -> the files below `folders` that cite it, in order."""
    out = {}
    for relative, _, line in citing_lines(*folders):
        for match in ID.finditer(line):
            files = out.setdefault(match.group(), [])
            if relative not in files:
                files.append(relative)
    return out
