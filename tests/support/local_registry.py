"""Handmade requests: signed with botocore, sent over a plain socket, parsed with botocore's parser."""

from __future__ import annotations

import hashlib
import http.client
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as SigningCredentials
from botocore.model import OperationModel
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from mypy_boto3_codeartifact import CodeArtifactClient

from pulumi_codeartifact_release.local_registry.credentials import Credentials
from pulumi_codeartifact_release.local_registry.server import LocalRegistry

WHERE: dict[str, Any] = {"domain": "acme", "repository": "dev"}
PACKAGE: dict[str, Any] = {**WHERE, "format": "generic", "namespace": "ns", "package": "app"}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def client_of(
    server: LocalRegistry, account: str = "000000000000", region: str = "eu-west-1", **config: Any
) -> CodeArtifactClient:
    key = server.credentials(account)
    client: CodeArtifactClient = boto3.client(
        "codeartifact",
        endpoint_url=server.url,
        region_name=region,
        aws_access_key_id=key.access_key_id,
        aws_secret_access_key=key.secret_access_key,
        config=Config(retries={"total_max_attempts": 1}, proxies={}, **config),
    )
    return client


def publish(
    client: CodeArtifactClient, data: bytes = b"data", name: str = "a.txt", version: str = "1.0", **params: Any
) -> Any:
    return client.publish_package_version(
        **{
            **PACKAGE,
            "packageVersion": version,
            "assetName": name,
            "assetContent": data,
            "assetSHA256": sha256(data),
            **params,
        }
    )


@dataclass(frozen=True)
class Reply:
    """A complete HTTP response."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def error(self) -> str:
        return self.headers.get("x-amzn-errortype", "")

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document

    def parsed(self, operation: OperationModel) -> dict[str, Any]:
        """Return what boto3 would make of it."""
        response = {"status_code": self.status, "headers": self.headers, "body": self.body}
        assert operation.output_shape is not None
        parsed: dict[str, Any] = create_parser("rest-json").parse(response, operation.output_shape)
        return parsed


@dataclass
class Request:
    """A request that can be changed before and after it is signed."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes = b""

    @classmethod
    def of(cls, operation: OperationModel, params: dict[str, Any], body: bytes | None = None) -> Request:
        """Build the request with botocore's serializer, unchecked."""
        serializer = create_serializer("rest-json", include_validation=False)
        wire: Any = serializer.serialize_to_request(params, operation)
        query = urlencode(wire["query_string"], safe="-_.~", quote_via=quote)
        return cls(
            wire["method"], wire["url_path"], query, dict(wire["headers"]), wire["body"] if body is None else body
        )

    def sign(self, server: LocalRegistry, key: Credentials | None = None, service: str = "codeartifact") -> Request:
        key = key or server.credentials()
        request = AWSRequest(self.method, f"{server.url}{self.path}?{self.query}", self.headers, self.body)
        SigV4Auth(SigningCredentials(key.access_key_id, key.secret_access_key), service, "eu-west-1").add_auth(request)
        self.headers = dict(request.headers.items())
        return self

    def head(self, server: LocalRegistry, **headers: str) -> bytes:
        """Return the request up to its body, as bytes for a socket."""
        lines = [f"{self.method} {self.path}?{self.query} HTTP/1.1", f"Host: {server.host}:{server.port}"]
        lines += [f"{name}: {value}" for name, value in {**self.headers, **headers}.items()]
        return "\r\n".join([*lines, "", ""]).encode()

    def send(self, server: LocalRegistry, connection: http.client.HTTPConnection | None = None) -> Reply:
        own = connection or http.client.HTTPConnection(server.host, server.port, timeout=30)
        try:
            own.request(self.method, f"{self.path}?{self.query}", self.body, self.headers)
            response = own.getresponse()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return Reply(response.status, headers, response.read())
        finally:
            if connection is None:
                own.close()


def publish_request(operation: OperationModel, data: bytes, *, name: str = "a.txt", version: str = "1.0") -> Request:
    params = {**PACKAGE, "packageVersion": version, "assetName": name, "assetSHA256": sha256(data)}
    return Request.of(operation, params, data)


def tree(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return every file below a folder: mtime in nanoseconds, size, content; folders with their mtime."""

    def entries() -> Iterator[tuple[str, tuple[int, int, bytes]]]:
        for path in sorted([folder, *folder.rglob("*")]):
            stat = path.stat()
            content = path.read_bytes() if path.is_file() else b""
            yield str(path.relative_to(folder)), (stat.st_mtime_ns, stat.st_size, content)

    return dict(entries())
