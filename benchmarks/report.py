"""Writes the results into docs/performance.md, as a table between two marks, and a plot."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .results import Results, Row

BEGIN = "<!-- begin: written by `make bench` -->"
END = "<!-- end: written by `make bench` -->"
_YES, _NO = "yes", "**no**"
_MET, _MISSED, _LINE = "#2f855a", "#c53030", "#718096"


def table(results: Results) -> str:
    """Return the text between the marks."""
    machine = results.machine
    tools = ", ".join(machine["tools"].values())
    stamps = sorted({(case.measured.split(" ")[0], case.commit) for case in results.cases.values()})
    when = "; ".join(f"{day} at {commit or 'an unknown commit'}" for day, commit in stamps)
    measured = (
        f"Measured {when}, on {machine['cores']} cores ({machine['processor']}), {machine['memory_gib']:g} GiB, "
        f"{machine['system']}, Python {machine['python']}; {tools}. A `+` marks a commit with uncommitted changes."
    )
    lines = [
        *textwrap.wrap(measured, 119, break_long_words=False, break_on_hyphens=False),
        "",
        "| case | figure | measured: median (least to most) | must | met | |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    last = ""
    for row in results.rows:
        case, last = ("" if row.case == last else row.case), row.case
        lines.append(f"| {case} | {row.figure} | {row.value} | {row.must} | {_verdict(row)} | {row.note} |")
    return "\n".join([*lines, ""])


def _verdict(row: Row) -> str:
    return "" if row.met is None else _YES if row.met else _NO


def write_page(results: Results, page: Path) -> None:
    """Put the table between the marks. Raises ValueError for a page without them."""
    text = page.read_text(encoding="utf-8")
    before, found, rest = text.partition(BEGIN)
    _old, ended, after = rest.partition(END)
    if not found or not ended:
        raise ValueError(f"{page.name} has not both marks, {BEGIN} and {END}: put them where the table belongs")
    page.write_text(f"{before}{BEGIN}\n{table(results)}\n{END}{after}", encoding="utf-8")


def draw(results: Results, picture: Path) -> None:
    """Plot every figure that has a limit, relative to the limit. Needs matplotlib."""
    import matplotlib as mpl  # noqa: PLC0415 - large, and measured processes are started by small ones

    mpl.use("svg")
    # Make the file reproducible.
    mpl.rcParams |= {"svg.hashsalt": "performance", "svg.fonttype": "none", "font.size": 9}
    from matplotlib import pyplot as plt  # noqa: PLC0415

    rows = [row for row in results.rows if row.ratio and row.limit]
    figure, axes = plt.subplots(figsize=(10, 0.55 * len(rows) + 1.2))
    _bars(axes, rows)
    figure.tight_layout()
    figure.savefig(picture, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)


def _bars(axes: Any, rows: Sequence[Row]) -> None:
    for place, row in enumerate(reversed(rows)):
        assert row.ratio is not None
        assert row.limit is not None
        part, low, high = (value / row.limit for value in (row.ratio.median, row.ratio.low, row.ratio.high))
        color = _MET if row.met else _MISSED
        axes.plot([low, high], [place, place], color=color, linewidth=2, alpha=0.5)
        axes.plot([part], [place], marker="o", color=color)
        axes.annotate(
            f"{row.ratio.median:.3g} of {row.must.removeprefix('<= ')}",
            (part, place),
            xytext=(0, 5),
            textcoords="offset points",
            ha="center",
            fontsize=7,
        )
    axes.axvline(1.0, color=_LINE, linewidth=1)
    axes.set_xscale("log")
    labels = [f"{row.case}\n{row.figure}".replace("`", "") for row in reversed(rows)]
    axes.set_yticks(range(len(rows)), labels, fontsize=8)
    axes.set_ylim(-0.6, len(rows) - 0.2)
    ticks = [0.25, 0.5, 1.0, 2.0, 4.0, 8.0]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("measured / allowed (1 or less meets the requirement); from the smallest to the largest run")
    axes.grid(visible=True, axis="x", alpha=0.25)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.set_facecolor("white")
