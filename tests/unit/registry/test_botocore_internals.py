"""The private parts of botocore that are used: a test fails if botocore changes one."""

from __future__ import annotations

import ast
import importlib
import inspect
import io
import json
import re
import tomllib
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import botocore
import pytest
from botocore.awsrequest import AWSResponse
from botocore.credentials import AssumeRoleProvider, ProcessProvider, create_credential_resolver
from botocore.parsers import create_parser
from botocore.session import Session

from pulumi_codeartifact_release import registry
from pulumi_codeartifact_release.registry.botocore_internals import (
    PARSER_ERRORS,
    CommandProvider,
    ProfileProviders,
    access_key_id,
    http_session,
    profile_name,
    set_content,
    set_role_hooks,
)
from support.embedded import unconnected_client

ROOM = Path(registry.__file__).parent
INTERNALS = "botocore_internals.py"
COMMAND = {"access_key": "a", "secret_key": "s", "token": None, "expiry_time": None, "account_id": None}


class FixedCommand(CommandProvider):
    def retrieve(self, command: str) -> dict[str, Any]:
        return {**COMMAND, "access_key": command}


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    (tmp_path / "config").write_text(
        "[profile role]\nrole_arn = arn:aws:iam::111122223333:role/r\nsource_profile = source\n"
        "[profile source]\ncredential_process = one\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    return Session(profile="role")


def test_the_access_key_of_a_client() -> None:
    session = Session()
    session.set_credentials("AKIA", "secret")
    assert access_key_id(session.create_client("codeartifact", region_name="us-east-1")) == "AKIA"


def test_a_client_sends_through_its_http_session(monkeypatch: pytest.MonkeyPatch) -> None:
    client = unconnected_client()
    urls: list[str] = []

    def send(request: Any) -> Any:
        # What response_limits.py changes in a request.
        assert request.stream_output is False
        urls.append(request.url)
        response = AWSResponse(request.url, 200, {}, io.BytesIO())  # type: ignore[arg-type]
        set_content(response, b'{"domains": []}')
        return response

    monkeypatch.setattr(http_session(client), "send", send)
    assert client.list_domains()["domains"] == []
    assert len(urls) == 1


def test_a_role_asks_our_prompt_and_uses_our_providers(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    role = next(each for each in create_credential_resolver(session).providers if isinstance(each, AssumeRoleProvider))
    set_role_hooks(role, str, ProfileProviders(session, FixedCommand, cache={}, region_name=None))
    fetcher = MagicMock()
    monkeypatch.setattr("botocore.credentials.AssumeRoleCredentialFetcher", fetcher)
    role.load()
    assert fetcher.call_args.kwargs["mfa_prompter"] is str
    assert fetcher.call_args.kwargs["source_credentials"].access_key == "one"


def test_the_providers_of_a_profile_run_our_command(session: Session) -> None:
    process = next(each for each in create_credential_resolver(session).providers if isinstance(each, ProcessProvider))
    assert profile_name(process) == "role"
    builder = ProfileProviders(session, FixedCommand, cache={}, region_name=None)
    ours = [each for each in builder.providers("source") if isinstance(each, ProcessProvider)]
    assert [type(each) for each in ours] == [FixedCommand]
    credentials = ours[0].load()
    assert credentials is not None
    assert credentials.access_key == "one"


@pytest.mark.parametrize("answer", ['{"packageVersion": {"publishedTime": "never"}}', '{"packageVersion": 1}'])
def test_the_parser_raises_no_other_errors(answer: str) -> None:
    shape = unconnected_client().meta.service_model.operation_model("DescribePackageVersion").output_shape
    assert shape is not None
    response = {"headers": {}, "status_code": 200, "body": answer.encode()}
    with pytest.raises(PARSER_ERRORS):
        json.dumps(create_parser("rest-json").parse(response, shape)["packageVersion"]["publishedTime"])


def test_only_one_module_uses_them() -> None:
    trees = {path.name: ast.parse(path.read_text()) for path in ROOM.glob("*.py") if path.name != INTERNALS}
    nodes = [node for tree in trees.values() for node in ast.walk(tree)]
    attributes = [node for node in nodes if isinstance(node, ast.Attribute) and re.match("_[^_]", node.attr)]
    ours = {node.name for node in nodes if isinstance(node, ast.FunctionDef)}
    ours |= {node.attr for node in attributes if ast.unparse(node.value) == "self" and isinstance(node.ctx, ast.Store)}
    assert {node.attr for node in attributes} <= ours


@pytest.mark.parametrize("path", sorted(ROOM.glob("*.py")), ids=lambda path: path.stem)
def test_only_one_module_overrides_them(path: Path) -> None:
    if path.name in (INTERNALS, "__init__.py"):
        return
    module = importlib.import_module(f"{registry.__name__}.{path.stem}")
    for _, cls in inspect.getmembers(module, inspect.isclass):
        if cls.__module__ != module.__name__:
            continue
        bases = [base for base in cls.__mro__ if base.__module__.startswith("botocore.")]
        private = {name for name in vars(cls) if re.match("_[^_]", name)}
        assert not [name for name in private if any(hasattr(base, name) for base in bases)]


def test_the_distribution_bounds_the_version_of_botocore() -> None:
    project = tomllib.loads((ROOM.parents[1] / "pyproject.toml").read_text())["project"]
    bounds = [each for each in project["dependencies"] if re.match("boto(3|core)[<>=]", each)]
    assert bounds
    major, minor = map(int, botocore.__version__.split(".")[:2])
    assert all(each.endswith(f",<{major}.{minor + 1}") for each in bounds)
