"""Repositories and their domains, made where a registry in a folder lacks them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .interface import Coordinates

if TYPE_CHECKING:
    from mypy_boto3_codeartifact import CodeArtifactClient

# botocore takes long to import, and nobody gets here without a client.
# ruff: noqa: PLC0415


def create_missing(client: CodeArtifactClient, domain: str, repository: str) -> None:
    """Make the domain and the repository unless they are there. Raises what `map_error` makes of a failure."""
    from botocore.exceptions import BotoCoreError, ClientError

    from .error_mapping import map_error

    at = Coordinates(domain, repository, "", "", "")

    def create(call: Callable[[], object]) -> None:
        try:
            call()
        except ClientError as error:
            # Another process was first, which is as good.
            if error.response["Error"]["Code"] != "ConflictException":
                raise map_error(error, "CreateRepository", at, client.meta.endpoint_url) from error
        except BotoCoreError as error:
            raise map_error(error, "CreateRepository", at, client.meta.endpoint_url) from error

    try:
        client.describe_repository(domain=domain, repository=repository)
    except ClientError:
        create(lambda: client.create_domain(domain=domain))
        create(lambda: client.create_repository(domain=domain, repository=repository))
