"""The server of a test's registry, and its clients. Only a test that uses a fixture imports this module."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from botocore.config import Config

from ..local_registry import Credentials, start
from ..local_registry.faults import parse
from ..local_registry.server import LocalRegistry
from ..local_registry.shell import variables
from ..registry.isolated_session import ISOLATED_USER_AGENT, isolated_session

if TYPE_CHECKING:
    from mypy_boto3_codeartifact import CodeArtifactClient

_REGION = "us-east-1"


class Server:
    """A registry below `folder`, which is removed at the end. `log` gets a line for each request.

    Attributes:
        url: the endpoint.
    """

    def __init__(self, folder: Path, log: Callable[[str], None]) -> None:
        self._folder = folder
        self._faults = parse({"rules": []})
        self._stack = ExitStack()
        self._stack.callback(shutil.rmtree, folder, ignore_errors=True)
        self._server = self._stack.enter_context(start(folder / "registry", log=log, faults=self._faults))
        self.url = self._server.url

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def connect(self, account: str) -> tuple[CodeArtifactClient, Mapping[str, str]]:
        """Return a client of an account, and the environment of its processes. Raises ValueError."""
        key = self._server.credentials(account)
        client = self._stack.enter_context(closing(_client(self.url, key)))
        return client, _environ(self._server, account, self._folder / account)

    def replace_faults(self, document: Mapping[str, Any]) -> Counter[str]:
        """Inject the faults of a document from the next request on; return their counter. Raises ValueError."""
        self._faults.replace_with(parse(document))
        return self._faults.applied


def _client(url: str, key: Credentials) -> CodeArtifactClient:
    session = isolated_session(key.access_key_id, key.secret_access_key)
    config = Config(proxies={}, user_agent=ISOLATED_USER_AGENT)
    client = session.create_client("codeartifact", region_name=_REGION, endpoint_url=url, config=config)
    return cast("CodeArtifactClient", client)


def _environ(server: LocalRegistry, account: str, profile: Path) -> dict[str, str]:
    environ = variables(server, account=account, region=_REGION)
    # `environ` cannot unset a profile of the shell, and an empty AWS_PROFILE is an error. Some SDKs prefer a profile to
    # an access key in the environment. So provide a profile with the same key.
    profile.touch(mode=0o600)
    profile.write_text(
        f"[default]\nregion = {_REGION}\n"
        f"aws_access_key_id = {environ['AWS_ACCESS_KEY_ID']}\n"
        f"aws_secret_access_key = {environ['AWS_SECRET_ACCESS_KEY']}\n",
        encoding="utf-8",
    )
    return {
        **environ,
        "AWS_PROFILE": "default",
        "AWS_DEFAULT_PROFILE": "default",
        "AWS_CONFIG_FILE": str(profile),
        "AWS_SHARED_CREDENTIALS_FILE": str(profile),
        "AWS_PAGER": "",
    }
