"""`Registry` over a boto3 client.

registry = BotoRegistry(make_client(settings), RateLimiter(AWS_RATES))
"""

from __future__ import annotations

import functools
import io
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar, cast

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
from .interface import Asset, AssetListing, Coordinates, Status, VersionState
from .limits import CHECKPOINT_S, LISTING_ATTEMPTS, LISTING_FIRST_WAIT_S, MAX_PAGES
from .listing import Page, by_name, page_of
from .rate_limiter import RateLimiter
from .request_hooks import around_attempts, was_throttled
from .responses import copy_of, revision_of, state_of, verdict_of

if TYPE_CHECKING:
    from mypy_boto3_codeartifact.client import CodeArtifactClient

_T = TypeVar("_T")
_FORMAT = "generic"
_PAGE = 1000
_WRITES = {
    "PublishPackageVersion",
    "UpdatePackageVersionsStatus",
    "DeletePackageVersions",
    "DisposePackageVersions",
    "CopyPackageVersions",
}
_PART = 1 << 18
# Of a body, as botocore sends it.
_BLOCK = 1 << 17


_Method = TypeVar("_Method", bound=Callable[..., Any])


def _understood(operation: str) -> Callable[[_Method], _Method]:
    """Make what an answer's members of other types than the model's raise an error of ours."""

    def decorate(method: _Method) -> _Method:
        @functools.wraps(method)
        def understood(self: BotoRegistry, at: Coordinates, *args: Any, **more: Any) -> Any:
            try:
                return method(self, at, *args, **more)
            except PARSER_ERRORS as error:
                raise _unreadable(operation, at) from error

        return cast(_Method, understood)

    return decorate


def _unreadable(operation: str, at: Coordinates) -> ServerFaultError:
    return ServerFaultError(
        f"{operation} for {at}: the response cannot be parsed",
        hint=UNEXPECTED,
    )


class BotoRegistry:
    """CodeArtifact, or whatever speaks its protocol, behind one boto3 client.

    `checkpoint` is asked before every attempt of a write, also those after waiting for the quota, or that the client
    makes by itself: it raises where nothing more may be written.
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

    @_understood("DescribePackageVersion")
    def describe(self, at: Coordinates) -> VersionState:
        """See `Registry.describe`: DescribePackageVersion."""
        answer = self._call(
            "DescribePackageVersion",
            at,
            lambda: self._client.describe_package_version(**_version(at)),
        )
        return state_of(answer, at)

    @_understood("ListPackageVersionAssets")
    def list_assets(self, at: Coordinates) -> AssetListing:
        """See `Registry.list_assets`: ListPackageVersionAssets, all pages at one revision."""
        for attempt in range(LISTING_ATTEMPTS):
            pages = self._pages(at)
            revisions = {page.revision for page in pages}
            if revisions == {None}:
                # The member is optional: where it is left out, the listing holds for the revision around it.
                before, pages = self.describe(at).revision, self._pages(at)
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

        # What fits into one block is read once, also for several attempts; it goes out as it would otherwise.
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

        answer = self._call("PublishPackageVersion", at, publish, asset.name)
        # Both members are optional, and neither is believed: the version is listed before it is published.
        usual = Status.UNFINISHED if unfinished else Status.PUBLISHED
        said = answer.get("status")
        return VersionState(Status(said) if said in set(Status) else usual, str(answer.get("versionRevision", "")))

    @_understood("UpdatePackageVersionsStatus")
    def set_status(self, at: Coordinates, *, revision: str, expected: Status, target: Status) -> VersionState:
        """See `Registry.set_status`: UpdatePackageVersionsStatus for one version."""
        answer = self._call(
            "UpdatePackageVersionsStatus",
            at,
            lambda: self._client.update_package_versions_status(
                **_guarded(at, revision, expected), targetStatus=target.value
            ),
        )
        return self._new_state(answer, at, f"become {target}", target)

    def fetch_asset(self, at: Coordinates, asset: Asset, write: Callable[[bytes], object]) -> None:
        """See `Registry.fetch_asset`: GetPackageVersionAsset."""

        def fetch() -> None:
            answer = self._client.get_package_version_asset(**_version(at), asset=asset.name)
            with closing(answer["asset"]) as body:
                try:
                    for part in body.iter_chunks(_PART):
                        write(part)
                except urllib3.exceptions.HTTPError as error:
                    # TLS that breaks off in the middle: botocore lets it through.
                    raise ResponseStreamingError(error=error) from error

        self._call("GetPackageVersionAsset", at, fetch, asset.name)

    @_understood("CopyPackageVersions")
    def copy(
        self, at: Coordinates, *, source_repository: str, revision: str, allow_overwrite: bool
    ) -> VersionState | None:
        """See `Registry.copy`: CopyPackageVersions for one version."""
        more: Any = {"allowOverwrite": True} if allow_overwrite else {}
        package = _package(at)
        destination = package.pop("repository")
        answer = self._call(
            "CopyPackageVersions",
            at,
            lambda: self._client.copy_package_versions(
                **package,
                sourceRepository=source_repository,
                destinationRepository=destination,
                versionRevisions={at.version: revision},
                **more,
            ),
        )
        return copy_of(answer, at)

    @_understood("ListPackageVersions")
    def newest_version(self, at: Coordinates) -> str | None:
        """See `Registry.newest_version`: ListPackageVersions."""
        try:
            answer: Any = self._call(
                "ListPackageVersions",
                at,
                lambda: self._client.list_package_versions(
                    **_package(at), status="Published", sortBy="PUBLISHED_TIME", maxResults=1
                ),
            )
        except VersionNotFoundError:
            return None
        versions = answer.get("versions") or [{}]
        version = versions[0].get("version")
        return str(version) if version else None

    @_understood("DeletePackageVersions")
    def delete(self, at: Coordinates, *, expected: Status) -> None:
        """See `Registry.delete`: DeletePackageVersions for one version."""
        answer = self._call(
            "DeletePackageVersions",
            at,
            lambda: self._client.delete_package_versions(
                **_package(at), versions=[at.version], expectedStatus=expected.value
            ),
        )
        verdict_of(answer, at, "become Deleted")

    @_understood("DisposePackageVersions")
    def dispose(self, at: Coordinates, *, revision: str, expected: Status) -> VersionState:
        """See `Registry.dispose`: DisposePackageVersions for one version."""
        answer = self._call(
            "DisposePackageVersions",
            at,
            lambda: self._client.dispose_package_versions(**_guarded(at, revision, expected)),
        )
        return self._new_state(answer, at, "become Disposed", Status.DISPOSED)

    def _new_state(self, answer: Any, at: Coordinates, wish: str, status: Status) -> VersionState:
        revision = verdict_of(answer, at, wish).get("revision")
        return VersionState(status, revision_of(revision, at)) if revision else self.describe(at)

    def _pages(self, at: Coordinates) -> list[Page]:
        pages = [self._page(at, None)]
        tokens: set[str] = set()
        while token := pages[-1].next_token:
            if token in tokens or len(pages) >= MAX_PAGES:
                raise ServerFaultError(f"ListPackageVersionAssets for {at}: the pages have no end")
            tokens.add(token)
            pages.append(self._page(at, token))
        return pages

    def _page(self, at: Coordinates, token: str | None) -> Page:
        more: Any = {"nextToken": token} if token else {}
        answer: Any = self._call(
            "ListPackageVersionAssets",
            at,
            lambda: self._client.list_package_version_assets(**_version(at), maxResults=_PAGE, **more),
        )
        return page_of(answer, at, _PAGE)

    def _call(self, operation: str, at: Coordinates, call: Callable[[], _T], asset: str | None = None) -> _T:
        """Call within the quota; waits and tries again while throttled, translates every other failure."""
        permit = self._limiter.permit(operation, at, self._checkpoint)

        def acquire() -> None:
            permit.acquire()
            if operation in _WRITES:
                self._checkpoint()

        def release(answer: Mapping[str, Any] | None) -> None:
            permit.release(throttled=was_throttled(answer))

        backoff = Backoff()
        while True:
            try:
                with around_attempts(operation, acquire, release):
                    return call()
            except ClientError as error:
                if not is_throttled(error) or backoff.exhausted:
                    raise self._translated(error, operation, at, asset) from error
                wait = backoff.wait_time(retry_after(error))
            except (BotoCoreError, ResponseParserError) as error:
                raise self._translated(error, operation, at, asset) from error
            except PARSER_ERRORS as error:
                raise _unreadable(operation, at) from error
            finally:
                permit.release()
            self._pause(wait)

    def _pause(self, seconds: float) -> None:
        """Wait, and look now and then whether to stop."""
        while seconds > 0:
            self._sleep(min(seconds, CHECKPOINT_S))
            seconds -= CHECKPOINT_S
            self._checkpoint()

    def _translated(self, error: Exception, operation: str, at: Coordinates, asset: str | None) -> ReleaseError:
        if is_not_found(error) and resource_type(error) is None and operation != "DescribeRepository":
            return self._untyped_not_found(error, operation, at)
        return map_error(error, operation, at, self._client.meta.endpoint_url, asset)

    def _untyped_not_found(self, error: Exception, operation: str, at: Coordinates) -> ReleaseError:
        """Tell a missing version from a missing repository where the answer does not: ask for the repository.

        Taking the one for the other would drop a published version from somebody's state.
        """
        owner = {"domainOwner": at.domain_owner} if at.domain_owner else {}
        try:
            self._call(
                "DescribeRepository",
                at,
                lambda: self._client.describe_repository(domain=at.domain, repository=at.repository, **owner),
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
            f"the registry has no {at}: {operation}", hint="Somebody may have deleted it just now: run again to see."
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


def _guarded(at: Coordinates, revision: str, expected: Status) -> dict[str, Any]:
    """Return the parameters for one version, if it is still `expected` at `revision`."""
    return {
        **_package(at),
        "versions": [at.version],
        "versionRevisions": {at.version: revision},
        "expectedStatus": expected.value,
    }


def _version(at: Coordinates) -> dict[str, Any]:
    return {**_package(at), "packageVersion": at.version}
