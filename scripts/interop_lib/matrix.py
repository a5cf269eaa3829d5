"""Cells, and the table that they make."""
import dataclasses
import fnmatch
import pathlib
import re
import shutil
import time
import traceback
import typing

from .net import Failed, Skipped

LIMIT = 20  # seconds that a cell may take once its peer is up


@dataclasses.dataclass(frozen=True)
class Cell:
    name: str
    what: str
    peer: str  # strongswan, linux or libreswan
    bench: type
    run: typing.Callable  # takes the bench; returns a note for the table or nothing


cells = []


def cell(name, what, peer, bench):
    """Decorator: the function is the cell of that name."""

    def add(function):
        assert all(c.name != name for c in cells), name
        cells.append(Cell(name, what, peer, bench, function))
        return function

    return add


def is_meant(one, pattern):
    """By its name, or by `ikev1`: all that is agreed on by IKEv1, where the kernel's cells have their keys by hand."""
    return fnmatch.fnmatchcase(one.name, pattern) or (pattern == "ikev1" and one.peer != "linux")


def chosen(peer, patterns):
    of_peer = [c for c in cells if peer in (None, c.peer)]
    for pattern in patterns:
        if not any(is_meant(c, pattern) for c in of_peer):
            raise LookupError(f"no case is called '{pattern}'; --list names them")
    found = [c for c in of_peer if not patterns or any(is_meant(c, p) for p in patterns)]
    benches = list(dict.fromkeys(c.bench for c in found))
    return sorted(found, key=lambda c: benches.index(c.bench))  # one bench stands at a time


def known_skips(page):
    """The table below "Known skips" of docs/interop.md: {pattern of cases: the peer's words}."""
    _, heading, section = page.read_text().partition("\n## Known skips\n")
    if not heading:
        raise LookupError(f"{page} has no section 'Known skips'")
    return dict(re.findall(r"(?m)^\| `([^`|]+)` \| (.+?) \|", section.partition("\n## ")[0]))


def judged(action, folder):
    """@return verdict and note; what breaks in `action` is a cell that failed"""
    try:
        return "pass", action() or ""
    except Skipped as reason:
        return "skip", str(reason)
    except Failed as failed:
        return "FAIL", str(failed)
    except Exception as error:  # pylint: disable=broad-except
        (folder / "traceback.txt").write_text(traceback.format_exc())
        return "FAIL", f"{type(error).__name__}: {error}"


class Report:
    def __init__(self, logs, page, strict):
        self.logs, self.strict = logs, strict
        self.known = known_skips(page)
        self.results = []
        self.width = max(len(c.name) for c in cells)

    def run(self, cell_, bench_of, keep):
        """Runs one cell. @return whether it did not fail"""
        folder = self.logs / cell_.name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        seconds = 0.0
        verdict, bench = judged(lambda: bench_of(cell_.bench), folder)
        note = bench  # why there is none
        if verdict == "pass":
            bench.folder = folder
            begun = time.monotonic()
            verdict, note = judged(lambda: cell_.run(bench), folder)
            seconds = time.monotonic() - begun
            if verdict == "pass" and seconds > LIMIT:
                verdict, note = "FAIL", f"took {seconds:.1f} s, {LIMIT} are allowed"
            if not (keep and verdict == "FAIL"):
                after, reason = judged(bench.settle, folder)
                if after == "FAIL":
                    verdict, note = "FAIL", note if verdict == "FAIL" else reason
        if verdict == "skip" and self.strict and not self._stands(cell_.name, note):
            verdict, note = "FAIL", f"skipped, and docs/interop.md does not have it: {note}"
        self._line(cell_, verdict, seconds, note)
        return verdict != "FAIL"

    def _stands(self, name, reason):
        words = [said.strip('“”"') for pattern, said in self.known.items() if fnmatch.fnmatchcase(name, pattern)]
        return any(said in reason for said in words)

    def _line(self, cell_, verdict, seconds, note):
        self.results.append((cell_, verdict, note))
        print(f"{verdict}  {cell_.name:<{self.width}}  {seconds:5.1f} s  {cell_.what}{': ' + note if note else ''}", flush=True)

    def end(self):
        """The reasons, then the last line. @return how many failed"""
        count = {v: sum(verdict == v for _, verdict, _ in self.results) for v in ("pass", "FAIL", "skip")}
        for verdict, word in (("FAIL", "failed"), ("skip", "skipped")):
            for cell_, how, note in self.results:
                if how == verdict:
                    print(
                        f"{word}: {cell_.name}: {note}"
                        + (f"  (logs: {relative(self.logs / cell_.name)})" if how == "FAIL" else "")
                    )
        print(f"{count['pass']} passed, {count['FAIL']} failed, {count['skip']} skipped", flush=True)
        return count["FAIL"]


def relative(path):
    try:
        return path.relative_to(pathlib.Path.cwd())
    except ValueError:
        return path
