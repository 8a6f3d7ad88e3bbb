"""What `prune` prints: what goes and why the others stay, what was done, and JSON."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType

from ...errors import printable
from ...publishing import duration_text, time_text
from ...publishing.prune import Action, Decision, Rules
from ...registry.retries_and_concurrency import PRUNE_READ_RATE
from ...text.sizes import count_text, seconds_text
from .console import header, indented, lines, text
from .status_text import minute_text

if TYPE_CHECKING:
    from ...manifest import Retention
    from ...publishing.prune_run import Outcome
    from ..context import OpenEnvironment
    from ..prune import PackageDecisions

_MOST = 20
_SLOW_S = 5


def reading_text(package: str, count: int) -> str:
    """Return how long the reading takes; "" if it is soon over."""
    seconds = count / PRUNE_READ_RATE
    if seconds < _SLOW_S:
        return ""
    return printable(f"reading {count_text(count, 'version')} of {package}: up to {seconds_text(seconds)}")


def prune_lines(
    env: OpenEnvironment,
    retention: Retention,
    rules: Rules,
    packages: Sequence[PackageDecisions],
    width: int | None,
    *,
    verbose: bool,
) -> Iterator[str]:
    """Yield what goes, and why each of the others stays; `verbose`: without omissions."""
    most = None if verbose else _MOST
    keep = f", keep {retention.keep}" if retention.keep else ""
    rules_text = f"retention: newerThan {duration_text(rules.newer_than)}{keep}, match {rules.match}"
    parts: list[RenderableType] = [*header(env.header), indented(text(rules_text), 2)]
    for package in packages:
        counts = [f"{len(package.of(action)):,} {word}" for action, word in _WORDS.items()]
        parts += ["", text(f"{package.package}: {', '.join(counts)}", "bold")]
        for action, style in ((Action.ARCHIVE, "yellow"), (Action.DELETE, "red")):
            if chosen := package.of(action):
                parts.append(indented(text(f"{action} ({chosen[0].reason}):", style), 2))
                parts += _versions(chosen, most)
        for reason, kept in _by_reason(package.of(Action.KEEP)).items():
            parts.append(indented(text(f"keep ({reason}):"), 2))
            parts += _versions(kept, most)
        for decision in package.unfinished[:most]:
            name = f"{package.package}@{decision.version.version}={decision.version.state.revision}"
            option = f"to remove it, stop its publishers, then: --unfinished {shlex.quote(name)}"
            parts.append(indented(text(option), 4))
    changes = sum(len(package.of(action)) for package in packages for action in (Action.ARCHIVE, Action.DELETE))
    parts.append("")
    if changes and not rules.deletes:
        parts.append(text("Archived versions cannot be downloaded, and keep their bytes."))
    elif not changes:
        parts.append(text("Nothing to prune.", "green"))
    yield from lines(*parts, width=width)


_WORDS = {Action.ARCHIVE: "to archive", Action.DELETE: "to delete", Action.KEEP: "kept"}


def _by_reason(decisions: Sequence[Decision]) -> dict[str, list[Decision]]:
    groups: dict[str, list[Decision]] = {}
    for decision in decisions:
        groups.setdefault(decision.reason, []).append(decision)
    return groups


def _versions(decisions: Sequence[Decision], most: int | None) -> Iterator[RenderableType]:
    shown = decisions[:most]
    for decision in shown:
        state = decision.version.state
        since = f", since {minute_text(state.published_time)}" if state.published_time else ""
        yield indented(text(f"{decision.version.version}  {state.status}{since}"), 4)
    if rest := len(decisions) - len(shown):
        yield indented(text(f"and {rest:,} more (-v shows all)", "dim"), 4)


def outcome_lines(outcomes: Sequence[tuple[str, Outcome]]) -> Iterator[str]:
    """Yield how many versions of each package were changed, and which were not."""
    for package in dict.fromkeys(package for package, _ in outcomes):
        own = [outcome for name, outcome in outcomes if name == package]
        done = [outcome for outcome in own if not outcome.skipped]
        archived = sum(outcome.decision.action is Action.ARCHIVE for outcome in done)
        parts = [f"{archived:,} archived"] if archived else []
        parts += [f"{len(done) - archived:,} deleted"] if len(done) > archived else []
        parts += [f"{len(own) - len(done):,} left as they are"] if len(own) > len(done) else []
        yield printable(f"{package}: {', '.join(parts)}")
        for outcome in own:
            if outcome.skipped:
                yield printable(f"  {outcome.decision.version.version}: {outcome.skipped}")


def prune_json(
    env: OpenEnvironment, packages: Sequence[PackageDecisions], outcomes: Sequence[tuple[str, Outcome]]
) -> dict[str, Any]:
    """Return all decisions as JSON values; `codeartifact-release schema prune` describes them."""
    results = {(package, outcome.decision.version.version): outcome for package, outcome in outcomes}
    return {
        "schemaVersion": 1,
        "environment": env.environment.name,
        "endpoint": env.location.endpoint or env.connection.url,
        "region": env.location.region,
        "domain": env.location.domain,
        "repository": env.location.repository,
        "packages": [
            {
                "package": package.package,
                "versions": [
                    _decision_json(decision, results.get((package.package, decision.version.version)))
                    for decision in package.decisions
                ],
            }
            for package in packages
        ],
    }


def _decision_json(decision: Decision, outcome: Outcome | None) -> dict[str, Any]:
    state = decision.version.state
    return {
        "version": decision.version.version,
        "status": str(state.status),
        "revision": state.revision,
        "since": time_text(state.published_time) if state.published_time else None,
        "action": str(decision.action),
        "reason": decision.reason,
        "done": outcome is not None and not outcome.skipped,
        "skipped": outcome.skipped or None if outcome else None,
    }
