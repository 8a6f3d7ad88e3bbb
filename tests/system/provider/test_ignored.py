"""`ignore_changes`: the engine hands over what state has, in the place of what the program declares."""

from __future__ import annotations

from typing import Any

import pytest
from pulumi.runtime.rpc import is_rpc_secret, unwrap_rpc_secret

from .plugin import PICKLE, PROMOTION_PICKLE, PROMOTION_URN, URN, Plugin
from .test_protocol import World, world

__all__ = ["world"]

PLACE = {"namespace": "acme", "package": "app", "version": "1.0", "domain": "acme", "repository": "dev"}


def reasons(answer: dict[str, Any]) -> list[str]:
    return [failure["reason"] for failure in answer["failures"]]


def test_all_that_is_ignored_stays_as_it_is_and_needs_no_call(world: World) -> None:
    inputs, outputs = world.published()
    before = len(world.gate.requests)
    with world.plugin() as plugin:
        plugin.configure()
        held = plugin.checked(inputs, inputs)
        assert held == inputs
        assert plugin.diff(outputs, held) == {"changes": "DIFF_NONE"}
    assert len(world.gate.requests) == before


def test_what_is_held_back_is_declared_all_the_same(world: World) -> None:
    inputs, outputs = world.published(on_destroy="archive")
    with world.plugin() as plugin:
        plugin.configure()
        plugin.checked(inputs, inputs)
        plugin.call("Delete", {"id": "acme/app", "urn": URN, "properties": outputs})
    assert world.package.statuses() == {"1.0": "Published"}


def test_what_was_secret_stays_so_where_all_is_ignored(world: World) -> None:
    def in_clear(properties: dict[str, Any]) -> dict[str, Any]:
        # As the engine hands them over.
        return {name: unwrap_rpc_secret(value) for name, value in properties.items()}

    with world.plugin() as plugin:
        plugin.configure()
        inputs = in_clear(plugin.checked({}, world.news(declared={"secret": ("version",)})))
        outputs = in_clear(plugin.create(inputs))
    assert outputs["audit"]["secret"] == "version"
    with world.plugin() as plugin:
        plugin.configure()
        held = plugin.checked(inputs, inputs)
        assert plugin.diff(outputs, held) == {"changes": "DIFF_NONE"}
        # Whatever the diff was for: what is secret stays so.
        assert is_rpc_secret(plugin.update(outputs, held)["audit"])


@pytest.mark.parametrize(
    ("held", "missing"),
    [
        ({}, "namespace, package, version, domain, repository, checksums, digest"),
        (PLACE, "checksums, digest"),
        ({**PLACE, "version": ""}, "version, checksums, digest"),
    ],
)
@pytest.mark.parametrize("dry_run", [True, False])
def test_missing_inputs_in_state_give_a_hint_that_works(
    world: World, held: dict[str, Any], missing: str, dry_run: bool
) -> None:
    olds = {"__provider": PICKLE, **held}
    with world.plugin() as plugin:
        plugin.configure()
        assert reasons(plugin.check(olds, held)) == [
            "usage: `ignore_changes` keeps all inputs in state, but state has no "
            f"{missing}\nRemove it, run `pulumi up`, which adopts the published version, then add it again."
        ]
        # Follow the hint. `on_supersede` has no effect, because state does not contain the previous version.
        news = world.news(on_supersede="archive", declared={"dry_run": dry_run})
        adopted = plugin.update(olds, plugin.checked(olds, news))
    assert adopted["version"] == "1.0"


def test_ignore_changes_of_a_promotion_needs_its_source(world: World) -> None:
    held = {**PLACE, "checksums": f"{'0' * 64}  a\n", "digest": f"sha256:{'0' * 64}"}
    with Plugin(world.program, world.engine, world.environ, pickle=PROMOTION_PICKLE, urn=PROMOTION_URN) as plugin:
        plugin.configure()
        [reason] = reasons(plugin.check(held, held))
    assert "but state has no source\n" in reason


def test_a_version_that_state_does_not_name_is_left_by_a_destroy(world: World) -> None:
    world.published()
    with world.plugin() as plugin:
        plugin.configure()
        plugin.call("Delete", {"id": "acme/app", "urn": URN, "properties": {"__provider": PICKLE}})
    assert world.package.statuses() == {"1.0": "Published"}
    assert any("state does not contain the version of acme/app" in line for line in world.engine.lines(ephemeral=False))


@pytest.mark.parametrize("change", [{"version": "1.1"}, {"status": "Unlisted"}, {"repository": "another"}])
def test_assets_that_are_held_back_are_not_released_under_another_name(world: World, change: dict[str, Any]) -> None:
    inputs, _outputs = world.published()
    with world.plugin() as plugin:
        plugin.configure()
        # The engine puts back what state has.
        held = {"checksums": inputs["checksums"]}
        assert plugin.checked(inputs, {**world.news({"a.txt": "another"}), **held}) == inputs
        [failure] = plugin.check(inputs, {**world.news({"a.txt": "another"}, **change), **held})["failures"]
        same = plugin.check(inputs, {**world.news(**change), **held})
    assert failure["property"] == "assets"
    assert "`ignore_changes` keeps the old `checksums`, but the files are different\n" in failure["reason"]
    assert "Remove `checksums` from ignore_changes to release these files" in failure["reason"]
    # The same files are no matter.
    assert "failures" not in same
