"""The adapter for boto3: documented parameters, and mapped errors."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import botocore.exceptions
import pytest
import urllib3.exceptions
from botocore.parsers import ResponseParserError
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber

from pulumi_codeartifact_release import errors
from pulumi_codeartifact_release.registry import AssetListing, Coordinates, Status, VersionState, VersionSummary
from pulumi_codeartifact_release.registry.boto import BotoRegistry
from pulumi_codeartifact_release.registry.rate_limiter import RateLimiter
from support.embedded import unconnected_client
from support.fakes import AT, asset

PACKAGE = {"domain": "acme", "repository": "dev", "format": "generic", "namespace": "tools", "package": "app"}
VERSION = {**PACKAGE, "packageVersion": "1.0"}
OWNED = Coordinates("acme", "dev", "tools", "app", "1.0", domain_owner="111122223333")


class Stubbed:
    def __init__(self) -> None:
        client = unconnected_client()
        self.stub = Stubber(client)
        self.slept: list[float] = []
        self.registry = BotoRegistry(client, RateLimiter({}), sleep=self.slept.append)


@pytest.fixture
def stubbed() -> Iterator[Stubbed]:
    made = Stubbed()
    with made.stub:
        yield made
    made.stub.assert_no_pending_responses()


def listing(names: str, revision: str = "r1", **more: str) -> dict[str, Any]:
    assets = [{"name": n, "size": 1, "hashes": {"SHA-256": asset(n, n.encode()).sha256}} for n in names]
    return {"assets": assets, "versionRevision": revision, **more}


def test_describe_returns_status_and_revision(stubbed: Stubbed) -> None:
    answer = {"packageVersion": {"status": "Unfinished", "revision": "r1"}}
    stubbed.stub.add_response("describe_package_version", answer, VERSION)
    assert stubbed.registry.describe(AT) == VersionState(Status.UNFINISHED, "r1")


def test_the_domain_owner_is_sent_if_it_is_known(stubbed: Stubbed) -> None:
    answer = {"packageVersion": {"status": "Published", "revision": "r1"}}
    stubbed.stub.add_response("describe_package_version", answer, {**VERSION, "domainOwner": "111122223333"})
    stubbed.registry.describe(OWNED)


def test_listing_reads_all_pages(stubbed: Stubbed) -> None:
    stubbed.stub.add_response(
        "list_package_version_assets", listing("ab", nextToken="t"), {**VERSION, "maxResults": 1000}
    )
    stubbed.stub.add_response(
        "list_package_version_assets", listing("c"), {**VERSION, "maxResults": 1000, "nextToken": "t"}
    )
    expected = {name: asset(name, name.encode()) for name in "abc"}
    assert stubbed.registry.list_assets(AT) == AssetListing("r1", expected)


def test_pages_of_different_revisions_are_read_again(stubbed: Stubbed) -> None:
    for answer in (listing("ab", "r1", nextToken="t"), listing("c", "r2"), listing("abc", "r2")):
        stubbed.stub.add_response("list_package_version_assets", answer)
    assert stubbed.registry.list_assets(AT).revision == "r2"
    assert len(stubbed.slept) == 1


def test_a_listing_without_a_revision_holds_for_the_revision_around_it(stubbed: Stubbed) -> None:
    bare = {"assets": listing("ab")["assets"]}
    described = {"packageVersion": {"status": "Unfinished", "revision": "r7"}}
    stubbed.stub.add_response("list_package_version_assets", bare)
    stubbed.stub.add_response("describe_package_version", described)
    stubbed.stub.add_response("list_package_version_assets", bare)
    stubbed.stub.add_response("describe_package_version", described)
    found = stubbed.registry.list_assets(AT)
    assert (found.revision, set(found.assets)) == ("r7", {"a", "b"})


@pytest.mark.parametrize(("unfinished", "more"), [(True, {"unfinished": True}), (False, {})])
def test_publish_sends_the_hash_and_unfinished_if_requested(
    stubbed: Stubbed, unfinished: bool, more: dict[str, bool]
) -> None:
    content = asset("a.txt", b"abc")
    stubbed.stub.add_response(
        "publish_package_version",
        {"status": "Unfinished", "versionRevision": "r2"},
        {**VERSION, "assetContent": ANY, "assetName": "a.txt", "assetSHA256": content.sha256, **more},
    )
    state = stubbed.registry.publish_asset(AT, content, io.BytesIO(b"abc"), unfinished=unfinished)
    assert state == VersionState(Status.UNFINISHED, "r2")


CHANGE = {
    **PACKAGE,
    "versions": ["1.0"],
    "versionRevisions": {"1.0": "r1"},
    "expectedStatus": "Unfinished",
    "targetStatus": "Published",
}


def set_status(stubbed: Stubbed, answer: dict[str, Any]) -> VersionState:
    stubbed.stub.add_response("update_package_versions_status", answer, CHANGE)
    return stubbed.registry.set_status(AT, revision="r1", expected=Status.UNFINISHED, target=Status.PUBLISHED)


def test_a_change_of_status_is_bound_to_status_and_revision(stubbed: Stubbed) -> None:
    answer = {"successfulVersions": {"1.0": {"revision": "r2", "status": "Published"}}, "failedVersions": {}}
    assert set_status(stubbed, answer) == VersionState(Status.PUBLISHED, "r2")


@pytest.mark.parametrize("reason", ["MISMATCHED_REVISION", "MISMATCHED_STATUS", "NOT_FOUND", "NOT_ALLOWED", "SKIPPED"])
def test_a_failed_version_in_a_200_response_is_an_error(stubbed: Stubbed, reason: str) -> None:
    failed = {"1.0": {"errorCode": reason, "errorMessage": "because"}}
    with pytest.raises(errors.StatusRefusedError, match="because") as caught:
        set_status(stubbed, {"successfulVersions": {}, "failedVersions": failed})
    assert caught.value.reason == reason


def test_a_response_without_the_version_is_an_error(stubbed: Stubbed) -> None:
    with pytest.raises(errors.StatusRefusedError):
        set_status(stubbed, {"successfulVersions": {"2.0": {"revision": "r"}}, "failedVersions": {}})


@pytest.mark.parametrize(
    ("code", "status", "members", "expected", "said"),
    [
        ("AccessDeniedException", 403, {}, errors.AccessDeniedError, "the action codeartifact:DescribePackageVersion"),
        ("ExpiredTokenException", 403, {}, errors.ExpiredCredentialsError, "the credentials have expired"),
        ("UnrecognizedClientException", 403, {}, errors.AccessDeniedError, "aws sts get-caller-identity"),
        ("InvalidSignatureException", 403, {}, errors.AccessDeniedError, "the machine's clock"),
        ("ConflictException", 409, {}, errors.RegistryConflictError, "tools/app@1.0 in acme/dev"),
        ("InternalServerException", 500, {}, errors.ServerFaultError, "Run again"),
        ("ServiceUnavailable", 503, {}, errors.ServerFaultError, "Run again"),
        ("ServiceQuotaExceededException", 402, {}, errors.QuotaExceededError, "Service Quotas"),
        ("ValidationException", 400, {}, errors.InvalidRequestError, "as invalid"),
        ("SomethingNew", 418, {}, errors.RegistryError, "SomethingNew"),
        ("ResourceNotFoundException", 404, {"resourceType": "domain"}, errors.MissingDomainError, "no domain acme"),
        ("ResourceNotFoundException", 404, {"resourceType": "repository"}, errors.MissingRepositoryError, "repository"),
        ("ResourceNotFoundException", 404, {"resourceType": "package"}, errors.VersionNotFoundError, "has no"),
        ("ResourceNotFoundException", 404, {"resourceType": "package-version"}, errors.VersionNotFoundError, "has no"),
    ],
)  # fmt: skip
def test_error_responses_are_mapped(
    stubbed: Stubbed, code: str, status: int, members: dict[str, str], expected: type[errors.ReleaseError], said: str
) -> None:
    stubbed.stub.add_client_error(
        "describe_package_version",
        code,
        "the reason",
        status,
        modeled_fields={"message": "the reason", **members} if members else None,
    )
    with pytest.raises(errors.ReleaseError) as caught:
        stubbed.registry.describe(AT)
    assert type(caught.value) is expected
    assert said in str(caught.value)
    assert "\n\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (botocore.exceptions.NoCredentialsError(), errors.NoCredentialsError),
        (botocore.exceptions.PartialCredentialsError(provider="env", cred_var="x"), errors.NoCredentialsError),
        (botocore.exceptions.UnauthorizedSSOTokenError(), errors.ExpiredCredentialsError),
        (botocore.exceptions.TokenRetrievalError(provider="sso", error_msg="x"), errors.ExpiredCredentialsError),
        (botocore.exceptions.EndpointConnectionError(endpoint_url="https://x"), errors.UnreachableError),
        (botocore.exceptions.ConnectTimeoutError(endpoint_url="https://x"), errors.UnreachableError),
        (botocore.exceptions.ReadTimeoutError(endpoint_url="https://x"), errors.UnreachableError),
        (botocore.exceptions.ConnectionClosedError(endpoint_url="https://x"), errors.UnreachableError),
        (
            botocore.exceptions.SSLError(endpoint_url="https://x", error=Exception("certificate")),
            errors.UnreachableError,
        ),
        (botocore.exceptions.ParamValidationError(report="x"), errors.InvalidRequestError),
        (ResponseParserError("not JSON"), errors.ServerFaultError),
    ],
)
def test_failures_without_a_response_are_mapped(
    stubbed: Stubbed, monkeypatch: pytest.MonkeyPatch, raised: Exception, expected: type[errors.ReleaseError]
) -> None:
    def fail(**_parameters: object) -> None:
        raise raised

    monkeypatch.setattr(stubbed.stub.client, "describe_package_version", fail)
    with pytest.raises(errors.ReleaseError) as caught:
        stubbed.registry.describe(AT)
    assert type(caught.value) is expected


def test_a_404_that_does_not_say_what_is_missing_reads_the_repository(stubbed: Stubbed) -> None:
    stubbed.stub.add_client_error("describe_package_version", "ResourceNotFoundException", "?", 404)
    stubbed.stub.add_response("describe_repository", {}, {"domain": "acme", "repository": "dev"})
    with pytest.raises(errors.VersionNotFoundError):
        stubbed.registry.describe(AT)


def test_a_404_is_never_taken_for_a_missing_version_if_the_repository_is_missing(stubbed: Stubbed) -> None:
    stubbed.stub.add_client_error("describe_package_version", "ResourceNotFoundException", "?", 404)
    stubbed.stub.add_client_error("describe_repository", "ResourceNotFoundException", "?", 404)
    with pytest.raises(errors.MissingRepositoryError):
        stubbed.registry.describe(AT)


def test_a_404_is_never_taken_for_a_missing_version_if_the_repository_may_not_be_seen(stubbed: Stubbed) -> None:
    stubbed.stub.add_client_error("describe_package_version", "ResourceNotFoundException", "?", 404)
    stubbed.stub.add_client_error("describe_repository", "AccessDeniedException", "no", 403)
    with pytest.raises(errors.RegistryError) as caught:
        stubbed.registry.describe(AT)
    assert not isinstance(caught.value, errors.VersionNotFoundError)


def test_a_deleted_version_does_not_exist(stubbed: Stubbed) -> None:
    stubbed.stub.add_response("describe_package_version", {"packageVersion": {"status": "Deleted", "revision": "r"}})
    with pytest.raises(errors.VersionNotFoundError):
        stubbed.registry.describe(AT)


def throttle(stubbed: Stubbed, times: int, headers: dict[str, str]) -> None:
    for _ in range(times):
        stubbed.stub.add_client_error(
            "describe_package_version", "ThrottlingException", "slow down", 429, response_meta={"HTTPHeaders": headers}
        )


def test_throttled_calls_are_retried(stubbed: Stubbed) -> None:
    throttle(stubbed, 3, {"retry-after": "2"})
    stubbed.stub.add_response("describe_package_version", {"packageVersion": {"status": "Published", "revision": "r"}})
    assert stubbed.registry.describe(AT).revision == "r"


def test_calls_that_are_always_throttled_end(stubbed: Stubbed) -> None:
    throttle(stubbed, 9, {"retry-after": "20"})
    with pytest.raises(errors.ThrottledError):
        stubbed.registry.describe(AT)


@pytest.mark.parametrize("answer", [{"packageVersion": {}}, {"packageVersion": {"status": "Published"}}])
def test_a_response_without_a_revision_is_a_server_fault(stubbed: Stubbed, answer: dict[str, Any]) -> None:
    stubbed.stub.add_response("describe_package_version", answer)
    with pytest.raises(errors.ReleaseError):
        stubbed.registry.describe(AT)


def test_an_error_about_an_asset_names_it(stubbed: Stubbed) -> None:
    stubbed.stub.add_client_error("publish_package_version", "ValidationException", "no empty assets", 400)
    with pytest.raises(errors.InvalidRequestError, match=r"a\.txt of tools/app@1\.0 in acme/dev .*: no empty assets"):
        stubbed.registry.publish_asset(AT, asset("a.txt", b""), io.BytesIO(b""), unfinished=True)


def test_a_publish_response_needs_no_optional_members(stubbed: Stubbed) -> None:
    for unfinished, status in ((True, Status.UNFINISHED), (False, Status.PUBLISHED)):
        stubbed.stub.add_response("publish_package_version", {})
        state = stubbed.registry.publish_asset(AT, asset("a", b"a"), io.BytesIO(b"a"), unfinished=unfinished)
        assert state.status is status


@pytest.mark.parametrize("revision", ["\x1b[2J", "a\nb", "x" * 2000])
def test_an_unprintable_revision_is_a_server_fault(stubbed: Stubbed, revision: str) -> None:
    answer = {"packageVersion": {"status": "Published", "revision": revision}}
    stubbed.stub.add_response("describe_package_version", answer)
    with pytest.raises(errors.ServerFaultError, match="no usable revision"):
        stubbed.registry.describe(AT)


# --- since when, and by whose clock -----------------------------------------------------------------------------------

PUBLISHED_AT = datetime(2026, 1, 1, 4, tzinfo=timezone(timedelta(hours=1)))


def described(stubbed: Stubbed, published: datetime | None = None, **headers: str) -> VersionState:
    version: dict[str, Any] = {"status": "Published", "revision": "r1"}
    if published:
        version["publishedTime"] = published
    answer = {"packageVersion": version, "ResponseMetadata": {"HTTPHeaders": headers}}
    stubbed.stub.add_response("describe_package_version", answer, VERSION)
    return stubbed.registry.describe(AT)


def test_describe_returns_the_published_time_and_the_servers_time(stubbed: Stubbed) -> None:
    state = described(stubbed, PUBLISHED_AT, date="Thu, 01 Jan 2026 16:30:05 GMT")
    assert state.published_time == datetime(2026, 1, 1, 3, tzinfo=UTC)
    assert state.answered_at == datetime(2026, 1, 1, 16, 30, 5, tzinfo=UTC)


def test_states_that_differ_only_in_time_are_equal(stubbed: Stubbed) -> None:
    first = described(stubbed, PUBLISHED_AT, date="Thu, 01 Jan 2026 16:30:05 GMT")
    assert first == described(stubbed) == VersionState(Status.PUBLISHED, "r1")


@pytest.mark.parametrize(
    "date",
    [
        None,
        "",
        "now",
        "2026-01-01T16:30:05Z",
        "Thu, 01 Jan 99999 00:00:00 GMT",
        "Thu, 01 Jan 2026 25:00:00 GMT",
        "Thu, 01 Jan 2026 00:00:00 +9999",
        f"Thu, 01 Jan 2026 00:00:00 +{'9' * 30}",
    ],
)
def test_an_unreadable_date_header_is_ignored(stubbed: Stubbed, date: str | None) -> None:
    headers = {} if date is None else {"date": date}
    assert described(stubbed, PUBLISHED_AT, **headers).answered_at is None


@pytest.mark.parametrize("zone", ["GMT", "+0000", "-0000", "UT"])
def test_a_clock_always_has_a_zone(stubbed: Stubbed, zone: str) -> None:
    moment = datetime(2026, 1, 1, 16, 30, 5, tzinfo=UTC)
    assert described(stubbed, date=f"Thu, 01 Jan 2026 16:30:05 {zone}").answered_at == moment


@pytest.mark.parametrize(
    "published",
    [
        None,
        # Without a time zone it is ambiguous.
        datetime(2026, 1, 1),
        # Too close to the limits of datetime for arithmetic with a soak or a zone.
        datetime.max.replace(tzinfo=UTC),
        datetime.min.replace(tzinfo=UTC),
    ],
)
def test_an_unusable_published_time_is_ignored(stubbed: Stubbed, published: datetime | None) -> None:
    assert described(stubbed, published).published_time is None


# --- downloads --------------------------------------------------------------------------------------------------------


class Raw(io.BytesIO):
    """The raw body of a response; records the sizes of reads, and whether it was closed."""

    def __init__(self, content: bytes = b"", error: Exception | None = None) -> None:
        super().__init__(content)
        self.asked: list[int] = []
        self._error = error

    def read(self, size: int | None = -1) -> bytes:
        self.asked.append(-1 if size is None else size)
        data = super().read(size)
        if not data and self._error:
            raise self._error
        return data


def answers_with(stubbed: Stubbed, raw: Raw, length: int | None = None, at: dict[str, str] | None = None) -> None:
    body = StreamingBody(raw, len(raw.getvalue()) if length is None else length)
    answer = {"asset": body, "assetName": "a.txt", "packageVersion": "1.0", "packageVersionRevision": "r"}
    stubbed.stub.add_response("get_package_version_asset", answer, {**(at or VERSION), "asset": "a.txt"})


def test_a_download_is_read_in_small_parts(stubbed: Stubbed) -> None:
    content = bytes(range(256)) * 4096
    raw = Raw(content)
    answers_with(stubbed, raw)
    parts: list[bytes] = []
    stubbed.registry.fetch_asset(AT, asset("a.txt", content), parts.append)
    assert b"".join(parts) == content
    assert len(parts) > 2
    assert 0 < max(raw.asked) <= 1 << 18
    assert -1 not in raw.asked
    assert raw.closed


def test_a_download_names_the_owner_of_the_domain(stubbed: Stubbed) -> None:
    answers_with(stubbed, Raw(b"abc"), at={**VERSION, "domainOwner": "111122223333"})
    stubbed.registry.fetch_asset(OWNED, asset("a.txt", b"abc"), lambda _part: None)


@pytest.mark.parametrize(
    ("content", "length", "error"),
    [
        pytest.param(b"ab", 3, None, id="short"),
        pytest.param(b"", 3, None, id="nothing"),
        pytest.param(b"ab", 3, urllib3.exceptions.ProtocolError("broken"), id="the connection broke"),
        pytest.param(b"ab", 3, urllib3.exceptions.ReadTimeoutError(None, "", "slow"), id="it stopped"),  # type: ignore[arg-type]
        pytest.param(b"ab", 3, urllib3.exceptions.SSLError("bad record"), id="TLS broke"),
    ],
)
def test_an_interrupted_download_is_unreachable(
    stubbed: Stubbed, content: bytes, length: int, error: Exception | None
) -> None:
    raw = Raw(content, error)
    answers_with(stubbed, raw, length)
    parts: list[bytes] = []
    with pytest.raises(errors.UnreachableError, match="GetPackageVersionAsset: no response from"):
        stubbed.registry.fetch_asset(AT, asset("a.txt", b"abc"), parts.append)
    assert b"".join(parts) == content
    assert raw.closed


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), errors.InterruptedReleaseError("stopped")])
def test_an_error_of_the_receiver_ends_a_download(stubbed: Stubbed, error: Exception) -> None:
    raw = Raw(bytes(1 << 20))
    answers_with(stubbed, raw)

    def refuse(_part: bytes) -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        stubbed.registry.fetch_asset(AT, asset("a.txt", b"abc"), refuse)
    assert caught.value is error
    # The rest is not read.
    assert len(raw.asked) == 1
    assert raw.closed


@pytest.mark.parametrize("kind", ["asset", "package-version", "package"])
def test_a_download_of_a_missing_asset_is_an_error(stubbed: Stubbed, kind: str) -> None:
    stubbed.stub.add_client_error(
        "get_package_version_asset",
        "ResourceNotFoundException",
        "gone",
        404,
        modeled_fields={"message": "gone", "resourceType": kind},
    )
    with pytest.raises(errors.VersionNotFoundError, match=r"no a\.txt of tools/app@1\.0 in acme/dev"):
        stubbed.registry.fetch_asset(AT, asset("a.txt", b"abc"), lambda _part: None)


def test_a_throttled_download_starts_again(stubbed: Stubbed) -> None:
    stubbed.stub.add_client_error("get_package_version_asset", "ThrottlingException", "slow down", 429)
    answers_with(stubbed, Raw(b"abc"))
    parts: list[bytes] = []
    stubbed.registry.fetch_asset(AT, asset("a.txt", b"abc"), parts.append)
    assert parts == [b"abc"]


# --- copies -----------------------------------------------------------------------------------------------------------

COPY = {
    "domain": "acme",
    "sourceRepository": "dev",
    "destinationRepository": "staging",
    "format": "generic",
    "namespace": "tools",
    "package": "app",
    "versionRevisions": {"1.0": "r1"},
}
NEXT = Coordinates("acme", "staging", "tools", "app", "1.0")
DONE = {"successfulVersions": {"1.0": {"revision": "r1", "status": "Published"}}, "failedVersions": {}}


def copied(stubbed: Stubbed, answer: dict[str, Any], *, over: bool = False) -> VersionState | None:
    # The stub refuses unexpected parameters, such as `versions` or `allowOverwrite`.
    expected = {**COPY, "allowOverwrite": True} if over else COPY
    stubbed.stub.add_response("copy_package_versions", answer, expected)
    return stubbed.registry.copy(NEXT, source_repository="dev", revision="r1", allow_overwrite=over)


@pytest.mark.parametrize("over", [False, True])
def test_a_copy_sends_the_revision_and_overwrites_only_if_requested(stubbed: Stubbed, over: bool) -> None:
    assert copied(stubbed, DONE, over=over) == VersionState(Status.PUBLISHED, "r1")


def test_a_copy_names_the_owner_of_the_domain(stubbed: Stubbed) -> None:
    stubbed.stub.add_response("copy_package_versions", DONE, {**COPY, "domainOwner": "111122223333"})
    at = Coordinates("acme", "staging", "tools", "app", "1.0", "111122223333")
    stubbed.registry.copy(at, source_repository="dev", revision="r1", allow_overwrite=False)


@pytest.mark.parametrize("reason", ["ALREADY_EXISTS", "MISMATCHED_REVISION", "NOT_FOUND", "NOT_ALLOWED", "SKIPPED"])
def test_a_failed_copy_in_a_200_response_is_an_error(stubbed: Stubbed, reason: str) -> None:
    failed = {"1.0": {"errorCode": reason, "errorMessage": "because"}}
    with pytest.raises(errors.StatusRefusedError, match=f"did not come as a copy: {reason}: because") as caught:
        copied(stubbed, {"successfulVersions": {}, "failedVersions": failed})
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"successfulVersions": {}, "failedVersions": {}},
        {"successfulVersions": {"2.0": {"revision": "r", "status": "Published"}}},
        {"failedVersions": {"2.0": {"errorCode": "NOT_FOUND", "errorMessage": "?"}}},
        {"successfulVersions": {"1.0": {}}},
        {"successfulVersions": {"1.0": {"revision": "r1"}}},
        {"successfulVersions": {"1.0": {"status": "Published"}}},
        {"successfulVersions": {"1.0": {"revision": "r1", "status": "Upside-down"}}},
    ],
)
def test_a_copy_with_an_unusable_response_is_decided_by_reading(stubbed: Stubbed, answer: dict[str, Any]) -> None:
    assert copied(stubbed, answer) is None


def test_a_throttled_copy_is_retried(stubbed: Stubbed) -> None:
    stubbed.stub.add_client_error("copy_package_versions", "ThrottlingException", "slow down", 429)
    assert copied(stubbed, DONE) == VersionState(Status.PUBLISHED, "r1")


def test_a_denied_copy_names_the_permission_on_the_source(stubbed: Stubbed) -> None:
    stubbed.stub.add_client_error("copy_package_versions", "AccessDeniedException", "no", 403)
    with pytest.raises(
        errors.AccessDeniedError, match=r"CopyPackageVersions for tools/app@1\.0 in acme/staging"
    ) as caught:
        stubbed.registry.copy(NEXT, source_repository="dev", revision="r1", allow_overwrite=False)
    assert "codeartifact:CopyPackageVersions" in caught.value.hint
    assert "codeartifact:ReadFromRepository" in caught.value.hint


# --- lists of versions ------------------------------------------------------------------------------------------------

VERSIONS = {**PACKAGE, "sortBy": "PUBLISHED_TIME", "maxResults": 2}


def listed(version: str, status: str = "Published") -> dict[str, str]:
    return {"version": version, "status": status, "revision": f"r-{version}"}


def test_versions_are_listed_page_by_page(stubbed: Stubbed) -> None:
    first = {"versions": [listed("1.1"), listed("1.0", "Archived")], "nextToken": "more"}
    stubbed.stub.add_response("list_package_versions", first, VERSIONS)
    second = {"versions": [listed("0.9", "Deleted"), listed("0.8", "Unfinished")]}
    stubbed.stub.add_response("list_package_versions", second, {**VERSIONS, "nextToken": "more"})
    versions = stubbed.registry.list_versions(AT, page_size=2)
    assert next(versions) == VersionSummary("1.1", Status.PUBLISHED, "r-1.1")
    assert [(each.version, each.status) for each in versions] == [
        ("1.0", Status.ARCHIVED),
        ("0.8", Status.UNFINISHED),
    ]


def test_versions_of_one_status_are_listed(stubbed: Stubbed) -> None:
    stubbed.stub.add_response("list_package_versions", {}, {**VERSIONS, "status": "Published"})
    assert list(stubbed.registry.list_versions(AT, status=Status.PUBLISHED, page_size=2)) == []


@pytest.mark.parametrize(
    ("versions", "message"),
    [
        ([listed("1"), listed("2"), listed("3")], "a page has more than the 2 requested versions"),
        ([listed("\ud800")], "a version has no usable name"),
        ([{"version": "1", "status": "Published"}], "no usable revision"),
    ],
)
def test_a_list_that_is_not_one_is_an_error_of_the_server(
    stubbed: Stubbed, versions: list[dict[str, str]], message: str
) -> None:
    stubbed.stub.add_response("list_package_versions", {"versions": versions}, VERSIONS)
    with pytest.raises(errors.ServerFaultError, match=message):
        list(stubbed.registry.list_versions(AT, page_size=2))


def test_a_missing_package_has_no_versions(stubbed: Stubbed) -> None:
    stubbed.stub.add_client_error(
        "list_package_versions",
        "ResourceNotFoundException",
        "?",
        404,
        modeled_fields={"message": "?", "resourceType": "package"},
    )
    assert list(stubbed.registry.list_versions(AT)) == []


def test_a_missing_repository_is_not_an_empty_one(stubbed: Stubbed) -> None:
    stubbed.stub.add_client_error(
        "list_package_versions",
        "ResourceNotFoundException",
        "?",
        404,
        modeled_fields={"message": "?", "resourceType": "repository"},
    )
    with pytest.raises(errors.MissingRepositoryError):
        list(stubbed.registry.list_versions(AT))
