"""The source moves while it is promoted: what arrives is what was judged, whole, or it is refused."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.embedded import Gate

from .conftest import Cli
from .stand import (
    DESTINATIONS,
    DEV,
    PROMOTIONS,
    RELEASES,
    STAGING,
    Contents,
    Place,
    Registry,
    Run,
    assert_never_half,
    assert_promoted,
    contents_of,
    digest_of,
    hashes_of,
    make_project,
    profiles,
    promotion,
)

APPROVED = contents_of(5, 3000, "approved")
OTHER = {name: b"other " + content for name, content in APPROVED.items()}
LAST_DIFFERS = {**APPROVED, max(APPROVED): b"other"}
DOWNLOAD, UPLOAD, COPY, FINALIZE = "/version/asset?", "/version/publish?", "/versions/copy?", "/update_status?"


@pytest.fixture
def gate(registry: Registry) -> Iterator[Gate]:
    with Gate(registry.server) as running:
        yield running


@dataclass
class Promoter:
    """Promotes one version through a gate, where something happens once to its source."""

    registry: Registry
    gate: Gate
    cli: Cli
    folder: Path
    version: str

    def run(self, environment: str, *more: str) -> Run:
        words = promotion(self.version, environment, self.gate.url, None, *more)
        keys = profiles(self.folder, self.registry.server)
        run = self.cli.run(self.folder, self.registry.server, *words, AWS_SHARED_CREDENTIALS_FILE=keys)
        assert "Traceback" not in run.err
        return run

    def before(self, kind: str, number: int, act: Callable[[], None]) -> None:
        """Have `act` done before the request of this number of its kind is passed on; all others wait for it."""
        lock = threading.Lock()
        seen = Counter[str]()

        def reached(path: str) -> None:
            with lock:
                seen[kind] += kind in path
                if kind in path and seen[kind] == number:
                    act()

        self.gate.before = reached

    def held(self, at: Place) -> tuple[str, dict[str, str]]:
        return self.registry.held(self.version, at=at)


@pytest.fixture
def promoter(registry: Registry, gate: Gate, cli: Cli, tmp_path: Path, version: str) -> Promoter:
    folder = make_project(tmp_path / "checkout", {}, PROMOTIONS)
    registry.publish(version, APPROVED)
    return Promoter(registry, gate, cli, folder, version)


@pytest.mark.parametrize(
    ("environment", "other"),
    [("copied", LAST_DIFFERS), ("transferred", OTHER), ("pinned", LAST_DIFFERS)],
    ids=["copied", "transferred", "pinned"],
)
def test_other_bytes_in_its_place_are_refused(
    environment: str, other: Contents, promoter: Promoter, tried: Counter[str]
) -> None:
    """Replaced when it has been judged: before the copy, before the first download, and between two of them."""
    place = DESTINATIONS[environment]
    pin = ["--var", f"digest={digest_of(APPROVED)}"] if environment == "pinned" else []
    where = (COPY, 1) if environment == "copied" else (DOWNLOAD, 1 if other is OTHER else 2)
    promoter.before(*where, lambda: promoter.registry.replace(promoter.version, other))
    run = promoter.run(environment, *pin)
    assert run.code == 4, run.said
    assert "error[pin]" in run.err
    assert digest_of(APPROVED) in run.err
    assert digest_of(other) in run.err
    status, held = promoter.held(place)
    assert status in ("", "Unfinished")
    assert held.items() <= hashes_of(APPROVED).items()

    # What was approved comes back: what is there counts.
    promoter.registry.replace(promoter.version, APPROVED)
    again = promoter.run(environment, *pin)
    assert again.code == 0, again.said
    assert_promoted(promoter.registry, promoter.version, APPROVED, place)
    tried["sources replaced in a promotion"] += 1


@pytest.mark.parametrize("environment", ["copied", "transferred"])
@pytest.mark.parametrize("act", ["Archived", "Unlisted", "deleted"])
def test_a_source_that_is_withdrawn_is_not_promoted(
    act: str, environment: str, promoter: Promoter, tried: Counter[str]
) -> None:
    place = DESTINATIONS[environment]

    def withdraw() -> None:
        if act == "deleted":
            promoter.registry.delete(promoter.version)
        else:
            promoter.registry.set_status(promoter.version, act)

    promoter.before(*((COPY, 1) if environment == "copied" else (DOWNLOAD, 2)), withdraw)
    run = promoter.run(environment)
    if (environment, act) == ("transferred", "Unlisted"):
        # What is unlisted still downloads: it goes on as it was judged, whole.
        assert run.code == 0, run.said
        assert_promoted(promoter.registry, promoter.version, APPROVED, place)
    else:
        assert run.code == 4, run.said
        assert "error[gate]" in run.err
        status, held = promoter.held(place)
        assert status in ("", "Unfinished")
        assert held.items() <= hashes_of(APPROVED).items()
    tried["sources withdrawn in a promotion"] += 1


@pytest.mark.parametrize("environment", ["copied", "transferred"])
def test_the_same_bytes_at_a_new_revision_are_promoted(
    environment: str, promoter: Promoter, tried: Counter[str]
) -> None:
    place = DESTINATIONS[environment]

    def away_and_back() -> None:
        promoter.registry.set_status(promoter.version, "Archived")
        promoter.registry.set_status(promoter.version, "Published")

    promoter.before(*((COPY, 1) if environment == "copied" else (DOWNLOAD, 2)), away_and_back)
    run = promoter.run(environment)
    assert run.code == 0, run.said
    assert_promoted(promoter.registry, promoter.version, APPROVED, place)
    tried["sources toggled in a promotion"] += 1


def test_a_source_that_comes_and_goes_is_promoted_whole_or_refused(promoter: Promoter, tried: Counter[str]) -> None:
    """Before every download it holds something else: what arrives is only ever what was judged."""
    lock = threading.Lock()
    turns = iter(range(1000))

    def swap(path: str) -> None:
        if DOWNLOAD in path:
            with lock:
                promoter.registry.replace(promoter.version, (OTHER, APPROVED)[next(turns) % 2])

    promoter.gate.before = swap
    run = promoter.run("transferred")
    assert run.code in (1, 4), run.said
    assert_never_half(*promoter.held(RELEASES), APPROVED)
    assert promoter.held(RELEASES)[1].items() <= hashes_of(APPROVED).items()
    tried["sources replaced in a promotion"] += next(turns)


@pytest.mark.parametrize(
    ("status", "said"),
    [("Unfinished", "is Unfinished, not Published"), ("Unlisted", "is Unlisted"), ("Archived", "is Archived")],
)
def test_what_is_not_published_is_refused_by_plan_and_apply_with_reads_alone(
    status: str, said: str, registry: Registry, gate: Gate, cli: Cli, version: str, tmp_path: Path
) -> None:
    promoter = Promoter(registry, gate, cli, make_project(tmp_path / "checkout", {}, PROMOTIONS), version)
    registry.publish(version, APPROVED, unfinished=status == "Unfinished")
    if status != "Unfinished":
        registry.set_status(version, status)
    run = promoter.run("transferred" if status == "Archived" else "copied")
    assert run.code == 4, run.said
    assert said in run.err
    assert only_reads(gate.requests)
    assert registry.held(version, at=STAGING) == registry.held(version, at=RELEASES) == ("", {})


def only_reads(requests: list[str]) -> bool:
    return {request.split("?")[0] for request in requests} <= {
        "GET /v1/package/version",
        "POST /v1/package/version/assets",
    }


def test_no_preview_writes_anything_anywhere(
    registry: Registry, gate: Gate, cli: Cli, version: str, tmp_path: Path, tried: Counter[str]
) -> None:
    """Of every kind of plan, each request to both registries; only two kinds of them, and both read."""
    folder = make_project(tmp_path / "checkout", {}, PROMOTIONS)
    registry.publish(version, APPROVED)
    registry.publish(f"{version}.resumed", APPROVED)
    registry.publish(f"{version}.resumed", dict(list(APPROVED.items())[:2]), at=RELEASES, unfinished=True)
    registry.publish(f"{version}.conflict", APPROVED)
    registry.publish(f"{version}.conflict", OTHER, at=RELEASES)
    registry.publish(f"{version}.kept", APPROVED)
    registry.publish(f"{version}.kept", APPROVED, at=RELEASES)
    registry.publish(f"{version}.archived", APPROVED)
    registry.publish(f"{version}.archived", APPROVED, at=RELEASES)
    registry.set_status(f"{version}.archived", "Archived", at=RELEASES)
    replace = ["--replace", f"acme/app@{version}.conflict={digest_of(OTHER)}"]
    keys = profiles(tmp_path, registry.server)
    since = registry.journal.settled()
    seen = []
    for name, environment, code, action, more in (
        (version, "transferred", 3, "publish", []),
        (version, "copied", 3, "publish", []),
        (version, "soaked", 4, "refuse", []),
        (f"{version}.resumed", "transferred", 3, "resume", []),
        (f"{version}.conflict", "transferred", 4, "refuse", []),
        (f"{version}.conflict", "transferred", 3, "replace", replace),
        (f"{version}.kept", "transferred", 0, "keep", []),
        (f"{version}.archived", "transferred", 3, "set-status", []),
    ):
        words = promotion(name, environment, gate.url, None, *more, "--json", "--detailed-exitcode", command="plan")
        run = cli.run(folder, registry.server, *words, AWS_SHARED_CREDENTIALS_FILE=keys)
        assert run.code == code, run.said
        assert f'"action": "{action}"' in run.out
        seen.append(action)
    assert registry.journal.settled() - since == len(gate.requests)
    assert registry.journal.writes(since) == []
    assert only_reads(gate.requests)
    assert registry.held(version, at=DEV) == ("Published", hashes_of(APPROVED))
    tried["previews of promotions"] += len(seen)
