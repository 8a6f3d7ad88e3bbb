"""Every remedy of every message, carried out where it is printed: options, stack config, arguments of a program."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path
from typing import BinaryIO

import pytest

import pulumi_codeartifact_release
from pulumi_codeartifact_release.errors import InconsistentReadError
from pulumi_codeartifact_release.publishing import Event, Finalize, apply
from pulumi_codeartifact_release.registry.interface import Asset, Coordinates, Status, VersionState
from pulumi_codeartifact_release.remedies import (
    VERSION_WITH_DIGEST,
    Front,
    Need,
    StackConfig,
    call_arguments,
    command_line,
    front_from_json,
    front_to_json,
    resource_arguments,
)
from support.command_line import Run
from support.embedded import Package, opened
from support.fakes import AT, FakeRegistry, InlineScheduler, asset_contents, release
from system.engine.test_engine import FIRST, Project, project

__all__ = ["project"]

PACKAGE = Path(pulumi_codeartifact_release.__file__).parent
SECOND = {**FIRST, "b.txt": b"the second beta"}
DIGEST = "sha256:" + "0" * 64


# --- how it is built --------------------------------------------------------------------------------------------------


def needs() -> set[str]:
    """The kinds of all needs in the code."""
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Need":
                kind = node.args[0]
                found |= {str(kind.value)} if isinstance(kind, ast.Constant) else {"replace", "force", "allow"}
    return found


@pytest.mark.parametrize(
    "front",
    [command_line, StackConfig("dev", {}, "codeartifact-release plan"), resource_arguments, call_arguments],
    ids=["command line", "stack config", "resource", "publish_manifest"],
)
def test_every_front_has_words_for_every_need(front: Front) -> None:
    assert {"replace", "force", "allow", "reason", "variable", "region", "finalize"} <= needs()
    for kind in needs() - {"all", "traceback", "without"}:
        said = front(Need(kind, f"acme/app@1.0={DIGEST}"))
        assert said != kind
        # What is to be pasted is whole.
        assert "…" not in said


def test_no_other_module_speaks_for_a_front() -> None:
    words = re.compile(r"pulumi config|stack config|(?<![\w-])--(allow|replace|force|reason|var)\b")
    spoken = {
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in PACKAGE.rglob("*.py")
        if path.name not in ("remedies.py", "manifests.py") and "cli" not in path.relative_to(PACKAGE).parts
        for statement in ast.walk(ast.parse(path.read_text()))
        if isinstance(statement, ast.Raise | ast.Return | ast.Assign)
        for node in ast.walk(statement)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and words.search(node.value)
    }
    # The option is its own name there, of a command that was given it.
    assert {each.split(":")[0] for each in spoken} <= {"manifest/loader.py", "manifest/variables.py"}


def test_a_front_is_the_same_in_the_plugin() -> None:
    assert front_from_json(front_to_json(call_arguments), {}) is call_arguments
    assert front_from_json(front_to_json(resource_arguments), {}) is resource_arguments
    asked: dict[str, list[str]] = {}
    needs = [Need("allow", "delete"), Need("allow", "endpoint")]
    for need, place in zip([*needs, *needs], (1, 2, 1, 2), strict=True):
        # Each call is another resource: together they fill the list, whatever is in it.
        front = front_from_json(front_to_json(StackConfig("dev", {"allow": 1})), asked)
        assert front(need) == f"`pulumi config set --path 'allow[{place}]' {need.value} -s dev`"


def test_a_name_that_a_shell_would_read_is_quoted() -> None:
    name = f"acme/$(id)'@1.0={DIGEST}"
    assert shlex.split(command_line(Need("replace", name))) == ["--replace", name]
    said = StackConfig("dev", {})(Need("replace", name)).strip("`")
    assert shlex.split(said) == ["pulumi", "config", "set", "--path", "replace[0]", name, "-s", "dev"]


# --- the root program -------------------------------------------------------------------------------------------------

TWO = """\
schemaVersion: 1
defaults: {namespace: acme, version: "${version}"}
packages:
  - {package: app, assets: ["dist/*"]}
  - {package: lib, assets: ["../shared/*"]}
environments:
  dev: {domain: acme, repository: dev, endpoint: "file:../registry", onDestroy: delete}
  staging: {domain: acme, repository: staging, endpoint: "file:../registry", promoteFrom: dev, soak: 24h}
"""


def commands(printed: str) -> list[str]:
    """What a message gives to paste."""
    found = re.findall(r"`(pulumi config [^`]+)`", printed)
    assert found, printed
    assert "…" not in printed
    return list(dict.fromkeys(found))


def paste(project: Project, printed: str, *, value: str = "") -> list[str]:
    found = commands(printed)
    for command in found:
        words = [value if word == "VALUE" else word for word in shlex.split(command)]
        project.run(*words[1:])
    return found


@pytest.mark.engine
@pytest.mark.timeout(900)
def test_what_the_root_program_prints_helps_the_root_program(project: Project) -> None:
    project.begin()
    project.write("release.yaml", TWO)
    project.write("../shared/lib.txt", "lib")
    # Another stack is selected: the commands say which is meant.
    project.run("stack", "init", "other")
    project.run("config", "set", "allow", "outside", "-s", "dev")

    printed = project.run("preview", fails=True)
    assert "usage: allow is 'outside': expected a list of texts" in printed
    paste(project, printed)
    printed = project.run("preview", fails=True)
    assert "the variable `version` is not set" in printed
    # A number all the same stays the text that it is.
    paste(project, printed, value="7")
    printed = project.run("preview", fails=True)
    assert "is outside the manifest's folder" in printed
    assert paste(project, printed) == ["pulumi config set --path 'allow[1]' endpoint -s dev"]
    printed = project.run("preview", fails=True)
    assert "onDestroy: delete" in printed
    assert paste(project, printed) == ["pulumi config set --path 'allow[2]' delete -s dev"]
    project.apply("--var", "version=7", "--allow", "outside", "--allow", "endpoint", "--allow", "delete")

    # The second permission does not take the place of the first, which the engine stops at.
    project.build(SECOND)
    project.write("../shared/lib.txt", "another lib")
    for place in range(2):
        [command] = paste(project, project.run("preview", fails=True))
        assert f"--path 'replace[{place}]' acme/" in command
    project.up()
    with opened(project.folder.parent / "registry") as client:
        assert Package(client).contents("7") == SECOND
        assert Package(client, "lib").contents("7") == {"lib.txt": b"another lib"}

    # A destroy says what it needs by itself.
    printed = project.run("destroy", "--yes", "--skip-preview", fails=True)
    [name, value] = re.search(r"Set (CODEARTIFACT_RELEASE_ALLOW)=(delete) in the environment", printed).groups()  # type: ignore[union-attr]
    project.environ[name] = value
    with opened(project.folder.parent / "registry") as client:
        assert Package(client).statuses() == {"7": "Published"}
    project.run("destroy", "--yes", "--skip-preview")
    with opened(project.folder.parent / "registry") as client:
        assert Package(client).statuses() == {}


# --- a program of one's own -------------------------------------------------------------------------------------------

OWN = """\
import pulumi
from pulumi_codeartifact_release import PackageVersion, Promotion

PLACE = dict(domain="acme", endpoint="file:.registry")
released = PackageVersion(
    "app", namespace="acme", package="app", version="1.0", repository="dev", assets=["dist/*"], **PLACE, **dict({one}),
)
Promotion("staged", source=released, repository="staging", soak="24h", **PLACE, **dict({two}))
"""


def arguments(printed: str) -> str:
    """What a message says to pass, as Python."""
    [found] = re.findall(r"the arguments? `([^`]+)`", printed)
    return str(found)


@pytest.mark.engine
@pytest.mark.timeout(900)
def test_what_a_program_of_ones_own_prints_helps_that_program(project: Project) -> None:
    project.begin(OWN.format(one="", two=""))
    # The source is made in this run, so it cannot have been there for long: that shows in the update.
    printed = project.up(fails=True)
    assert "pulumi config" not in printed
    force = arguments(printed)
    assert force.startswith("force=")
    project.write("__main__.py", OWN.format(one="", two=force))
    project.up()

    project.build(SECOND)
    printed = project.run("preview", fails=True)
    assert "pulumi config" not in printed
    replace = arguments(printed)
    assert replace.startswith("replace=")
    project.write("__main__.py", OWN.format(one=replace, two=force))
    assert "absent for a moment" in project.run("preview")


CALL = """\
import pulumi
from pulumi_codeartifact_release import publish_manifest

publish_manifest("release.yaml", "dev", **dict({}))
"""


@pytest.mark.engine
@pytest.mark.timeout(900)
def test_what_a_call_of_publish_manifest_prints_helps_that_call(project: Project) -> None:
    project.begin(CALL.format(""))
    project.write("release.yaml", TWO.replace("../shared", "lib").replace("file:../registry", "file:.registry"))
    project.write("lib/lib.txt", "lib")
    project.apply("--var", "version=7", "--allow", "delete")
    project.build(SECOND)
    given = []
    for _ in range(2):
        printed = project.run("preview", fails=True)
        assert "pulumi config" not in printed
        given.append(arguments(printed).replace("VALUE", "7"))
        project.write("__main__.py", CALL.format(", ".join(given)))
    assert given == ['variables={"version": "7"}', 'allow=["delete"]']
    printed = project.run("preview", fails=True)
    project.write("__main__.py", CALL.format(", ".join([*given, arguments(printed)])))
    assert "absent for a moment" in project.run("preview")


# --- the command line -------------------------------------------------------------------------------------------------


def test_what_the_command_line_prints_helps_the_command_line(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "project"
    (folder / "dist").mkdir(parents=True)
    (tmp_path / "shared").mkdir()
    monkeypatch.chdir(folder)
    (folder / "release.yaml").write_text(TWO)
    (folder / "dist/a.txt").write_text("first")
    (tmp_path / "shared/lib.txt").write_text("lib")
    given: list[str] = []

    def refused(environment: str) -> str:
        """Run it, and take what it says."""
        outcome = run("apply", "release.yaml", "-e", environment, "--yes", *given)
        assert outcome.code in (2, 4), outcome.err
        found = re.findall(r"--(?:allow|replace|force|var) [^\s;,]+(?: --reason TEXT)?", outcome.err)
        assert found, outcome.err
        assert "…" not in outcome.err
        for each in dict.fromkeys(found):
            given.extend(shlex.split(each.replace("VALUE", "7").rstrip(".")))
        return outcome.err

    assert "is not set" in refused("dev")
    assert "is outside the manifest's folder" in refused("dev")
    assert {"--var", "--allow"} <= set(given)
    outcome = run("apply", "release.yaml", "-e", "dev", "--yes", *given)
    assert outcome.code == 0, outcome.err
    (folder / "dist/a.txt").write_text("second")
    assert "is already Published" in refused("dev")
    assert run("apply", "release.yaml", "-e", "dev", "--yes", *given).code == 0
    given[given.index("--replace") :] = []
    assert "`soak` requires 24h" in refused("staging")
    # One reason for all of them.
    assert run("apply", "release.yaml", "-e", "staging", "--yes", *given).code == 0


def test_a_form_is_no_permission() -> None:
    assert VERSION_WITH_DIGEST not in command_line(Need("replace", DIGEST))


ONE = """\
schemaVersion: 1
defaults: {namespace: acme, version: "1.0"}
packages: [{package: app, assets: ["dist/*"]}]
environments:
  dev: {domain: acme, repository: dev, endpoint: "file:registry"}
  aws: {domain: acme, repository: dev}
"""


@pytest.fixture
def one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/a.txt").write_text("first")
    (tmp_path / "release.yaml").write_text(ONE)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_leftover_assets_are_replaced_as_the_command_line_says(run: Run, one: Path) -> None:
    apply_words = ("apply", "release.yaml", "-e", "dev", "--yes")
    assert run(*apply_words).code == 0
    with opened(one / "registry") as client:
        Package(client).delete("1.0")
        Package(client).begin("1.0", "b.txt", b"of another build")
    outcome = run(*apply_words)
    assert (outcome.code, "[leftover-assets]" in outcome.err) == (4, True)
    [remedy] = set(re.findall(r"--replace [^\s;,]+[^\s;,.]", outcome.err))
    assert run(*apply_words, *shlex.split(remedy)).code == 0
    with opened(one / "registry") as client:
        assert Package(client).contents("1.0") == {"a.txt": b"first"}


def test_a_region_is_named_as_the_command_line_says(run: Run, one: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    plan_words = ("plan", "release.yaml", "-e", "aws")
    assert "Set AWS_REGION, or `region` in the environment of the manifest." in run(*plan_words).err
    # What comes next is another message: no server listens there.
    monkeypatch.setenv("AWS_ENDPOINT_URL_CODEARTIFACT", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "none")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert "error[unreachable]" in run(*plan_words).err
    monkeypatch.delenv("AWS_REGION")
    (one / "release.yaml").write_text(ONE.replace("aws: {", "aws: {region: eu-west-1, "))
    assert "error[unreachable]" in run(*plan_words).err


class KeepsUnfinished(FakeRegistry):
    """A registry in which no upload publishes."""

    def publish_asset(self, at: Coordinates, asset: Asset, body: BinaryIO, *, unfinished: bool) -> VersionState:
        return super().publish_asset(at, asset, body, unfinished=True)


def test_what_no_upload_publishes_is_published_by_the_value_of_finalize_that_the_error_names() -> None:
    registry, contents = KeepsUnfinished(), {"a": b"a"}

    def run_with(finalize: Finalize) -> list[Event]:
        return list(apply(release(contents, finalize=finalize), asset_contents(contents), registry, InlineScheduler()))

    with pytest.raises(InconsistentReadError) as caught:
        run_with(Finalize.LAST_ASSET)
    for front in (command_line, StackConfig("dev", {}), call_arguments):
        caught.value.front = front
        assert "`finalize: status-update`" in caught.value.hint
    caught.value.front = resource_arguments
    assert '`finalize="status-update"`' in caught.value.hint
    run_with(Finalize("status-update"))
    assert registry.versions[AT].status is Status.PUBLISHED
