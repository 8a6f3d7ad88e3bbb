"""The results: every run, and the figures computed from them."""

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
    """Return the commit of the repository, with `+` if files of the publisher have changed; "" without git."""
    root = Path(__file__).resolve().parent.parent

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=root, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        changed = git("status", "--porcelain", "--", "provider", "benchmarks/*.py", "benchmarks/cases")
        commit = git("rev-parse", "--short", "HEAD")
    except OSError:
        return ""
    return f"{commit}+" if commit and changed else commit


@dataclass(frozen=True)
class Ratio:
    """The median of a series, with its minimum and maximum."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Ratio:
        """Return the median of values. Raises ValueError if there are none."""
        if not values:
            raise ValueError("no values for a median")
        return cls(statistics.median(values), min(values), max(values))

    @classmethod
    def pairwise(cls, ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
        """Return the median of the pairwise ratios; if one series is shorter, of as many as it has."""
        return cls.of([one / other for one, other in zip(ours, theirs, strict=False)])


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        case: the name of the case.
        figure: the measured quantity.
        value: its value as text, or why it was not measured.
        must: the requirement as text; "" if there is none.
        met: whether the requirement is met; None if there is none, or nothing was measured.
        ratio: the value, if it is a ratio.
        limit: the maximum of the ratio; None if there is none.
        note: a short explanation.
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
    """The results of one case.

    Attributes:
        runs: each measured run: `contender`, `round`, and its values.
        measured: the start time, UTC.
        commit: of the repository, with `+` if files have changed.
    """

    name: str
    rows: list[Row] = field(default_factory=list)
    runs: list[dict[str, Any]] = field(default_factory=list)
    measured: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%d %H:%M}")
    commit: str = field(default_factory=_commit)

    def add(self, contender: str, round_: int, run: Run, **more: Any) -> Run:
        """Record a run."""
        values = {"wall_s": round(run.wall_s, 4), "cpu_s": round(run.cpu_s, 4), "read_bytes": run.read_bytes}
        if run.peak_bytes:
            values["peak_bytes"] = run.peak_bytes
        self.runs.append({"contender": contender, "round": round_, **values, **more})
        return run

    def values(self, contender: str, what: str = "wall_s") -> list[float]:
        """Return the values of the runs of one contender, in order."""
        return [float(run[what]) for run in self.runs if run["contender"] == contender]

    def ratio(self, ours: str, theirs: str, what: str = "wall_s") -> Ratio:
        """Return the median of the pairwise ratios."""
        return Ratio.pairwise(self.values(ours, what), self.values(theirs, what))

    def seconds(self, contender: str) -> str:
        """Return the median of a contender's times as text."""
        return f"{statistics.median(self.values(contender)):.2f} s"

    def against(self, ours: str, theirs: str) -> str:
        """Return the medians of two contenders' times as a note."""
        one, other = (statistics.median(self.values(name, "cpu_s")) for name in (ours, theirs))
        return f"{self.seconds(ours)} against {self.seconds(theirs)}; processor time {one:.2f} s against {other:.2f} s"

    def at_most(self, case: str, figure: str, ratio: Ratio, limit: float, note: str = "", must: str = "") -> None:
        """Add a row for a ratio that must not exceed a limit."""
        value = f"{ratio.median:.3f} ({ratio.low:.3f} to {ratio.high:.3f})"
        must = must or f"<= {limit:g}"
        self.rows.append(Row(case, figure, value, must, ratio.median <= limit, ratio, limit, note))

    def holds(self, case: str, figure: str, value: str, must: str, met: bool, note: str = "") -> None:
        """Add a row for a requirement."""
        self.rows.append(Row(case, figure, value, must, met, note=note))

    def says(self, case: str, figure: str, value: str, note: str = "") -> None:
        """Add a row without a requirement."""
        self.rows.append(Row(case, figure, value, note=note))


@dataclass
class Results:
    """The latest results of all cases."""

    machine: dict[str, Any]
    cases: dict[str, Result] = field(default_factory=dict)

    @property
    def rows(self) -> Iterator[Row]:
        """Every row, in the order of the cases."""
        for case in self.cases.values():
            yield from case.rows

    @classmethod
    def load(cls, path: Path) -> Results:
        """Read the results; empty if the file does not exist."""
        if not path.exists():
            return cls(machine())
        document = json.loads(path.read_text(encoding="utf-8"))
        cases = {}
        for name, case in document["cases"].items():
            rows = [
                Row(**{**row, "ratio": Ratio(**row["ratio"]) if row["ratio"] else None}) for row in case.pop("rows")
            ]
            cases[name] = Result(**case, rows=rows)
        return cls(document["machine"], cases)

    def save(self, path: Path) -> None:
        """Write the results atomically."""
        temporary = path.with_name(f".{path.name}.new")
        temporary.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        temporary.replace(path)


def machine() -> dict[str, Any]:
    """Return the properties of the machine that affect the figures, without its name."""
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
