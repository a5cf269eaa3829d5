"""The matrix against the Linux kernel: every combination of algorithms, modes and headers, packet by packet, both ways."""
from .kernel_bench import KernelMatrix
from .kernel_cells import FORGED, forged_verdict, rows, unlisted
from .matrix import cell
from .net import Failed, Skipped


def enlist(row):
    @cell(f"matrix/{row.name}", row.what, "linux", KernelMatrix)
    def _(bench):
        results = bench.run_row(row)
        (bench.folder / "cells.txt").write_text("".join(f"{column}: {verdict}\n" for column, verdict in results.items()))
        for begin, error in (("FAILED", Failed), ("kernel has none", Skipped), ("ours has none", Skipped)):
            if such := by_reason(results, begin):
                raise error(such)
        return f"{len(results)} cells"


def by_reason(results, begin):
    """The verdicts that begin so, each with its columns."""
    columns = {}
    for column, verdict in results.items():
        if verdict.startswith(begin):
            columns.setdefault(verdict, []).append(column)
    all_of = sum(len(c) for c in columns.values()) == len(results)
    return "; ".join(v if all_of and len(columns) == 1 else f"{' '.join(c)}: {v}" for v, c in columns.items())


for one in rows():
    enlist(one)


@cell("matrix/forged", FORGED.what + ": refused by the side that gets them, by name", "linux", KernelMatrix)
def _(bench):
    results = bench.run_row(FORGED)
    wrong = [f"{c}: {v}" for c, v in results.items() if v != forged_verdict(c)]
    bench.results[FORGED.name] = {c: "FAILED" if v != forged_verdict(c) else "passed" for c, v in results.items()}
    if wrong:
        raise Failed("; ".join(wrong))
    return f"{len(results)} cells"


@cell("matrix/algorithms", "every algorithm of the library's table that the kernel has is in the matrix", "linux", KernelMatrix)
def _(bench):
    ours, kernel_has_none = unlisted(bench.algorithms())
    for name in kernel_has_none:
        bench.results[name] = {"every": "kernel has none"}
    if ours:
        raise Failed(f"scripts/interop_lib/kernel_cells.py lacks {', '.join(ours)}")
    return f"the kernel has none of {', '.join(kernel_has_none)}" if kernel_has_none else ""
