"""What stands in users' state."""

from __future__ import annotations

from fakes import asset
from pulumi_codeartifact_release.publishing import RemoteVersion
from pulumi_codeartifact_release.registry import Asset, AssetListing, Status, VersionState
from pulumi_codeartifact_release.state import DECISIVE, INPUTS, Inputs, found, outputs, same

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
    "assets": {"a.txt": {"sha256": asset("", b"abc").sha256, "size": 3.0}},
    "digest": "sha256:whatever",
}


def test_the_names_of_inputs_are_what_users_states_hold() -> None:
    # Pinned: a name that is missing here is a diff, or an error, for every user.
    assert INPUTS == (
        "namespace", "package", "version", "domain", "domain_owner", "repository", "region", "profile", "endpoint",
        "status", "finalize", "on_destroy", "on_supersede", "assets", "digest",
    )  # fmt: skip


def test_reading_and_writing_is_a_round_trip_with_whole_numbers() -> None:
    inputs = Inputs.of(PROPS)
    assert inputs.id == "acme/app"
    properties = inputs.properties()
    assert properties["assets"]["a.txt"]["size"] == 3
    assert isinstance(properties["assets"]["a.txt"]["size"], int)
    assert Inputs.of(properties) == inputs
    assert same({**PROPS, "digest": properties["digest"]}, properties)


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
    other = {"a.txt": {"sha256": asset("", b"ABC").sha256, "size": 3}}
    assert not same(PROPS, {**PROPS, "assets": other}, DECISIVE)


def test_missing_none_and_empty_are_one() -> None:
    assert same({"domain_owner": None, "endpoint": ""}, {})


def test_what_is_found_shows_as_if_it_had_been_declared() -> None:
    inputs = Inputs.of(PROPS)
    held = {"a.txt": Asset("a.txt", 0, asset("", b"abc").sha256), "b.txt": asset("b.txt", b"b")}
    remote = RemoteVersion.of(VersionState(Status.ARCHIVED, "r2"), AssetListing("r2", held))
    drifted = found(inputs, remote).properties()
    assert drifted["status"] == "Archived"
    # The size is ours where the registry reports none for the same bytes.
    assert drifted["assets"]["a.txt"]["size"] == 3
    assert "b.txt" in drifted["assets"]
    assert drifted["digest"] != inputs.properties()["digest"]
