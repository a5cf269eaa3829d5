#!/usr/bin/env python3
"""README's table of what is there: each of its words stands in tests/requirements/features.txt beside a test that would fail if it were
not so, that test exists, and nothing stands there that README does not say. A feature without a test, a test that was renamed, and a
word that nobody claims any more are faults."""

import re

import house

HEAD = "| part | there | not yet |"
BETWEEN = re.compile(r"[\s,;:]*")  # what may be left of a cell


def cells(text):
    """@return the column "there" of the table, row by row, where it says something"""
    rows = text[text.index(HEAD):].split("\n\n")[0].splitlines()[2:]
    return [cell for row in rows if (cell := row.split("|")[2].strip())]


def claims(text):
    """@return (row, words, file, words of a case), line by line; an empty line begins the next row of the table"""
    for row, block in enumerate(b for b in text.split("\n\n") if not b.startswith("#")):
        for line in block.strip().splitlines():
            words, _, evidence = line.partition(" | ")
            path, _, case = evidence.partition(":")
            yield row, words.strip(), path.strip(), case.strip()


def names_of_cases(path):
    text = path.read_text(encoding="utf-8")
    found = re.findall(r'TEST_CASE(?:_METHOD)?\(((?:\s*"(?:[^"\\]|\\.)*")+)', text)
    return ["".join(re.findall(r'"((?:[^"\\]|\\.)*)"', n)) for n in found]


def is_shown(tests, path, case):
    place = tests / path
    files = sorted(place.rglob("*_test.*")) if place.is_dir() else [place] if place.exists() else []
    if not case:
        return False
    if place.suffix == ".py":
        return place.exists() and case in place.read_text(encoding="utf-8")
    return any(case in name for f in files if f.suffix == ".cpp" for name in names_of_cases(f))


def faults_of(readme, listed, tests):
    left = cells(readme)
    for row, words, path, case in claims(listed):
        if not is_shown(tests, path, case):
            yield f"'{words}': no case with the words '{case}' in tests/{path}"
        if row < len(left) and words in left[row]:
            left[row] = left[row].replace(words, " ", 1)
        else:
            yield f"'{words}': README does not say so in this row"
    for cell in left:
        if not BETWEEN.fullmatch(cell):
            yield f"README says '{' '.join(cell.split())}', and tests/requirements/features.txt names no test of it"


def main():
    top = house.ROOT
    readme = (top / "README.md").read_text(encoding="utf-8")
    listed = (top / "tests" / "requirements" / "features.txt").read_text(encoding="utf-8")
    faults = list(faults_of(readme, listed, top / "tests"))
    # A check that cannot fail proves nothing: a feature more, a test less.
    more = readme.replace("| SAs | ", "| SAs | time travel; ", 1)
    if not any("time travel" in f for f in faults_of(more, listed, top / "tests")):
        faults.append("a feature without a test is not noticed")
    fewer = listed.replace("sa/lookup_test.cpp: lookups agree", "sa/lookup_test.cpp: look-ups agree", 1)
    if len(list(faults_of(readme, fewer, top / "tests"))) != len([f for f in faults if "not noticed" not in f]) + 1:
        faults.append("a test that is gone is not noticed")
    house.finish(faults, f"features: {sum(1 for _ in claims(listed))} claims")


if __name__ == "__main__":
    main()
