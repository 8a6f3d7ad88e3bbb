"""An embedded registry: CodeArtifact's HTTP API for generic packages, with its data in a local folder.

    with start(Path(".registry")) as server:
        key = server.credentials()
        boto3.client(
            "codeartifact",
            endpoint_url=server.url,
            region_name="us-east-1",
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret_access_key,
        ).create_domain(domain="acme")

This module imports neither the server nor botocore; `start` does.

Layers: `app` (HTTP) -> `protocol` and `sigv4` (serialization and signatures, derived from botocore's service model) ->
`operations` (the service's rules, one function per operation) -> `store` and `blobs` (SQLite and files). To add an
operation, write a function in the module of its subject under `operations/`. `faults` injects errors for tests.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from .credentials import Credentials
from .failures import StoreError
from .quotas import Quotas

if TYPE_CHECKING:
    from .faults import Faults
    from .server import LocalRegistry

__all__ = ["Credentials", "Quotas", "StoreError", "start"]


def start(
    directory: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    log: Callable[[str], None] | None = None,
    quotas: Quotas | None = None,
    faults: Faults | None = None,
    follow_links: bool = True,
) -> LocalRegistry:
    """Serve the registry in `directory`, on daemon threads of this process.

    A missing folder is an empty registry; creating the first domain creates it. Nothing is printed.

    Args:
        directory: the folder with its data, on a local disk; any number of processes may share it.
        host: the address to listen on.
        port: the port to listen on; 0 takes any free one.
        log: called with one line per request, in a thread of the server.
        quotas: the account's quotas; the documented defaults if None.
        faults: errors to inject, from `faults.parse` or `faults.load`.
        follow_links: whether the path of `directory` may contain symbolic links. Links inside it are never followed.

    Returns:
        The running server: its `url`, `credentials()` and `close()`; also a context manager.

    Raises:
        OSError: the server cannot listen on the address.
        StoreError: the folder contains files of something else, or of a newer version.
    """
    from .server import LocalRegistry  # noqa: PLC0415 - uvicorn and botocore take long to import

    return LocalRegistry(
        directory,
        host=host,
        port=port,
        log=log,
        quotas=quotas or Quotas(),
        faults=faults,
        follow_links=follow_links,
    )
