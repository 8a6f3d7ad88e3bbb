"""What is believed of a version without listing it: only what was seen in that very state of that very version."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from fakes import AT, FakeRegistry, InlineScheduler, release
from pulumi_codeartifact_release.publishing import digest, look
from pulumi_codeartifact_release.registry import Coordinates, Registry, Status, VersionState
from pulumi_codeartifact_release.registry.remembered import RememberedVersions, Unlisted

CONTENTS = {"a": b"1", "b": b"22"}
TIME = datetime(2026, 1, 1, 12, 0, 0, 250_000, tzinfo=UTC)
STATE = VersionState(Status.PUBLISHED, "2", TIME, TIME)
DIGEST = "sha256:" + "ab" * 32


def memory(folder: Path, *where: str, unique: bool = False) -> RememberedVersions:
    return RememberedVersions(folder, where or ("https://one", "eu-west-1"), unique_revisions=unique)


def kept(folder: Path, state: VersionState = STATE, *, unique: bool = False) -> None:
    versions = memory(folder, unique=unique)
    versions.remember(AT, state, DIGEST)
    versions.save()


def recalled(
    folder: Path, state: VersionState = STATE, *where: str, unique: bool = False, at: Coordinates = AT
) -> str | None:
    versions = memory(folder, *where, unique=unique)
    versions.load([at])
    return versions.digest(at, state)


def test_it_is_known_in_the_next_run(tmp_path: Path) -> None:
    assert recalled(tmp_path) is None
    kept(tmp_path)
    assert recalled(tmp_path) == DIGEST


@pytest.mark.parametrize(
    "moved",
    [
        {"revision": "3"},
        {"status": Status.UNLISTED},
        # A registry that counts: deleted, and published anew with as many requests.
        {"published_time": TIME + timedelta(microseconds=1000)},
        {"published_time": None},
    ],
)
def test_another_state_is_not_known(tmp_path: Path, moved: dict[str, Any]) -> None:
    kept(tmp_path)
    assert recalled(tmp_path, replace(STATE, **moved)) is None


@pytest.mark.parametrize("name", ["domain", "repository", "namespace", "package", "version", "domain_owner"])
def test_another_version_is_not_known(tmp_path: Path, name: str) -> None:
    kept(tmp_path)
    assert recalled(tmp_path, at=replace(AT, **cast(Any, {name: "111122223333"}))) is None


@pytest.mark.parametrize("where", [("https://two", "eu-west-1"), ("https://one", "eu-west-2")])
def test_the_same_names_elsewhere_are_not_known(tmp_path: Path, where: tuple[str, str]) -> None:
    kept(tmp_path)
    assert recalled(tmp_path, STATE, *where) is None


@pytest.mark.parametrize("unique", [True, False])
def test_what_may_still_grow_is_neither_remembered_nor_believed(tmp_path: Path, unique: bool) -> None:
    unfinished = replace(STATE, status=Status.UNFINISHED)
    kept(tmp_path, unfinished, unique=unique)
    assert recalled(tmp_path, unfinished, unique=unique) is None
    assert list(tmp_path.iterdir()) == []


def test_without_a_time_of_publishing_only_unique_revisions_are_remembered(tmp_path: Path) -> None:
    timeless = replace(STATE, published_time=None)
    kept(tmp_path / "counted", timeless)
    assert recalled(tmp_path / "counted", timeless) is None
    kept(tmp_path / "unique", timeless, unique=True)
    # As publishing answers, and then as describing does.
    assert recalled(tmp_path / "unique", STATE, unique=True) == DIGEST


@pytest.mark.parametrize(("age_s", "known"), [(0, False), (1.9, False), (2, True), (None, False)])
def test_of_times_in_whole_seconds_only_old_ones_tell_versions_apart(
    tmp_path: Path, age_s: float | None, known: bool
) -> None:
    whole = TIME.replace(microsecond=0)
    now = whole + timedelta(seconds=age_s) if age_s is not None else None
    state = replace(STATE, published_time=whole, answered_at=now)
    kept(tmp_path, state)
    assert (recalled(tmp_path, state) == DIGEST) is known


def test_many_are_kept_and_read_together(tmp_path: Path) -> None:
    every = [replace(AT, package=f"p{number}") for number in range(6000)]
    versions = memory(tmp_path)
    for at in every:
        versions.remember(at, STATE, DIGEST)
    versions.save()
    again = memory(tmp_path)
    again.load(every)
    assert all(again.digest(at, STATE) == DIGEST for at in every)


# --- looking ----------------------------------------------------------------------------------------------------------


def looked(registry: FakeRegistry, folder: Path, contents: dict[str, bytes], *, believed: bool = True) -> list[str]:
    """The calls of one look, in a run of its own."""
    declared = release(contents)
    versions = memory(folder)
    versions.load([AT])
    looking = Unlisted(registry, versions, declared.assets, declared.status, digest, believed=believed)
    registry.calls.clear()
    remote = look(cast(Registry, looking), AT, InlineScheduler())
    held = registry.versions.get(AT)
    assert (remote is None) == (held is None)
    if remote and held:
        assert set(remote.assets) == set(held.assets)
        assert looking.spared == ("list" not in registry.calls)
    versions.save()
    return list(registry.calls)


@pytest.fixture
def registry() -> FakeRegistry:
    registry = FakeRegistry()
    registry.now = TIME
    registry.holds(CONTENTS, Status.PUBLISHED)
    return registry


def test_only_what_is_declared_is_spared_the_listing(tmp_path: Path, registry: FakeRegistry) -> None:
    assert looked(registry, tmp_path, CONTENTS) == ["describe", "list"]
    assert looked(registry, tmp_path, CONTENTS) == ["describe"]
    assert looked(registry, tmp_path, CONTENTS, believed=False) == ["describe", "list"]
    assert looked(registry, tmp_path, {**CONTENTS, "a": b"2"}) == ["describe", "list"]
    assert looked(registry, tmp_path, {"a": b"1"}) == ["describe", "list"]
    assert looked(registry, tmp_path, CONTENTS) == ["describe"]


def test_published_anew_under_the_same_revision_it_is_listed(tmp_path: Path, registry: FakeRegistry) -> None:
    looked(registry, tmp_path, CONTENTS)
    version = registry.versions[AT]
    registry.now = TIME + timedelta(hours=1)
    registry.holds({"a": b"other", "b": b"22"}, Status.PUBLISHED)
    registry.versions[AT].revision = version.revision
    assert looked(registry, tmp_path, CONTENTS) == ["describe", "list"]


def test_in_another_status_than_declared_it_is_listed(tmp_path: Path, registry: FakeRegistry) -> None:
    registry.versions[AT].status = Status.UNLISTED
    for _ in range(2):
        assert looked(registry, tmp_path, CONTENTS) == ["describe", "list"]


def test_what_is_not_there_is_asked_for_once(tmp_path: Path, registry: FakeRegistry) -> None:
    looked(registry, tmp_path, CONTENTS)
    del registry.versions[AT]
    assert looked(registry, tmp_path, CONTENTS) == ["describe"]
