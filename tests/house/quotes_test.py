"""Code that a page quotes stands so in the file that it names.

A line <!-- quote: examples/x.cpp --> before a fenced block says where the block comes from; the block must be found there
line by line, but for its indentation. And every link of a page to a file of the project leads to one."""
import re
import textwrap

import house

QUOTE = re.compile(r"<!-- quote: (\S+) -->\s*\n```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)")


def squeezed(text):
    return [line.strip() for line in text.splitlines()]


def stands_in(block, text):
    block, text = squeezed(textwrap.dedent(block).strip("\n")), squeezed(text)
    return any(text[n:n + len(block)] == block for n in range(len(text) - len(block) + 1))


def main():
    assert stands_in("a;\nb;\n", "  x;\n  a;\n  b;\n") and not stands_in("a;\nc;\n", "a;\nb;\nc;\n")
    faults, quotes, links = [], 0, 0
    pages = [p for p in house.ROOT.glob("*.md")] + list(house.sources("docs", "examples", suffixes=(".md",)))
    for page in sorted(pages):
        relative = page.relative_to(house.ROOT).as_posix()
        text = page.read_text(encoding="utf-8")
        for match in QUOTE.finditer(text):
            quotes += 1
            quoted = house.ROOT / match.group(1)
            if not quoted.is_file():
                faults.append(f"{relative}: quotes {match.group(1)}, which is not there")
            elif not stands_in(match.group(2), quoted.read_text(encoding="utf-8")):
                faults.append(f"{relative}: what it quotes from {match.group(1)} does not stand there")
        for match in LINK.finditer(re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)):
            links += 1
            if not (page.parent / match.group(1)).exists():
                faults.append(f"{relative}: links to {match.group(1)}, which is not there")
    house.finish(faults, f"quotes: {quotes} quotes and {links} links on {len(pages)} pages")


main()
