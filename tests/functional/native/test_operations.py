"""What the operations do, through both providers."""

from __future__ import annotations

import hashlib

import pytest

from .conftest import Driver, Dynamic, Native, RefusedRunError, State, World


def digest_of(state: State) -> str:
    return str(state.outputs["digest"])


def another_run(driver: Driver, state: State) -> Driver:
    """Return the provider in a run that does not declare the version."""
    if isinstance(driver, Native):
        return Native()
    driver.refresh(state)
    return driver


def test_a_version_is_published_and_then_not_touched(driver: Driver, world: World) -> None:
    files = world.files(a="alpha", b="beta")
    state = driver.up(None, files)
    assert state.id == "acme/app"
    assert world.package.contents("1.0") == {"a.txt": b"alpha", "b.txt": b"beta"}
    assert state.outputs["status"] == "Published"
    assets = [("a.txt", b"alpha"), ("b.txt", b"beta")]
    lines = "".join(f"{hashlib.sha256(text).hexdigest()}  {name}\n" for name, text in assets)
    assert digest_of(state) == f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"
    requests = len(world.gate.requests)
    again = driver.up(state, files)
    assert again == state
    assert len(world.gate.requests) == requests


def test_a_preview_writes_nothing_and_refuses_other_bytes(driver: Driver, world: World) -> None:
    driver.preview(None, world.files(a="alpha"))
    assert world.writes == []
    state = driver.up(None, world.files(a="alpha"))
    writes = world.writes
    with pytest.raises(RefusedRunError) as raised:
        driver.preview(state, world.files(a="other"))
    assert str(raised.value).startswith("conflict: acme/app@1.0 in acme/dev is already Published")
    assert str(raised.value).count("sha256:") >= 2
    with pytest.raises(RefusedRunError, match="conflict: "):
        driver.up(state, world.files(a="other"))
    assert world.writes == writes


def test_a_published_version_is_adopted(driver: Driver, world: World) -> None:
    files = world.files(a="alpha")
    first = driver.up(None, files)
    writes = world.writes
    assert driver.up(None, files).outputs["revision"] == first.outputs["revision"]
    assert world.writes == writes


def test_a_new_version_keeps_or_retires_the_previous_one(driver: Driver, world: World) -> None:
    state = driver.up(None, world.files(a="alpha"))
    state = driver.up(state, world.files(a="beta"), version="1.1")
    assert world.package.statuses() == {"1.0": "Published", "1.1": "Published"}
    state = driver.up(state, world.files(a="gamma"), version="1.2", on_supersede="archive")
    assert world.package.statuses() == {"1.0": "Published", "1.1": "Archived", "1.2": "Published"}
    assert state.outputs["version"] == "1.2"


def test_a_refresh_shows_drift_that_the_next_update_repairs(driver: Driver, world: World) -> None:
    files = world.files(a="alpha")
    state = driver.up(None, files)
    assert driver.refresh(state) == state
    world.package.set_status("1.0", "Archived")
    drifted = driver.refresh(state)
    assert drifted
    assert drifted.inputs["status"] == drifted.outputs["status"] == "Archived"
    # The files are not needed for a change of the status.
    repaired = driver.up(drifted, files)
    assert world.package.statuses() == {"1.0": "Published"}
    assert repaired.outputs["status"] == "Published"
    world.package.delete("1.0")
    assert driver.refresh(repaired) is None


def test_a_version_that_leaves_the_program_is_retired_by_its_policy(driver: Driver, world: World) -> None:
    files = world.files(a="alpha")
    state = driver.up(None, files)
    driver.delete(state)
    assert world.package.statuses() == {"1.0": "Published"}
    state = driver.up(state, files, on_destroy="archive")
    another_run(driver, state).delete(state)
    assert world.package.statuses() == {"1.0": "Archived"}


def test_a_version_that_another_resource_declares_is_not_retired(driver: Driver, world: World) -> None:
    state = driver.up(None, world.files(a="alpha"), on_destroy="archive")
    driver.check(None, world.files(a="alpha"))
    driver.delete(state)
    assert world.package.statuses() == {"1.0": "Published"}


def test_deletion_needs_the_permission_of_the_run(
    driver: Driver, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = driver.up(None, world.files(a="alpha"), on_destroy="delete")
    fresh = another_run(driver, state)
    with pytest.raises(Exception, match="CODEARTIFACT_RELEASE_ALLOW=delete"):
        fresh.delete(state)
    assert world.package.statuses() == {"1.0": "Published"}
    monkeypatch.setenv("CODEARTIFACT_RELEASE_ALLOW", "delete")
    fresh.delete(state)
    assert world.package.statuses() == {}


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"version": ""}, "version is empty"),
        ({"status": "published"}, "`published`"),
        ({"domain_owner": "12"}, "`12`"),
        ({"endpoint": "http://example.com"}, "endpoint"),
    ],
)
def test_wrong_arguments_are_one_line_each(driver: Driver, world: World, inputs: dict[str, str], message: str) -> None:
    with pytest.raises(RefusedRunError, match=message):
        driver.check(None, world.files(a="alpha"), **inputs)


@pytest.mark.parametrize("first", [Native, Dynamic])
def test_state_moves_from_one_provider_to_the_other_without_a_difference(
    world: World, first: type[Native | Dynamic]
) -> None:
    second = Dynamic if first is Native else Native
    files = world.files(a="alpha", b="beta")
    state = first().up(None, files, on_supersede="archive", domain_owner="000000000000")
    requests = len(world.gate.requests)
    one = second()
    # The engine asks with the inputs that the first provider has stored.
    news = one.check(state, files, on_supersede="archive", domain_owner="000000000000")
    assert not one.changed(state, news)
    assert len(world.gate.requests) == requests
    moved = State(state.id, news, state.outputs)
    assert one.refresh(moved)
    one.up(moved, world.files(a="alpha", b="gamma"), version="1.1", on_supersede="archive", domain_owner="000000000000")
    assert world.package.statuses() == {"1.0": "Archived", "1.1": "Published"}
