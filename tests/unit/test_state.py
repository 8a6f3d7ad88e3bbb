"""What stands in users' state."""

from __future__ import annotations

from dataclasses import replace

from pulumi_codeartifact_release.plugin.state import (
    DECISIVE,
    INPUTS,
    Inputs,
    inputs_from_remote,
    outputs,
    same,
    upgrade_state,
)
from pulumi_codeartifact_release.publishing import RemoteVersion, checksums, digest
from pulumi_codeartifact_release.registry import AssetListing, Status, VersionState
from support.fakes import asset

PROPS = {
    "namespace": "acme",
    "package": "app",
    "version": "1.0",
    "domain": "acme",
    "repository": "dev",
    "region": "us-east-1",
    "endpoint": "file:.registry",
    "status": "Published",
    "finalize": "status-update",
    "on_destroy": "retain",
    "on_supersede": "keep",
    "checksums": checksums([asset("a.txt", b"abc")]),
    "digest": digest([asset("a.txt", b"abc")]),
}


def test_the_names_of_inputs_are_those_in_state() -> None:
    # Pinned: a name that is missing here is a diff, or an error, for every user.
    assert INPUTS == (
        "namespace", "package", "version", "domain", "domain_owner", "repository", "region", "profile", "endpoint",
        "status", "finalize", "on_destroy", "on_supersede", "checksums", "digest",
    )  # fmt: skip


def test_reading_and_writing_is_a_round_trip() -> None:
    inputs = Inputs.of(PROPS)
    assert inputs.id == "acme/app"
    assert inputs.properties() == PROPS
    assert Inputs.of(inputs.properties()) == inputs


def test_a_release_has_the_sizes_that_somebody_knows() -> None:
    inputs = Inputs.of(PROPS)
    assert inputs.release({"a.txt": 3}).assets == (asset("a.txt", b"abc"),)
    assert inputs.release().assets == (replace(asset("a.txt", b"abc"), size=0),)
    assert inputs.release().digest == inputs.digest == PROPS["digest"]


def test_assets_of_version_0_1_0_become_checksums() -> None:
    names = ["b.txt", "a.txt", "back\\slash"]
    old = {name: {"sha256": asset(name, b"x").sha256, "size": 1.0} for name in names}
    others = {name: value for name, value in PROPS.items() if name not in ("checksums", "digest", "finalize")}
    now = upgrade_state({**others, "assets": old, "finish": "last-asset"})
    text = checksums(asset(name, b"x") for name in names)
    assert now == {**others, "checksums": text, "finalize": "last-asset"}
    assert upgrade_state(now) == now
    assert upgrade_state(PROPS) == PROPS


def test_outputs_are_the_inputs_with_the_registrys_answer() -> None:
    values = outputs(Inputs.of(PROPS), VersionState(Status.PUBLISHED, "r1"))
    assert (values["status"], values["revision"]) == ("Published", "r1")
    assert set(values) - set(INPUTS) == {"revision"}


def test_a_policy_or_a_credential_is_not_decisive_a_place_or_a_byte_is() -> None:
    for name, value in {"profile": "x", "finalize": "last-asset", "on_destroy": "x", "on_supersede": "x"}.items():
        assert same(PROPS, {**PROPS, name: value}, DECISIVE)
        assert not same(PROPS, {**PROPS, name: value})
    for name, value in {"version": "2", "repository": "x", "region": "x", "endpoint": "", "status": "Unlisted"}.items():
        assert not same(PROPS, {**PROPS, name: value}, DECISIVE)
    assert not same(PROPS, {**PROPS, "checksums": checksums([asset("a.txt", b"ABC")])}, DECISIVE)


def test_missing_none_and_empty_are_one() -> None:
    assert same({"domain_owner": None, "endpoint": ""}, {})


def test_the_remote_version_is_shown_as_inputs() -> None:
    inputs = Inputs.of(PROPS)
    held = {"a.txt": asset("a.txt", b"abc"), "b.txt": asset("b.txt", b"b")}
    remote = RemoteVersion.of(VersionState(Status.ARCHIVED, "r2"), AssetListing("r2", held))
    drifted = inputs_from_remote(inputs, remote).properties()
    assert drifted["status"] == "Archived"
    assert drifted["checksums"] == f"{PROPS['checksums']}{held['b.txt'].sha256}  b.txt\n"
    assert drifted["digest"] == digest(held.values())


def test_a_version_without_assets_shows_as_one() -> None:
    remote = RemoteVersion.of(VersionState(Status.DISPOSED, "r2"), AssetListing("r2", {}))
    assert inputs_from_remote(Inputs.of(PROPS), remote).properties()["checksums"] == ""
