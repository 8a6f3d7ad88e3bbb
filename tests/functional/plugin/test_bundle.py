"""A `Bundle`, and the `Promotion` of one, by the operations that both providers call; no engine, no process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from pulumi_codeartifact_release import connections
from pulumi_codeartifact_release.errors import BundleError
from pulumi_codeartifact_release.manifest import load
from pulumi_codeartifact_release.plugin.declaration import Declaration
from pulumi_codeartifact_release.plugin.engine import EngineLog
from pulumi_codeartifact_release.plugin.from_manifest import promotion_rules
from pulumi_codeartifact_release.plugin.operations import BUNDLE, PACKAGE_VERSION, PROMOTION, Kind, Operations
from pulumi_codeartifact_release.plugin.run_context import RunContext
from support.embedded import Package, opened

DEV = {"domain": "acme", "repository": "dev", "endpoint": "file:.registry"}
STAGING = {**DEV, "repository": "staging"}
SUITE = {"namespace": "acme", "package": "suite", "version": "1.0"}
FILES = {"acme/api": {"api.zip": "api"}, "acme/db": {"db.sql": "db"}}
PUBLISHED = {"api": "Published", "db": "Published", "suite": "Published"}


class Log(EngineLog):
    """Keeps the permanent lines."""

    def __init__(self) -> None:
        super().__init__(None)
        self.lines: list[str] = []

    def info(self, urn: str, text: str) -> None:
        self.lines.append(text)

    def warn(self, urn: str, text: str) -> None:
        self.lines.append(f"warning: {text}")


class Run:
    """One operation of the engine, with a context of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = Log()
        self.context = RunContext(None)
        self.context.log = self.log

    def declaration(self, name: str, *, dry_run: bool, **more: Any) -> Declaration:
        return Declaration(base=str(self.folder), urn=f"urn::{name}", dry_run=dry_run, repository_exists=True, **more)

    def check(
        self, kind: Kind, olds: Mapping[str, Any], inputs: Mapping[str, Any], *, dry_run: bool = False, **more: Any
    ) -> dict[str, Any]:
        declaration = self.declaration(str(inputs["package"]), dry_run=dry_run, **more)
        checked = Operations(kind, self.context).check(dict(olds), dict(inputs), declaration)
        if checked.failures:
            raise AssertionError("\n".join(failure.reason for failure in checked.failures))
        return checked.inputs

    def up(self, kind: Kind, olds: Mapping[str, Any], inputs: Mapping[str, Any], **more: Any) -> dict[str, Any]:
        """Check, and create or update if something changed. Returns the outputs."""
        news = self.check(kind, olds, inputs, **more)
        operations = Operations(kind, self.context)
        if not olds:
            return operations.create(news).outputs
        return operations.update(dict(olds), news) if operations.changed(dict(olds), news) else dict(olds)


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], Run]]:
    monkeypatch.chdir(tmp_path)
    yield lambda: Run(tmp_path)
    connections.close()


def members(files: Mapping[str, Mapping[str, str]] = FILES, version: str = "1.0", **more: Any) -> dict[str, Any]:
    after = {"acme/api": ("acme/db",)}
    return {
        name: {"version": version, "files": {}, "texts": texts, "after": after.get(name, ()), **more}
        for name, texts in files.items()
    }


def statuses(repository: str = "dev", version: str = "1.0", *names: str) -> dict[str, str]:
    with opened(Path(".registry")) as client:
        found = {name: Package(client, name, repository).statuses().get(version) for name in names or PUBLISHED}
    return {name: status for name, status in found.items() if status}


def set_status(name: str, status: str, version: str = "1.0", repository: str = "dev") -> None:
    with opened(Path(".registry")) as client:
        client.update_package_versions_status(
            domain="acme",
            repository=repository,
            format="generic",
            namespace="acme",
            package=name,
            versions=[version],
            targetStatus=status,  # type: ignore[arg-type]
        )


def test_one_resource_publishes_all_members(start: Callable[[], Run]) -> None:
    outputs = start().up(BUNDLE, {}, {**SUITE, **DEV}, members=members())
    assert statuses() == PUBLISHED
    line = f"{hashlib.sha256(b'api').hexdigest()}  api.zip\n"
    assert outputs["members"]["acme/api"] == {"version": "1.0", "checksums": line}
    assert outputs["revisions"].keys() == FILES.keys()
    assert outputs["status"] == "Published"
    assert "finalize" not in outputs


def test_the_preview_shows_every_member_and_knows_the_digest(start: Callable[[], Run]) -> None:
    run = start()
    planned = run.check(BUNDLE, {}, {**SUITE, **DEV}, dry_run=True, members=members())
    assert [line.strip() for line in run.log.lines[-1].splitlines()] == [
        "acme/suite@1.0: bundle of 2 members: 3 assets, 376 bytes to send; 0 already there",
        "16 requests",
        planned["digest"],
        "acme/api@1.0: publish 1 asset, 3 bytes",
        "acme/db@1.0: publish 1 asset, 2 bytes",
    ]
    assert not Path(".registry").exists()
    outputs = start().up(BUNDLE, {}, {**SUITE, **DEV}, members=members())
    assert {name: outputs[name] for name in planned} == planned


def test_an_unchanged_bundle_makes_no_call(start: Callable[[], Run], monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = start().up(BUNDLE, {}, {**SUITE, **DEV}, members=members())
    connections.close()
    monkeypatch.setattr(connections, "connect", lambda *_words, **_more: pytest.fail("there was a connection"))
    for dry_run in (True, False):
        run = start()
        news = run.check(BUNDLE, outputs, {**SUITE, **DEV}, dry_run=dry_run, members=members())
        assert not Operations(BUNDLE, run.context).changed(outputs, news)


def test_all_refusals_are_told_in_the_preview(start: Callable[[], Run]) -> None:
    start().up(BUNDLE, {}, {**SUITE, **DEV}, members=members())
    other = {"acme/api": {"api.zip": "x"}, "acme/db": {"db.sql": "y"}}
    with pytest.raises(AssertionError) as caught:
        start().check(BUNDLE, {}, {**SUITE, **DEV}, dry_run=True, members=members(other))
    assert str(caught.value).startswith("bundle: acme/suite@1.0 in acme/dev is refused for 3 reasons:")
    for name in ("api", "db", "suite"):
        assert f"conflict: acme/{name}@1.0 in acme/dev is already Published" in str(caught.value)


@pytest.mark.parametrize("status", ["Archived", "Unlisted", "Deleted"])
def test_drift_shows_under_its_member_and_the_next_up_repairs_it(start: Callable[[], Run], status: str) -> None:
    outputs = start().up(BUNDLE, {}, {**SUITE, **DEV}, members=members())
    assert quiet(start, outputs)
    if status == "Deleted":
        with opened(Path(".registry")) as client:
            client.delete_package_versions(
                domain="acme", repository="dev", format="generic", namespace="acme", package="db", versions=["1.0"]
            )
    else:
        set_status("db", status)
    found = Operations(BUNDLE, start().context).read(outputs)
    assert found is not None
    drift = "does not exist" if status == "Deleted" else f"is {status}, not Published"
    assert found.inputs["members"]["acme/db"]["drift"] == drift
    assert found.inputs["members"]["acme/api"] == outputs["members"]["acme/api"]
    repaired = start().up(BUNDLE, found.outputs, {**SUITE, **DEV}, members=members())
    assert statuses() == PUBLISHED
    assert "drift" not in repaired["members"]["acme/db"]


def quiet(start: Callable[[], Run], outputs: dict[str, Any], kind: Kind = BUNDLE) -> bool:
    """Whether a refresh finds nothing."""
    found = Operations(kind, start().context).read(outputs)
    return found is not None and found.outputs == outputs


def test_a_missing_bundle_leaves_the_state(start: Callable[[], Run]) -> None:
    outputs = start().up(BUNDLE, {}, {**SUITE, **DEV}, members=members())
    with opened(Path(".registry")) as client:
        client.delete_package_versions(
            domain="acme", repository="dev", format="generic", namespace="acme", package="suite", versions=["1.0"]
        )
    assert Operations(BUNDLE, start().context).read(outputs) is None


def test_a_new_version_archives_the_one_before_and_its_members_after_the_commit(start: Callable[[], Run]) -> None:
    policy = {"on_supersede": "archive"}
    first = start().up(BUNDLE, {}, {**SUITE, **DEV, **policy}, members=members())
    kept = {**members(version="2.0"), "acme/db": members()["acme/db"]}
    second = {**SUITE, "version": "2.0", **DEV, **policy}
    start().up(BUNDLE, first, second, members=kept)
    # The list of members of a superseded bundle can still be read.
    assert statuses() == {"api": "Archived", "db": "Published", "suite": "Unlisted"}
    assert statuses("dev", "2.0", "api", "suite") == {"api": "Published", "suite": "Published"}


@pytest.mark.parametrize("policy", ["archive", "unlist", "delete"])
def test_a_destroy_retires_the_bundle_then_its_members(
    start: Callable[[], Run], monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    monkeypatch.setenv("CODEARTIFACT_RELEASE_ALLOW", "delete")
    inputs = {**SUITE, **DEV, "on_destroy": policy}
    allow = frozenset(("delete",))
    shared = start().up(
        BUNDLE,
        {},
        {**inputs, "version": "2.0"},
        allow=allow,
        members={**members(version="2.0"), "acme/db": members()["acme/db"]},
    )
    assert shared["status"] == "Published"
    outputs = start().up(BUNDLE, {}, inputs, allow=allow, members=members())
    run = start()
    Operations(BUNDLE, run.context).delete("acme/suite", outputs)
    after = {"archive": {"api": "Archived", "suite": "Archived"}, "unlist": {"api": "Unlisted", "suite": "Unlisted"}}
    # Another Published version of the bundle names acme/db@1.0.
    assert statuses() == {**after.get(policy, {}), "db": "Published"}
    assert list(dict.fromkeys(line.partition(" in ")[0] for line in run.log.lines)) == [
        "acme/suite@1.0",
        "acme/api@1.0",
    ]


def test_moving_to_a_bundle_and_back_retires_nothing(start: Callable[[], Run]) -> None:
    alone = {**DEV, "namespace": "acme", "version": "1.0", "on_destroy": "archive"}
    run = start()
    before = {
        name: run.up(PACKAGE_VERSION, {}, {**alone, "package": name.removeprefix("acme/")}, texts=texts)
        for name, texts in FILES.items()
    }
    run = start()
    outputs = run.up(BUNDLE, {}, {**SUITE, **DEV, "on_destroy": "archive"}, members=members())
    for name, props in before.items():
        Operations(PACKAGE_VERSION, run.context).delete(name, props)
    assert statuses() == PUBLISHED
    run = start()
    for name, texts in FILES.items():
        run.up(PACKAGE_VERSION, {}, {**alone, "package": name.removeprefix("acme/")}, texts=texts)
    Operations(BUNDLE, run.context).delete("acme/suite", outputs)
    assert statuses() == {**PUBLISHED, "suite": "Archived"}


def test_a_member_of_another_stack_is_never_changed(start: Callable[[], Run]) -> None:
    alone = {**DEV, "namespace": "acme", "package": "lib", "version": "3.0"}
    library = start().up(PACKAGE_VERSION, {}, alone, texts={"lib.zip": "lib"})
    declared = {**members(), "acme/lib": {"version": "3.0", "digest": library["digest"]}}
    outputs = start().up(BUNDLE, {}, {**SUITE, **DEV, "on_destroy": "archive"}, members=declared)
    assert outputs["members"]["acme/lib"] == {"version": "3.0", "digest": library["digest"]}
    assert quiet(start, outputs)
    Operations(BUNDLE, start().context).delete("acme/suite", outputs)
    assert statuses("dev", "3.0", "lib") == {"lib": "Published"}
    declared["acme/lib"]["digest"] = "sha256:" + "0" * 64
    with pytest.raises(AssertionError, match="it cannot be a member of a bundle"):
        start().check(BUNDLE, {}, {**SUITE, "version": "2.0", **DEV}, dry_run=True, members=declared)


def test_a_member_of_two_bundles_is_a_mistake(start: Callable[[], Run]) -> None:
    run = start()
    run.check(BUNDLE, {}, {**SUITE, **DEV}, members=members())
    with pytest.raises(AssertionError, match=r"is a member of two bundles: also of suite"):
        run.check(BUNDLE, {}, {**SUITE, "package": "other", **DEV}, members=members())


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({}, "a bundle must have at least one member"),
        ({"api": members()["acme/api"]}, "members['api']: expected NAMESPACE/PACKAGE"),
        ({"acme/a": {**members()["acme/api"]}}, "members['acme/a']: `after` names acme/db, which is not a member"),
        (
            {"acme/api": {**members()["acme/api"], "after": ("acme/api",)}},
            "`after` is a circle: acme/api -> acme/api",
        ),
        ({f"acme/p{number}": members()["acme/db"] for number in range(501)}, "501 members; a bundle has at most 500"),
        (
            {"acme/CON": members()["acme/db"]},
            "members['acme/CON']: it cannot be the name of a folder: it names a device on some systems",
        ),
        (
            {"acme/db": members()["acme/db"], "acme/DB": members()["acme/db"]},
            "members['acme/DB']: on some systems, its folder is that of acme/db",
        ),
    ],
    ids=["none", "name", "after", "circle", "many", "device", "case"],
)
def test_mistakes(start: Callable[[], Run], declared: dict[str, Any], message: str) -> None:
    with pytest.raises(AssertionError) as caught:
        start().check(BUNDLE, {}, {**SUITE, **DEV}, members=declared)
    assert f"usage: {message}" in str(caught.value)


# --- the promotion of a bundle ----------------------------------------------------------------------------------------


PROMOTED = {**SUITE, **STAGING, "source": DEV}


def test_one_promotion_promotes_the_bundle(start: Callable[[], Run], monkeypatch: pytest.MonkeyPatch) -> None:
    start().up(BUNDLE, {}, {**SUITE, **DEV}, members=members())
    run = start()
    planned = run.check(PROMOTION, {}, PROMOTED, dry_run=True)
    assert "acme/db@1.0: copy 1 asset, 2 bytes" in run.log.lines[-1]
    outputs = start().up(PROMOTION, {}, PROMOTED)
    assert statuses("staging") == PUBLISHED
    assert planned["members"] == outputs["members"]
    assert quiet(start, outputs, PROMOTION)
    connections.close()
    monkeypatch.setattr(connections, "connect", lambda *_words, **_more: pytest.fail("there was a connection"))
    assert start().up(PROMOTION, outputs, PROMOTED) == outputs


def test_a_drifted_member_of_a_promoted_bundle_is_repaired(start: Callable[[], Run]) -> None:
    start().up(BUNDLE, {}, {**SUITE, **DEV}, members=members())
    outputs = start().up(PROMOTION, {}, PROMOTED)
    set_status("db", "Archived", repository="staging")
    found = Operations(PROMOTION, start().context).read(outputs)
    assert found is not None
    assert found.inputs["members"]["acme/db"]["drift"] == "is Archived, not Published"
    repaired = start().up(PROMOTION, found.outputs, PROMOTED)
    assert statuses("staging") == PUBLISHED
    assert repaired["members"] == outputs["members"]


def test_a_promotion_of_a_partial_bundle_is_refused_with_all_members(start: Callable[[], Run]) -> None:
    start().up(BUNDLE, {}, {**SUITE, **DEV}, members=members())
    set_status("db", "Archived")
    set_status("api", "Unlisted")
    with pytest.raises(AssertionError, match="is refused for 2 reasons"):
        start().check(PROMOTION, {}, PROMOTED, dry_run=True)
    with pytest.raises(BundleError):
        start().up(PROMOTION, {}, PROMOTED)
    assert statuses("staging") == {}


WITHDRAWN = """\
schemaVersion: 1
bundle: {namespace: acme, package: suite, version: "2.0"}
packages: [{namespace: acme, package: db, version: "2.0", assets: [db.sql]}]
environments: {dev: {domain: acme, repository: dev, endpoint: "file:.registry"}}
withdrawn:
  acme/db@1.0: {digest: "sha256:DIGEST", status: Archived, reason: loses orders, bundle: "acme/suite@1.0"}
"""


def test_a_member_that_was_withdrawn_with_its_bundle_is_not_promoted(start: Callable[[], Run]) -> None:
    start().up(BUNDLE, {}, {**SUITE, **DEV}, members=members())
    Path("release.yaml").write_text(WITHDRAWN.replace("DIGEST", "0" * 64))
    rules = promotion_rules(load(Path("release.yaml"), with_files=False), [])
    with pytest.raises(AssertionError, match=r"withdrawn: acme/db@1\.0 .* was withdrawn .*: loses orders"):
        start().check(PROMOTION, {}, PROMOTED, dry_run=True, **rules)


def test_a_rollback_of_a_promoted_bundle(start: Callable[[], Run]) -> None:
    policy = {"on_supersede": "archive"}
    for version in ("1.0", "2.0"):
        start().up(BUNDLE, {}, {**SUITE, "version": version, **DEV}, members=members(version=version))
    outputs: dict[str, Any] = {}
    for version, other in (("1.0", "2.0"), ("2.0", "1.0"), ("1.0", "2.0")):
        outputs = start().up(PROMOTION, outputs, {**PROMOTED, **policy, "version": version})
        assert statuses("staging", version) == PUBLISHED
        assert set(statuses("staging", other).values()) <= {"Archived", "Unlisted"}


def test_the_status_of_a_promoted_bundle_must_be_published(start: Callable[[], Run]) -> None:
    start().up(BUNDLE, {}, {**SUITE, **DEV}, members=members())
    with pytest.raises(AssertionError, match="is a bundle, which must be Published"):
        start().up(PROMOTION, {}, {**PROMOTED, "status": "Archived"})
