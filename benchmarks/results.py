"""What was measured, as it is kept: every run, and the figures that come of them."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .measure import Run, find


def _commit() -> str:
    """Return the repository's commit, with a `+` where files of the publisher were changed since; "" without git."""
    root = Path(__file__).resolve().parent.parent

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        changed = git("status", "--porcelain", "--", "provider", "benchmarks/*.py", "benchmarks/cases")
        found = git("rev-parse", "--short", "HEAD")
    except OSError:
        return ""
    return f"{found}+" if found and changed else found


@dataclass(frozen=True)
class Ratio:
    """The median of a series, with its least and its largest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Ratio:
        """Return it; raises ValueError for no values."""
        if not values:
            raise ValueError("there is nothing to take the median of")
        return cls(statistics.median(values), min(values), max(values))

    @classmethod
    def pairwise(cls, ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
        """Return it of the ratios of what ran side by side; where one ran less often, of as many as there are."""
        return cls.of([one / other for one, other in zip(ours, theirs, strict=False)])


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        case: what was done.
        figure: what was measured.
        value: as it is shown; why not, where it was not measured.
        must: what is demanded, "" where it is only stated.
        met: None where nothing is demanded, or nothing was measured.
        ratio: the figure, where it is one.
        limit: what the figure must not exceed, where there is such a number.
        note: how to read it, in a few words.
    """

    case: str
    figure: str
    value: str
    must: str = ""
    met: bool | None = None
    ratio: Ratio | None = None
    limit: float | None = None
    note: str = ""


@dataclass
class Result:
    """All of one case.

    Attributes:
        runs: each measured run: `contender`, `round`, and what was measured.
        measured: when it was begun, UTC.
        commit: of the repository; with a `+` where files were changed since.
    """

    name: str
    rows: list[Row] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    measured: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%d %H:%M}")
    commit: str = field(default_factory=_commit)

    def add(self, contender: str, round_: int, run: Run, **more: Any) -> Run:
        """Keep a run."""
        kept = {"wall_s": round(run.wall_s, 4), "cpu_s": round(run.cpu_s, 4), "read_bytes": run.read_bytes}
        if run.peak_bytes:
            kept["peak_bytes"] = run.peak_bytes
        self.runs.append({"contender": contender, "round": round_, **kept, **more})
        return run

    def values(self, contender: str, what: str = "wall_s") -> list[float]:
        """Return what the runs of one contender measured, in order."""
        return [float(run[what]) for run in self.runs if run["contender"] == contender]

    def ratio(self, ours: str, theirs: str, what: str = "wall_s") -> Ratio:
        """Return the median of the pairwise ratios."""
        return Ratio.pairwise(self.values(ours, what), self.values(theirs, what))

    def seconds(self, contender: str) -> str:
        """Return the median of a contender's times, as it is shown."""
        return f"{statistics.median(self.values(contender)):.2f} s"

    def against(self, ours: str, theirs: str) -> str:
        """Return the medians of two contenders' times, as a note says them."""
        one, other = (statistics.median(self.values(name, "cpu_s")) for name in (ours, theirs))
        return f"{self.seconds(ours)} against {self.seconds(theirs)}; processor time {one:.2f} s against {other:.2f} s"

    def at_most(self, case: str, figure: str, ratio: Ratio, limit: float, note: str = "", must: str = "") -> None:
        """Add a row for a ratio that must not exceed a limit."""
        value = f"{ratio.median:.3f} ({ratio.low:.3f} to {ratio.high:.3f})"
        must = must or f"<= {limit:g}"
        self.rows.append(Row(case, figure, value, must, ratio.median <= limit, ratio, limit, note))

    def holds(self, case: str, figure: str, value: str, must: str, met: bool, note: str = "") -> None:
        """Add a row for what must be so."""
        self.rows.append(Row(case, figure, value, must, met, note=note))

    def says(self, case: str, figure: str, value: str, note: str = "") -> None:
        """Add a row that demands nothing."""
        self.rows.append(Row(case, figure, value, note=note))


@dataclass
class Results:
    """All cases that were measured, of whatever day."""

    machine: dict[str, Any]
    cases: dict[str, Result] = field(default_factory=dict)

    @property
    def rows(self) -> Iterator[Row]:
        """Every row, in the order of the cases."""
        for case in self.cases.values():
            yield from case.rows

    @classmethod
    def load(cls, path: Path) -> Results:
        """Read what was kept; nothing where there is no such file."""
        if not path.exists():
            return cls(machine())
        kept = json.loads(path.read_text(encoding="utf-8"))
        cases = {}
        for name, case in kept["cases"].items():
            rows = [
                Row(**{**row, "ratio": Ratio(**row["ratio"]) if row["ratio"] else None}) for row in case.pop("rows")
            ]
            cases[name] = Result(**case, rows=rows)
        return cls(kept["machine"], cases)

    def save(self, path: Path) -> None:
        """Write it, whole or not at all."""
        temporary = path.with_name(f".{path.name}.new")
        temporary.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        temporary.replace(path)


def machine() -> dict[str, Any]:
    """Return what figures depend on; nothing that names the machine."""
    model = platform.processor() or platform.machine()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = (line.partition(":") for line in cpuinfo.read_text().splitlines())
        names = [value.strip() for name, _, value in lines if name.strip() == "model name"]
        model = names[0] if names else model
    return {
        "cores": os.cpu_count(),
        "processor": model,
        "memory_gib": round(memory / (1 << 30), 1),
        "system": f"{platform.system()} {platform.release().split('-')[0]}",
        "python": platform.python_version(),
        "tools": {name: version for name in ("openssl", "curl", "aws") if (version := _version(name))},
    }


def _version(tool: str) -> str:
    flag = "version" if tool == "openssl" else "--version"
    try:
        done = subprocess.run([find(tool) or tool, flag], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return " ".join((done.stdout or done.stderr).split("\n", maxsplit=1)[0].split()[:2])
