"""Decides which versions of a package go, and why every other one stays. Pure.

    protected = protected_versions(views, withdrawn={"1.3.0"}, named={"1.0.0"})
    decisions = decide(versions, Rules(timedelta(days=90), keep=20), protected, now)

A version goes only if every rule lets it go and nothing protects it. What is not known, keeps a version.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fnmatch import fnmatchcase

from ..registry.interface import Status, VersionState

LIVE = (Status.PUBLISHED, Status.UNLISTED)
"""The statuses of versions that are archived."""


class Action(StrEnum):
    """What happens to a version."""

    KEEP = "keep"
    ARCHIVE = "archive"
    DELETE = "delete"


@dataclass(frozen=True)
class Rules:
    """The rules of an environment, and what the operator permits.

    Attributes:
        newer_than: versions that were first Published less than this ago stay.
        keep: this many of the newest versions that `match` matches stay; None for no such rule.
        match: a pattern; other versions stay.
        deletes: whether versions that are Archived already are deleted.
        grace: how long a version must have been Archived before it is deleted.
    """

    newer_than: timedelta
    keep: int | None = None
    match: str = "*"
    deletes: bool = False
    grace: timedelta = timedelta(days=7)

    def matches(self, version: str) -> bool:
        """Return whether the pattern matches a version."""
        return fnmatchcase(version, self.match)

    def needs_time(self, version: str, status: Status) -> bool:
        """Return whether the time of a version matters, so that it must be described."""
        return self.matches(version) and (status in LIVE or (self.deletes and status is Status.ARCHIVED))


@dataclass(frozen=True)
class KnownVersion:
    """A version, as far as it is known.

    Attributes:
        state: without times if the version was not described.
        archived_since: when it was first seen Archived at this revision; None if it was not.
    """

    version: str
    state: VersionState
    archived_since: datetime | None = None


@dataclass(frozen=True)
class Decision:
    """What happens to a version, and why."""

    version: KnownVersion
    action: Action
    reason: str


@dataclass(frozen=True)
class EnvironmentView:
    """What one environment has to do with a package.

    Attributes:
        desired: version -> `declared` or `pinned`.
        newest: the version that was Published last; None if none is Published.
        soaking: versions that may be promoted from here once their soak is over.
    """

    environment: str
    desired: Mapping[str, str]
    newest: str | None = None
    soaking: Set[str] = frozenset()


def protected_versions(
    views: Iterable[EnvironmentView],
    withdrawn: Iterable[str],
    named: Iterable[str],
    members: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Return version -> why it stays, for one package: the protected set, from all that protects a version.

    `named` are the versions that the operator names. `members`: version -> the Published bundle that names it.
    """
    protected: dict[str, str] = {}
    for view in views:
        for version, reason in view.desired.items():
            protected.setdefault(version, f"{reason} in {view.environment}")
        if view.newest:
            protected.setdefault(view.newest, f"the newest in {view.environment}")
        for version in view.soaking:
            protected.setdefault(version, f"soaks in {view.environment}")
    for version, bundle in (members or {}).items():
        protected.setdefault(version, f"a member of {bundle}")
    for version in withdrawn:
        protected.setdefault(version, "withdrawn")
    for version in named:
        protected.setdefault(version, "named by --protect")
    return protected


def decide(
    versions: Sequence[KnownVersion], rules: Rules, protected: Mapping[str, str], now: datetime
) -> list[Decision]:
    """Decide about all versions of one package, in their order."""
    live = _newest(rules, [version for version in versions if version.state.status in LIVE])
    # An Archived version stays as long as it would if it were Published.
    all_versions = live | _newest(rules, versions)

    def decision(version: KnownVersion) -> Decision:
        newest = live if version.state.status in LIVE else all_versions
        if reason := _reason_to_keep(version, rules, protected, newest, now):
            return Decision(version, Action.KEEP, reason)
        action = Action.ARCHIVE if version.state.status in LIVE else Action.DELETE
        return Decision(version, action, f"older than `newerThan`{_keep_text(rules)}")

    return [decision(version) for version in versions]


def _newest(rules: Rules, versions: Iterable[KnownVersion]) -> set[str]:
    """Return the versions that `keep` keeps. A version without a time stays anyway, and takes the place of no other."""
    times = {
        version.version: version.state.published_time
        for version in versions
        if version.state.published_time and rules.matches(version.version)
    }
    # Of equal times, in which order does not matter as long as it is one.
    ordered = sorted(times, key=lambda version: (times[version], version), reverse=True)
    return set(ordered[: rules.keep or 0])


def _reason_to_keep(
    version: KnownVersion, rules: Rules, protected: Mapping[str, str], newest: Set[str], now: datetime
) -> str | None:
    state = version.state
    if reason := protected.get(version.version):
        return reason
    if state.status is Status.UNFINISHED:
        return "Unfinished, removed only by name"
    if state.status is Status.DISPOSED:
        return "Disposed"
    if not rules.matches(version.version):
        return "not matched by `match`"
    if state.status is Status.ARCHIVED and not rules.deletes:
        return "Archived already"
    if state.published_time is None:
        return "the registry does not report when it was Published"
    if (state.answered_at or now) - state.published_time < rules.newer_than:
        return "newer than `newerThan`"
    if version.version in newest:
        return f"one of the newest, by `keep: {rules.keep}`"
    since = version.archived_since or now
    if state.status is Status.ARCHIVED and now - since < rules.grace:
        return "Archived for less than the grace, as far as this machine knows"
    return None


def _keep_text(rules: Rules) -> str:
    return f", and not one of the newest, by `keep: {rules.keep}`" if rules.keep else ""
