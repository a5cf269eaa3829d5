"""Every requirement id and every RFC section that the sources cite exists."""
import re

import house
import requirements

# `RFC 2409 §5.4`, and what a comma or a word adds to it: `RFC 2409 §5.4, §5.5 and §6`
SECTION = re.compile(r"\bRFC (\d+) ((?:(?:, | and |, and | or |-)?§§? ?(?:Appendix )?[0-9A-Z]+(?:\.[0-9]+)*)+)")


def known_sections():
    lines = (requirements.FOLDER / "sections.txt").read_text().splitlines()
    return {name.removeprefix("rfc"): set(rest) for name, *rest in map(str.split, lines)}


def main():
    ids, sections = requirements.known(), known_sections()
    assert ids["rfc2406-3.4.3-12"] == "MUST" and "rfc2406-3.4.3-13" not in ids and ids["rfc2406-2.2-m1"] == "must"
    assert "5.4" in sections["2409"] and "5.9" not in sections["2409"]

    faults, cited, pointed = [], set(), 0
    for relative, n, line in requirements.citing_lines("include", "tests", "docs", "examples", "benchmarks"):
        for match in requirements.ID.finditer(line):
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
