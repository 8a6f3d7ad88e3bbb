"""A bundle: stage all members, then publish them, the bundle last."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from pulumi_codeartifact_release.errors import (
    BundleError,
    ConflictError,
    GateError,
    InterruptedReleaseError,
    LeftoverAssetsError,
    PinError,
    RefusedError,
    ReleaseError,
    ServerFaultError,
    UnreachableError,
    UsageError,
    WithdrawnError,
)
from pulumi_codeartifact_release.location import Location
from pulumi_codeartifact_release.publishing import (
    BundleRules,
    ExistingMember,
    Finalize,
    Finished,
    MemberEvent,
    Pin,
    PreparedRelease,
    Promotion,
    Release,
    Request,
    Withdrawal,
    digest,
    execute,
    prepare,
    prepare_again,
)
from pulumi_codeartifact_release.publishing.bundle import BUNDLE_ASSET, BundleMember, encode_bundle
from pulumi_codeartifact_release.publishing.bundle_prepare import with_document
from pulumi_codeartifact_release.registry import Coordinates, Registry, Status
from support.fakes import FakeRegistry, InlineScheduler, asset, asset_contents

DEV = Location("acme", "dev", region="eu-west-1")
STAGING = Location("acme", "staging", region="eu-west-1")
OTHER_DOMAIN = Location("acme-prod", "prod", region="eu-west-1")
FILES = {
    "acme/api": {"api.zip": b"api", "api.txt": b"notes"},
    "acme/db": {"db.sql": b"create"},
    "acme/web": {"web.zip": b"web"},
}
AFTER = {"acme/api": ("acme/db",), "acme/web": ("acme/api",)}
SUITE = Coordinates("acme", "dev", "acme", "suite", "1.0")


@dataclass
class Killed(BaseException):
    """The process ends at this point."""


@dataclass
class Place:
    """One registry for all locations, as a connection."""

    registry: FakeRegistry = field(default_factory=FakeRegistry)

    @property
    def planning(self) -> Registry:
        return self.registry

    def prepare(self) -> None:
        """Do nothing: the repository exists."""

    def __call__(self, _location: Location) -> Place:
        return self


def at(name: str, location: Location = DEV, version: str = "1.0") -> Coordinates:
    return location.coordinates("acme", name, version)


def member(name: str, files: dict[str, bytes], *, replace_digest: str | None = None) -> Request:
    release = Release(at(name.removeprefix("acme/")), tuple(asset(*item) for item in files.items()))
    return Request(DEV, release, name, asset_contents(files), replace_digest=replace_digest)


def bundle(
    files: dict[str, dict[str, bytes]] = FILES,
    *,
    after: dict[str, Sequence[str]] | None = None,
    existing: tuple[ExistingMember, ...] = (),
    **more: str | None,
) -> Request:
    members = tuple(member(name, content, **more) for name, content in files.items())
    rules = BundleRules(members, existing, AFTER if after is None else after)
    return Request(DEV, Release(SUITE, ()), "acme/suite", bundle=rules)


def promotion(to: Location = STAGING, *, pin: Pin | None = None, rules: BundleRules | None = None) -> Request:
    destination = at("suite", to)
    return Request(
        to,
        Release(destination, ()),
        "acme/suite",
        promotion=Promotion(SUITE, destination, pin),
        source=DEV,
        bundle=rules or BundleRules(after=AFTER),
    )


def release(request: Request, place: Place, scheduler: InlineScheduler | None = None) -> list[object]:
    return list(execute(request, place, scheduler or InlineScheduler()))


def released(place: Place, location: Location = DEV) -> dict[str, Status]:
    versions = place.registry.versions.items()
    return {key.package: version.status for key, version in versions if key.repository == location.repository}


ALL = ("api", "db", "web", "suite")
ALL_PUBLISHED = dict.fromkeys(ALL, Status.PUBLISHED)


def member_release(name: str) -> Release:
    return member(name, FILES[name]).release


def document(files: dict[str, dict[str, bytes]] = FILES) -> bytes:
    return encode_bundle(BundleMember.of(member(name, content).release) for name, content in files.items())


def consumer_sees(place: Place, location: Location = DEV) -> frozenset[str]:
    """What a consumer of releases sees, and that a visible bundle is whole."""
    visible = {
        key.package
        for key, version in place.registry.versions.items()
        if key.repository == location.repository and version.status is Status.PUBLISHED
    }
    assert "suite" not in visible or visible == {"api", "db", "web", "suite"}
    return frozenset(visible)


def watch(place: Place, location: Location = DEV) -> Callable[[str], None]:
    def check(_call: str) -> None:
        consumer_sees(place, location)

    return check


def test_members_are_staged_then_published_in_their_order_and_the_bundle_last() -> None:
    place = Place()
    events = release(bundle(), place)
    assert released(place) == ALL_PUBLISHED
    assert place.registry.versions[SUITE].assets == {BUNDLE_ASSET: document()}
    published = [call for call in place.registry.writes if call.startswith("status")]
    first = place.registry.calls.index(published[0])
    assert not [call for call in place.registry.calls[first:] if call.startswith("publish")]
    # Staging ends with a comparison of each version. Nothing but the calls that publish comes after it.
    assert place.registry.calls[first:] == published
    finished = [event.name for event in events if isinstance(event, MemberEvent) and isinstance(event.event, Finished)]
    assert finished == ["acme/db", "acme/api", "acme/web"]
    last = events[-1]
    assert isinstance(last, Finished)
    assert last.state.status is Status.PUBLISHED
    assert [asset.name for asset in last.sent] == [BUNDLE_ASSET]


def test_a_second_run_writes_nothing() -> None:
    place = Place()
    release(bundle(), place)
    place.registry.calls.clear()
    prepared = prepare(bundle(), place, InlineScheduler())
    assert not prepared.changes
    assert place.registry.calls == ["describe", "list"] * 4
    release(bundle(), place)
    assert not place.registry.writes


def test_all_refusals_come_together_and_before_any_write() -> None:
    place = Place()
    place.registry.holds({"db.sql": b"other"}, Status.PUBLISHED, at("db"))
    place.registry.holds({"rest.txt": b""}, Status.UNFINISHED, at("web"))
    prepared = prepare(bundle(), place, InlineScheduler())
    refusals = [type(item.plan.refusal) for item in prepared.versions if item.plan.refusal]
    assert refusals == [ConflictError, LeftoverAssetsError]
    with pytest.raises(BundleError, match=r"acme/suite@1.0 in acme/dev is refused for 2 reasons") as caught:
        release(bundle(), place)
    assert "acme/db@1.0" in str(caught.value)
    assert "acme/web@1.0" in str(caught.value)
    assert not place.registry.writes


def test_a_published_bundle_with_other_members_is_a_conflict_that_names_them() -> None:
    place = Place()
    release(bundle(), place)
    files = {**FILES, "acme/docs": {"docs.txt": b""}}
    del files["acme/web"]
    with pytest.raises(ConflictError) as caught:
        release(bundle(files), place)
    lines = str(caught.value).splitlines()
    assert lines[0] == "acme/suite@1.0 in acme/dev is already Published with other members:"
    assert lines[1:3] == ["  acme/docs", f"    declared   1.0 {member('acme/docs', files['acme/docs']).release.digest}"]
    assert lines[3:5] == ["    published  not a member", "  acme/web"]
    assert "docs" not in released(place)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("number", range(10))
def test_killed_at_any_write_the_next_run_completes_it(number: int, moment: str) -> None:
    """5 uploads, then 4 changes of status: nothing is left to kill at the tenth."""
    place = Place()
    writes: list[str] = []

    def kill(call: str) -> None:
        consumer_sees(place)
        if call.startswith(("publish", "status")):
            writes.append(call)
            if len(writes) == number + 1:
                raise Killed

    setattr(place.registry, moment, kill)
    with contextlib.suppress(Killed):
        release(bundle(), place)
    assert len(writes) == min(number + 1, 9)
    assert consumer_sees(place) == ALL_PUBLISHED.keys() or number < 9
    place.registry.before = place.registry.after = lambda _call: None
    release(bundle(), place)
    assert released(place) == ALL_PUBLISHED


@pytest.mark.parametrize("number", range(40))
def test_stopped_before_the_first_member_is_published_or_not_at_all(number: int) -> None:
    place, scheduler = Place(), InlineScheduler()

    def stop() -> None:
        if scheduler.checkpoints > number:
            raise InterruptedReleaseError("stopped")

    scheduler.stop = stop
    try:
        release(bundle(), place, scheduler)
    except InterruptedReleaseError:
        assert Status.PUBLISHED not in released(place).values()
    else:
        assert released(place) == ALL_PUBLISHED


@pytest.mark.parametrize("error", [UnreachableError, ServerFaultError])
@pytest.mark.parametrize("number", range(9))
def test_a_lost_response_is_settled_by_reading(error: type[ReleaseError], number: int) -> None:
    place, count = Place(), 0

    def lose(_call: str) -> None:
        nonlocal count
        count += 1
        if count == number + 1:
            raise error("no response")

    place.registry.after = lose
    release(bundle(), place)
    assert count > number
    assert released(place) == ALL_PUBLISHED


def test_a_failure_while_staging_publishes_nothing() -> None:
    place = Place()

    def fail(call: str) -> None:
        if call.startswith("publish web.zip"):
            raise GateError("the service refuses")

    place.registry.before = fail
    with pytest.raises(GateError):
        release(bundle(), place)
    assert Status.PUBLISHED not in released(place).values()


def test_a_member_that_is_published_with_the_same_bytes_is_taken_as_it_is() -> None:
    place = Place()
    place.registry.holds(FILES["acme/api"], Status.PUBLISHED, at("api"))
    place.registry.holds(FILES["acme/db"], Status.ARCHIVED, at("db"))
    revision = place.registry.versions[at("api")].revision
    release(bundle(), place)
    assert released(place) == ALL_PUBLISHED
    assert place.registry.versions[at("api")].revision == revision
    assert place.registry.writes.count("status Archived -> Published") == 1


def test_a_rival_that_publishes_the_same_bundle_meanwhile() -> None:
    place = Place()

    def act(call: str) -> None:
        if call == "status Unfinished -> Published":
            place.registry.before = lambda _call: None
            release(bundle(), place)

    place.registry.before = act
    release(bundle(), place)
    assert released(place) == ALL_PUBLISHED


def test_a_rival_with_other_bytes_of_one_member_is_found_while_staging() -> None:
    place = Place()

    def act(call: str) -> None:
        if call == "publish web.zip unfinished":
            place.registry.before = lambda _call: None
            place.registry.holds({"web.zip": b"rival"}, Status.PUBLISHED, at("web"))

    place.registry.before = act
    with pytest.raises(ConflictError):
        release(bundle(), place)
    assert {name: status for name, status in released(place).items() if status is Status.PUBLISHED} == {
        "web": Status.PUBLISHED
    }


@pytest.mark.parametrize("number", range(1, 10))
def test_of_two_bundles_with_other_bytes_of_one_member_one_is_published(number: int) -> None:
    """The second begins before one of the 9 writes of the first. The bundle that is sent first is published."""
    place, published = Place(), []

    def publish(web: bytes) -> None:
        with contextlib.suppress(RefusedError):
            release(bundle({**FILES, "acme/web": {"web.zip": web}}), place)
            published.append(web)

    def act(_call: str) -> None:
        if len(place.registry.writes) == number:
            place.registry.before = lambda _call: None
            publish(b"rival")

    place.registry.before = act
    publish(b"web")
    assert published == [b"rival" if number == 1 else b"web"]
    assert released(place) == ALL_PUBLISHED
    assert place.registry.versions[at("web")].assets == {"web.zip": published[0]}


def test_what_an_abandoned_release_left_is_found() -> None:
    place = Place()

    def fail(call: str) -> None:
        if call.startswith("publish web.zip"):
            raise Killed

    place.registry.before = fail
    with pytest.raises(Killed):
        release(bundle(), place)
    place.registry.before = lambda _call: None
    later = replace(bundle(), release=Release(replace(SUITE, version="2.0"), ()))
    prepared = prepare(later, place, InlineScheduler())
    assert {version: [item.name for item in members] for version, members in prepared.abandoned.items()} == {
        "1.0": ["acme/api@1.0", "acme/db@1.0", "acme/web@1.0"]
    }
    assert prepare(bundle(), place, InlineScheduler()).abandoned == {}


def test_a_permitted_replacement_is_staged_when_nothing_else_can_fail() -> None:
    place = Place()
    place.registry.holds({"api.zip": b"old"}, Status.PUBLISHED, at("api"))
    digest = Release(at("api"), (asset("api.zip", b"old"),)).digest
    files = {name: FILES[name] for name in ("acme/api", "acme/db")}
    request = bundle(files, after={}, replace_digest=digest)
    release(request, place)
    assert place.registry.versions[at("api")].assets == FILES["acme/api"]
    calls = place.registry.writes
    assert calls.index("delete Archived") > calls.index("publish db.sql unfinished")
    assert calls.index("delete Archived") > calls.index(f"publish {BUNDLE_ASSET} unfinished")


EXISTING = {"lib.zip": b"library"}


def existing(digest: str | None = None) -> tuple[ExistingMember, ...]:
    own = Release(at("lib"), tuple(asset(*item) for item in EXISTING.items())).digest
    return (ExistingMember(at("lib"), digest or own),)


def test_a_member_of_somebody_else_is_named_and_never_changed() -> None:
    place = Place()
    place.registry.holds(EXISTING, Status.PUBLISHED, at("lib"))
    request = bundle({"acme/db": FILES["acme/db"]}, existing=existing())
    release(request, place)
    assert b'"package":"lib"' in place.registry.versions[SUITE].assets[BUNDLE_ASSET]
    assert place.registry.versions[at("lib")].revision == 1


def test_a_member_of_somebody_else_cannot_be_a_bundle() -> None:
    place = Place()
    place.registry.holds({BUNDLE_ASSET: document()}, Status.PUBLISHED, at("inner"))
    inner = ExistingMember(at("inner"), digest([asset(BUNDLE_ASSET, document())]))
    with pytest.raises(GateError, match="is a bundle: it cannot be a member"):
        release(bundle({"acme/db": FILES["acme/db"]}, existing=(inner,)), place)
    own = ExistingMember(at("suite", version="0.9"), inner.digest)
    with pytest.raises(UsageError, match="is a bundle, and cannot be a member"):
        release(bundle({"acme/db": FILES["acme/db"]}, existing=(own,)), place)
    assert not place.registry.writes


@pytest.mark.parametrize("status", [None, Status.ARCHIVED, Status.UNFINISHED])
def test_a_missing_member_of_somebody_else_is_refused(status: Status | None) -> None:
    place = Place()
    if status:
        place.registry.holds(EXISTING, status, at("lib"))
    with pytest.raises(GateError, match="cannot be a member of a bundle"):
        release(bundle({"acme/db": FILES["acme/db"]}, existing=existing()), place)
    assert not place.registry.writes


def test_a_member_of_somebody_else_that_is_archived_before_the_commit_stops_it() -> None:
    place = Place()
    place.registry.holds(EXISTING, Status.PUBLISHED, at("lib"))

    def archive(call: str) -> None:
        if call.startswith("publish db.sql"):
            place.registry.versions[at("lib")].status = Status.ARCHIVED

    place.registry.before = archive
    with pytest.raises(GateError):
        release(bundle({"acme/db": FILES["acme/db"]}, existing=existing()), place)
    assert Status.PUBLISHED not in released(place).values()


@pytest.mark.parametrize("status", [Status.ARCHIVED, Status.PUBLISHED])
@pytest.mark.parametrize("moment", ["publish web.zip unfinished", "status Unfinished -> Published"])
def test_a_member_that_changes_after_it_was_read_is_repaired_or_refused(moment: str, status: Status) -> None:
    place = Place()
    place.registry.holds(FILES["acme/api"], Status.PUBLISHED, at("api"))

    def act(call: str) -> None:
        if call == moment:
            place.registry.before = lambda _call: None
            same = status is Status.ARCHIVED
            place.registry.holds(FILES["acme/api"] if same else {"api.zip": b"other"}, status, at("api"))

    place.registry.before = act
    if status is Status.ARCHIVED:
        release(bundle(), place)
        assert released(place) == ALL_PUBLISHED
    else:
        with pytest.raises(ConflictError):
            release(bundle(), place)
        assert released(place)["suite"] is Status.UNFINISHED


def test_a_replaced_bundle_goes_before_its_replaced_members() -> None:
    place = Place()
    release(bundle(), place)
    digests = {name: digest(asset(*item) for item in place.registry.versions[at(name)].assets.items()) for name in ALL}
    files = {**FILES, "acme/db": {"db.sql": b"other"}}
    request = bundle(files)
    assert request.bundle
    members = tuple(
        replace(item, replace_digest=digests["db"]) if item.name == "acme/db" else item
        for item in request.bundle.members
    )
    request = replace(request, replace_digest=digests["suite"], bundle=replace(request.bundle, members=members))

    def fail(call: str) -> None:
        consumer_sees(place)
        if call == "publish db.sql unfinished":
            raise GateError("no permission")

    place.registry.before = fail
    with pytest.raises(GateError):
        release(request, place)
    assert "suite" not in consumer_sees(place)
    place.registry.before = watch(place)
    release(request, place)
    assert released(place) == ALL_PUBLISHED


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        (bundle({"acme/other": {BUNDLE_ASSET: b""}}), "is a bundle, and cannot be a member"),
        (bundle({"acme/suite": {"a": b""}}), "is a bundle, and cannot be a member"),
        (
            replace(bundle(), release=Release(SUITE, (), finalize=Finalize.LAST_ASSET)),
            "cannot be published by the last asset",
        ),
    ],
)
def test_mistakes(request_: Request, message: str) -> None:
    place = Place()
    with pytest.raises(UsageError, match=message):
        release(request_, place)
    assert not place.registry.calls


def test_a_member_that_is_not_declared_published_is_a_mistake() -> None:
    archived = member("acme/db", FILES["acme/db"])
    archived = replace(archived, release=replace(archived.release, status=Status.ARCHIVED))
    with pytest.raises(UsageError, match="must be Published"):
        release(replace(bundle(), bundle=BundleRules((archived,))), Place())


# --- promotion --------------------------------------------------------------------------------------------------------


def run(request: Request, place: Place) -> PreparedRelease:
    """Prepare and execute, as a front does."""
    prepared = prepare(request, place, InlineScheduler())
    if prepared.changes:
        list(execute(request, place, InlineScheduler(), prepared))
    return prepared


@pytest.fixture
def source() -> Place:
    place = Place()
    release(bundle(), place)
    place.registry.calls.clear()
    return place


@pytest.mark.parametrize("to", [STAGING, OTHER_DOMAIN], ids=["copy", "transfer"])
def test_a_promotion_of_a_bundle_promotes_its_members_first(source: Place, to: Location) -> None:
    pin = Pin(Release(SUITE, (asset(BUNDLE_ASSET, document()),)).digest, "`pins` of staging")
    seen: list[frozenset[str]] = []
    source.registry.after = lambda _call: seen.append(consumer_sees(source, to))
    prepared = run(promotion(to, pin=pin), source)
    assert [item.request.name for item in prepared.members] == ["acme/api", "acme/db", "acme/web"]
    assert released(source, to) == ALL_PUBLISHED
    assert list(dict.fromkeys(seen))[-4:] == [
        frozenset({"db"}),
        frozenset({"db", "api"}),
        frozenset({"db", "api", "web"}),
        frozenset({"db", "api", "web", "suite"}),
    ]
    for name in ("api", "db", "web", "suite"):
        assert source.registry.versions[at(name, to)].assets == source.registry.versions[at(name)].assets
    source.registry.calls.clear()
    assert not run(promotion(to, pin=pin), source).changes
    assert not source.registry.writes


@pytest.mark.parametrize("number", range(1, 5))
def test_a_promotion_continues_when_its_source_changes_after_the_first_member(source: Place, number: int) -> None:
    changes = 0

    def act(call: str) -> None:
        nonlocal changes
        changes += call == "status Unfinished -> Published"
        if changes == number:
            source.registry.before = lambda _call: None
            source.registry.versions[at("web")].status = Status.ARCHIVED
            raise UnreachableError("no response")

    source.registry.before = act
    run(promotion(OTHER_DOMAIN), source)
    assert released(source, OTHER_DOMAIN) == ALL_PUBLISHED


def test_all_members_are_judged_before_the_first_is_copied(source: Place) -> None:
    source.registry.versions[at("web")].status = Status.ARCHIVED
    source.registry.versions[at("db")].assets = {"db.sql": b"other"}
    prepared = prepare(promotion(), source, InlineScheduler())
    refusals = {item.request.name: type(item.plan.refusal) for item in prepared.versions if item.plan.refusal}
    assert refusals == {"acme/web": GateError, "acme/db": PinError}
    with pytest.raises(BundleError):
        list(execute(prepared.request, source, InlineScheduler(), prepared))
    assert not source.registry.writes


def test_a_withdrawn_member_refuses_the_promotion(source: Place) -> None:
    withdrawal = Withdrawal("sha256:0", "Archived", "loses orders", "`withdrawn` of release.yaml")
    rules = BundleRules(withdrawal=lambda name, _version: withdrawal if name == "acme/db" else None)
    prepared = prepare(promotion(rules=rules), source, InlineScheduler())
    assert [type(item.plan.refusal) for item in prepared.versions] == [type(None), WithdrawnError, *[type(None)] * 2]


@pytest.mark.parametrize("state", ["absent", "staged", "one staged", "half", "complete", "archived"])
@pytest.mark.parametrize("to", [DEV, STAGING, OTHER_DOMAIN], ids=["files", "copy", "transfer"])
def test_the_review_counts_every_request(to: Location, state: str) -> None:
    place = Place()
    if to is not DEV:
        release(bundle(), place)
    request = bundle() if to is DEV else promotion(to)
    request = replace(request, awaits_approval=True)
    if request.bundle:
        members = tuple(replace(item, awaits_approval=True) for item in request.bundle.members)
        request = replace(request, bundle=replace(request.bundle, members=members))
    if state != "absent":
        run(request, place)
    if state in ("staged", "one staged"):
        for name in ALL_PUBLISHED:
            place.registry.versions[at(name, to)].status = Status.UNFINISHED
            if state == "one staged" and name != "suite":
                del place.registry.versions[at(name, to)]
    if state == "half":
        for name in ("web", "suite"):
            del place.registry.versions[at(name, to)]
    if state == "archived":
        for name in ALL_PUBLISHED:
            place.registry.versions[at(name, to)].status = Status.ARCHIVED
    place.registry.calls.clear()
    prepared = prepare(request, place, InlineScheduler())
    count = sum(item.review(None).requests for item in prepared.versions)
    if prepared.changes:
        list(execute(request, place, InlineScheduler(), prepared))
    assert count == len(place.registry.calls)


def test_a_soak_does_not_hide_the_refusals_of_members(source: Place) -> None:
    source.registry.holds({"db.sql": b"other"}, Status.PUBLISHED, at("db", STAGING))
    request = promotion()
    assert request.promotion
    request = replace(request, promotion=replace(request.promotion, soak=timedelta(hours=1)))
    prepared = prepare(request, source, InlineScheduler())
    refusals = {item.request.name: type(item.plan.refusal) for item in prepared.versions if item.plan.refusal}
    assert refusals == {"acme/suite": GateError, "acme/db": ConflictError}


@pytest.mark.parametrize("name", ["suite", "inner"])
def test_a_promoted_bundle_with_a_bundle_in_it_is_refused(source: Place, name: str) -> None:
    inner = {BUNDLE_ASSET: document()}
    source.registry.holds(inner, Status.PUBLISHED, at(name, version="0.9"))
    member = BundleMember("acme", name, "0.9", digest(asset(*item) for item in inner.items()), 1)
    api = BundleMember.of(member_release("acme/api"))
    source.registry.holds({BUNDLE_ASSET: encode_bundle([member, api])}, Status.PUBLISHED, SUITE)
    with pytest.raises(GateError, match=r"is a bundle, and a member of acme/suite@1\.0"):
        run(promotion(), source)
    assert not source.registry.writes


def test_a_completed_promotion_of_a_bundle_is_repaired_with_its_members(source: Place) -> None:
    promoted = run(promotion(), source)
    for name, status in (("suite", Status.UNLISTED), ("db", Status.ARCHIVED)):
        source.registry.versions[at(name, STAGING)].status = status
    request = replace(promotion(), release=promoted.plan.release)
    source.registry.after = watch(source, STAGING)
    prepared = prepare_again(request, source, InlineScheduler())
    assert prepared
    list(execute(request, source, InlineScheduler(), prepared))
    assert released(source, STAGING) == ALL_PUBLISHED


def test_a_rollback_publishes_archived_members_before_the_bundle(source: Place) -> None:
    run(promotion(), source)
    for name in ALL_PUBLISHED:
        source.registry.versions[at(name, STAGING)].status = Status.ARCHIVED
    seen: list[frozenset[str]] = []
    source.registry.after = lambda _call: seen.append(consumer_sees(source, STAGING))
    run(promotion(), source)
    assert seen[-1] == ALL_PUBLISHED.keys()
    assert "suite" not in seen[-2]


def test_a_rollback_of_a_bundle_that_is_archived_everywhere_is_refused(source: Place) -> None:
    run(promotion(), source)
    for version in source.registry.versions.values():
        version.status = Status.ARCHIVED
    source.registry.calls.clear()
    prepared = prepare(promotion(), source, InlineScheduler())
    assert isinstance(prepared.plan.refusal, GateError)
    assert "Set one of the two to Unlisted" in str(prepared.plan.refusal)


def test_an_ordinary_package_with_a_file_of_that_name_is_promoted_alone(source: Place) -> None:
    source.registry.holds({BUNDLE_ASSET: b'{"members": []}'}, Status.PUBLISHED, SUITE)
    prepared = run(promotion(), source)
    assert prepared.members == ()
    assert released(source, STAGING) == {"suite": Status.PUBLISHED}


@pytest.mark.parametrize("name", ["..", "a\\b", "a\x07b"])
def test_a_bundle_that_nobody_could_read_is_refused_for_its_names(name: str) -> None:
    member = BundleMember("acme", name, "1.0", "sha256:" + "a" * 64, 1)
    with pytest.raises(UsageError, match="cannot be in a bundle"):
        with_document(Request(DEV, Release(SUITE, ()), "acme/suite"), [member])


def test_a_bundle_that_nobody_could_read_is_refused_for_its_size() -> None:
    long = "\U0001f600" * 250
    members = [BundleMember(long, f"{number:03}{long}", long, "sha256:" + "a" * 64, 1) for number in range(500)]
    with pytest.raises(UsageError, match="the names of its 500 members are too long"):
        with_document(Request(DEV, Release(SUITE, ()), "acme/suite"), members)
