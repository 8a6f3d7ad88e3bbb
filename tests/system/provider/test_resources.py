"""What programs register, held with Pulumi's own mocks: no engine, no plugin, no registry."""

from __future__ import annotations

import asyncio
import json
import runpy
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi.output import UNKNOWN

from pulumi_codeartifact_release import PackageVersion, outputs_of, publish_manifest
from pulumi_codeartifact_release.git import commit_of
from support.stack import CHECKSUMS, TOKEN, Registered, Stack, empty_stack

from .plugin import PICKLE
from .scenario import MANIFEST, begin, write

__all__ = ["empty_stack"]

ROOT = Path(__file__).parents[3]


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The program's folder, and the working folder, with files and a manifest."""
    folder = (tmp_path / "program").resolve()
    folder.mkdir()
    begin(folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def stack(program: Path, empty_stack: Stack) -> Stack:
    """A stack whose programs run in the program's folder."""
    return empty_stack


WHERE: dict[str, Any] = {
    "namespace": "acme",
    "package": "app",
    "version": "1.0",
    "domain": "acme",
    "repository": "dev",
    "endpoint": "file:.registry",
}


def version(stack: Stack, preview: bool = True, **arguments: Any) -> Registered:
    """Register one PackageVersion; returns it."""

    def declare() -> None:
        PackageVersion("app", **{**WHERE, "assets": ["dist/*.txt"], **arguments})

    [registered] = stack.run(declare, preview=preview)
    return registered


# --- publish_manifest -------------------------------------------------------------------------------------------------


def test_a_manifest_registers_its_packages_under_namespace_and_package(stack: Stack, program: Path) -> None:
    text = MANIFEST.replace(
        "environments:",
        "  - {namespace: acme, package: docs, version: 2024-01-01, status: Unlisted, assets: [VERSION]}\nenvironments:",
    )
    write(program, "release.yaml", text)
    app, docs = stack.run(lambda: publish_manifest("release.yaml", "dev"))
    assert (app.name, app.token, docs.name) == ("acme/app", TOKEN, "acme/docs")
    assert app.retained
    assert {name: value for name, value in app.inputs.items() if name != "declaration"} == {
        "__provider": PICKLE,
        "namespace": "acme",
        "package": "app",
        "version": "1.0",
        "domain": "acme",
        "repository": "dev",
        "endpoint": "file:.registry",
        "status": "Published",
        "finalize": "status-update",
        "on_destroy": "retain",
        "on_supersede": "keep",
    }
    assert (docs.inputs["version"], docs.inputs["status"]) == ("2024-01-01", "Unlisted")


def test_what_a_manifest_says_of_this_machine_is_in_one_transient_input(stack: Stack, program: Path) -> None:
    [app] = stack.run(lambda: publish_manifest("release.yaml", "dev", allow=["outside"]))
    assert app.declaration == {
        "files": {
            "empty.txt": str(program / "dist/empty.txt"),
            "notes.txt": str(program / "dist/notes.txt"),
            "tool-linux.bin": str(program / "build/linux/tool.bin"),
            "tool-mac.bin": str(program / "build/mac/tool.bin"),
        },
        "texts": {},
        "hashes": {},
        "problems": [],
        "base": str(program),
        "allow": ["outside"],
        "replace_digest": "",
        "urn": f"urn:pulumi:dev::project::{TOKEN}::acme/app",
        "dry_run": True,
        "repository_exists": True,
        "commit": commit_of(program),
        "pin": "",
        "pinned_by": "",
        "force": "",
        "reason": "",
        "withdrawal": {},
        "members": {},
        "replace": {},
        "withdrawn": {},
        "front": {"call": "publish_manifest"},
        "secret": (),
    }
    rest = json.dumps({name: value for name, value in app.inputs.items() if name != "declaration"})
    assert str(program) not in rest


def test_the_withdrawal_of_a_version_goes_to_its_resource(stack: Stack, program: Path) -> None:
    path = program / "release.yaml"
    path.write_text(
        path.read_text()
        + f'withdrawn: {{acme/app@1.0: {{digest: "sha256:{"0" * 64}", status: Archived, reason: loses orders}}}}\n'
    )
    withdrawals = {each.name: each.declaration["withdrawal"] for each in stack.run(publish_dev)}
    assert withdrawals == {
        "acme/app": {
            "digest": f"sha256:{'0' * 64}",
            "status": "Archived",
            "reason": "loses orders",
            "where": "`withdrawn` of release.yaml",
        },
    }


def publish_dev() -> None:
    publish_manifest("release.yaml", "dev")


def test_only_a_preview_is_declared_as_one_and_announces_where_to(stack: Stack) -> None:
    [app] = stack.run(lambda: publish_manifest("release.yaml", "dev"), preview=False)
    assert app.declaration["dry_run"] is False
    assert stack.log == []
    stack.run(lambda: publish_manifest("release.yaml", "dev"))
    assert stack.log == ["INFO: dev: file:.registry, account 000000000000, us-east-1, repository acme/dev"]


def test_an_endpoint_from_the_shell_is_a_warning(stack: Stack, program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(program, "release.yaml", MANIFEST.replace(', endpoint: "file:.registry"', ", region: eu-west-1"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_CODEARTIFACT", "http://127.0.0.1:1")
    stack.run(lambda: publish_manifest("release.yaml", "dev"))
    warning, where = stack.log
    assert warning.startswith("WARNING: the endpoint http://127.0.0.1:1 comes from AWS_ENDPOINT_URL_CODEARTIFACT")
    assert where.startswith("INFO: dev: http://127.0.0.1:1, ")


def test_all_mistakes_of_a_manifest_are_one_error_without_a_traceback(stack: Stack, program: Path) -> None:
    write(program, "release.yaml", MANIFEST.replace("repository: dev", "repositry: dev").replace("dist/", "dost/"))
    with pytest.raises(pulumi.RunError) as raised:
        stack.run(lambda: publish_manifest("release.yaml", "dev"))
    text = str(raised.value)
    assert "did you mean" in text
    assert "dost/*.txt" in text
    first, *lines = text.splitlines()
    assert first == "manifest: 2 mistakes in release.yaml"
    assert len(lines) == 2
    assert all(line.startswith("release.yaml:") for line in lines)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"environment": "prod"}, "prod"),
        ({"environment": "dev", "variables": {"version": 1.1}}, "quote it"),
        ({"environment": "dev", "variables": {"version": 2024}}, "quote it"),
        ({"environment": "dev", "replace": ["acme/app@1.0=sha256:0"]}, "is not a version with a digest"),
        ({"environment": "dev", "force": ["acme/app@1.0=sha256:0"]}, "force requires a reason"),
        ({"environment": "dev", "force": ["acme/app@1.0=sha256:0"], "reason": " "}, "force requires a reason"),
        ({"environment": "dev", "force": ["acme/app"], "reason": "a fix"}, "is not a version with a digest"),
        ({"environment": "dev", "force": "acme/app"}, "Write a list"),
        ({"environment": "dev", "allow": "outside"}, "Write a list"),
        ({"environment": "dev", "allow": ["everything"]}, "everything"),
        ({"environment": "dev", "path": "nowhere.yaml"}, "nowhere.yaml"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_what_the_operator_got_wrong_is_said_before_anything_is_registered(
    stack: Stack, arguments: dict[str, Any], says: str
) -> None:
    with pytest.raises(pulumi.RunError) as raised:
        stack.run(lambda: publish_manifest(**{"path": "release.yaml", **arguments}))
    assert says in str(raised.value)


def test_a_reason_that_is_left_over_is_a_warning(stack: Stack) -> None:
    stack.run(lambda: publish_manifest("release.yaml", "dev", reason="a fix"))
    assert "WARNING: `reason` has no effect without `force`: leave the argument `reason` out" in stack.log


def test_variables_of_the_stack_go_before_the_manifests_and_after_the_environments(
    stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def declare() -> None:
        publish_manifest("release.yaml", "dev", variables={"version": "1.10"})

    [app] = stack.run(declare)
    assert app.inputs["version"] == "1.10"
    monkeypatch.setenv("RELEASE_VAR_VERSION", "3.0")
    [app] = stack.run(declare)
    assert app.inputs["version"] == "3.0"


# --- PackageVersion ---------------------------------------------------------------------------------------------------


def test_a_version_registers_its_arguments_and_is_kept_on_delete(stack: Stack, program: Path) -> None:
    registered = version(
        stack,
        domain_owner="111122223333",
        region="eu-west-1",
        profile="release",
        status="Unlisted",
        finalize="last-asset",
    )
    assert registered.retained
    declaration = registered.declaration
    del registered.inputs["declaration"]
    assert registered.inputs == {
        "__provider": PICKLE,
        **WHERE,
        "domain_owner": "111122223333",
        "region": "eu-west-1",
        "profile": "release",
        "status": "Unlisted",
        "finalize": "last-asset",
        "on_destroy": "retain",
        "on_supersede": "keep",
    }
    assert declaration["files"] == {name: str(program / "dist" / name) for name in ("empty.txt", "notes.txt")}
    assert declaration["dry_run"] is True
    assert declaration["repository_exists"] is False


def test_an_update_is_not_declared_as_a_preview(stack: Stack) -> None:
    assert version(stack, preview=False).declaration["dry_run"] is False


def test_retention_can_be_switched_off(stack: Stack) -> None:
    assert not version(stack, opts=pulumi.ResourceOptions(retain_on_delete=False)).retained


def test_a_version_that_is_not_to_stay_is_not_retained(stack: Stack) -> None:
    assert not version(stack, on_destroy="archive").retained


def test_assets_are_relative_to_the_base(stack: Stack, program: Path) -> None:
    registered = version(stack, base="build/linux", assets=["tool.bin"])
    assert registered.declaration["base"] == str(program / "build/linux")
    assert registered.declaration["files"] == {"tool.bin": str(program / "build/linux/tool.bin")}


def test_no_asset_object_reaches_the_engine(stack: Stack, program: Path) -> None:
    registered = version(
        stack,
        assets={
            "notes": pulumi.FileAsset("dist/notes.txt"),
            "inline": pulumi.StringAsset("the content"),
            "plain": Path("dist/empty.txt"),
        },
    )
    declaration = registered.declaration
    del registered.inputs["declaration"]
    assert declaration["files"] == {
        "notes": str(program / "dist/notes.txt"),
        "plain": str(program / "dist/empty.txt"),
    }
    assert declaration["texts"] == {"inline": "the content"}
    rest = json.dumps(registered.inputs)
    assert "the content" not in rest
    assert str(program) not in rest


def test_a_file_asset_in_a_list_is_its_path(stack: Stack, program: Path) -> None:
    registered = version(stack, assets=[pulumi.FileAsset("dist/notes.txt")])
    assert registered.declaration["files"] == {"notes.txt": str(program / "dist/notes.txt")}


def test_outputs_are_waited_for_in_the_mapping(stack: Stack, program: Path) -> None:
    registered = version(
        stack,
        preview=False,
        assets={
            "path": pulumi.Output.from_input("dist/notes.txt"),
            "asset": pulumi.Output.from_input("the content").apply(pulumi.StringAsset),
            "plain": "VERSION",
        },
    )
    assert registered.declaration["files"] == {
        "path": str(program / "dist/notes.txt"),
        "plain": str(program / "VERSION"),
    }
    assert registered.declaration["texts"] == {"asset": "the content"}
    assert registered.declaration["urn"].endswith("::app")


def test_an_output_that_is_not_known_yet_makes_the_declaration_unknown(stack: Stack) -> None:
    def unknown() -> pulumi.Output[Any]:
        known: asyncio.Future[bool] = asyncio.get_event_loop().create_future()
        value: asyncio.Future[Any] = asyncio.get_event_loop().create_future()
        known.set_result(False)
        value.set_result(None)
        return pulumi.Output(set(), value, known)

    def declare() -> None:
        PackageVersion("app", **WHERE, assets={"path": unknown()})

    [registered] = stack.run(declare)
    assert isinstance(registered.inputs["declaration"], pulumi.output.Unknown)


def test_what_is_wrong_with_the_files_is_left_to_check_all_of_it(stack: Stack) -> None:
    registered = version(stack, assets=["dost/*.txt", "nowhere.zip", "dist/*.txt"])
    first, second = registered.declaration["problems"]
    assert first.startswith("dost/*.txt: ")
    assert second.startswith("nowhere.zip: ")


def test_no_assets_at_all_is_a_problem(stack: Stack) -> None:
    empty: tuple[Any, ...] = ([], {})
    for nothing in empty:
        [problem] = version(stack, assets=nothing).declaration["problems"]
        assert "at least one" in problem


def test_a_component_as_parent_is_no_dead_lock_and_is_in_the_urn(stack: Stack) -> None:
    class Releases(pulumi.ComponentResource):
        def __init__(self, name: str) -> None:
            super().__init__("acme:index:Releases", name)
            self.app = PackageVersion("app", **WHERE, assets=["dist/*.txt"], opts=pulumi.ResourceOptions(parent=self))
            self.register_outputs({"digest": self.app.digest})

    [registered] = stack.run(lambda: Releases("releases"))
    assert registered.retained
    # The mocks put the stack's type before the component's; the engine, held in tests/system/engine, does not.
    assert registered.declaration["urn"].endswith(f"acme:index:Releases${TOKEN}::app")


def test_outputs_of_a_version_are_typed_attributes(stack: Stack) -> None:
    seen: dict[str, Any] = {}

    def declare() -> None:
        app = PackageVersion("app", **WHERE, assets=["dist/*.txt"])
        pulumi.Output.all(app.digest, app.revision, app.version).apply(lambda values: seen.update(all=values))
        pulumi.Output.all(app.checksums, app.assets).apply(lambda values: seen.update(assets=values))

    stack.run(declare, preview=False)
    assert seen["all"] == ["sha256:0", "r1", "1.0"]
    assert seen["assets"] == [CHECKSUMS, {"a.txt": f"sha256:{'1' * 64}", "b\\c": f"sha256:{'2' * 64}"}]


def test_ignored_changes_name_what_is_in_the_state(stack: Stack) -> None:
    with pytest.raises(ValueError, match=r'app: `assets` is not in the state; write ignore_changes=\["checksums"\]'):
        version(stack, opts=pulumi.ResourceOptions(ignore_changes=["assets"]))
    version(stack, opts=pulumi.ResourceOptions(ignore_changes=["checksums"]))


def test_exported_values_that_are_unknown_or_secret_hide_no_others(stack: Stack) -> None:
    seen: dict[str, Any] = {}

    def declare() -> None:
        where = {**WHERE, "version": pulumi.Output.from_input(UNKNOWN), "domain": pulumi.Output.secret("acme")}
        app = PackageVersion("app", **where, region="us-east-1", assets=["dist/*.txt"])
        outputs_of({"app": app})["app"].apply(seen.update)

    stack.run(declare)
    hidden = {name: seen.pop(name) for name in ("version", "domain")}
    assert all(isinstance(value, pulumi.Output) for value in hidden.values())
    assert seen == {
        "namespace": "acme",
        "package": "app",
        "repository": "dev",
        "region": "us-east-1",
        "endpoint": "file:.registry",
        "digest": "sha256:0",
        "revision": "r1",
        "domain_owner": None,
    }


# --- the program at the repository's root -----------------------------------------------------------------------------


def test_the_root_program_publishes_the_configured_manifest(stack: Stack) -> None:
    config = {"manifest": "release.yaml", "variables": '{"version": "1.10"}', "allow": '["outside"]'}
    [app] = stack.run(lambda: runpy.run_path(str(ROOT / "__main__.py")), preview=False, config=config)
    assert (app.name, app.inputs["version"], app.declaration["allow"]) == ("acme/app", "1.10", ["outside"])
    # What another stack takes over: the place, the version, and what it must be.
    assert stack.outputs == {
        "releases": {
            "acme/app": {
                **{name: app.inputs[name] for name in ("namespace", "package", "domain", "repository", "endpoint")},
                **{"version": "1.10", "digest": "sha256:0", "revision": "r1"},
                # Of no interest to a registry in a folder; Echo does not resolve them as check() does.
                **{"domain_owner": None, "region": None},
            }
        }
    }


def test_the_root_programs_environment_is_the_stack_unless_it_is_configured(stack: Stack, program: Path) -> None:
    other = '  stage: {domain: acme, repository: staging, endpoint: "file:.registry"}\n'
    write(program, "release.yaml", MANIFEST + other)

    def repository(**config: str) -> Any:
        ran = stack.run(
            lambda: runpy.run_path(str(ROOT / "__main__.py")), config={"manifest": "release.yaml", **config}
        )
        return ran[0].inputs["repository"]

    assert repository() == "dev"
    assert repository(environment="stage") == "staging"


def test_a_stack_that_names_no_manifest_releases_the_one_beside_it_and_no_other(stack: Stack, program: Path) -> None:
    def run() -> list[Registered]:
        return stack.run(lambda: runpy.run_path(str(ROOT / "__main__.py")), config={})

    assert [each.name for each in run()] == ["acme/app"]
    (program / "release.yaml").rename(program / "other.yaml")
    (program / "examples").symlink_to(ROOT / "examples")
    with pytest.raises(pulumi.RunError, match="the stack config has no `manifest`, and there is no"):
        run()


def test_files_that_may_not_be_meant_are_a_warning_or_with_strict_refused(stack: Stack, program: Path) -> None:
    write(program, "release.yaml", MANIFEST.replace("dist/*.txt", "dist/*"))
    (program / "dist" / "debug.log").write_text("x")

    def run(**config: str) -> None:
        stack.run(lambda: runpy.run_path(str(ROOT / "__main__.py")), config={"manifest": "release.yaml", **config})

    run()
    [warning] = [line for line in stack.log if line.startswith("WARNING")]
    assert warning.endswith(
        "`dist/*` matches a file that may not be meant: `dist/debug.log` (a log); "
        'to leave out: `{path: "dist/*", exclude: ["**/*.log"]}`'
    )
    with pytest.raises(pulumi.RunError, match="unintended-files: there are files") as raised:
        run(strict="true")
    assert str(raised.value).endswith("or `pulumi config rm strict -s dev`.")
    with pytest.raises(pulumi.RunError, match="strict is 'maybe': expected true or false"):
        run(strict="maybe")


def test_a_version_of_a_program_warns_of_files_that_may_not_be_meant(stack: Stack, program: Path) -> None:
    (program / "dist" / "id_rsa").write_text("x")
    version(stack, assets=["dist/*"])
    assert stack.log == [
        "WARNING: `dist/*` matches a file that may not be meant: `dist/id_rsa` (may be a private key); "
        "name the files that you mean"
    ]


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ({"replace": '["acme/app@1.0=sha256:0"]'}, "is not a version with a digest"),
        ({"force": '["acme/app@1.0=sha256:0"]'}, "force requires a reason"),
        ({"force": '["acme/app@1.0=sha256:0"]', "reason": "a fix"}, "is not a version with a digest"),
        ({"variables": '{"version": 1.1}'}, "quote it"),
        ({"environment": "prod"}, "prod"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_the_root_program_passes_on_what_the_operator_configured(
    stack: Stack, config: dict[str, str], says: str
) -> None:
    with pytest.raises(pulumi.RunError) as raised:
        stack.run(lambda: runpy.run_path(str(ROOT / "__main__.py")), config={"manifest": "release.yaml", **config})
    assert says in str(raised.value)
