"""A bundle is complete if every member is Published with the digest that it names, else partial."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pulumi_codeartifact_release.errors import BundleError
from pulumi_codeartifact_release.publishing.bundle_check import member_at, read_bundle_state
from pulumi_codeartifact_release.registry import Coordinates, Status
from support.fakes import FakeRegistry, InlineScheduler

SUITE = Coordinates("acme", "dev", "acme", "suite", "1.0")
PACKAGES = {"acme/api": {"api.zip": b"api"}, "acme/web": {"web.zip": b"web"}}
API = replace(SUITE, package="api")


@pytest.fixture
def registry() -> FakeRegistry:
    return FakeRegistry()


def test_a_bundle_with_all_its_members_is_complete(registry: FakeRegistry) -> None:
    members = registry.holds_bundle(SUITE, PACKAGES)
    state = read_bundle_state(registry, SUITE, members, InlineScheduler())
    assert state.complete
    assert [checked.member for checked in state.members] == members
    state.refuse_partial("Nothing was done.")
    assert registry.writes == []


@pytest.mark.parametrize(
    ("contents", "status", "problem"),
    [
        ({}, None, "does not exist"),
        ({"api.zip": b"API"}, Status.PUBLISHED, "has the digest sha256:"),
        ({"api.zip": b"api"}, Status.UNLISTED, "is Unlisted, not Published"),
        ({"api.zip": b"api"}, Status.ARCHIVED, "is Archived, not Published"),
        ({"api.zip": b"api"}, Status.UNFINISHED, "is Unfinished, not Published"),
    ],
)
def test_a_member_that_is_not_as_the_bundle_names_it_makes_the_bundle_partial(
    registry: FakeRegistry, contents: dict[str, bytes], status: Status | None, problem: str
) -> None:
    members = registry.holds_bundle(SUITE, PACKAGES)
    if status:
        registry.holds(contents, status, API)
    else:
        del registry.versions[API]
    state = read_bundle_state(registry, SUITE, members, InlineScheduler())
    [checked] = state.problems
    assert checked.member.id == "acme/api"
    assert checked.problem.startswith(problem)
    with pytest.raises(BundleError) as error:
        state.refuse_partial("Nothing was downloaded.")
    assert error.value.exit_code == 4
    first, second = error.value.message.splitlines()
    assert first == "acme/suite@1.0 in acme/dev is partial: 1 of 2 members are not as the bundle names them:"
    assert second.startswith(f"    acme/api@1.0 {problem}")
    assert error.value.hint == ("Nothing was downloaded. Restore these members, or use another version of the bundle.")


def test_a_long_list_of_members_is_cut(registry: FakeRegistry) -> None:
    members = registry.holds_bundle(SUITE, {f"acme/p{number:02}": {"a": b"a"} for number in range(30)})
    registry.versions.clear()
    state = read_bundle_state(registry, SUITE, members, InlineScheduler())
    with pytest.raises(BundleError) as error:
        state.refuse_partial("")
    assert error.value.message.splitlines()[-2:] == ["    acme/p19@1.0 does not exist", "    and 10 more"]


def test_members_are_in_the_repository_of_their_bundle(registry: FakeRegistry) -> None:
    [member] = registry.holds_bundle(replace(SUITE, repository="other", domain_owner="1" * 12), {"x/y": {"a": b""}})
    assert member_at(replace(SUITE, repository="other", domain_owner="1" * 12), member) == Coordinates(
        "acme", "other", "x", "y", "1.0", "1" * 12
    )
