"""A version is at one place, whatever that place is called; what another resource declares is not ours to retire."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import grpc
import pytest

from pulumi_codeartifact_release.hashing import FileIdentity, SqliteCache, default_folder
from pulumi_codeartifact_release.local_registry import start
from support.embedded import Gate, Package, client_of

from .plugin import URN, Plugin
from .test_protocol import World, failed, world

__all__ = ["world"]

OTHER_URN = URN.replace("::acme/app", "::another")


def updated(world: World, plugin: Plugin, olds: dict[str, Any], **inputs: Any) -> dict[str, Any]:
    checked = plugin.checked(olds, world.news(**inputs))
    return plugin.update(olds, checked)


@pytest.mark.parametrize("policy", ["unlist", "archive"])
def test_another_name_of_the_same_place_is_not_another_version(world: World, policy: str) -> None:
    _inputs, outputs = world.published(on_supersede=policy)
    with world.plugin(AWS_ENDPOINT_URL_CODEARTIFACT=world.gate.url.replace("127.0.0.1", "localhost")) as plugin:
        plugin.configure()
        moved = updated(world, plugin, outputs, on_supersede=policy)
        owned = updated(world, plugin, moved, on_supersede=policy, domain_owner="000000000000")
    assert owned["domain_owner"] == "000000000000"
    assert world.package.statuses() == {"1.0": "Published"}


def test_a_new_version_retires_the_one_before(world: World) -> None:
    _inputs, outputs = world.published(on_supersede="archive")
    with world.plugin() as plugin:
        plugin.configure()
        updated(world, plugin, outputs, on_supersede="archive", version="1.1")
    assert world.package.statuses() == {"1.0": "Archived", "1.1": "Published"}
    assert any("the previous version: Archived" in line for line in world.engine.lines(ephemeral=False))


def test_a_version_before_whose_place_is_gone_is_a_warning_and_no_failure(world: World) -> None:
    _inputs, outputs = world.published(on_supersede="archive")
    gone = {**outputs, "repository": "gone"}
    with world.plugin() as plugin:
        plugin.configure()
        assert updated(world, plugin, gone, on_supersede="archive", version="1.1")["version"] == "1.1"
    assert any("is not changed" in line for line in world.engine.lines(ephemeral=False))


@pytest.mark.parametrize("policy", ["archive", "delete"])
def test_a_version_that_another_resource_declares_now_survives_the_rename(world: World, policy: str) -> None:
    permitted: dict[str, Any] = {"declared": {"allow": frozenset(("endpoint", "delete"))}}
    _inputs, outputs = world.published(on_destroy=policy, **permitted)
    with world.plugin(CODEARTIFACT_RELEASE_ALLOW="delete") as plugin:
        plugin.configure()
        renamed = world.news(on_destroy=policy, declared={**permitted["declared"], "urn": OTHER_URN})
        plugin.create(plugin.checked({}, renamed))
        plugin.call("Delete", {"id": "acme/app", "urn": URN, "properties": outputs})
    assert world.package.statuses() == {"1.0": "Published"}
    assert any("declared by another resource" in line for line in world.engine.lines(ephemeral=False))


RESPELLED: dict[str, dict[str, Any]] = {
    "an owner that is named now": {"domain_owner": "000000000000"},
    "localhost": {"endpoint": "http://localhost:{port}"},
    "localhost, capitals and a slash": {"endpoint": "http://LOCALHOST:{port}/"},
    "another gate, and an owner": {"endpoint": "{other}", "domain_owner": "000000000000"},
    "the folder that is served": {"endpoint": "file:../registry"},
    "the folder, by a link": {"endpoint": "file:link"},
    "another region": {"region": "eu-west-1"},
}


@pytest.mark.parametrize(
    ("policy", "spelling"), [*(("delete", each) for each in RESPELLED), ("archive", "an owner that is named now")]
)
def test_a_rename_that_calls_the_place_otherwise_leaves_the_version_that_lives(
    world: World, policy: str, spelling: str
) -> None:
    inputs = RESPELLED[spelling]
    permitted = frozenset(("endpoint", "delete"))
    _inputs, outputs = world.published(on_destroy=policy, declared={"allow": permitted})
    (world.program / "link").symlink_to("../registry")
    with Gate(world.gate.registry) as other, world.plugin(CODEARTIFACT_RELEASE_ALLOW="delete") as plugin:
        port = world.gate.url.rpartition(":")[2]
        spelled: dict[str, Any] = {name: value.format(port=port, other=other.url) for name, value in inputs.items()}
        plugin.configure()
        renamed = world.news(on_destroy=policy, **spelled, declared={"allow": permitted, "urn": OTHER_URN})
        plugin.create(plugin.checked({}, renamed))
        plugin.call("Delete", {"id": "acme/app", "urn": URN, "properties": outputs})
    assert world.package.statuses() == {"1.0": "Published"}
    assert any("declared by another resource" in line for line in world.engine.lines(ephemeral=False))


def test_where_nothing_tells_whether_it_is_the_same_the_version_stays_and_it_is_said(world: World) -> None:
    _inputs, outputs = world.published(on_destroy="archive")

    def fail(_path: str) -> None:
        raise ConnectionAbortedError("nobody answers any more")

    with Gate(world.gate.registry) as other, world.plugin() as plugin:
        plugin.configure()
        renamed = world.news(on_destroy="archive", endpoint=other.url, declared={"urn": OTHER_URN})
        plugin.create(plugin.checked({}, renamed))
        other.before = fail
        plugin.call("Delete", {"id": "acme/app", "urn": URN, "properties": outputs})
    assert world.package.statuses() == {"1.0": "Published"}
    assert any("another resource may declare it" in line for line in world.engine.lines(ephemeral=False))


@pytest.mark.parametrize("elsewhere", [{"endpoint": "file:.another"}, {"repository": "another"}])
def test_what_another_resource_declares_elsewhere_protects_nothing(world: World, elsewhere: dict[str, Any]) -> None:
    _inputs, outputs = world.published(on_destroy="archive")
    client = client_of(world.gate.registry)
    client.create_repository(domain="acme", repository="another")
    client.close()
    with world.plugin() as plugin:
        plugin.configure()
        plugin.create(plugin.checked({}, world.news(on_destroy="archive", **elsewhere, declared={"urn": OTHER_URN})))
        plugin.call("Delete", {"id": "acme/app", "urn": URN, "properties": outputs})
    assert world.package.statuses() == {"1.0": "Archived"}


def test_a_version_that_another_resource_declares_by_another_name_is_not_superseded(world: World) -> None:
    _inputs, outputs = world.published(on_supersede="archive")
    with Gate(world.gate.registry) as other, world.plugin() as plugin:
        plugin.configure()
        kept = world.news(endpoint=other.url, declared={"urn": OTHER_URN})
        plugin.create(plugin.checked({}, kept))
        updated(world, plugin, outputs, on_supersede="archive", version="1.1")
    assert world.package.statuses() == {"1.0": "Published", "1.1": "Published"}


def test_two_resources_may_not_declare_one_version_in_different_statuses(world: World) -> None:
    with world.plugin() as plugin:
        plugin.configure()
        plugin.checked({}, world.news())
        localhost = world.gate.url.replace("127.0.0.1", "localhost")
        other = world.news(status="Archived", endpoint=localhost, declared={"urn": OTHER_URN})
        failures = plugin.check({}, other)["failures"]
    assert "declared twice, with different statuses: also by acme/app" in failures[0]["reason"]


def test_two_resources_may_not_declare_one_version_with_different_files(world: World) -> None:
    with world.plugin() as plugin:
        plugin.configure()
        plugin.checked({}, world.news({"a.txt": "one"}))
        other = world.news({"b.txt": "two"}, declared={"urn": OTHER_URN})
        failures = plugin.check({}, other)["failures"]
    assert "declared twice, with different files" in failures[0]["reason"]


def test_what_state_calls_aws_is_aws_whatever_the_shell_says(world: World) -> None:
    _inputs, outputs = world.published()
    before = len(world.gate.requests)
    at_aws = {**outputs, "endpoint": ""}
    # No such network here: what matters is that the shell's registry, which has this version, is not asked.
    with world.plugin(CODEARTIFACT_RELEASE_CONNECT_TIMEOUT="1") as plugin:
        plugin.configure()
        with pytest.raises(grpc.RpcError) as raised:
            plugin.read(at_aws)
    assert "codeartifact.us-east-1.amazonaws.com" in failed(raised.value, "unreachable")
    assert len(world.gate.requests) == before


def test_an_endpoint_that_is_not_known_yet_is_not_taken_from_the_shell(world: World) -> None:
    unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
    for name in ("endpoint", "region", "profile"):
        before = len(world.gate.requests)
        with world.plugin() as plugin:
            plugin.configure()
            given: dict[str, Any] = {name: unknown}
            checked = plugin.checked({}, world.news(declared={"dry_run": True}, **given))
        assert checked[name] == unknown
        assert len(world.gate.requests) == before


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({"version": 1.1}, "version is 1.1: quote it"),
        ({"domain_owner": 111122223333}, "domain_owner is 111122223333"),
        ({"version": ["a"]}, "version is ['a']: quote it"),
        ({"endpoint": 5}, "endpoint is 5"),
        ({"endpoint": "http://[::1"}, "is not a URL"),
        ({"endpoint": "file:" + "x" * 300}, "is not a usable path"),
        ({"domain": "Acme"}, "domain"),
        ({"status": "Publishd"}, "Published"),
    ],
)
def test_odd_arguments_are_said_in_check(world: World, inputs: dict[str, Any], says: str) -> None:
    with world.plugin() as plugin:
        plugin.configure()
        failures = plugin.check({}, world.news(declared={"dry_run": True}, **inputs))["failures"]
    assert says in failures[0]["reason"]


def test_a_revision_of_a_hostile_registry_reaches_neither_state_nor_terminal(world: World, tmp_path: Path) -> None:
    # The registry of another process answers; only its revision is exchanged on the way.
    _inputs, outputs = world.published()
    with start(tmp_path / "registry") as server:
        client = client_of(server)
        assert Package(client).statuses() == {"1.0": "Published"}
        client.close()
    with world.plugin() as plugin:
        plugin.configure()
        read = plugin.read({**outputs, "revision": "\x1b[2J\n::error::pwned"})
    assert read["properties"]["revision"] == outputs["revision"]
    for line in world.engine.lines(ephemeral=False):
        assert "\x1b" not in line
        assert not any(part.lstrip().startswith("::") for part in line.splitlines())


def test_a_hash_that_the_cache_has_wrong_is_said_by_create_and_by_a_preview_and_heals(world: World) -> None:
    cache = SqliteCache(default_folder())
    wrong = hashlib.sha256(b"older").hexdigest()

    def spoil(**declared: Any) -> dict[str, Any]:
        news = world.news({"a.txt": "alpha"}, declared=declared)
        cache.put_many({FileIdentity.of((world.program / "dist" / "a.txt").stat()): wrong})
        return news

    with world.plugin() as plugin:
        plugin.configure()
        checked = plugin.checked({}, spoil())
        with pytest.raises(grpc.RpcError) as caught:
            plugin.create(checked)
    assert "a.txt has different bytes than when it was hashed" in failed(caught.value, "file-changed")
    assert world.package.statuses() == {}
    world.published({"a.txt": "alpha"})
    assert world.package.statuses() == {"1.0": "Published"}
    with world.plugin() as plugin:
        plugin.configure()
        news = spoil(dry_run=True)
        # Without a look at the bytes this would be a conflict.
        (failure,) = plugin.check({}, news)["failures"]
        assert "has different bytes than when it was hashed" in failure["reason"]
        assert "failures" not in plugin.check({}, news)
