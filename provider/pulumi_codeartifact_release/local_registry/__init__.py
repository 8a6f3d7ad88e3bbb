"""An embedded registry: CodeArtifact's HTTP API for generic packages, kept in a folder on this machine.

    with start(Path(".registry")) as server:
        key = server.credentials()
        boto3.client(
            "codeartifact",
            endpoint_url=server.url,
            region_name="us-east-1",
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret_access_key,
        ).create_domain(domain="acme")

Importing this package costs nothing: the server and botocore are imported by `start`.

Layers: `app` (HTTP) -> `protocol` and `sigv4` (the wire, derived from botocore's model) -> `operations` (the
service's rules, one function an operation) -> `store` and `blobs` (SQLite and files). To add an operation, write
one function in the module of its subject under `operations/`. `faults` is what goes wrong on request.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from .credentials import Credentials
from .failures import StoreError
from .limits import Limits

if TYPE_CHECKING:
    from .faults import Faults
    from .server import LocalRegistry

__all__ = ["Credentials", "Limits", "StoreError", "start"]


def start(
    directory: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    log: Callable[[str], None] | None = None,
    limits: Limits | None = None,
    faults: Faults | None = None,
    follow_links: bool = True,
) -> LocalRegistry:
    """Serve the registry kept in `directory`, on daemon threads of this process.

    A missing folder reads as empty and is created by the first domain. Nothing is printed.

    Args:
        directory: where the registry keeps its files; on a local disk, shared by any number of processes.
        host: the address to listen on.
        port: the port to listen on; 0 takes any free one.
        log: called with one line for every request, from the server's thread.
        limits: the account's quotas; the service's defaults where not given.
        faults: what to do wrong on purpose, as `faults.parse` or `faults.load` gives it.
        follow_links: whether symbolic links on the way to `directory` are followed; in it, none ever is.

    Returns:
        The running server: its `url`, `credentials()` and `close()`; also a context manager.

    Raises:
        OSError: the address cannot be listened on.
        StoreError: the folder holds something that this version cannot use, or what no registry has put there.
    """
    from .server import LocalRegistry  # noqa: PLC0415 - importing this package costs nothing

    return LocalRegistry(
        directory,
        host=host,
        port=port,
        log=log,
        limits=limits or Limits(),
        faults=faults,
        follow_links=follow_links,
    )
