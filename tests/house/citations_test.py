"""Every requirement id and every RFC section that the sources cite exists."""
import re

import house

ID = re.compile(r"\brfc(\d+)-([0-9]+(?:\.[0-9]+)*|[A-Z](?:\.[0-9]+)*)-(m?)(\d+)\b")
# `RFC 2409 §5.4`, and what a comma or a word adds to it: `RFC 2409 §5.4, §5.5 and §6`
SECTION = re.compile(r"\bRFC (\d+) ((?:(?:, | and |, and | or |-)?§§? ?(?:Appendix )?[0-9A-Z]+(?:\.[0-9]+)*)+)")


def known_ids():
    out = set()
    for line in (house.ROOT / "tests/requirements/ids.txt").read_text().splitlines():
        prefix, *words = line.split()
        for word in words:
            series = "m" if word.startswith("m") else ""
            first, _, last = word.removeprefix("m").partition("-")
            out.update(f"{prefix}-{series}{n}" for n in range(int(first), int(last or first) + 1))
    return out


def known_sections():
    lines = (house.ROOT / "tests/requirements/sections.txt").read_text().splitlines()
    return {name.removeprefix("rfc"): set(rest) for name, *rest in map(str.split, lines)}


def main():
    ids, sections = known_ids(), known_sections()
    assert "rfc2406-3.4.3-12" in ids and "rfc2406-3.4.3-13" not in ids and "rfc2406-2.2-m1" in ids
    assert "5.4" in sections["2409"] and "5.9" not in sections["2409"]

    faults, cited, pointed = [], set(), 0
    for path in house.sources("include", "tests", "docs", "examples", "benchmarks"):
        relative = path.relative_to(house.ROOT).as_posix()
        if relative.startswith(("tests/requirements/", "tests/house/", "tests/data/")):
            continue
        for n, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            for match in ID.finditer(line):
                cited.add(match.group())
                if match.group() not in ids:
                    faults.append(f"{relative}:{n}: no requirement is called {match.group()}")
            for match in SECTION.finditer(line):
                for section in re.findall(r"§§? ?(?:Appendix )?([0-9A-Z]+(?:\.[0-9]+)*)", match.group(2)):
                    pointed += 1
                    if match.group(1) in sections and section not in sections[match.group(1)]:
                        faults.append(f"{relative}:{n}: RFC {match.group(1)} has no section {section}")
    house.finish(faults, f"citations: {len(cited)} requirement ids, {pointed} sections")


main()
