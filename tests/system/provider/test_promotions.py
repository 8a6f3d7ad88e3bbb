"""Promotions: what programs and manifests register, and what check() makes of it over the real protocol."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pulumi
import pytest
from pulumi.runtime.rpc import UNKNOWN

from pulumi_codeartifact_release import PackageVersion, Promotion, publish_manifest
from pulumi_codeartifact_release.git import commit_of
from pulumi_codeartifact_release.plugin.declaration import Declaration
from support.embedded import Package, opened
from support.local_registry import publish
from support.stack import PROMOTION_TOKEN, TOKEN, Registered, Stack, empty_stack

from .plugin import PROMOTION_PICKLE, PROMOTION_URN, Plugin
from .scenario import MANIFEST, PROMOTING, write
from .test_protocol import World, failed, world
from .test_resources import WHERE, program, stack

__all__ = ["empty_stack", "program", "stack", "world"]

ONE, TWO = (f"sha256:{digit * 64}" for digit in "12")
PLACE: dict[str, Any] = {"domain": "acme", "repository": "dev", "endpoint": "file:.registry"}
RELEASE: dict[str, Any] = {**PLACE, "namespace": "acme", "package": "app", "version": "1.0", "digest": ONE}
"""What another stack's output says of a package."""
STAGING: dict[str, Any] = {"domain": "acme", "repository": "staging", "endpoint": "file:.registry"}


def promotion(stack: Stack, preview: bool = True, **arguments: Any) -> Registered:
    """Register one Promotion; returns it."""

    def declare() -> None:
        Promotion("app", **{"source": RELEASE, **STAGING, **arguments})

    [registered] = [each for each in stack.run(declare, preview=preview) if each.token == PROMOTION_TOKEN]
    return registered


def later() -> pulumi.Output[Any]:
    """What is not known before the update."""
    known: asyncio.Future[bool] = asyncio.get_event_loop().create_future()
    value: asyncio.Future[Any] = asyncio.get_event_loop().create_future()
    known.set_result(False)
    value.set_result(None)
    return pulumi.Output(set(), value, known)


# --- Promotion --------------------------------------------------------------------------------------------------------


def test_a_promotion_takes_from_its_source_what_is_not_said_of_it(stack: Stack, program: Path) -> None:
    registered = promotion(stack, soak="24h")
    assert (registered.token, registered.retained) == (PROMOTION_TOKEN, True)
    declaration = registered.declaration
    del registered.inputs["declaration"]
    assert registered.inputs == {
        "__provider": PROMOTION_PICKLE,
        **STAGING,
        "namespace": "acme",
        "package": "app",
        "version": "1.0",
        "digest": ONE,
        "soak": "24h",
        "source": PLACE,
        "status": "Published",
        "finalize": "status-update",
        "on_destroy": "retain",
        "on_supersede": "keep",
    }
    assert (declaration["pin"], declaration["pinned_by"]) == (ONE, "the program")
    assert (declaration["dry_run"], declaration["files"], declaration["problems"]) == (True, {}, [])
    assert declaration["urn"] == f"urn:pulumi:dev::project::{PROMOTION_TOKEN}::app"
    assert declaration["base"] == str(program)


def test_what_is_said_of_a_promotion_goes_before_its_source(stack: Stack) -> None:
    said = {"namespace": "other", "package": "tool", "version": "2.0", "digest": TWO, "on_destroy": "archive"}
    registered = promotion(stack, preview=False, **said)
    assert said.items() <= registered.inputs.items()
    assert registered.declaration["pin"] == TWO
    # A program is code that the operator runs; a manifest is not.
    assert "local-source" in registered.declaration["allow"]
    assert registered.declaration["dry_run"] is False
    assert not registered.retained


def test_a_source_without_a_digest_decides_itself(stack: Stack) -> None:
    registered = promotion(stack, source={**PLACE, "namespace": "acme", "package": "app", "version": "1.0"})
    assert registered.declaration["pin"] == ""
    assert "digest" not in registered.inputs


def test_the_outputs_of_another_stack_are_a_source(stack: Stack) -> None:
    stack.others["organization/project/staging"] = {"releases": {"acme/app": {**RELEASE, "domain_owner": None}}}

    def declare() -> None:
        releases = pulumi.StackReference("organization/project/staging").require_output("releases")
        Promotion("app", source=releases["acme/app"], **STAGING)

    [registered] = stack.run(declare)
    assert registered.inputs["source"] == PLACE
    assert registered.inputs["version"] == "1.0"
    assert registered.declaration["pin"] == ONE


def test_an_output_that_another_stack_has_not_is_left_to_check(stack: Stack) -> None:
    stack.others["organization/project/staging"] = {}

    def declare() -> None:
        Promotion("app", source=pulumi.StackReference("organization/project/staging").get_output("release"), **STAGING)

    [registered] = stack.run(declare, preview=False)
    assert not registered.inputs.get("source")
    assert "namespace" not in registered.inputs


@pytest.mark.parametrize("preview", [True, False], ids=["preview", "up"])
def test_a_version_of_the_same_program_is_a_source(stack: Stack, preview: bool) -> None:
    def declare() -> None:
        # The region is what check() always knows; owner and profile are not there, and known not to be.
        dev = PackageVersion("app", **WHERE, region="us-east-1", assets=["dist/*.txt"])
        staging = Promotion("staging", source=dev, region="us-east-1", **STAGING)
        Promotion("prod", source=staging, domain="other", repository="prod", endpoint="file:.other")

    dev, staging, prod = stack.run(declare, preview=preview)
    assert [each.token for each in (dev, staging, prod)] == [TOKEN, PROMOTION_TOKEN, PROMOTION_TOKEN]
    # All of it is known in a preview, where nothing of it changes.
    assert staging.inputs["source"] == {**PLACE, "region": "us-east-1", "revision": "r1"}
    assert prod.inputs["source"] == {**STAGING, "region": "us-east-1", "revision": "r1"}
    for each in (staging, prod):
        assert (each.inputs["version"], each.inputs["digest"], each.declaration["pin"]) == (
            "1.0",
            "sha256:0",
            "sha256:0",
        )


@pytest.mark.parametrize("preview", [True, False], ids=["preview", "up"])
def test_a_version_at_aws_is_a_source(stack: Stack, preview: bool) -> None:
    """Its endpoint is no output at all: nothing that is empty is stored."""

    def declare() -> None:
        at_aws = {name: value for name, value in WHERE.items() if name != "endpoint"}
        dev = PackageVersion("app", **at_aws, region="eu-west-1", assets=["dist/*.txt"])
        Promotion("staging", source=dev, domain="acme", repository="staging")

    [_dev, staging] = stack.run(declare, preview=preview)
    place = {"domain": "acme", "repository": "dev", "region": "eu-west-1", "revision": "r1"}
    assert staging.inputs["source"] == place


def test_a_sources_folder_is_told_from_the_base_of_the_promotion(stack: Stack) -> None:
    def declare() -> None:
        dev = PackageVersion("app", **WHERE, assets=["dist/*.txt"])
        Promotion("staging", source=dev, base="build", **{**STAGING, "endpoint": "file:../.registry"})

    [_dev, staging] = stack.run(declare, preview=False)
    assert staging.inputs["source"]["endpoint"] == "file:../.registry"


def test_a_source_that_is_not_known_yet_makes_its_parts_unknown(stack: Stack) -> None:
    def declare() -> None:
        Promotion("app", source={**RELEASE, "repository": later(), "digest": later()}, **STAGING)
        Promotion("whole", source=later(), **STAGING)

    app, whole = stack.run(declare)
    assert app.inputs["source"]["domain"] == "acme"
    assert isinstance(app.inputs["source"]["repository"], pulumi.output.Unknown)
    assert isinstance(app.inputs["declaration"], pulumi.output.Unknown)
    assert app.inputs["version"] == "1.0"
    assert isinstance(whole.inputs["version"], pulumi.output.Unknown)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"replace": "1.0"}, "replace is '1.0'; write sha256:DIGEST"),
        ({"force": "sha256:12", "reason": "a fix"}, "force is 'sha256:12'; write sha256:DIGEST"),
        ({"force": ONE}, "force requires a reason; it is recorded in `audit`"),
        ({"force": ONE, "reason": " "}, "force requires a reason; it is recorded in `audit`"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_wrong_with_a_promotion_is_left_to_check(stack: Stack, arguments: dict[str, Any], says: str) -> None:
    assert promotion(stack, **arguments).declaration["problems"] == [says]


def test_a_promotion_hands_on_what_is_permitted(stack: Stack) -> None:
    declaration = promotion(stack, replace=TWO, force=ONE, reason="a fix").declaration
    assert declaration["problems"] == []
    assert (declaration["replace_digest"], declaration["force"], declaration["reason"]) == (TWO, ONE, "a fix")


# --- publish_manifest -------------------------------------------------------------------------------------------------


def promoting(program: Path, text: str = "", packages: str = "") -> None:
    """Write a manifest whose `staging` promotes, and take all files away."""
    environments = PROMOTING.replace("promoteFrom: dev", f"promoteFrom: dev{text and ', '}{text}")
    write(program, "release.yaml", MANIFEST.replace("environments:", f"{packages}environments:") + environments)
    for built in ("dist", "build"):
        shutil.rmtree(program / built, ignore_errors=True)


def pins(**packages: tuple[str, str]) -> str:
    """What a manifest pins of packages of the namespace `acme`: version and digest by name."""
    each = (f"acme/{name}: {{version: '{version}', digest: '{of}'}}" for name, (version, of) in packages.items())
    return f"pins: {{{', '.join(each)}}}"


DOCS = "  - {namespace: acme, package: docs, version: '7', assets: [docs/*]}\n"


def staging(stack: Stack, **arguments: Any) -> list[Registered]:
    return stack.run(lambda: publish_manifest("release.yaml", "staging", **arguments))


def approved(registered: Registered) -> tuple[str, str, str]:
    """The version that is promoted, what was approved of it, and by whom."""
    return registered.inputs["version"], registered.declaration["pin"], registered.declaration["pinned_by"]


def test_a_promoting_environment_needs_no_files(stack: Stack, program: Path) -> None:
    promoting(program, "soak: 36h")
    [app] = staging(stack)
    assert (app.name, app.token, app.retained) == ("acme/app", PROMOTION_TOKEN, True)
    assert {name: value for name, value in app.inputs.items() if name != "declaration"} == {
        "__provider": PROMOTION_PICKLE,
        **STAGING,
        "namespace": "acme",
        "package": "app",
        "version": "1.0",
        "soak": "36h",
        "source": PLACE,
        "status": "Published",
        "finalize": "status-update",
        "on_destroy": "retain",
        "on_supersede": "keep",
    }
    assert (
        app.inputs["declaration"]
        == Declaration(
            base=str(program),
            urn=f"urn:pulumi:dev::project::{PROMOTION_TOKEN}::acme/app",
            dry_run=True,
            repository_exists=True,
            commit=commit_of(program),
            front={"call": "publish_manifest"},
        ).text()
    )
    assert stack.log == [
        "INFO: staging: file:.registry, account 000000000000, us-east-1, repository acme/staging\n"
        "from dev: file:.registry, account 000000000000, us-east-1, repository acme/dev"
    ]


def test_pins_go_before_the_stack_and_the_stack_before_the_source(stack: Stack, program: Path) -> None:
    stack.others["organization/project/before"] = {
        "releases": {"acme/app": {**RELEASE, "version": "0.9"}, "acme/docs": {"version": "6", "digest": TWO}}
    }
    promoting(program, f"stack: before, {pins(app=('0.8', ONE))}", DOCS)
    app, docs = staging(stack)
    assert approved(app) == ("0.8", ONE, "`pins` of staging")
    assert approved(docs) == ("6", TWO, "the stack before")
    promoting(program, pins(app=("0.8", ONE)), DOCS)
    app, docs = staging(stack)
    assert approved(app) == ("0.8", ONE, "`pins` of staging")
    assert approved(docs) == ("7", "", "")


def test_the_withdrawal_of_the_version_that_a_pin_or_a_stack_selects_goes_to_its_resource(
    stack: Stack, program: Path
) -> None:
    stack.others["organization/project/before"] = {"releases": {"acme/docs": {"version": "6", "digest": TWO}}}
    promoting(program, f"stack: before, {pins(app=('0.8', ONE))}", DOCS)
    path = program / "release.yaml"
    entry = f'{{digest: "{ONE}", status: Archived, reason: bad}}'
    path.write_text(path.read_text() + f"withdrawn: {{acme/app@0.8: {entry}, acme/docs@6: {entry}}}\n")
    app, docs = staging(stack)
    assert [each.declaration["withdrawal"]["reason"] for each in (app, docs)] == ["bad", "bad"]
    path.write_text(path.read_text().replace("acme/app@0.8", "acme/app@1.0").replace("acme/docs@6", "acme/docs@7"))
    app, docs = staging(stack)
    assert [each.declaration["withdrawal"] for each in (app, docs)] == [{}, {}]


def test_a_manifest_is_permitted_what_the_operator_says(stack: Stack, program: Path) -> None:
    promoting(program)
    [app] = staging(stack)
    assert app.declaration["allow"] == []
    [app] = staging(stack, allow=["local-source"])
    assert app.declaration["allow"] == ["local-source"]


def test_a_stack_is_not_asked_where_everything_is_pinned(stack: Stack, program: Path) -> None:
    # Here no other stack is known: asking for one would fail.
    promoting(program, f"stack: before, {pins(app=('0.8', ONE))}")
    [app] = staging(stack)
    assert approved(app) == ("0.8", ONE, "`pins` of staging")


@pytest.mark.parametrize(
    ("named", "whole"),
    [
        ("before", "organization/project/before"),
        ("acme/before", "acme/project/before"),
        ("acme/releases/before", "acme/releases/before"),
    ],
)
def test_a_stack_is_named_as_far_as_it_differs(stack: Stack, program: Path, named: str, whole: str) -> None:
    stack.others[whole] = {"releases": {"acme/app": RELEASE}}
    promoting(program, f"stack: {named}")
    [app] = staging(stack)
    assert approved(app) == ("1.0", ONE, f"the stack {named}")


@pytest.mark.parametrize(
    "outputs",
    [
        {},
        {"releases": "none"},
        {"releases": {"acme/other": RELEASE}},
        {"releases": {"acme/app": {"version": "1.0"}}},
        {"releases": {"acme/app": {"version": "1.0", "digest": ""}}},
    ],
    ids=["no output", "another kind", "another package", "no digest", "an empty digest"],
)
def test_what_a_stack_does_not_say_is_told_beside_the_resource(
    stack: Stack, program: Path, outputs: dict[str, Any]
) -> None:
    stack.others["organization/project/before"] = outputs
    promoting(program, "stack: before")
    [app] = staging(stack)
    [problem] = app.declaration["problems"]
    assert problem == (
        "the output `releases` of the stack before has no version and digest of acme/app: "
        "run `pulumi up` there first, or pin the package"
    )


def test_a_pinned_environment_names_everything_that_nobody_approved(stack: Stack, program: Path) -> None:
    promoting(program, f"pinned: true, {pins(app=('1.0', ONE))}", DOCS)
    with pytest.raises(pulumi.RunError) as raised:
        staging(stack)
    assert "acme/app" not in str(raised.value)
    promoting(program, "pinned: true", DOCS)
    with pytest.raises(pulumi.RunError) as raised:
        staging(stack)
    text = str(raised.value)
    assert "staging is `pinned`" in text
    assert '"acme/app": {version: "1.0", digest: "sha256:…"}' in text
    assert '"acme/docs": {version: "7", digest: "sha256:…"}' in text
    assert "environments.staging.pins" in text
    with opened(program / ".registry") as client:
        client.create_domain(domain="acme")
        client.create_repository(domain="acme", repository="dev")
        publish(client, b"hello", "a", "1.0", namespace="acme")
    with pytest.raises(pulumi.RunError) as raised:
        staging(stack)
    digest = hashlib.sha256(f"{hashlib.sha256(b'hello').hexdigest()}  a\n".encode()).hexdigest()
    assert f'"acme/app": {{version: "1.0", digest: "sha256:{digest}"}}' in str(raised.value)
    assert '"acme/docs": {version: "7", digest: "sha256:…"}' in str(raised.value)
    promoting(program, f"pinned: true, {pins(app=('1.0', ONE), docs=('7', TWO))}", DOCS)
    assert [approved(each)[:2] for each in staging(stack)] == [("1.0", ONE), ("7", TWO)]


def test_a_pin_that_matches_no_package_is_a_warning(stack: Stack, program: Path) -> None:
    promoting(program, pins(app=("1.0", ONE), ap=("1.0", TWO)))
    staging(stack)
    [warning] = [line for line in stack.log if line.startswith("WARNING")]
    assert warning == "WARNING: pins of staging: release.yaml has no package acme/ap, so this pin has no effect"


def test_permissions_are_for_the_version_that_is_promoted(stack: Stack, program: Path) -> None:
    promoting(program, pins(app=("0.8", ONE)), DOCS)
    permitted = {"force": [f"acme/app@0.8={ONE}", f"acme/docs@6={TWO}"], "reason": "a fix"}
    app, docs = staging(stack, replace=[f"acme/docs@7={TWO}"], **permitted)
    assert (app.declaration["force"], app.declaration["replace_digest"]) == (ONE, "")
    assert (docs.declaration["force"], docs.declaration["replace_digest"]) == ("", TWO)
    assert app.declaration["reason"] == "a fix"
    [warning] = [line for line in stack.log if line.startswith("WARNING")]
    assert warning == f"WARNING: force: acme/docs@6={TWO} matches no version in release.yaml"


def test_a_force_where_files_are_published_is_a_warning(stack: Stack) -> None:
    stack.run(lambda: publish_manifest("release.yaml", "dev", force=[f"acme/app@1.0={ONE}"], reason="a fix"))
    assert "WARNING: `force` has no effect: dev publishes files, so there is no soak to skip" in stack.log


def test_a_permission_is_for_the_version_that_a_stack_says(stack: Stack, program: Path) -> None:
    stack.others["organization/project/before"] = {"releases": {"acme/app": {**RELEASE, "version": "0.9"}}}
    promoting(program, "stack: before")
    [app] = staging(stack, force=[f"acme/app@0.9={ONE}"], reason="a fix", replace=[f"acme/app@1.0={TWO}"])
    assert (app.declaration["force"], app.declaration["replace_digest"]) == (ONE, "")
    assert not [line for line in stack.log if line.startswith("WARNING")]


def test_the_commit_is_the_one_that_ci_says_where_there_is_no_checkout(
    stack: Stack, program: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_SHA", "c0ffee" + "0" * 34)
    promoting(program)
    [app] = staging(stack)
    assert app.declaration["commit"] == "c0ffee" + "0" * 34


# --- check() and create(), in the plugin ------------------------------------------------------------------------------


@dataclass
class Promoted:
    """A version in the repository `dev` of a world, and its way to `staging`."""

    world: World
    digest: str

    @property
    def staging(self) -> Package:
        return Package(self.world.package._client, repository="staging")

    def plugin(self, **environ: str) -> Plugin:
        environment = {**self.world.environ, **environ}
        return Plugin(self.world.program, self.world.engine, environment, pickle=PROMOTION_PICKLE, urn=PROMOTION_URN)

    def news(self, declared: Mapping[str, Any] | None = None, **inputs: Any) -> dict[str, Any]:
        """Inputs as a manifest's program sends them."""
        known: dict[str, Any] = {
            "base": str(self.world.program),
            "urn": PROMOTION_URN,
            "repository_exists": True,
            **(declared or {}),
        }
        news = {
            "namespace": "acme",
            "package": "app",
            "version": "1.0",
            "domain": "acme",
            "repository": "staging",
            "status": "Published",
            "source": {"domain": "acme", "repository": "dev"},
            "declaration": Declaration(**known).text(),
            **inputs,
        }
        return {name: value for name, value in news.items() if value is not None}

    def made(self, **inputs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Promote in a process of its own; returns inputs and outputs."""
        with self.plugin() as plugin:
            plugin.configure()
            checked = plugin.checked({}, self.news(**inputs))
            return checked, plugin.create(checked)

    def publish(self, version: str, contents: Mapping[str, bytes]) -> str:
        """Publish at the source, by somebody else's program; returns the digest."""
        assets = sorted(contents.items())
        for name, content in assets:
            self.world.package._client.publish_package_version(
                **self.world.package._key,
                packageVersion=version,
                assetName=name,
                assetContent=content,
                assetSHA256=hashlib.sha256(content).hexdigest(),
                unfinished=name != assets[-1][0],
            )
        lines = "".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in assets)
        return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"

    def asked(self, before: int = 0) -> list[str]:
        """What was asked for: method and path."""
        return [request.split("?")[0] for request in self.world.gate.requests[before:]]


CONTENTS = {"a.txt": b"alpha", "b.txt": b"beta"}


@pytest.fixture
def promoted(world: World) -> Promoted:
    world.package._client.create_repository(domain="acme", repository="staging")
    promoted = Promoted(world, "")
    promoted.digest = promoted.publish("1.0", CONTENTS)
    return promoted


def only_reads(requests: list[str]) -> bool:
    """Whether something was asked, and nothing that writes or downloads."""
    reads = {"GET /v1/package/version", "POST /v1/package/version/assets", "GET /v1/repository"}
    return bool(requests) and set(requests) <= reads


def test_a_promotion_that_is_made_asks_nothing_even_if_its_source_is_gone(promoted: Promoted) -> None:
    inputs, outputs = promoted.made()
    promoted.world.package.delete("1.0")
    before = len(promoted.asked())
    with promoted.plugin() as plugin:
        plugin.configure()
        for declared in ({"dry_run": True}, {}, {"pin": promoted.digest, "pinned_by": "us"}):
            again = plugin.checked(inputs, promoted.news(declared))
            assert again == inputs
            assert plugin.diff(outputs, again) == {"changes": "DIFF_NONE"}
        # A gate that comes later is for what comes later.
        gated = plugin.checked(inputs, promoted.news(soak="24h"))
        assert plugin.diff(outputs, gated) == {"changes": "DIFF_SOME"}
        assert plugin.update(outputs, gated) == {**outputs, "soak": "24h"}
    assert promoted.asked(before) == []
    assert promoted.staging.contents("1.0") == CONTENTS


def test_what_is_made_in_this_very_run_is_not_looked_at_in_its_preview(promoted: Promoted) -> None:
    before = len(promoted.asked())
    hints = {"digest": ONE, "checksums": f"{'1' * 64}  a.txt\n"}
    unknown: list[tuple[dict[str, str], dict[str, str]]] = [
        ({"version": UNKNOWN}, {}),
        ({"endpoint": UNKNOWN}, {}),
        ({}, {"repository": UNKNOWN}),
        ({}, {"endpoint": UNKNOWN}),
        ({}, {"revision": UNKNOWN}),
    ]
    with promoted.plugin() as plugin:
        plugin.configure()
        for inputs, source in unknown:
            news = promoted.news({"dry_run": True}, **inputs, **hints)
            checked = plugin.checked({}, {**news, "source": {**news["source"], **source}})
            # What the program knows of it is shown all the same.
            assert {name: checked[name] for name in hints} == hints
            assert inputs.items() <= checked.items()
            assert source.items() <= checked["source"].items()
        whole = plugin.checked({}, {**promoted.news({"dry_run": True}), "source": UNKNOWN})
        assert (whole["source"], whole["checksums"], whole["digest"]) == (UNKNOWN, UNKNOWN, UNKNOWN)
        undeclared = plugin.checked({}, {**promoted.news(), "declaration": UNKNOWN})
        assert (undeclared["checksums"], undeclared["digest"]) == (UNKNOWN, UNKNOWN)
    assert promoted.asked(before) == []


def test_a_wrong_argument_is_said_in_check(promoted: Promoted) -> None:
    before = len(promoted.asked())
    wrong: list[tuple[dict[str, Any], str, str]] = [
        ({"source": None}, "source", "pass the repository to promote from"),
        ({"source": "dev"}, "source", "pass the repository to promote from"),
        ({"source": {"domain": "acme"}}, "source.repository", "source.repository is empty"),
        ({"source": {"domain": "acme", "repository": 7}}, "source.repository", "quote it"),
        ({"source": {"domain": "Acme", "repository": "dev"}}, "source.domain", "Acme"),
        ({"soak": "a day"}, "soak", "24h"),
        ({"soak": 24}, "soak", "quote it"),
        ({"version": ""}, "version", "version is empty"),
        (
            {"declared": {"problems": ("force requires a reason; it is recorded in `audit`",)}},
            "source",
            "force requires a reason",
        ),
    ]
    with promoted.plugin() as plugin:
        plugin.configure()
        for inputs, where, says in wrong:
            failure = plugin.check({}, promoted.news(**inputs))["failures"][0]
            assert failure["property"] == where
            assert says in failure["reason"]
    assert promoted.asked(before) == []


def test_a_folder_is_no_source_for_a_registry_elsewhere_unless_it_is_permitted(promoted: Promoted) -> None:
    source = {"domain": "acme", "repository": "dev", "endpoint": "file:.registry"}
    with promoted.plugin() as plugin:
        plugin.configure()
        for dry_run in (True, False):
            [failure] = plugin.check({}, promoted.news({"dry_run": dry_run}, source=source))["failures"]
            assert '`allow=["local-source"]`' in failure["reason"]
        permitted = {"dry_run": True, "allow": frozenset(("local-source",))}
        [failure] = plugin.check({}, promoted.news(permitted, source=source))["failures"]
        # Permitted, it is looked at.
        assert "there is nothing to promote" in failure["reason"]
        both = {"source": source, "endpoint": "file:.registry"}
        [failure] = plugin.check({}, promoted.news({"dry_run": True}, **both))["failures"]
        assert "there is nothing to promote" in failure["reason"]
    assert not (promoted.world.program / ".registry").exists()


def test_a_source_that_moved_is_refused_and_nothing_is_written(promoted: Promoted) -> None:
    before = len(promoted.asked())
    with promoted.plugin() as plugin:
        plugin.configure()
        for dry_run in (True, False):
            declared = {"dry_run": dry_run, "pin": ONE, "pinned_by": "`pins` of staging"}
            [failure] = plugin.check({}, promoted.news(declared))["failures"]
            assert ONE in failure["reason"]
            assert "`pins` of staging" in failure["reason"]
            assert promoted.digest in failure["reason"]
    assert only_reads(promoted.asked(before))
    assert promoted.staging.statuses() == {}


def test_a_source_that_moves_between_check_and_create_is_refused(promoted: Promoted) -> None:
    with promoted.plugin() as plugin:
        plugin.configure()
        checked = plugin.checked({}, promoted.news({"pin": promoted.digest, "pinned_by": "us"}))
        promoted.world.package.delete("1.0")
        other = promoted.publish("1.0", {**CONTENTS, "b.txt": b"other"})
        with pytest.raises(grpc.RpcError) as raised:
            plugin.create(checked)
    text = failed(raised.value, "pin")
    assert promoted.digest in text
    assert other in text
    assert promoted.staging.statuses() == {}


def test_a_soak_is_judged_in_check_and_force_is_for_one_digest_with_a_reason(promoted: Promoted) -> None:
    before = len(promoted.asked())
    with promoted.plugin() as plugin:
        plugin.configure()
        for declared in ({"dry_run": True}, {}, {"force": ONE, "reason": "in a hurry"}):
            [failure] = plugin.check({}, promoted.news(declared, soak="24h"))["failures"]
            assert "`soak` requires 24h: until 2" in failure["reason"]
            assert f'`force="{promoted.digest}", reason="TEXT"`' in failure["reason"]
        assert only_reads(promoted.asked(before))
        forced = {"force": promoted.digest, "reason": "a security fix"}
        plugin.checked({}, promoted.news({"dry_run": True, **forced}, soak="24h"))
        assert "the soak is skipped by force: a security fix\n" in promoted.world.engine.lines(ephemeral=False)
        assert only_reads(promoted.asked(before))
        outputs = plugin.create(plugin.checked({}, promoted.news(forced, soak="24h")))
    assert outputs["audit"]["forced"] == {"reason": "a security fix"}
    assert outputs["soak"] == "24h"
    # None of it is an input, or the next reason would be a diff.
    assert "a security fix" not in json.dumps({**outputs, "audit": {}})


def test_other_bytes_of_a_version_are_taken_over_only_where_what_they_replace_is_named(promoted: Promoted) -> None:
    inputs, outputs = promoted.made()
    promoted.world.package.delete("1.0")
    other = promoted.publish("1.0", {"a.txt": b"rebuilt"})
    with promoted.plugin() as plugin:
        plugin.configure()
        assert plugin.checked(inputs, promoted.news()) == inputs
        [failure] = plugin.check(inputs, promoted.news({"dry_run": True, "pin": other, "pinned_by": "us"}))["failures"]
        assert f'`replace="{promoted.digest}"`' in failure["reason"]
        permitted = {"pin": other, "pinned_by": "us", "replace_digest": promoted.digest}
        replaced = plugin.update(outputs, plugin.checked(inputs, promoted.news(permitted)))
    assert (replaced["digest"], replaced["source"]["digest"], replaced["audit"]["digest"]) == (other, other, other)
    assert promoted.staging.contents("1.0") == {"a.txt": b"rebuilt"}


def test_the_trail_says_what_went_where_and_goes_on_when_the_status_changes(promoted: Promoted) -> None:
    commit = {"commit": "c0ffee"}
    inputs, outputs = promoted.made(declared=commit)
    audit = outputs["audit"]
    assert (audit["how"], audit["version"], audit["digest"]) == ("copied", "1.0", promoted.digest)
    assert audit["destination"]["repository"] == "staging"
    assert audit["source"]["repository"] == "dev"
    assert audit["source"]["revision"] == promoted.world.package.revision("1.0")
    assert (audit["revision"], audit["commit"]) == (promoted.staging.revision("1.0"), "c0ffee")
    with promoted.plugin() as plugin:
        plugin.configure()
        unlisted = plugin.update(outputs, plugin.checked(inputs, promoted.news(commit, status="Unlisted")))
    assert unlisted["audit"].pop("changed").items() >= {"status": "Unlisted", "commit": "c0ffee"}.items()
    assert unlisted["audit"] == {**audit, "revision": promoted.staging.revision("1.0")}
    assert promoted.staging.statuses() == {"1.0": "Unlisted"}


def test_another_version_retires_the_one_before_and_a_way_back_restores_it(promoted: Promoted) -> None:
    promoted.publish("1.1", {"a.txt": b"newer"})
    inputs, outputs = promoted.made(on_supersede="archive")
    for version, left in (
        ("1.1", {"1.0": "Archived", "1.1": "Published"}),
        ("1.0", {"1.0": "Published", "1.1": "Archived"}),
    ):
        with promoted.plugin() as plugin:
            plugin.configure()
            inputs = plugin.checked(inputs, promoted.news(version=version, on_supersede="archive"))
            outputs = plugin.update(outputs, inputs)
        assert promoted.staging.statuses() == left
        assert outputs["audit"]["version"] == outputs["version"] == version
