"""Drivers to call the service by the names of its API: boto3 and the `aws` command line."""

from __future__ import annotations

import json
import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from botocore import xform_name
from botocore.exceptions import ClientError

from support.launcher import launcher


class CallFailed(Exception):  # noqa: N818 - it reads better in `pytest.raises`
    """The service responded with an error. `code` is the name of its shape."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Place:
    """Where a driver's tests publish: two repositories of one domain that exist."""

    domain: str
    repository: str
    other_repository: str
    namespace: str = "contract"
    domain_owner: str | None = None


class Driver(Protocol):
    """Calls an operation by its API name, with parameters by their API names."""

    place: Place

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        """Return the response; a streaming body as bytes. Raises CallFailed."""


class Boto3Driver:
    """boto3. Reads are repeated for `patience` seconds while they miss: the service is eventually consistent."""

    def __init__(self, client: Any, place: Place, patience: float = 0) -> None:
        self._client = client
        self._patience = patience
        self.place = place

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        until = time.monotonic() + self._patience
        while True:
            try:
                answer: dict[str, Any] = getattr(self._client, xform_name(operation))(**params)
            except ClientError as error:
                code = error.response["Error"]["Code"]
                is_read = operation.startswith(("Describe", "List", "Get"))
                if code == "ResourceNotFoundException" and is_read and time.monotonic() < until:
                    time.sleep(0.5)
                    continue
                raise CallFailed(code) from error
            if operation == "GetPackageVersionAsset":
                answer["asset"] = answer["asset"].read()
            return answer


class CommandLineDriver:
    """The `aws` command line, one process per call, forked from one that has imported botocore."""

    def __init__(self, environment: dict[str, str], place: Place, folder: Path) -> None:
        self._environment = environment
        self._folder = folder
        self.place = place

    def call(self, operation: str, **params: Any) -> dict[str, Any]:
        body = self._folder / "body"
        command = ["-m", "awscli", "codeartifact", xform_name(operation, "-"), "--output", "json"]
        if operation.startswith("List"):
            command.append("--no-paginate")
        for name, value in params.items():
            command += self._option(name, value)
        if operation == "GetPackageVersionAsset":
            command.append(str(body))
        with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
            aws = launcher().start(command, cwd=self._folder, env=self._environment, stdout=stdout, stderr=stderr)
            code = aws.wait(60)
            stdout.seek(0)
            stderr.seek(0)
            output, errors = stdout.read(), stderr.read()
        if code:
            stated = re.search(r"An error occurred \((\w+)\)", errors)
            assert stated, errors
            raise CallFailed(stated[1])
        answer: dict[str, Any] = json.loads(output or "{}")
        if operation == "GetPackageVersionAsset":
            answer["asset"] = body.read_bytes()
        return answer

    def _option(self, name: str, value: Any) -> list[str]:
        option = "--" + xform_name(name, "-")
        if isinstance(value, bool):
            return [option if value else f"--no-{option[2:]}"]
        if isinstance(value, bytes):
            content = self._folder / "content"
            content.write_bytes(value)
            return [option, str(content)]
        if isinstance(value, dict):
            return [option, json.dumps(value)]
        return [option, *value] if isinstance(value, list) else [option, str(value)]
