"""Promotion with the real engine: environments of one manifest as stacks of one program, on a registry behind a gate.

Every request passes the gate: a preview that writes, or an unchanged stack that asks anything at all, would be seen.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from mypy_boto3_codeartifact import CodeArtifactClient

from pulumi_codeartifact_release.local_registry import start
from support.embedded import Gate, client_of

from .test_engine import FIRST, ROOT, Project, project

__all__ = ["project"]

pytestmark = [pytest.mark.engine, pytest.mark.timeout(400)]

MANIFEST = """\
schemaVersion: 1
variables:
  version: {file: VERSION}
packages:
  - {namespace: acme, package: app, version: "${version}", assets: ["dist/*"]}
environments:
  dev: {domain: acme, repository: dev}
  staging: {domain: acme, repository: staging, promoteFrom: dev}
  prod: {domain: acme-prod, repository: releases, promoteFrom: staging}
"""
# What a promotion may ask without a write, by its beginning.
READS = ("Describe", "List")


@dataclass(frozen=True)
class Repository:
    """One repository, through plain boto3: somebody else's program."""

    client: CodeArtifactClient
    domain: str
    name: str

    def _key(self, package: str) -> dict[str, Any]:
        return {
            "domain": self.domain,
            "repository": self.name,
            "format": "generic",
            "namespace": "acme",
            "package": package,
        }

    def publish(self, version: str, contents: Mapping[str, bytes], package: str = "app") -> str:
        """Publish a version; returns its digest."""
        names = sorted(contents)
        for name in names:
            self.client.publish_package_version(
                **self._key(package),
                packageVersion=version,
                assetName=name,
                assetContent=contents[name],
                assetSHA256=hashlib.sha256(contents[name]).hexdigest(),
                unfinished=name != names[-1],
            )
        lines = "".join(f"{hashlib.sha256(contents[name]).hexdigest()}  {name}\n" for name in names)
        return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"

    def statuses(self, package: str = "app") -> dict[str, str]:
        try:
            listed = self.client.list_package_versions(**self._key(package))["versions"]
        except self.client.exceptions.ResourceNotFoundException:
            return {}
        return {each["version"]: each["status"] for each in listed}

    def archive(self, version: str) -> None:
        self.client.update_package_versions_status(
            **self._key("app"), versions=[version], targetStatus="Archived", expectedStatus="Published"
        )

    def delete(self, version: str) -> None:
        answer = self.client.delete_package_versions(**self._key("app"), versions=[version])
        assert list(answer["successfulVersions"]) == [version]

    def download(self, version: str, folder: Path, package: str = "app") -> None:
        """Write all assets of a version into a new folder."""
        folder.mkdir()
        which: dict[str, Any] = {**self._key(package), "packageVersion": version}
        for asset in self.client.list_package_version_assets(**which)["assets"]:
            with self.client.get_package_version_asset(**which, asset=asset["name"])["asset"] as body:
                (folder / asset["name"]).write_bytes(body.read())


@dataclass
class World:
    """The stacks of one program, and the registry that its shell names."""

    project: Project
    gate: Gate
    client: CodeArtifactClient
    folder: Path

    def __post_init__(self) -> None:
        self.dev = Repository(self.client, "acme", "dev")
        self.staging = Repository(self.client, "acme", "staging")
        self.prod = Repository(self.client, "acme-prod", "releases")
        self._operations = operations(self.client)

    def stack(self, name: str, config: str = "  codeartifact-release:manifest: release.yaml\n") -> Project:
        """Make a stack; returns the project as it is run on it."""
        self.project.write(f"Pulumi.{name}.yaml", f"config:\n{config}")
        made = replace(self.project, environ={**self.project.environ, "PULUMI_STACK": name})
        made.run("stack", "init", name)
        return made

    def forget(self, name: str) -> None:
        """Lose a stack's state, as if the backend had been restored from the day when it was made."""
        [stored] = (self.project.backend / "state/.pulumi/stacks").rglob(f"{name}.json")
        state = json.loads(stored.read_text())
        for each in ("resources", "pending_operations"):
            state["checkpoint"]["latest"].pop(each, None)
        stored.write_text(json.dumps(state))

    def resource(self, name: str) -> dict[str, Any]:
        """The one promotion in a stack's state."""
        [stored] = (self.project.backend / "state/.pulumi/stacks").rglob(f"{name}.json")
        resources = json.loads(stored.read_text())["checkpoint"]["latest"]["resources"]
        [ours] = [each for each in resources if each["type"].endswith(":Promotion")]
        return dict(ours)

    def asked(self) -> list[str]:
        """The operations since this was asked last, each with its repository."""
        requests, self.gate.requests = self.gate.requests, []
        found = []
        for request in requests:
            path, _, query = request.partition("?")
            parameters = dict(each.split("=") for each in query.split("&") if "=" in each)
            repository = parameters.get("destination-repository") or parameters.get("repository", "")
            found.append(f"{self._operations[path]} {repository}")
        return found

    def counted(self) -> dict[str, int]:
        """How often each operation was asked for since this, or `asked`, was asked last."""
        names = [each.split()[0] for each in self.asked()]
        return {name: names.count(name) for name in names}

    def only_looked(self) -> bool:
        """Whether something was asked, and nothing that could write, or that downloads."""
        asked = self.asked()
        return bool(asked) and all(each.startswith(READS) for each in asked)


def operations(client: CodeArtifactClient) -> dict[str, str]:
    """`METHOD path` -> operation, as the service's model has it."""
    model = client.meta.service_model
    requests = {name: model.operation_model(name).http for name in model.operation_names}
    return {f"{request['method']} {request['requestUri']}": name for name, request in requests.items()}


@pytest.fixture
def world(project: Project, tmp_path: Path) -> Iterator[World]:
    with start(tmp_path / "registry") as running, Gate(running) as gate:
        client = client_of(running)
        for domain, repositories in {"acme": ("dev", "staging"), "acme-prod": ("releases",)}.items():
            client.create_domain(domain=domain)
            for repository in repositories:
                client.create_repository(domain=domain, repository=repository)
        key = running.credentials()
        project.environ |= {
            "AWS_ENDPOINT_URL_CODEARTIFACT": gate.url,
            "AWS_ACCESS_KEY_ID": key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
            "AWS_REGION": "us-east-1",
        }
        project.write("Pulumi.yaml", project._settings())
        project.write("__main__.py", (ROOT / "__main__.py").read_text(encoding="utf-8"))
        project.write("release.yaml", MANIFEST)
        project.write("VERSION", "1.0\n")
        project.build(FIRST)
        yield World(project, gate, client, tmp_path)
        client.close()


def sha256sum(folder: Path) -> str:
    """The digest of a folder, by nothing of ours."""
    printed = subprocess.run(
        ["bash", "-c", "LC_ALL=C; sha256sum -- * | sha256sum"], cwd=folder, check=True, capture_output=True, text=True
    )
    return f"sha256:{printed.stdout.split()[0]}"


# --- stories ----------------------------------------------------------------------------------------------------------


def test_the_same_bytes_go_from_stack_to_stack_and_what_was_made_outlives_its_source(world: World) -> None:
    staging, prod = (world.stack(name) for name in ("staging", "prod"))
    world.dev.publish("1.0", FIRST)
    digest = sha256sum(world.project.folder / "dist")
    # What is promoted is in the registry; the machine that promotes has nothing of it.
    shutil.rmtree(world.project.folder / "dist")
    world.asked()

    printed, update = staging.run("up", "--yes").split("Updating (staging)")
    assert (
        f"copy 3 assets, 29 bytes\n      5 requests\n      {digest}\n      from acme/dev as it is now, not pinned"
        in printed
    )
    assert "Published: copied 3 assets, 29 bytes" in update
    counted = world.counted()
    assert counted.pop("CopyPackageVersions") == 1
    assert all(name.startswith(READS) for name in counted)

    # A gate that is not met fails the preview, which says until when, and how it is skipped; for these very bytes.
    world.project.write("release.yaml", MANIFEST.replace("promoteFrom: staging", "promoteFrom: staging, soak: 24h"))
    permit(world, f"sha256:{'0' * 64}")
    printed = prod.run("preview", fails=True)
    assert "and `soak` requires 24h: until 2" in printed
    assert world.only_looked()
    [remedy] = re.findall(r"`pulumi (config set --path 'force\[1\]' .*? -s prod)`", printed)
    assert f"acme/app@1.0={digest}" in remedy
    prod.run(*shlex.split(remedy))
    assert "Published: sent 3 assets, 29 bytes" in prod.up()
    counted = world.counted()
    assert (counted.pop("GetPackageVersionAsset"), counted.pop("PublishPackageVersion")) == (3, 3)
    assert counted.pop("UpdatePackageVersionsStatus") == 1
    assert all(name.startswith(READS) for name in counted)
    audit = world.resource("prod")["outputs"]["audit"]
    assert (audit["how"], audit["digest"], audit["forced"]) == ("transferred", digest, {"reason": "a security fix"})
    assert world.resource("staging")["outputs"]["audit"]["how"] == "copied"
    for name, repository in {"staging": world.staging, "prod": world.prod}.items():
        folder = world.folder / name
        repository.download("1.0", folder)
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == FIRST
        assert sha256sum(folder) == digest
        stored = world.resource(name)
        assert stored["inputs"]["digest"] == stored["inputs"]["source"]["digest"] == digest
        assert stored["retainOnDelete"] is True
        told = json.dumps(stored["inputs"]) + json.dumps(stored["outputs"])
        for secret in (str(world.folder), str(Path.home()), world.project.environ["AWS_SECRET_ACCESS_KEY"]):
            assert secret not in told

    # The sources are cleaned up, and nothing is permitted any more: nobody minds, and nothing is asked; nor with a lost
    # state, for what is there was promoted from a source that holds it no longer.
    for repository in (world.dev, world.staging):
        repository.delete("1.0")
    permit(world, "")
    world.asked()
    prod.up("--expect-no-changes")
    assert world.asked() == []
    world.forget("prod")
    assert "Published: nothing to send, 3 assets already there" in prod.up()
    assert world.only_looked()
    assert world.resource("prod")["outputs"]["audit"]["how"] == "adopted"


def permit(world: World, digest: str) -> None:
    """Permit the stack `prod` to skip the soak of one digest; or of none."""
    force = f'  codeartifact-release:force: ["acme/app@1.0={digest}"]\n  codeartifact-release:reason: a security fix\n'
    config = "config:\n  codeartifact-release:manifest: release.yaml\n"
    world.project.write("Pulumi.prod.yaml", config + (force if digest else ""))


def test_pins_decide_what_is_promoted_and_the_next_stack_follows_what_this_one_says(world: World) -> None:
    shutil.rmtree(world.project.folder / "dist")
    first = world.dev.publish("1.0", FIRST)
    second = world.dev.publish("1.1", {"a.txt": b"the second alpha"})
    staging = world.stack("staging")
    followed = MANIFEST.replace("promoteFrom: staging", "promoteFrom: staging, stack: staging")

    def pin(version: str, digest: str) -> None:
        pins = f"pinned: true, pins: {{acme/app: {{version: '{version}', digest: '{digest}'}}}}"
        text = f"promoteFrom: dev, {pins}"
        world.project.write("release.yaml", followed.replace("promoteFrom: dev", text))

    pin("1.0", first)
    staging.up()
    assert world.staging.statuses() == {"1.0": "Published"}

    # What was approved is replaced at its source, by different bytes of the same name.
    pin("1.1", second)
    world.dev.delete("1.1")
    other = world.dev.publish("1.1", {"a.txt": b"nobody approved this"})
    world.asked()
    printed = staging.run("preview", fails=True)
    assert "acme/app@1.1 in acme/dev is not what was approved" in printed
    assert f"approved  {second} (`pins` of staging)" in printed
    assert f"actual    {other} (Published, " in printed
    assert world.only_looked()
    assert world.staging.statuses() == {"1.0": "Published"}

    # prod takes over what the stack before says, whatever version the manifest is at.
    world.project.write("VERSION", "1.1\n")
    prod = world.stack("prod")
    printed = prod.run("up", "--yes")
    assert f"{first}\n      from acme/staging, approved by the stack staging" in printed
    assert world.prod.statuses() == {"1.0": "Published"}
    world.prod.download("1.0", world.folder / "promoted")
    assert sha256sum(world.folder / "promoted") == first


PROGRAM = """\
import pulumi
from pulumi_codeartifact_release import PackageVersion, Promotion

dev = PackageVersion(
    "dev", namespace="acme", package="app", version=pulumi.Config().require("version"),
    domain="acme", repository="dev", assets=["dist/*"],
)
staging = Promotion("staging", source=dev, domain="acme", repository="staging", on_supersede="archive")
prod = Promotion("prod", source=staging, domain="acme-prod", repository="releases")
pulumi.export("digest", prod.digest)
"""


def test_a_program_promotes_what_it_publishes_itself(world: World) -> None:
    world.project.write("__main__.py", PROGRAM)
    own = world.stack("own", "  codeartifact-release:version: '1.0'\n")
    digest = sha256sum(world.project.folder / "dist")
    # Nothing is there yet: all that the preview knows is what will be promoted.
    printed = own.run("preview")
    assert printed.count("+  pulumi-python:dynamic/codeartifact:Promotion") >= 2
    assert f'digest: "{digest}"' in printed
    assert world.only_looked()
    own.up()
    for repository in (world.dev, world.staging, world.prod):
        assert repository.statuses() == {"1.0": "Published"}
    world.project.build({"a.txt": b"the second alpha"})
    digest = sha256sum(world.project.folder / "dist")
    world.project.write("Pulumi.own.yaml", "config:\n  codeartifact-release:version: '1.1'\n")
    printed = own.up()
    assert "~ 3 updated" in printed
    assert f'"{digest}"' in printed
    assert world.staging.statuses() == {"1.0": "Archived", "1.1": "Published"}
    assert world.prod.statuses() == {"1.0": "Published", "1.1": "Published"}
    world.prod.download("1.1", world.folder / "promoted")
    assert sha256sum(world.folder / "promoted") == digest


def test_fifty_packages_are_copied_at_once(world: World) -> None:
    names = [f"app-{number}" for number in range(50)]
    for name in names:
        world.dev.publish("1.0", {"notes.txt": name.encode()}, name)
    packages = "".join(
        f"  - {{namespace: acme, package: {name}, version: '1.0', assets: [nowhere/{name}.txt]}}\n" for name in names
    )
    head, _, tail = MANIFEST.partition("  - {namespace")
    world.project.write("release.yaml", head + packages + tail[tail.index("environments:") :])
    staging = world.stack("staging")
    world.asked()
    assert "+ 51 created" in staging.up()
    counted = world.counted()
    assert counted.pop("CopyPackageVersions") == 50
    assert all(name.startswith(READS) for name in counted)
    assert [world.staging.statuses(name) for name in names] == [{"1.0": "Published"}] * 50
    for name in (names[0], names[-1]):
        world.staging.download("1.0", world.folder / name, name)
        assert (world.folder / name / "notes.txt").read_text() == name
