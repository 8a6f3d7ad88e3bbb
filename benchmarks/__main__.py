"""`make bench`: measure, keep the results, and write them into docs/performance.md.

    python -m benchmarks [CASE ...] [--runs N] [--quick] [--list] [--output DIR]

Without CASE all are run. Whatever is run replaces what was known of that case; the rest stays.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from .cases import CASES, Case
from .measure import BenchmarkError, NotRunError, end_children
from .report import draw, write_page
from .results import Result, Results, Row, machine
from .stand import ROOT, Stand

KEPT = ROOT / "benchmarks" / "results.json"
PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "performance.svg"


def main(words: list[str] | None = None) -> int:
    """Return the exit code: 0 all cases were measured, with any result; 1 a contender failed; 130 interrupted."""
    parser = argparse.ArgumentParser(
        prog="make bench BENCH=…", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", nargs="*", metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--runs", type=int, default=0, metavar="N", help="rounds of every case; default: its own")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that it works, measures nothing")
    parser.add_argument("--list", action="store_true", help="print the cases")
    parser.add_argument("--output", type=Path, metavar="DIR", help="keep results there, leave the page as it is")
    given = parser.parse_args(words)
    if given.list:
        print("\n".join(f"{case.name:<15} {case.title}" for case in CASES.values()))
        return 0
    if unknown := [name for name in given.cases if name not in CASES]:
        parser.error(f"no case is called {', '.join(unknown)}: there are {', '.join(CASES)}")
    if given.quick and not given.output:
        parser.error("--quick measures nothing worth keeping: say --output DIR")
    signal.signal(signal.SIGTERM, _interrupt)
    chosen = [CASES[name] for name in given.cases] or list(CASES.values())
    try:
        return measure_all(chosen, given.output, quick=given.quick, runs=given.runs)
    except KeyboardInterrupt:
        end_children()
        print("interrupted: the cases that were done are kept", file=sys.stderr)
        return 130


def measure_all(chosen: list[Case], output: Path | None, *, quick: bool = False, runs: int = 0) -> int:
    """Measure cases, and save each result at once; see `main`."""
    kept = output / KEPT.name if output else KEPT
    kept.parent.mkdir(parents=True, exist_ok=True)
    results = Results.load(kept)
    results.machine = machine()
    failed = 0
    for case in chosen:
        print(f"{case.name}: {case.title}", flush=True)
        start = time.monotonic()
        result, error = measure_one(case, quick=quick, runs=runs)
        failed += bool(error)
        if error:
            print(f"  {error}", file=sys.stderr)
        for row in result.rows:
            verdict = "" if row.met is None else "  ok" if row.met else "  NOT MET"
            print(f"  {row.figure}: {row.value}{'  must: ' + row.must if row.must else ''}{verdict}  {row.note}")
        print(f"  ({time.monotonic() - start:.0f} s)", flush=True)
        results.cases[case.name] = result
        # In the order of the table.
        results.cases = {name: results.cases[name] for name in CASES if name in results.cases}
        results.save(kept)
        if not output:
            write_page(results, PAGE)
    if not output:
        draw(results, PICTURE)
    return 1 if failed else 0


def measure_one(case: Case, *, quick: bool = False, runs: int = 0) -> tuple[Result, BenchmarkError | None]:
    """Return the result, or a row that says why there is none; and the error if a contender failed."""
    try:
        with Stand(quick=quick, runs=runs) as stand:
            return case.run(stand), None
    except NotRunError as error:
        return Result(case.name, [Row(case.title, "", str(error))]), None
    except BenchmarkError as error:
        return Result(case.name, [Row(case.title, "", f"failed: {error.brief}", met=False)]), error


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
