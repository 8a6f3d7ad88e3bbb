"""One orchestration: what is refused in one place is refused through every front, before anything is written."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import botocore.client
import pytest

import pulumi_codeartifact_release
from pulumi_codeartifact_release import connections
from pulumi_codeartifact_release.approvals import withdrawal_of
from pulumi_codeartifact_release.cli import main
from pulumi_codeartifact_release.errors import (
    AccessDeniedError,
    GateError,
    ReleaseError,
    UnreachableError,
    WithdrawnError,
)
from pulumi_codeartifact_release.location import Location, resolve
from pulumi_codeartifact_release.manifest import load
from pulumi_codeartifact_release.plugin.declaration import Declaration
from pulumi_codeartifact_release.providers import PackageVersionProvider, PromotionProvider
from pulumi_codeartifact_release.publishing import (
    CircuitBreaker,
    Release,
    Request,
    ThreadScheduler,
    Withdrawal,
    gates,
    read_version,
    version_workflow,
    workflow,
)
from pulumi_codeartifact_release.publishing.gates import Candidate

MANIFEST = """\
schemaVersion: 1
packages:
  - {namespace: acme, package: app, version: "1.0", assets: [a.txt]}
environments:
  dev: {domain: acme, repository: dev, endpoint: "file:.registry"}
  prod: {domain: acme, repository: prod, endpoint: "file:.registry", promoteFrom: dev}
"""
VERSION = {"namespace": "acme", "package": "app", "version": "1.0", "domain": "acme", "endpoint": "file:.registry"}
DEV = {"domain": "acme", "repository": "dev", "endpoint": "file:.registry"}
URN = "urn:pulumi:dev::project::pulumi-python:dynamic/codeartifact:PackageVersion::acme/app"
REASON = "there is no signature"
PACKAGE = str(Path(pulumi_codeartifact_release.__file__).parent)

Front = Callable[[Path], str]
"""Releases, or previews, and returns why it is refused; "" if it is not."""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("alpha")
    (tmp_path / "release.yaml").write_text(MANIFEST)
    yield tmp_path
    connections.close()


def command(*words: str) -> Front:
    def front(_project: Path) -> str:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sys, "argv", ["codeartifact-release", *words])
            with pytest.raises(SystemExit) as caught:
                main()
        return {0: "", 4: "refused"}[int(str(caught.value.code))]

    return front


def checked(provider: Any, project: Path, *, dry_run: bool, olds: Any = None, **inputs: Any) -> Any:
    files = {} if provider is PromotionProvider else {"a.txt": str(project / "a.txt")}
    withdrawal = withdrawal_of(load(project / "release.yaml", with_files=False), "acme/app", "1.0")
    declared = Declaration(
        files=files,
        base=str(project),
        urn=URN,
        dry_run=dry_run,
        repository_exists=True,
        withdrawal=asdict(withdrawal) if withdrawal else {},
    )
    return provider().check(olds or {}, {**VERSION, **inputs, "declaration": declared.text()})


def check_version(project: Path) -> str:
    result = checked(PackageVersionProvider, project, dry_run=True, repository="dev")
    return " ".join(failure.reason for failure in result.failures)


def create_version(project: Path) -> str:
    result = checked(PackageVersionProvider, project, dry_run=False, repository="dev")
    assert not result.failures
    try:
        PackageVersionProvider().create(result.inputs)
    except Exception as error:  # noqa: BLE001 - the engine gets any
        return str(error)
    return ""


def check_promotion(*, dry_run: bool) -> Front:
    def front(project: Path) -> str:
        result = checked(PromotionProvider, project, dry_run=dry_run, repository="prod", source=DEV)
        return " ".join(failure.reason for failure in result.failures)

    return front


PUBLISHING = {
    "plan": command("plan", "release.yaml", "-e", "dev"),
    "apply": command("apply", "release.yaml", "-e", "dev", "--yes"),
    "check in a preview": check_version,
    "create, where nothing was read": create_version,
}
PROMOTING = {
    "plan of a promotion": command("plan", "release.yaml", "-e", "prod"),
    "apply of a promotion": command("apply", "release.yaml", "-e", "prod", "--yes"),
    "check of a promotion in a preview": check_promotion(dry_run=True),
    "check of a promotion in an update": check_promotion(dry_run=False),
}
FRONTS = PUBLISHING | PROMOTING


def held(repository: str) -> object:
    """What a repository of the project holds of the package."""
    location = resolve(Location("acme", repository, endpoint="file:.registry"), base=Path.cwd())
    at = location.coordinates("acme", "app", "1.0")
    return read_version(connections.connect(location).planning, at, ThreadScheduler())


def no_signature(candidate: Candidate) -> bool:
    assert candidate.release or candidate.remote
    raise GateError(REASON)


@pytest.mark.parametrize("front", FRONTS)
def test_a_gate_refuses_through_every_front(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], front: str
) -> None:
    repository = "dev" if front in PUBLISHING else "prod"
    if front in PROMOTING:
        assert PUBLISHING["apply"](project) == ""
    monkeypatch.setattr(gates, "GATES", (*gates.GATES, no_signature))
    told = FRONTS[front](project)
    assert told
    assert REASON in told + capsys.readouterr().err
    assert held(repository) is None
    monkeypatch.undo()
    monkeypatch.chdir(project)
    assert FRONTS[front](project) == ""


@pytest.mark.parametrize("front", FRONTS)
def test_a_precondition_refuses_through_every_front_that_prepares(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], front: str
) -> None:
    asked: list[Request] = []

    def refuse(request: Request) -> None:
        asked.append(request)
        raise GateError(REASON)

    monkeypatch.setattr(version_workflow, "PRECONDITIONS", (refuse,))
    if front == "create, where nothing was read":
        # Refused before: by the check of the same update.
        result = checked(PackageVersionProvider, project, dry_run=False, repository="dev")
        told = result.failures[0].reason
    else:
        told = FRONTS[front](project)
    assert told
    assert REASON in told + capsys.readouterr().err
    assert {request.release.at.repository for request in asked} == {"dev" if front in PUBLISHING else "prod"}
    # Nothing was read: not even the folder is there.
    assert not (project / ".registry").exists()


WITHDRAWN = f"""\
withdrawn:
  acme/app@1.0: {{digest: "sha256:{"0" * 64}", status: Archived, reason: loses orders}}
"""


@pytest.mark.parametrize("there", [False, True], ids=["absent", "published"])
@pytest.mark.parametrize("front", FRONTS)
def test_a_withdrawn_version_is_refused_through_every_front(
    project: Path, capsys: pytest.CaptureFixture[str], front: str, there: bool
) -> None:
    for name in ("dev", "prod") if there else ():
        assert command("apply", "release.yaml", "-e", name, "--yes")(project) == ""
    repository = "dev" if front in PUBLISHING else "prod"
    before = held(repository)
    (project / "release.yaml").write_text(MANIFEST + WITHDRAWN)
    capsys.readouterr()
    if front == "create, where nothing was read":
        # Refused before: by the check of the same update.
        result = checked(PackageVersionProvider, project, dry_run=False, repository="dev")
        answer = result.failures[0].reason
    else:
        answer = FRONTS[front](project)
    text = answer + capsys.readouterr().err
    assert "withdrawn" in text
    message = f"acme/app@1.0 in acme/{repository} was withdrawn (`withdrawn` of {{}}release.yaml): loses orders"
    assert message.format("") in text or message.format(f"{project}/") in text
    assert "codeartifact-release withdraw acme/app@1.0 --restore" in text
    assert held(repository) == before


def test_an_unchanged_resource_is_refused_after_its_version_was_withdrawn(project: Path) -> None:
    result = checked(PackageVersionProvider, project, dry_run=False, repository="dev")
    state = PackageVersionProvider().create(result.inputs).outs
    (project / "release.yaml").write_text(MANIFEST + WITHDRAWN)
    again = checked(PackageVersionProvider, project, dry_run=False, olds=state, repository="dev")
    assert [(each.property, each.reason.split(":")[0]) for each in again.failures] == [("version", "withdrawn")]


def test_a_withdrawn_version_is_not_sent_without_a_plan_either(project: Path) -> None:
    location = Location("acme", "dev")
    release = Release(location.coordinates("acme", "app", "1.0"), ())
    withdrawal = Withdrawal(f"sha256:{'0' * 64}", "Archived", "loses orders", "release.yaml")

    def connect(_location: Location) -> Any:
        raise AssertionError("nothing is connected to")

    with pytest.raises(WithdrawnError):
        next(
            workflow.execute(Request(location, release, "acme/app", withdrawal=withdrawal), connect, ThreadScheduler())
        )


def test_a_withdrawn_version_is_not_verified(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    verify = command("verify", "release.yaml", "-e", "dev")
    assert PUBLISHING["apply"](project) == ""
    assert verify(project) == ""
    (project / "release.yaml").write_text(MANIFEST + WITHDRAWN)
    capsys.readouterr()
    assert verify(project) == "refused"
    assert "was withdrawn (`withdrawn` of release.yaml): loses orders" in capsys.readouterr().out


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_what_is_published_already_is_not_judged_again(
    project: Path, monkeypatch: pytest.MonkeyPatch, environment: str
) -> None:
    for name in ("dev", "prod"):
        assert command("apply", "release.yaml", "-e", name, "--yes")(project) == ""
    monkeypatch.setattr(gates, "GATES", (*gates.GATES, no_signature))
    assert command("apply", "release.yaml", "-e", environment, "--yes")(project) == ""


def test_few_frames_are_between_a_command_and_the_network(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A maintainer reads fewer than ten in a traceback."""
    most: dict[str, list[str]] = {}
    make_api_call = botocore.client.BaseClient._make_api_call  # type: ignore[attr-defined]

    def counted(client: object, operation: str, params: object) -> object:
        frames = [frame.name for frame in traceback.extract_stack() if frame.filename.startswith(PACKAGE)]
        most[operation] = max(most.get(operation, []), frames, key=len)
        return make_api_call(client, operation, params)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", counted)
    for name in ("dev", "prod"):
        assert command("plan", "release.yaml", "-e", name)(project) == ""
        assert command("apply", "release.yaml", "-e", name, "--yes")(project) == ""
    assert command("status", "release.yaml")(project) == ""
    assert command("verify", "release.yaml", "-e", "dev", "--download")(project) == ""
    assert {"DescribePackageVersion", "PublishPackageVersion", "CopyPackageVersions"} <= most.keys()
    assert all(len(frames) < 10 for frames in most.values()), most


def test_a_circuit_breaker_asks_no_more_after_what_every_package_would_meet() -> None:
    breaker, calls = CircuitBreaker(), []

    def fail(error: ReleaseError) -> None:
        calls.append(error)
        raise error

    for error in (AccessDeniedError("of one package"), UnreachableError("of all"), UnreachableError("not asked")):
        with pytest.raises(type(error)):
            breaker.call(lambda error=error: fail(error))  # type: ignore[misc]
    assert [str(error.message) for error in calls] == ["of one package", "of all"]
    assert breaker.error is calls[1]
    # Two that failed at once are one, so that it is told once.
    assert breaker.record(UnreachableError("at the same time")) is calls[1]
    assert breaker.record(calls[0]) is calls[0]
