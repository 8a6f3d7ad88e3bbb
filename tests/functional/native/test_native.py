"""What only the native provider has: arguments of other languages, imports, bundles, functions, previews."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.rpc import UNKNOWN, wrap_rpc_secret

from pulumi_codeartifact_release.errors import UsageError
from pulumi_codeartifact_release.native.server import Provider
from pulumi_codeartifact_release.native.values import decode, encode

from .conftest import URN, VERSION, Native, World, native

ASSET = {"4dabf18193072939515e22adb298388d": "c44067f5952c0a294b673a41bacd8c17", "hash": "00"}


def check(provider: Provider, kind: str = "PackageVersion", **news: Any) -> dict[str, Any]:
    urn = URN.replace("PackageVersion", kind)
    response = provider.check(pb.CheckRequest(urn=urn, news=encode({**VERSION, **news})))
    assert not response.failures, [each.reason for each in response.failures]
    return decode(response.inputs)[0]


def reasons(**news: Any) -> list[str]:
    response = native().check(pb.CheckRequest(urn=URN, news=encode({**VERSION, **news})))
    return [each.reason for each in response.failures]


def create(provider: Provider, inputs: dict[str, Any], kind: str = "PackageVersion", *, preview: bool = False) -> Any:
    urn = URN.replace("PackageVersion", kind)
    return provider.create(pb.CreateRequest(urn=urn, properties=encode(inputs), preview=preview))


@pytest.mark.parametrize(
    "assets",
    [
        ["dist/*"],
        {"a.txt": "dist/a.txt"},
        {"a.txt": {**ASSET, "path": "dist/a.txt"}},
        {"a.txt": {**ASSET, "text": "alpha"}},
        {"a.txt": wrap_rpc_secret("dist/a.txt")},
    ],
)
def test_assets_are_paths_globs_or_asset_objects(world: World, assets: Any) -> None:
    world.files(a="alpha")
    provider = native()
    inputs = check(provider, assets=assets)
    create(provider, inputs)
    assert world.package.contents("1.0") == {"a.txt": b"alpha"}
    assert list(inputs["assets"]) == ["a.txt"]


def test_wrong_assets_are_one_line_each(world: World) -> None:
    world.files(a="alpha")
    assert reasons() == ["usage: assets is missing"]
    assert reasons(assets=[3, "dist/a.txt"]) == ["usage: assets[0]: 3 is not a path"]
    assert reasons(assets={"a": {**ASSET, "4dabf18193072939515e22adb298388d": "0def7320c3a5731c473e5ecbe6d01bc7"}}) == [
        "usage: assets[a]: an archive is not one file: build it first and name its path"
    ]
    assert reasons(assets=["dist/a.txt"], namespace="", version=2.5) == [
        "usage: version is 2.5: quote it to make it text",
        "usage: namespace is empty",
    ]


def test_an_unknown_value_leaves_what_depends_on_it_unknown(world: World) -> None:
    provider = native()
    inputs = check(provider, assets=[UNKNOWN, "dist/a.txt"])
    assert inputs["assets"] == UNKNOWN
    outputs = decode(create(provider, inputs, preview=True).properties)[0]
    assert outputs["digest"] == outputs["revision"] == UNKNOWN
    assert outputs["package"] == "app"
    assert world.gate.requests == []
    with pytest.raises(UsageError, match="still unknown"):
        create(provider, inputs)


def test_secret_inputs_stay_secret_in_every_output_that_contains_them(world: World) -> None:
    world.files(a="alpha")
    provider = native()
    inputs = provider.check(
        pb.CheckRequest(
            urn=URN, news=encode({**VERSION, "version": wrap_rpc_secret("1.0-secret"), "assets": ["dist/*"]})
        )
    ).inputs
    assert decode(inputs)[1] == {"version"}
    outputs = provider.create(pb.CreateRequest(urn=URN, properties=inputs)).properties
    assert {"version", "audit"} <= decode(outputs)[1]
    secret = provider.check(
        pb.CheckRequest(urn=URN, news=encode({**VERSION, "assets": {"a": wrap_rpc_secret({**ASSET, "text": "pin"})}}))
    ).inputs
    assert decode(secret)[1] == {"assets"}


def test_an_import_needs_no_files_and_its_inputs_change_nothing(world: World) -> None:
    Native().up(None, world.files(a="alpha"))
    Path("dist/a.txt").unlink()
    provider = native()
    read = provider.read(pb.ReadRequest(id="acme/dev/acme/app/1.0", urn=URN))
    assert read.id == "acme/app"
    inputs = decode(read.inputs)[0]
    requests = len(world.gate.requests)
    checked = provider.check(pb.CheckRequest(urn=URN, olds=read.inputs, news=read.inputs))
    assert not checked.failures
    assert decode(checked.inputs)[0] == inputs
    diff = provider.diff(pb.DiffRequest(id=read.id, urn=URN, olds=read.properties, news=checked.inputs))
    assert diff.changes == pb.DiffResponse.DIFF_NONE
    assert len(world.gate.requests) == requests
    # Its status can be repaired without the files; other bytes cannot.
    world.package.set_status("1.0", "Archived")
    drifted = native()
    state = drifted.read(pb.ReadRequest(id="acme/app", urn=URN, properties=read.properties))
    news = drifted.check(pb.CheckRequest(urn=URN, olds=state.inputs, news=read.inputs)).inputs
    drifted.update(pb.UpdateRequest(id="acme/app", urn=URN, olds=state.properties, news=news))
    assert world.package.statuses() == {"1.0": "Published"}
    moved = check(drifted, **{**inputs, "version": "2.0"})
    for preview in (True, False):
        with pytest.raises(Exception, match="must be sent, but it is declared by its hash alone"):
            create(drifted, moved, preview=preview)
    assert native().read(pb.ReadRequest(id="acme/dev/acme/app/9", urn=URN)).id == ""


def test_the_difference_is_shown_asset_by_asset(world: World) -> None:
    state = Native().up(None, world.files(a="alpha", b="beta"))
    provider = native()
    world.files(a="other", c="new")
    news = check(provider, assets={"a.txt": "dist/a.txt", "c.txt": "dist/c.txt"}, version="1.1")
    diff = provider.diff(pb.DiffRequest(id=state.id, urn=URN, olds=encode(state.outputs), news=encode(news)))
    kinds = {path: pb.PropertyDiff.Kind.Name(each.kind) for path, each in diff.detailedDiff.items()}
    assert kinds == {
        "version": "UPDATE",
        'assets["a.txt"]': "UPDATE",
        'assets["b.txt"]': "DELETE",
        'assets["c.txt"]': "ADD",
    }
    assert not diff.replaces


def test_a_timeout_stops_before_the_next_write(world: World) -> None:
    provider = native()
    world.files(a="alpha", b="beta")
    inputs = check(provider, assets=["dist/*"])
    with pytest.raises(Exception, match="the timeout of the resource"):
        provider.create(pb.CreateRequest(urn=URN, properties=encode(inputs), timeout=1e-9))
    assert world.writes == []


def test_a_bundle_is_released_as_a_whole(world: World) -> None:
    world.files(a="alpha", b="beta")
    provider = native()
    members = {"acme/db": {"assets": ["dist/a.txt"]}, "acme/api": {"assets": ["dist/b.txt"], "after": ["acme/db"]}}
    inputs = check(provider, "Bundle", package="suite", members=members)
    outputs = decode(create(provider, inputs, "Bundle").properties)[0]
    assert set(outputs["members"]) == {"acme/db", "acme/api"}
    place = {"namespace": "acme", "version": "1.0", "domain": "acme", "repository": "dev"}

    def invoke(name: str, **arguments: str) -> dict[str, Any]:
        token = f"codeartifact-release:index:{name}"
        response = native().invoke(pb.InvokeRequest(tok=token, args=encode({**place, **arguments})))
        return decode(getattr(response, "return"))[0]

    bundle = invoke("getBundle", package="suite", digest=outputs["digest"])
    assert bundle["members"]["acme/db"]["version"] == "1.0"
    version = invoke("getPackageVersion", package="db")
    assert version["status"] == "Published"
    files = invoke("getPackageVersionFiles", package="db", digest=version["digest"])["files"]
    assert Path(files["a.txt"]).read_text() == "alpha"
    # `ignoreChanges` passes the members in state.
    again = native()
    kept = check(again, "Bundle", **{**inputs, "package": "suite"})
    diff = again.diff(
        pb.DiffRequest(
            id="acme/suite", urn=URN.replace("PackageVersion", "Bundle"), olds=encode(outputs), news=encode(kept)
        )
    )
    assert diff.changes == pb.DiffResponse.DIFF_NONE
