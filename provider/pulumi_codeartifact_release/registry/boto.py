"""`Registry` over a boto3 client.

registry = BotoRegistry(make_client(settings), RateLimiter(AWS_RATES))
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import urllib3.exceptions
from botocore.exceptions import BotoCoreError, ClientError, ResponseStreamingError
from botocore.parsers import ResponseParserError

from ..errors import (
    AccessDeniedError,
    InconsistentReadError,
    MissingRepositoryError,
    RegistryError,
    ReleaseError,
    ServerFaultError,
    VersionNotFoundError,
)
from .backoff import Backoff, retry_after
from .botocore_internals import PARSER_ERRORS
from .error_mapping import is_not_found, map_error, resource_type
from .error_responses import UNEXPECTED, is_throttled
from .interface import MAX_PAGE_SIZE, Asset, AssetListing, Coordinates, Status, VersionState, VersionSummary
from .listing import by_name, page_of
from .rate_limiter import RateLimiter
from .request_hooks import around_attempts, was_throttled
from .responses import copied_state, revision_of, successful_version, version_state, version_summaries
from .retries_and_concurrency import CHECKPOINT_S, LISTING_ATTEMPTS, LISTING_FIRST_WAIT_S, MAX_PAGES

if TYPE_CHECKING:
    from mypy_boto3_codeartifact.client import CodeArtifactClient

_T = TypeVar("_T")
_FORMAT = "generic"
_WRITES = {
    "PublishPackageVersion",
    "UpdatePackageVersionsStatus",
    "DeletePackageVersions",
    "DisposePackageVersions",
    "CopyPackageVersions",
}
_PART = 1 << 18
# Size of the blocks in which botocore sends a body.
_BLOCK = 1 << 17


@contextmanager
def _checking_types(operation: str, at: Coordinates) -> Iterator[None]:
    """Raise ServerFaultError if a response has members whose types are not the model's."""
    try:
        yield
    except PARSER_ERRORS as error:
        raise _unparsable(operation, at) from error


def _unparsable(operation: str, at: Coordinates) -> ServerFaultError:
    return ServerFaultError(
        f"{operation} for {at}: the response cannot be parsed",
        hint=UNEXPECTED,
    )


class BotoRegistry:
    """CodeArtifact, or a server with its protocol, through one boto3 client.

    `checkpoint` is called before every attempt of a write, including those after a wait for the quota and those that
    botocore adds on its own. It raises when nothing more may be written.
    """

    def __init__(
        self,
        client: CodeArtifactClient,
        limiter: RateLimiter,
        *,
        sleep: Callable[[float], None] = time.sleep,
        checkpoint: Callable[[], None] = lambda: None,
    ) -> None:
        self._checkpoint = checkpoint
        self._client = client
        self._limiter = limiter
        self._sleep = sleep

    def describe(self, at: Coordinates) -> VersionState:
        """See `Registry.describe`: DescribePackageVersion."""
        with _checking_types("DescribePackageVersion", at):
            response = self._call(
                "DescribePackageVersion",
                at,
                partial(self._client.describe_package_version, **_version(at)),
            )
            return version_state(response, at)

    def list_assets(self, at: Coordinates) -> AssetListing:
        """See `Registry.list_assets`: ListPackageVersionAssets, all pages at one revision."""
        list_page = partial(self._client.list_package_version_assets, **_version(at), maxResults=MAX_PAGE_SIZE)
        responses = partial(self._responses, "ListPackageVersionAssets", at, list_page)
        page = partial(page_of, at=at, limit=MAX_PAGE_SIZE)
        with _checking_types("ListPackageVersionAssets", at):
            for attempt in range(LISTING_ATTEMPTS):
                pages = list(map(page, responses()))
                revisions = {page.revision for page in pages}
                if revisions == {None}:
                    # The member is optional: without it, compare the revisions before and after the listing.
                    before, pages = self.describe(at).revision, list(map(page, responses()))
                    revisions = {before, self.describe(at).revision}
                if len(revisions) == 1:
                    revision = revision_of(revisions.pop(), at)
                    return AssetListing(revision, by_name(pages, at))
                self._sleep(LISTING_FIRST_WAIT_S * 2**attempt)
            raise InconsistentReadError(
                f"{at} changes while its assets are listed", hint="Run again when the other publisher is done."
            )

    def publish_asset(self, at: Coordinates, asset: Asset, body: BinaryIO, *, unfinished: bool) -> VersionState:
        """See `Registry.publish_asset`: PublishPackageVersion.

        The hash is passed, so neither boto3 nor its signer reads the body for one of its own.
        """
        more: Any = {"unfinished": True} if unfinished else {}

        # A file of at most one block is read once for all attempts.
        small = body.seek(0, io.SEEK_END) <= _BLOCK
        body.seek(0)
        content = body.read() if small else body

        def publish() -> Any:
            body.seek(0)
            return self._client.publish_package_version(
                **_version(at),
                assetContent=content,
                assetName=asset.name,
                assetSHA256=asset.sha256,
                **more,
            )

        response = self._call("PublishPackageVersion", at, publish, asset.name)
        # Both members are optional and not relied on: the version is listed before it is published.
        expected = Status.UNFINISHED if unfinished else Status.PUBLISHED
        status = response.get("status")
        return VersionState(
            Status(status) if status in set(Status) else expected, str(response.get("versionRevision", ""))
        )

    def set_status(self, at: Coordinates, *, revision: str, expected: Status, target: Status) -> VersionState:
        """See `Registry.set_status`: UpdatePackageVersionsStatus for one version."""
        with _checking_types("UpdatePackageVersionsStatus", at):
            response = self._call(
                "UpdatePackageVersionsStatus",
                at,
                partial(
                    self._client.update_package_versions_status,
                    **_expected_version(at, revision, expected),
                    targetStatus=target.value,
                ),
            )
            return self._new_state(response, at, f"become {target}", target)

    def fetch_asset(self, at: Coordinates, asset: Asset, write: Callable[[bytes], object]) -> None:
        """See `Registry.fetch_asset`: GetPackageVersionAsset."""

        def fetch() -> None:
            response = self._client.get_package_version_asset(**_version(at), asset=asset.name)
            with closing(response["asset"]) as body:
                try:
                    for part in body.iter_chunks(_PART):
                        write(part)
                except urllib3.exceptions.HTTPError as error:
                    # botocore does not map a TLS connection that breaks in the middle.
                    raise ResponseStreamingError(error=error) from error

        self._call("GetPackageVersionAsset", at, fetch, asset.name)

    def copy(
        self, at: Coordinates, *, source_repository: str, revision: str, allow_overwrite: bool
    ) -> VersionState | None:
        """See `Registry.copy`: CopyPackageVersions for one version."""
        with _checking_types("CopyPackageVersions", at):
            more: Any = {"allowOverwrite": True} if allow_overwrite else {}
            package = _package(at)
            destination = package.pop("repository")
            response = self._call(
                "CopyPackageVersions",
                at,
                partial(
                    self._client.copy_package_versions,
                    **package,
                    sourceRepository=source_repository,
                    destinationRepository=destination,
                    versionRevisions={at.version: revision},
                    **more,
                ),
            )
            return copied_state(response, at)

    def list_versions(
        self, at: Coordinates, *, status: Status | None = None, page_size: int = MAX_PAGE_SIZE
    ) -> Iterator[VersionSummary]:
        """See `Registry.list_versions`: ListPackageVersions."""
        more: Any = {"status": status.value} if status else {}
        list_page = partial(
            self._client.list_package_versions,
            **_package(at),
            sortBy="PUBLISHED_TIME",
            maxResults=page_size,
            **more,
        )
        with _checking_types("ListPackageVersions", at), suppress(VersionNotFoundError):
            for response in self._responses("ListPackageVersions", at, list_page):
                yield from version_summaries(response, at, page_size)

    def delete(self, at: Coordinates, *, expected: Status) -> None:
        """See `Registry.delete`: DeletePackageVersions for one version."""
        with _checking_types("DeletePackageVersions", at):
            response = self._call(
                "DeletePackageVersions",
                at,
                partial(
                    self._client.delete_package_versions,
                    **_package(at),
                    versions=[at.version],
                    expectedStatus=expected.value,
                ),
            )
            successful_version(response, at, "become Deleted")

    def dispose(self, at: Coordinates, *, revision: str, expected: Status) -> VersionState:
        """See `Registry.dispose`: DisposePackageVersions for one version."""
        with _checking_types("DisposePackageVersions", at):
            response = self._call(
                "DisposePackageVersions",
                at,
                partial(self._client.dispose_package_versions, **_expected_version(at, revision, expected)),
            )
            return self._new_state(response, at, "become Disposed", Status.DISPOSED)

    def _new_state(self, response: Any, at: Coordinates, change: str, status: Status) -> VersionState:
        revision = successful_version(response, at, change).get("revision")
        return VersionState(status, revision_of(revision, at)) if revision else self.describe(at)

    def _responses(self, operation: str, at: Coordinates, call: Callable[..., Any]) -> Iterator[Any]:
        """Yield the response for every page."""
        tokens: set[str] = set()
        more: Any = {}
        while True:
            response = self._call(operation, at, partial(call, **more))
            yield response
            token = response.get("nextToken")
            if not token:
                return
            if token in tokens or len(tokens) + 1 >= MAX_PAGES:
                raise ServerFaultError(f"{operation} for {at}: pagination does not end")
            tokens.add(token)
            more = {"nextToken": token}

    def _call(self, operation: str, at: Coordinates, call: Callable[[], _T], asset: str | None = None) -> _T:
        """Call within the quota; retry while throttled; map every other error."""
        permit = self._limiter.permit(operation, at, self._checkpoint)

        def acquire() -> None:
            permit.acquire()
            if operation in _WRITES:
                self._checkpoint()

        def release(response: Mapping[str, Any] | None) -> None:
            permit.release(throttled=was_throttled(response))

        backoff = Backoff()
        while True:
            try:
                with around_attempts(operation, acquire, release):
                    return call()
            except ClientError as error:
                if not is_throttled(error) or backoff.exhausted:
                    raise self._mapped(error, operation, at, asset) from error
                wait = backoff.wait_time(retry_after(error))
            except (BotoCoreError, ResponseParserError) as error:
                raise self._mapped(error, operation, at, asset) from error
            except PARSER_ERRORS as error:
                raise _unparsable(operation, at) from error
            finally:
                permit.release()
            self._pause(wait)

    def _pause(self, seconds: float) -> None:
        """Wait, with checkpoints."""
        while seconds > 0:
            self._sleep(min(seconds, CHECKPOINT_S))
            seconds -= CHECKPOINT_S
            self._checkpoint()

    def _mapped(self, error: Exception, operation: str, at: Coordinates, asset: str | None) -> ReleaseError:
        if is_not_found(error) and resource_type(error) is None and operation != "DescribeRepository":
            return self._untyped_not_found(error, operation, at)
        return map_error(error, operation, at, self._client.meta.endpoint_url, asset)

    def _untyped_not_found(self, error: Exception, operation: str, at: Coordinates) -> ReleaseError:
        """Map a 404 that does not say what is missing: read the repository to find out.

        A missing repository that is taken for a missing version would drop that version from the Pulumi state.
        """
        owner = {"domainOwner": at.domain_owner} if at.domain_owner else {}
        try:
            self._call(
                "DescribeRepository",
                at,
                partial(self._client.describe_repository, domain=at.domain, repository=at.repository, **owner),
            )
        except RegistryError as second:
            endpoint = self._client.meta.endpoint_url
            if isinstance(second.__cause__, ClientError) and is_not_found(second.__cause__):
                return MissingRepositoryError(
                    f"{operation}: {endpoint} has no repository {at.repository} in a domain {at.domain}",
                    hint="Create it first, or correct domain, domainOwner, repository or region.",
                )
            return second if not isinstance(second, AccessDeniedError) else map_error(error, operation, at, endpoint)
        return VersionNotFoundError(
            f"the registry has no {at}: {operation}", hint="It may have been deleted just now. Run again to check."
        )


def _package(at: Coordinates) -> dict[str, Any]:
    owner = {"domainOwner": at.domain_owner} if at.domain_owner else {}
    return {
        "domain": at.domain,
        **owner,
        "repository": at.repository,
        "format": _FORMAT,
        "namespace": at.namespace,
        "package": at.package,
    }


def _expected_version(at: Coordinates, revision: str, expected: Status) -> dict[str, Any]:
    """Return the parameters for one version, if it is still `expected` at `revision`."""
    return {
        **_package(at),
        "versions": [at.version],
        "versionRevisions": {at.version: revision},
        "expectedStatus": expected.value,
    }


def _version(at: Coordinates) -> dict[str, Any]:
    return {**_package(at), "packageVersion": at.version}
