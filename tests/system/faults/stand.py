"""What the tests of this folder stand on: command lines as processes, a registry that counts, a release to send."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import re
import select
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

from mypy_boto3_codeartifact import CodeArtifactClient

from pulumi_codeartifact_release.local_registry import start
from pulumi_codeartifact_release.local_registry.faults import Faults, parse
from pulumi_codeartifact_release.local_registry.server import LocalRegistry
from support.embedded import client_of

MANIFEST = """\
schemaVersion: 1
variables:
  version: {default: "1.0"}
defaults:
  namespace: acme
packages:
  - package: app
    version: ${version}
    assets: [dist/*]
environments:
  dev: {domain: acme, repository: dev}
  minimal: {domain: acme, repository: dev, finalize: last-asset}
  embedded: {domain: acme, repository: dev, endpoint: "file:.registry"}
"""

STATUS_UPDATE, LAST_ASSET = "dev", "minimal"
"""The environments of the manifest by how they finish."""

PROMOTIONS = """\
schemaVersion: 1
variables:
  version: {default: "1.0"}
  digest: {default: "sha256:0000000000000000000000000000000000000000000000000000000000000000"}
  soak: {default: "1h"}
  source: {default: "https://source.invalid"}
  to: {default: "https://destination.invalid"}
defaults:
  namespace: acme
packages:
  - package: app
    version: ${version}
    assets: [dist/*]
environments:
  dev: {domain: acme, domainOwner: "000000000000", repository: dev, endpoint: "${source}", profile: source}
  transferred: &to {domain: acme-prod, repository: releases, endpoint: "${to}", profile: to, promoteFrom: dev}
  copied: {<<: *to, domain: acme, domainOwner: "000000000000", repository: staging}
  last-asset: {<<: *to, finalize: last-asset}
  soaked: {<<: *to, soak: "${soak}"}
  pinned: {<<: *to, pinned: true, pins: {acme/app: {version: "${version}", digest: "${digest}"}}}
"""
"""A manifest whose environments promote; source and destination are where a test says, each with keys of its own."""

EVERYWHERE = os.environ.get("KILLS") == "all"
"""Whether to kill at every moment of every request, in every weather. By default it is a spread of them."""

Contents = dict[str, bytes]


class Place(NamedTuple):
    """A repository."""

    domain: str
    repository: str


DEV, STAGING, RELEASES = Place("acme", "dev"), Place("acme", "staging"), Place("acme-prod", "releases")
"""Where the manifests' environments are: the service copies from the first to the second, the third is elsewhere."""

PLACES = (DEV, STAGING, RELEASES)
DESTINATIONS = {"copied": STAGING, "transferred": RELEASES, "last-asset": RELEASES, "pinned": RELEASES}
"""By the environment that promotes."""


def contents_of(count: int, size: int = 2000, seed: str = "first") -> Contents:
    """Assets that differ in content and size; the second is empty."""
    chance = random.Random(seed)
    return {
        f"asset-{number:03}.bin": b"" if number == 1 else chance.randbytes(size + number) for number in range(count)
    }


SEVEN = contents_of(7)


def make_project(folder: Path, contents: Contents, manifest: str = MANIFEST) -> Path:
    (folder / "dist").mkdir(parents=True)
    for name, content in contents.items():
        (folder / "dist" / name).write_bytes(content)
    (folder / "release.yaml").write_text(manifest, encoding="utf-8")
    return folder


# --- command lines ----------------------------------------------------------------------------------------------------


class Launcher:
    """Runs command lines, one at a time; see launcher.py."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("launcher.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def start(self, folder: Path, environ: dict[str, str], *words: str, output: Path) -> Run:
        assert self._process.stdin
        out, err = output.with_suffix(".out"), output.with_suffix(".err")
        task = {"folder": str(folder), "environ": environ, "words": words, "out": str(out), "err": str(err)}
        self._process.stdin.write(json.dumps(task) + "\n")
        self._process.stdin.flush()
        return Run(self, int(self.line(30)), out, err)

    def line(self, seconds: float) -> str:
        assert self._process.stdout
        if not select.select([self._process.stdout], [], [], seconds)[0]:
            raise TimeoutError(f"the command has not ended within {seconds} s")
        return self._process.stdout.readline()

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


@dataclass
class Run:
    """A command line under way."""

    launcher: Launcher
    pid: int
    out_file: Path
    err_file: Path
    code: int | None = None
    peak_kib: int = 0

    def wait(self, seconds: float = 50) -> int:
        """Return the exit code; a run that takes longer is killed and fails the test."""
        if self.code is None:
            try:
                self._end(self.launcher.line(seconds))
            except TimeoutError:
                self.kill()
                self._end(self.launcher.line(10))
                raise
        assert self.code is not None
        return self.code

    def _end(self, line: str) -> None:
        self.code, self.peak_kib = map(int, line.split())

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if self.code is not None:
            return
        until = time.monotonic() + 10
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
            while time.monotonic() < until:
                os.kill(self.pid, 0)
                time.sleep(0.001)

    @property
    def out(self) -> str:
        return self.out_file.read_text(encoding="utf-8")

    @property
    def err(self) -> str:
        return self.err_file.read_text(encoding="utf-8")

    @property
    def said(self) -> str:
        """Everything it printed, for the message of an assertion."""
        return f"exit {self.code}\n{self.out}\n{self.err}"


# --- registries -------------------------------------------------------------------------------------------------------


@dataclass
class Journal:
    """Every request that a server answered."""

    entries: list[tuple[str, str, str, int]] = field(default_factory=list)
    """Version, path, asset, HTTP status; 0 where no answer was made."""
    times: list[float] = field(default_factory=list)
    """When each was answered."""

    def __call__(self, line: str) -> None:
        asked, _, rest = line.partition(" -> ")
        target = urlsplit(asked.split(" ", 1)[1])
        query = {name: values[0] for name, values in parse_qs(target.query).items()}
        status = re.match(r"\d{3}", rest)
        self.times.append(time.monotonic())
        self.entries.append(
            (query.get("version", ""), target.path, query.get("asset", ""), int(status[0]) if status else 0)
        )

    def settled(self) -> int:
        """How many requests there were, once all are in: a line is written when its answer is on its way already."""
        while True:
            count = len(self.entries)
            time.sleep(0.1)
            if count == len(self.entries):
                return count

    def accepted(self, version: str, since: int = 0) -> list[str]:
        """The assets of a version that the server took, in order: each time it did."""
        return [
            asset
            for of, path, asset, status in self.entries[since:]
            if of == version and path == "/v1/package/version/publish" and status == 200
        ]

    def uploads_at(self, version: str) -> list[float]:
        """When each request to upload an asset of a version was answered, whatever the answer."""
        return [
            at
            for at, (of, path, _, _) in zip(self.times, self.entries, strict=True)
            if of == version and path == "/v1/package/version/publish"
        ]

    def writes(self, since: int = 0) -> list[str]:
        """The requests that changed, or would have changed, something."""
        return [
            path
            for _, path, _, _ in self.entries[since:]
            if path in ("/v1/package/version/publish", "/v1/package/versions/update_status")
            or path.endswith(("/delete", "/dispose", "/copy"))
        ]


class Registry:
    """A folder of a registry, a server that tells the truth, and as many that do not as a test wants."""

    def __init__(self, folder: Path) -> None:
        self.journal = Journal()
        self._folder = folder
        self._lock = threading.Lock()
        self.server = start(folder, log=self._log)
        self.client: CodeArtifactClient = client_of(self.server)
        for domain in {place.domain for place in PLACES}:
            self.client.create_domain(domain=domain)
        for place in PLACES:
            self.client.create_repository(domain=place.domain, repository=place.repository)

    def _log(self, line: str) -> None:
        with self._lock:
            self.journal(line)

    def misbehaving(self, *rules: dict[str, Any], seed: int = 1) -> Misbehaving:
        return Misbehaving(self._folder, parse({"seed": seed, "rules": list(rules)}), self._log)

    def close(self) -> None:
        self.client.close()
        self.server.close()

    def held(
        self, version: str, package: str = "app", *, published_only: bool = False, at: Place = DEV
    ) -> tuple[str, dict[str, str]]:
        """The status of a version, empty where there is none, and the SHA-256 of its assets by name."""
        key = _key(version, package, at)
        try:
            status = self.client.describe_package_version(**key)["packageVersion"]["status"]
        except self.client.exceptions.ResourceNotFoundException:
            return "", {}
        if published_only and status != "Published":
            return status, {}
        listed = self.client.list_package_version_assets(**key, maxResults=1000)["assets"]
        return status, {asset["name"]: asset["hashes"]["SHA-256"] for asset in listed}

    def publish(self, version: str, contents: Contents, *, at: Place = DEV, unfinished: bool = False) -> None:
        """Put a version there, as a program of somebody else's would."""
        for number, (name, content) in enumerate(contents.items(), 1):
            self.client.publish_package_version(
                **_key(version, "app", at),
                assetName=name,
                assetContent=content,
                assetSHA256=hashlib.sha256(content).hexdigest(),
                unfinished=unfinished or number < len(contents),
            )

    def downloaded(self, version: str, at: Place) -> dict[str, str]:
        """The SHA-256 of what downloads, by name: nothing that the registry says of it is believed."""
        hashes = {}
        for name in self.held(version, at=at)[1]:
            got = self.client.get_package_version_asset(**_key(version, "app", at), asset=name)
            with got["asset"] as body:
                hashes[name] = hashlib.sha256(body.read()).hexdigest()
        return hashes

    def set_status(self, version: str, status: Any, *, at: Place = DEV) -> None:
        answer = self.client.update_package_versions_status(**_versions(version, at), targetStatus=status)
        assert not answer.get("failedVersions"), answer

    def delete(self, version: str, *, at: Place = DEV) -> None:
        answer = self.client.delete_package_versions(**_versions(version, at))
        assert not answer.get("failedVersions"), answer

    def replace(self, version: str, contents: Contents, *, at: Place = DEV) -> None:
        """Delete a version, and publish different bytes in its place."""
        self.delete(version, at=at)
        self.publish(version, contents, at=at)


def _key(version: str, package: str, at: Place) -> Any:
    return {**_package(package, at), "packageVersion": version}


def _versions(version: str, at: Place) -> Any:
    return {**_package("app", at), "versions": [version]}


def _package(package: str, at: Place) -> dict[str, str]:
    return {
        "domain": at.domain,
        "repository": at.repository,
        "format": "generic",
        "namespace": "acme",
        "package": package,
    }


class Misbehaving:
    """A second server over the folder of a registry."""

    def __init__(self, folder: Path, faults: Faults, log: Any) -> None:
        self.faults = faults
        self.server = start(folder, log=log, faults=faults)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.server.close()


def environ_of(server: LocalRegistry, cache: Path, url: str | None = None, **more: str) -> dict[str, str]:
    """What a command needs to release to a server, and nothing of ours."""
    key = server.credentials()
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(cache),
        "AWS_ENDPOINT_URL_CODEARTIFACT": url or server.url,
        "AWS_ACCESS_KEY_ID": key.access_key_id,
        "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
        "AWS_REGION": "us-east-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "CODEARTIFACT_RELEASE_CACHE": str(cache),
        "CODEARTIFACT_RELEASE_READ_TIMEOUT": "20",
        **more,
    }


def hashes_of(contents: Contents) -> dict[str, str]:
    return {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}


def assert_never_half(status: str, held: dict[str, str], *declared: Contents) -> None:
    """A version is not Published, or it holds exactly the bytes of one publisher."""
    if status != "Published":
        assert status in ("", "Unfinished"), status
        return
    assert held in [hashes_of(contents) for contents in declared], f"Published with {sorted(held)}"


def assert_published(registry: Registry, version: str, contents: Contents, package: str = "app") -> None:
    assert registry.held(version, package) == ("Published", hashes_of(contents))


def assert_promoted(registry: Registry, version: str, contents: Contents, at: Place) -> None:
    """It is Published, and what downloads is, asset by asset, what the source was given."""
    assert registry.held(version, at=at) == ("Published", hashes_of(contents))
    assert registry.downloaded(version, at) == hashes_of(contents)


def promotion(
    version: str, environment: str, source: str, to: str | None = None, *more: str, command: str = "apply"
) -> list[str]:
    """The words that promote from a URL to another, or within one."""
    variables = {"version": version, "source": source, "to": to or source}
    return [
        command,
        "release.yaml",
        *("-e", environment, "--allow", "endpoint"),
        *(["--yes"] if command == "apply" else []),
        *(word for name, value in variables.items() for word in ("--var", f"{name}={value}")),
        *more,
    ]


def profiles(folder: Path, source: LocalRegistry, to: LocalRegistry | None = None) -> str:
    """Write the keys of both servers as the profiles of `PROMOTIONS`; returns the path of their file."""
    text = ""
    for name, server in (("source", source), ("to", to or source)):
        key = server.credentials()
        text += f"[{name}]\naws_access_key_id={key.access_key_id}\naws_secret_access_key={key.secret_access_key}\n"
    path = folder / "credentials"
    path.write_text(text, encoding="utf-8")
    return str(path)


def digest_of(contents: Contents) -> str:
    """What `sha256sum -- * | sha256sum` prints of them."""
    lines = "".join(f"{sha256}  {name}\n" for name, sha256 in sorted(hashes_of(contents).items()))
    return "sha256:" + hashlib.sha256(lines.encode()).hexdigest()
