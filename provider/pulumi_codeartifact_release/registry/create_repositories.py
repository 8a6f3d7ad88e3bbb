"""Creates missing domains and repositories in a registry in a folder."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from .error_mapping import map_error
from .interface import Coordinates

if TYPE_CHECKING:
    from mypy_boto3_codeartifact import CodeArtifactClient


def create_missing(client: CodeArtifactClient, domain: str, repository: str) -> None:
    """Create the domain and the repository unless they exist. Raises the errors of `map_error`."""
    at = Coordinates(domain, repository, "", "", "")

    def create(call: Callable[[], object]) -> None:
        try:
            call()
        except ClientError as error:
            # Another process has created it.
            if error.response["Error"]["Code"] != "ConflictException":
                raise map_error(error, "CreateRepository", at, client.meta.endpoint_url) from error
        except BotoCoreError as error:
            raise map_error(error, "CreateRepository", at, client.meta.endpoint_url) from error

    try:
        client.describe_repository(domain=domain, repository=repository)
    except ClientError:
        create(partial(client.create_domain, domain=domain))
        create(partial(client.create_repository, domain=domain, repository=repository))
