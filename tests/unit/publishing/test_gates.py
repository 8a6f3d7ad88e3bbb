"""The gates of a promotion. A condition that cannot be checked is not met."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pulumi_codeartifact_release import manifest
from pulumi_codeartifact_release.errors import GateError, PinError, RefusedError
from pulumi_codeartifact_release.publishing import (
    Permission,
    Pin,
    Promotion,
    RemoteVersion,
    digest,
    duration_text,
    gates,
    time_text,
)
from pulumi_codeartifact_release.registry import Asset, AssetListing, Status, VersionState
from support.fakes import AT, asset

ABC = {"a": b"aaa", "b": b"bb"}
# The machine's load is not what is tested.
PATIENTLY = settings(deadline=None)
SINCE = datetime(2026, 1, 1, 4, 0, 0, tzinfo=UTC)
DAY = timedelta(hours=24)
TO = replace(AT, repository="staging")
ELSEWHERE = "sha256:" + "0" * 64


def check_gates(promotion: Promotion, remote: RemoteVersion | None) -> bool:
    return gates.check_gates(gates.Candidate(None, promotion, remote))


def digest_of(contents: dict[str, bytes]) -> str:
    return digest(asset(name, content) for name, content in contents.items())


def holding(
    contents: dict[str, bytes] = ABC,
    status: Status = Status.PUBLISHED,
    since: datetime | None = SINCE,
    now: datetime | None = None,
) -> RemoteVersion:
    listing = AssetListing("r7", {name: asset(name, content) for name, content in contents.items()})
    return RemoteVersion.of(VersionState(status, "r7", since, now), listing)


def force(contents: dict[str, bytes] = ABC, package: str = "tools/app", version: str = "1.0") -> Permission:
    return Permission(package, version, digest_of(contents))


def soaking(found: RemoteVersion, force: Permission | None = None) -> bool:
    return check_gates(Promotion(AT, TO, soak=DAY, force=force), found)


# --- order ------------------------------------------------------------------------------------------------------------


def test_a_complete_published_version_is_promoted_without_force() -> None:
    assert check_gates(Promotion(AT, TO), holding()) is False
    assert check_gates(Promotion(AT, TO, Pin(digest_of(ABC), "pins")), holding(since=None)) is False


def test_a_missing_version_is_not_promoted() -> None:
    for promotion in (Promotion(AT, TO), Promotion(AT, TO, Pin(ELSEWHERE, "pins"), DAY, force())):
        with pytest.raises(GateError) as caught:
            check_gates(promotion, None)
        assert caught.value.message == "tools/app@1.0 in acme/dev does not exist: there is nothing to promote"
        assert "to dev first" in caught.value.hint


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.PUBLISHED])
def test_only_a_published_version_is_promoted_even_with_a_pin_or_force(status: Status) -> None:
    long_ago = SINCE - 365 * DAY
    for promotion in (Promotion(AT, TO), Promotion(AT, TO, Pin(digest_of(ABC), "pins"), DAY, force())):
        with pytest.raises(GateError, match=f"tools/app@1.0 in acme/dev is {status}, not Published") as caught:
            check_gates(promotion, holding(status=status, since=long_ago, now=SINCE))
        assert caught.value.exit_code == 4


def test_a_version_without_assets_is_not_promoted() -> None:
    with pytest.raises(GateError, match="has no assets: it cannot be promoted"):
        check_gates(Promotion(AT, TO), holding({}))


# --- pins -------------------------------------------------------------------------------------------------------------


def test_a_source_with_another_digest_than_its_pin_shows_both() -> None:
    pin = Pin(digest_of({"a": b"approved"}), "`pins` of prod")
    with pytest.raises(PinError) as caught:
        check_gates(Promotion(AT, TO, pin), holding(now=SINCE))
    assert caught.value.message == (
        "tools/app@1.0 in acme/dev is not what was approved:\n"
        f"    approved  {pin.digest} (`pins` of prod)\n"
        f"    actual    {digest_of(ABC)} (Published, revision r7, published 2026-01-01T04:00:00Z)"
    )
    assert caught.value.exit_code == 4


def test_the_refusal_of_a_pin_has_no_time_if_the_registry_reports_none() -> None:
    with pytest.raises(PinError, match=r"\(Archived, revision r7\)\n") as caught:
        check_gates(Promotion(AT, TO, Pin(ELSEWHERE, "pins")), holding(status=Status.ARCHIVED, since=None))
    assert digest_of(ABC) in caught.value.message


def test_a_pin_is_not_overridden_by_force() -> None:
    with pytest.raises(PinError):
        check_gates(Promotion(AT, TO, Pin(ELSEWHERE, "pins"), DAY, force()), holding(now=SINCE))


# --- soak -------------------------------------------------------------------------------------------------------------


def test_a_soak_is_met_exactly_at_its_end() -> None:
    assert soaking(holding(now=SINCE + DAY)) is False
    with pytest.raises(GateError):
        soaking(holding(now=SINCE + DAY - timedelta(microseconds=1)))


def test_an_unmet_soak_says_how_long_until_when_and_how_to_skip_it() -> None:
    with pytest.raises(GateError) as caught:
        soaking(holding(now=SINCE + timedelta(hours=20, minutes=30)))
    assert caught.value.message == (
        "tools/app@1.0 in acme/dev has been Published for 20h30m, and `soak` requires 24h: "
        "until 2026-01-02T04:00:00Z, in 3h30m"
    )
    assert caught.value.hint == (
        "Run again then. To skip the rest of the soak for exactly these bytes: "
        f"--force tools/app@1.0={digest_of(ABC)} --reason TEXT"
    )


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=-8)), timezone(timedelta(hours=5, minutes=30))])
def test_the_end_of_a_soak_is_shown_in_utc(zone: timezone) -> None:
    with pytest.raises(GateError, match=r"until 2026-01-02T04:00:00Z, in 23h\n"):
        soaking(holding(since=SINCE.astimezone(zone), now=SINCE + timedelta(hours=1)))


def test_a_run_at_the_printed_time_is_not_too_early() -> None:
    since = SINCE + timedelta(milliseconds=300)
    with pytest.raises(GateError) as caught:
        soaking(holding(since=since, now=SINCE + timedelta(hours=20)))
    assert "until 2026-01-02T04:00:01Z, in 4h1s" in caught.value.message
    # The clock of an answer has whole seconds.
    assert soaking(holding(since=since, now=SINCE + DAY + timedelta(seconds=1))) is False
    # And nobody is told that a day has passed while it has not.
    with pytest.raises(GateError, match="for 23h59m59s, and `soak` requires 24h: until 2026-01-02T04:00:01Z, in 1s"):
        soaking(holding(since=since, now=SINCE + DAY))


@PATIENTLY
@given(
    st.timedeltas(timedelta(microseconds=1), timedelta(days=1000)),
    st.timedeltas(timedelta(days=-1000), timedelta(days=1000)),
)
def test_a_soak_is_met_exactly_when_as_much_time_has_passed(soak: timedelta, passed: timedelta) -> None:
    promotion = Promotion(AT, TO, soak=soak)
    try:
        assert check_gates(promotion, holding(now=SINCE + passed)) is False
        met = True
    except GateError as error:
        met = False
        # The moment that is named is late enough.
        until = datetime.fromisoformat(re.findall(r"until (\S+),", error.message)[0])
        assert check_gates(promotion, holding(now=until)) is False
    assert met == (passed >= soak)


def test_a_slow_clock_waits_for_the_whole_soak() -> None:
    with pytest.raises(GateError, match=r"Published for 0s, .* until 2026-01-02T04:00:00Z, in 25h"):
        soaking(holding(now=SINCE - timedelta(hours=1)))


@pytest.mark.parametrize(
    ("since", "now", "missing"),
    [
        (None, SINCE + 100 * DAY, "when it was published"),
        (SINCE, None, "the time"),
        (None, None, "when it was published"),
    ],
)
def test_a_soak_is_not_met_without_the_times_of_the_registry(
    since: datetime | None, now: datetime | None, missing: str
) -> None:
    with pytest.raises(GateError, match=f"the registry does not report {missing}, and `soak` requires 24h") as caught:
        soaking(holding(since=since, now=now))
    assert f"--force {force()} --reason" in caught.value.hint
    assert soaking(holding(since=since, now=now), force()) is True


def test_without_a_soak_no_time_is_needed() -> None:
    for soak in (None, timedelta()):
        assert check_gates(Promotion(AT, TO, soak=soak, force=force()), holding(since=None, now=None)) is False


# --- force ------------------------------------------------------------------------------------------------------------


def test_the_refusal_contains_the_permission_to_skip_the_soak() -> None:
    odd = replace(AT, namespace="@scope", package="a=b@c", version="1=2")
    for now in (SINCE, None):
        with pytest.raises(GateError) as caught:
            check_gates(Promotion(odd, TO, soak=DAY), holding(now=now))
        words = re.findall(r"--force (\S+) --reason TEXT", caught.value.hint)[0]
        permission = Permission.parse(words)
        assert permission.covers(odd)
        assert check_gates(Promotion(odd, TO, soak=DAY, force=permission), holding(now=now)) is True


def test_a_met_soak_needs_no_force() -> None:
    assert soaking(holding(now=SINCE + DAY), force()) is False


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(force(package="tools/other"), id="another package"),
        pytest.param(force(package="other/app"), id="another namespace"),
        pytest.param(force(version="1.1"), id="another version"),
        pytest.param(force({"a": b"other"}), id="another digest"),
    ],
)
def test_force_is_for_one_package_version_and_digest(wrong: Permission) -> None:
    with pytest.raises(GateError):
        soaking(holding(now=SINCE), wrong)
    assert soaking(holding(now=SINCE), force()) is True


@PATIENTLY
@given(
    st.sampled_from(Status),
    st.sampled_from([{}, ABC]),
    st.none() | st.datetimes(datetime(1970, 1, 1), datetime(8999, 12, 31), timezones=st.just(UTC)),
    st.none() | st.datetimes(datetime(1970, 1, 1), datetime(8999, 12, 31), timezones=st.just(UTC)),
    st.sampled_from([None, Pin(digest_of(ABC), "pins"), Pin(ELSEWHERE, "pins")]),
    st.timedeltas(timedelta(), timedelta(days=99_999)),
    st.sampled_from([None, force(), force({})]),
)
def test_only_published_approved_and_old_enough_versions_pass(
    status: Status,
    contents: dict[str, bytes],
    since: datetime | None,
    now: datetime | None,
    pin: Pin | None,
    soak: timedelta,
    permission: Permission | None,
) -> None:
    found = holding(contents, status, since, now)
    old_enough = not soak or (since is not None and now is not None and now - since >= soak)
    allowed = (
        status is Status.PUBLISHED
        and contents == ABC
        and (pin is None or pin.digest == found.digest)
        and (old_enough or permission == force())
    )
    try:
        assert check_gates(Promotion(AT, TO, pin, soak, permission), found) == (not old_enough)
    except RefusedError:
        assert not allowed
    else:
        assert allowed


# --- how it is said ---------------------------------------------------------------------------------------------------

SCHEMA = json.loads((Path(manifest.__file__).parent / "release.schema.json").read_text())


def soak_pattern() -> str:
    text = json.dumps(SCHEMA)
    return str(json.loads(re.findall(r'"pattern": ("\^\(\?=\[0-9\]\).*?")', text)[0]))


@PATIENTLY
@given(st.timedeltas(timedelta(), timedelta(days=99_999)))
@example(timedelta())
@example(timedelta(days=1))
@example(timedelta(days=2))
@example(timedelta(seconds=86_399, microseconds=1))
def test_a_duration_can_be_written_into_a_manifest_and_is_never_too_short(duration: timedelta) -> None:
    text = duration_text(duration)
    assert re.search(soak_pattern(), text)
    assert timedelta() <= manifest.duration(text) - duration < timedelta(seconds=1)


@pytest.mark.parametrize(
    ("written", "said"),
    [("24h", "24h"), ("36h", "36h"), ("3d", "3d"), ("2d12h", "2d12h"), ("90m", "1h30m"), ("45s", "45s"), ("0s", "0s")],
)
def test_durations_are_readable(written: str, said: str) -> None:
    assert duration_text(manifest.duration(written)) == said


def test_times_are_in_utc_to_the_second() -> None:
    moment = datetime(2026, 11, 22, 17, 30, 0, 999_999, tzinfo=timezone(timedelta(hours=1, minutes=30)))
    assert time_text(moment) == "2026-11-22T16:00:00Z"


def test_names_that_look_alike_are_checked_by_the_promoted_digest() -> None:
    # The digest is over names in NFC: an approval does not depend on who spelled them.
    composed, decomposed = "\u00c5.zip", "\u212b.zip"
    found = RemoteVersion.of(
        VersionState(Status.PUBLISHED, "r"),
        AssetListing("r", {decomposed: Asset(decomposed, 1, asset("", b"x").sha256)}),
    )
    assert check_gates(Promotion(AT, TO, Pin(digest_of({composed: b"x"}), "pins")), found) is False
