"""Verification: of listings, of downloads, of a registry that lies, and of one that changes meanwhile."""

from __future__ import annotations

import hashlib
import threading
import time
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from pulumi_codeartifact_release.errors import (
    AccessDeniedError,
    InconsistentReadError,
    InterruptedReleaseError,
    ReleaseError,
    ServerFaultError,
    UnreachableError,
)
from pulumi_codeartifact_release.publishing import (
    AssetProgress,
    Rechecking,
    Release,
    RemoteVersion,
    ThreadScheduler,
    digest,
)
from pulumi_codeartifact_release.publishing.download_asset import Download, DownloadStarted
from pulumi_codeartifact_release.publishing.verify import (
    AssetDifference,
    ExpectedDigest,
    VerifyOutcome,
    VerifyResult,
    VersionDifference,
    verify,
)
from pulumi_codeartifact_release.registry import Asset, AssetListing, Coordinates, Status, VersionState
from support.fakes import AT, FakeRegistry, InlineScheduler, asset, release

FILES = {"a.txt": b"alpha", "b.txt": b"beta", "c.txt": b""}
OTHER = b"ALPHA"


class Liar(FakeRegistry):
    """Lists one thing and sends another.

    Attributes:
        sends: what comes in place of an asset's bytes.
        lists: what is listed in place of the truth.
    """

    def __init__(self) -> None:
        super().__init__()
        self.sends: dict[str, Callable[[], Iterator[bytes]]] = {}
        self.lists: dict[str, Asset] = {}
        self.on_fetch: Callable[[str], None] = lambda _name: None

    def list_assets(self, at: Coordinates) -> AssetListing:
        listing = super().list_assets(at)
        return AssetListing(listing.revision, {**listing.assets, **self.lists})

    def fetch_asset(self, at: Coordinates, asset: Asset, write: Callable[[bytes], object]) -> None:
        self.on_fetch(asset.name)
        if asset.name not in self.sends:
            super().fetch_asset(at, asset, write)
            return
        self.calls.append(f"fetch {asset.name}")
        for part in self.sends[asset.name]():
            write(part)


@pytest.fixture
def registry() -> Liar:
    made = Liar()
    made.holds(FILES, Status.PUBLISHED)
    return made


def checked(
    registry: FakeRegistry, expected: Release | ExpectedDigest | None = None, *, download: bool = True
) -> VerifyResult:
    return verify(expected or release(FILES), registry, InlineScheduler(), download=download)


def sealed(contents: dict[str, bytes] = FILES, status: Status | None = None) -> ExpectedDigest:
    return ExpectedDigest(AT, digest(asset(name, content) for name, content in contents.items()), status)


def names(verdict: VerifyResult) -> list[str]:
    """The names of the assets that differ, and what differs of the version."""
    return [each.name if isinstance(each, AssetDifference) else each.field for each in verdict.differences]


# --- what is there, and is right ---


@pytest.mark.parametrize("expected", [release(FILES), sealed()], ids=["declared", "digest"])
@pytest.mark.parametrize("download", [False, True])
def test_a_correct_version_is_verified_without_a_write(
    registry: Liar, expected: Release | ExpectedDigest, download: bool
) -> None:
    verdict = checked(registry, expected, download=download)
    assert (verdict.outcome, verdict.differences, verdict.problem) == (VerifyOutcome.VERIFIED, (), None)
    assert registry.writes == []
    fetched = sorted(call for call in registry.calls if call.startswith("fetch"))
    assert fetched == ([f"fetch {name}" for name in FILES] if download else [])
    assert registry.calls[:2] == ["describe", "list"]
    assert registry.calls[2 + len(fetched) :] == (["describe"] if download else [])


def test_received_bytes_are_hashed_and_counted(registry: Liar) -> None:
    received = checked(registry).downloads
    assert received == {
        name: Download(len(content), hashlib.sha256(content).hexdigest()) for name, content in FILES.items()
    }
    assert checked(registry, download=False).downloads is None


@pytest.mark.parametrize("status", [Status.UNLISTED, Status.ARCHIVED])
def test_a_status_that_is_declared_is_verified(registry: Liar, status: Status) -> None:
    registry.holds(FILES, status)
    assert checked(registry, release(FILES, status=status), download=False).outcome is VerifyOutcome.VERIFIED
    assert checked(registry, sealed(status=status), download=False).outcome is VerifyOutcome.VERIFIED
    assert checked(registry, sealed(), download=False).outcome is VerifyOutcome.VERIFIED


# --- what differs ---


def test_a_missing_version() -> None:
    verdict = checked(FakeRegistry())
    assert (verdict.outcome, verdict.remote) == (VerifyOutcome.MISSING, None)


@pytest.mark.parametrize("download", [False, True])
def test_every_difference_is_kept_and_none_hides_another(registry: Liar, download: bool) -> None:
    registry.holds({"a.txt": OTHER, "c.txt": b"", "d.txt": b"delta"}, Status.UNLISTED)
    verdict = checked(registry, download=download)
    assert verdict.outcome is VerifyOutcome.DIFFERS
    assert names(verdict) == ["status", "digest", "a.txt", "b.txt", "d.txt"]
    status, whole, a, b, d = verdict.differences
    assert status == VersionDifference("status", "Published", "Unlisted")
    assert verdict.remote
    assert whole == VersionDifference("digest", release(FILES).digest, verdict.remote.digest)
    came = verdict.downloads or {}
    assert a == AssetDifference("a.txt", asset("a.txt", b"alpha"), asset("a.txt", OTHER), came.get("a.txt"))
    assert b == AssetDifference("b.txt", asset("b.txt", b"beta"), None)
    assert d == AssetDifference("d.txt", None, asset("d.txt", b"delta"), came.get("d.txt"))
    assert set(came) == ({"a.txt", "c.txt", "d.txt"} if download else set())


@pytest.mark.parametrize("status", [Status.UNFINISHED, Status.DISPOSED])
@pytest.mark.parametrize("expected", [release(FILES), sealed(), sealed(status=Status.PUBLISHED)])
def test_an_incomplete_version_is_never_verified(
    registry: Liar, status: Status, expected: Release | ExpectedDigest
) -> None:
    """Though it lists every asset, as it should."""
    registry.holds(FILES, status)
    for download in (False, True):
        verdict = checked(registry, expected, download=download)
        assert verdict.outcome is VerifyOutcome.DIFFERS
        assert names(verdict) == ["status"]
    assert not any(call.startswith("fetch") for call in registry.calls)


def test_another_digest_differs_and_a_version_without_assets_has_none_that_is_right(registry: Liar) -> None:
    assert names(checked(registry, ExpectedDigest(AT, "sha256:" + "0" * 64))) == ["digest"]
    registry.holds({}, Status.PUBLISHED)
    verdict = checked(registry, sealed({}))
    assert (verdict.outcome, names(verdict)) == (VerifyOutcome.DIFFERS, ["assets"])


def test_without_downloading_the_listings_own_sizes_prove_nothing(registry: Liar) -> None:
    registry.lists["a.txt"] = replace(asset("a.txt", b"alpha"), size=0)
    assert checked(registry, download=False).outcome is VerifyOutcome.VERIFIED
    # And a size that is left out is no lie.
    assert checked(registry).outcome is VerifyOutcome.VERIFIED


# --- a registry that lies ---


def endless() -> Iterator[bytes]:
    while True:
        yield bytes(1 << 20)


LIES: dict[str, Callable[[], Iterator[bytes]]] = {
    "different bytes": lambda: iter([OTHER]),
    "more": lambda: iter([b"alpha", b"!"]),
    "fewer": lambda: iter([b"alph"]),
    "nothing": lambda: iter([]),
    "endless": endless,
}


@pytest.mark.parametrize("lie", LIES)
@pytest.mark.parametrize("expected", [release(FILES), sealed()], ids=["declared", "digest"])
def test_a_download_that_differs_from_its_listing_is_a_difference(
    registry: Liar, expected: Release | ExpectedDigest, lie: str
) -> None:
    registry.sends["a.txt"] = LIES[lie]
    verdict = checked(registry, expected)
    assert (verdict.outcome, names(verdict), verdict.problem) == (VerifyOutcome.DIFFERS, ["a.txt"], None)
    (difference,) = verdict.differences
    assert isinstance(difference, AssetDifference)
    assert difference.listed == asset("a.txt", b"alpha")
    assert difference.download
    assert difference.download.sha256 != asset("a.txt", b"alpha").sha256
    # The others were read all the same.
    assert verdict.downloads
    assert set(verdict.downloads) == set(FILES)


def test_bytes_are_held_against_the_declaration_and_the_listing(registry: Liar) -> None:
    """The listing says what is declared, and different bytes come; or the other way round."""
    registry.lists["a.txt"] = asset("a.txt", OTHER)
    verdict = checked(registry)
    assert names(verdict) == ["digest", "a.txt"]
    assert isinstance(verdict.differences[1], AssetDifference)
    assert verdict.differences[1].download == Download(5, asset("a.txt", b"alpha").sha256)


@pytest.mark.parametrize("size", [4, 6, 1 << 20])
@pytest.mark.parametrize("expected", [release(FILES), sealed()], ids=["declared", "digest"])
def test_a_wrong_listed_size_is_a_difference(registry: Liar, expected: Release | ExpectedDigest, size: int) -> None:
    registry.lists["a.txt"] = replace(asset("a.txt", b"alpha"), size=size)
    assert names(checked(registry, expected)) == ["a.txt"]


@pytest.mark.parametrize("sent", ["endless", "the truth"])
def test_an_absurd_size_is_not_waited_for(registry: Liar, sent: str) -> None:
    registry.lists["a.txt"] = replace(asset("a.txt", b"alpha"), size=2**63)
    registry.sends["a.txt"] = endless if sent == "endless" else lambda: iter([b"alpha"])
    # What is declared is long over by then; where only the digest is known, no asset is that large.
    assert names(checked(registry)) == ["a.txt"]
    verdict = checked(registry, sealed())
    assert verdict.outcome is VerifyOutcome.UNKNOWN
    assert verdict.problem
    assert verdict.problem.code == "quota-exceeded"


def test_an_asset_that_is_listed_and_not_there_is_a_difference(registry: Liar) -> None:
    registry.lists["z.txt"] = asset("z.txt", b"zeta")
    verdict = checked(registry, release({**FILES, "z.txt": b"zeta"}))
    assert (verdict.outcome, names(verdict)) == (VerifyOutcome.DIFFERS, ["z.txt"])
    assert isinstance(verdict.differences[0], AssetDifference)
    assert verdict.differences[0].download == Download(0, None)


def test_an_endless_asset_without_a_size_ends(registry: Liar, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setattr(sys.modules["pulumi_codeartifact_release.publishing.download_asset"], "MAX_ASSET_SIZE", 3 << 20)
    registry.lists["a.txt"] = replace(asset("a.txt", b"alpha"), size=0)
    registry.sends["a.txt"] = endless
    assert names(checked(registry, sealed())) == ["a.txt"]


@pytest.mark.parametrize("name", ["\ud800", "a\udfff.txt"])
@pytest.mark.parametrize("expected", [release(FILES), sealed()], ids=["declared", "digest"])
def test_a_name_that_is_not_valid_unicode_is_one_clear_error(
    registry: Liar, name: str, expected: Release | ExpectedDigest
) -> None:
    registry.lists[name] = Asset(name, 1, "0" * 64)
    with pytest.raises(ServerFaultError, match="whose name is not valid Unicode") as caught:
        checked(registry, expected)
    assert all(line.isprintable() for line in str(caught.value).splitlines())


# --- names ---

COMPOSED, DECOMPOSED = unicodedata.normalize("NFC", "é.zip"), unicodedata.normalize("NFD", "é.zip")


def test_names_are_compared_in_nfc_and_requested_as_the_registry_has_them(registry: Liar) -> None:
    registry.holds({DECOMPOSED: b"x"}, Status.PUBLISHED)
    for expected in (release({COMPOSED: b"x"}), sealed({COMPOSED: b"x"})):
        registry.calls.clear()
        assert checked(registry, expected).outcome is VerifyOutcome.VERIFIED
        assert f"fetch {DECOMPOSED}" in registry.calls


def test_names_that_look_alike_stay_different(registry: Liar) -> None:
    registry.holds({COMPOSED: b"x", DECOMPOSED: b"y"}, Status.PUBLISHED)
    verdict = checked(registry, release({COMPOSED: b"x"}))
    assert verdict.outcome is VerifyOutcome.DIFFERS
    assert DECOMPOSED in names(verdict)


# --- what moves, and what cannot be read ---


def test_a_version_that_changes_during_the_downloads_is_read_again_completely(registry: Liar) -> None:
    """The first asset of one version, the second of another: a mixture that never existed, and would verify."""
    told: list[object] = []

    def replaced(name: str) -> None:
        if name == "b.txt" and not told.count("moved"):
            told.append("moved")
            registry.holds({**FILES, "a.txt": OTHER}, Status.PUBLISHED)

    registry.on_fetch = replaced
    verdict = verify(release(FILES), registry, InlineScheduler(), download=True, on_event=told.append)
    assert (verdict.outcome, names(verdict)) == (VerifyOutcome.DIFFERS, ["digest", "a.txt"])
    assert [type(event) for event in told].count(DownloadStarted) == 2
    assert any(isinstance(event, Rechecking) for event in told)


@pytest.mark.parametrize("becomes", [Status.ARCHIVED, None])
def test_a_version_deleted_during_the_download_is_not_verified(registry: Liar, becomes: Status | None) -> None:
    def gone(name: str) -> None:
        if becomes:
            registry.holds(FILES, becomes)
        else:
            registry.versions.clear()

    registry.on_fetch = gone
    verdict = checked(registry)
    assert verdict.outcome is (VerifyOutcome.DIFFERS if becomes else VerifyOutcome.MISSING)


def test_a_change_of_only_the_status_is_a_change_too(registry: Liar) -> None:
    """A registry whose revisions stay, as a liar's may."""

    def unlisted(_name: str) -> None:
        registry.versions[AT].status = Status.UNLISTED

    registry.on_fetch = unlisted
    assert names(checked(registry)) == ["status"]


def test_a_version_that_keeps_changing_is_an_error(registry: Liar) -> None:
    registry.on_fetch = lambda _name: registry.holds(FILES, Status.PUBLISHED)
    with pytest.raises(InconsistentReadError, match="keeps changing"):
        checked(registry)
    assert len([call for call in registry.calls if call.startswith("fetch")]) == 3 * len(FILES)


def test_a_connection_that_breaks_is_tried_again_from_the_start(registry: Liar) -> None:
    attempts: list[int] = []

    def broken() -> Iterator[bytes]:
        attempts.append(1)
        yield b"alp"
        if len(attempts) < 3:
            raise UnreachableError("broken pipe")
        yield b"ha"

    registry.sends["a.txt"] = broken
    scheduler = InlineScheduler()
    assert verify(release(FILES), registry, scheduler, download=True).outcome is VerifyOutcome.VERIFIED
    assert scheduler.slept > 0


@pytest.mark.parametrize("error", [UnreachableError("no answer"), AccessDeniedError("no"), ServerFaultError("500")])
def test_a_failed_download_is_not_verified_and_hides_no_difference(registry: Liar, error: ReleaseError) -> None:
    def failing() -> Iterator[bytes]:
        yield b"be"
        raise error

    registry.sends["b.txt"] = failing
    verdict = checked(registry)
    assert (verdict.outcome, verdict.problem, verdict.differences) == (VerifyOutcome.UNKNOWN, error, ())
    registry.sends["a.txt"] = LIES["different bytes"]
    both = checked(registry)
    assert (both.outcome, both.problem, names(both)) == (VerifyOutcome.DIFFERS, error, ["a.txt"])


def test_after_one_failed_download_the_others_are_skipped(registry: Liar) -> None:
    registry.holds({f"{number:03}": bytes(200 - number) for number in range(150)}, Status.PUBLISHED)

    asked: list[str] = []

    def denied(name: str) -> None:
        asked.append(name)
        raise AccessDeniedError("no")

    registry.on_fetch = denied
    contents = dict(registry.versions[AT].assets)
    assert checked(registry, release(contents)).outcome is VerifyOutcome.UNKNOWN
    # The largest.
    assert asked == ["000"]


def test_downloads_of_an_unknown_revision_are_ignored(registry: Liar) -> None:
    registry.holds({**FILES, "d.txt": b"delta"}, Status.PUBLISHED)
    registry.sends["a.txt"] = LIES["different bytes"]

    def later(call: str) -> None:
        if call == "describe" and registry.calls.count("describe") > 1:
            raise UnreachableError("no answer")

    registry.before = later
    verdict = checked(registry)
    # As listed, at one revision: that stands.
    assert (verdict.outcome, names(verdict)) == (VerifyOutcome.DIFFERS, ["digest", "d.txt"])
    assert verdict.problem
    assert checked_after(registry).outcome is VerifyOutcome.UNKNOWN


def checked_after(registry: Liar) -> VerifyResult:
    registry.holds(FILES, Status.PUBLISHED)
    registry.calls.clear()
    return checked(registry)


def test_archived_bytes_cannot_be_downloaded_and_are_not_verified(registry: Liar) -> None:
    registry.holds(FILES, Status.ARCHIVED)
    verdict = checked(registry, release(FILES, status=Status.ARCHIVED))
    assert verdict.outcome is VerifyOutcome.UNKNOWN
    assert "cannot be downloaded" in str(verdict.problem)
    assert checked(registry).outcome is VerifyOutcome.DIFFERS


def test_a_verdict_without_every_asset_is_never_verified() -> None:
    remote = RemoteVersion(VersionState(Status.PUBLISHED, "1"), {"a": asset("a", b"")})
    assert VerifyResult(sealed(), remote, downloads={}).outcome is VerifyOutcome.UNKNOWN
    assert VerifyResult(sealed(), remote, problem=UnreachableError("no answer")).outcome is VerifyOutcome.UNKNOWN
    assert VerifyResult(sealed(), remote).outcome is VerifyOutcome.VERIFIED


# --- at work ---


def test_several_are_downloaded_at_once_and_no_more_than_that(registry: Liar) -> None:
    contents = {f"{number:02}": bytes([number]) for number in range(24)}
    registry.holds(contents, Status.PUBLISHED)
    lock, now, most = threading.Lock(), [0], [0]

    def counted(_name: str) -> None:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(0.01)
        with lock:
            now[0] -= 1

    registry.on_fetch = counted
    verdict = verify(release(contents), registry, ThreadScheduler(), download=True, parallel=4)
    assert verdict.outcome is VerifyOutcome.VERIFIED
    assert 1 < most[0] <= 4


def test_progress_is_reported_in_bytes_and_ends_at_the_size(registry: Liar) -> None:
    content = bytes(5 << 19)
    registry.holds({"big": content}, Status.PUBLISHED)
    registry.sends["big"] = lambda: iter(
        [content[start : start + (1 << 18)] for start in range(0, len(content), 1 << 18)]
    )
    told: list[object] = []
    assert verify(release({"big": content}), registry, InlineScheduler(), download=True, on_event=told.append).outcome
    assert [event.sent for event in told if isinstance(event, AssetProgress)] == [1 << 20, 2 << 20, 5 << 19]
    (due,) = [event.assets for event in told if isinstance(event, DownloadStarted)]
    assert due == (asset("big", content),)


def test_who_is_to_stop_stops_in_the_middle_of_an_asset(registry: Liar) -> None:
    registry.lists["a.txt"] = Asset("a.txt", 1 << 32, "0" * 64)
    registry.sends["a.txt"] = endless
    scheduler = InlineScheduler()

    def stop() -> None:
        if scheduler.checkpoints > 3:
            raise InterruptedReleaseError("stopped")

    scheduler.stop = stop
    with pytest.raises(InterruptedReleaseError):
        verify(sealed(), registry, scheduler, download=True)
    assert scheduler.checkpoints == 4
