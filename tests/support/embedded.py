"""The embedded registry beside a test: a client of a folder, and a gate before a server that a test can stop at."""

from __future__ import annotations

import functools
import hashlib
import http.client
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from mypy_boto3_codeartifact import CodeArtifactClient

from pulumi_codeartifact_release.local_registry import start
from pulumi_codeartifact_release.local_registry.server import LocalRegistry


def client_of(server: LocalRegistry, url: str | None = None, account: str = "000000000000") -> CodeArtifactClient:
    key = server.credentials(account)
    client: CodeArtifactClient = boto3.client(
        "codeartifact",
        endpoint_url=url or server.url,
        region_name="us-east-1",
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=key.secret_access_key,
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )
    return client


def create_registry(folder: Path, *repositories: str) -> None:
    """Create a registry with these repositories, `DOMAIN/NAME` each, as a copy: requests take ten times longer."""
    shutil.copytree(Path(_registry_with(repositories).name) / "registry", folder, dirs_exist_ok=True)


@functools.cache
def _registry_with(repositories: tuple[str, ...]) -> tempfile.TemporaryDirectory[str]:
    parent = tempfile.TemporaryDirectory(prefix="registry-")
    with opened(Path(parent.name) / "registry") as client:
        for domain in dict.fromkeys(each.split("/")[0] for each in repositories):
            client.create_domain(domain=domain)
        for each in repositories:
            domain, name = each.split("/")
            client.create_repository(domain=domain, repository=name)
    return parent


def unconnected_client() -> CodeArtifactClient:
    """A client whose answers a Stubber gives."""
    client: CodeArtifactClient = boto3.client(
        "codeartifact",
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="y",
        config=Config(retries={"total_max_attempts": 1}),
    )
    return client


@contextmanager
def opened(folder: Path) -> Iterator[CodeArtifactClient]:
    """A client of the registry that is kept in a folder, as a program of somebody else's would open it."""
    with start(folder) as server:
        client = client_of(server)
        yield client
        client.close()


class Package:
    """One package of a registry, through plain boto3."""

    def __init__(
        self, client: CodeArtifactClient, name: str = "app", repository: str = "dev", namespace: str = "acme"
    ) -> None:
        self._client = client
        self._key: dict[str, Any] = {
            "domain": "acme",
            "repository": repository,
            "format": "generic",
            "namespace": namespace,
            "package": name,
        }

    def statuses(self) -> dict[str, str]:
        """Version -> status; empty where there is no such package."""
        try:
            listed = self._client.list_package_versions(**self._key)["versions"]
        except self._client.exceptions.ResourceNotFoundException:
            return {}
        return {each["version"]: each["status"] for each in listed}

    def begin(self, version: str, name: str, content: bytes) -> None:
        """Send an asset, and leave the version Unfinished."""
        sha256 = hashlib.sha256(content).hexdigest()
        self._client.publish_package_version(
            **self._key,
            packageVersion=version,
            assetName=name,
            assetContent=content,
            assetSHA256=sha256,
            unfinished=True,
        )

    def contents(self, version: str) -> dict[str, bytes]:
        """Asset name -> what downloads."""
        listed = self._client.list_package_version_assets(**self._key, packageVersion=version)["assets"]
        return {each["name"]: self._download(version, each["name"]) for each in listed}

    def _download(self, version: str, name: str) -> bytes:
        got = self._client.get_package_version_asset(**self._key, packageVersion=version, asset=name)
        with got["asset"] as body:
            content: bytes = body.read()
        return content

    def revision(self, version: str) -> str:
        return self._client.describe_package_version(**self._key, packageVersion=version)["packageVersion"]["revision"]

    def set_status(self, version: str, status: Any) -> None:
        answer = self._client.update_package_versions_status(**self._key, versions=[version], targetStatus=status)
        assert not answer.get("failedVersions"), answer

    def delete(self, version: str) -> None:
        answer = self._client.delete_package_versions(**self._key, versions=[version])
        assert not answer.get("failedVersions"), answer


class Gate:
    """A server in front of a registry. Knows every operation that was asked for; `before` and `after` may stop one.

    Each is called with the path and query of a request: before it is passed on, and before its answer is.
    """

    def __init__(self, server: LocalRegistry) -> None:
        self.requests: list[str] = []
        self.before: Callable[[str], None] = lambda _path: None
        self.after: Callable[[str], None] = lambda _path: None
        self.registry = server
        gate, target = self, urlsplit(server.url)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def pass_on(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                gate.requests.append(f"{self.command} {self.path}")
                gate.before(self.path)
                behind = http.client.HTTPConnection(str(target.hostname), target.port or 0, timeout=30)
                headers = {name: value for name, value in self.headers.items() if name.lower() != "expect"}
                behind.request(self.command, self.path, body, headers)
                answer = behind.getresponse()
                content = answer.read()
                behind.close()
                gate.after(self.path)
                self.send_response_only(answer.status)
                for name, value in answer.getheaders():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = do_DELETE = pass_on  # noqa: N815

            def log_message(self, *args: Any) -> None:
                """Nothing is printed."""

        self._server = _QuietServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def uploads(self) -> int:
        """How often an asset was sent."""
        return sum("/version/publish" in request for request in self.requests)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


class _QuietServer(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_args: Any) -> None:
        """A client that was killed in the middle is what some tests are about."""
