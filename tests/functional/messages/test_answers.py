"""What the service answers, in its own words, and what is told of it: one message for every way to be refused."""

from __future__ import annotations

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from botocore.stub import Stubber

from pulumi_codeartifact_release.errors import ReleaseError
from pulumi_codeartifact_release.registry import Coordinates, Status
from pulumi_codeartifact_release.registry.boto import BotoRegistry
from pulumi_codeartifact_release.registry.rate_limiter import RateLimiter
from support.embedded import unconnected_client
from support.fakes import asset

from .conftest import Ask
from .stand import Answer, printed, service, told

AT = Coordinates("acme", "prod", "acme", "app", "1.0")
OWNED = Coordinates("acme", "prod", "acme", "app", "1.0", domain_owner="111122223333")
FILE = asset("a.txt", b"abc")
AGAIN = "Run again: only what is missing is sent."
STRANGE = (
    "Unexpected response: check the endpoint, and whether something else responds in its place (a proxy's login page)."
)

Call = Callable[[BotoRegistry, Coordinates], object]


def describe(registry: BotoRegistry, at: Coordinates) -> object:
    return registry.describe(at)


def publish(registry: BotoRegistry, at: Coordinates) -> object:
    return registry.publish_asset(at, FILE, io.BytesIO(b"abc"), unfinished=True)


def set_status(registry: BotoRegistry, at: Coordinates) -> object:
    return registry.set_status(at, revision="r1", expected=Status.UNFINISHED, target=Status.PUBLISHED)


def copy(registry: BotoRegistry, at: Coordinates) -> object:
    return registry.copy(at, source_repository="staging", revision="r1", allow_overwrite=False)


def fetch(registry: BotoRegistry, at: Coordinates) -> object:
    registry.fetch_asset(at, FILE, lambda _part: None)
    return None


def delete(registry: BotoRegistry, at: Coordinates) -> object:
    registry.delete(at, expected=Status.ARCHIVED)
    return None


def dispose(registry: BotoRegistry, at: Coordinates) -> object:
    return registry.dispose(at, revision="r1", expected=Status.ARCHIVED)


def list_versions(registry: BotoRegistry, at: Coordinates) -> object:
    return list(registry.list_versions(at))


METHODS: dict[object, str] = {
    describe: "describe_package_version",
    publish: "publish_package_version",
    set_status: "update_package_versions_status",
    copy: "copy_package_versions",
    fetch: "get_package_version_asset",
    delete: "delete_package_versions",
    dispose: "dispose_package_versions",
    BotoRegistry.list_assets: "list_package_version_assets",
    list_versions: "list_package_versions",
}


class Answered:
    """A registry in us-east-1 whose answers are given, and what is printed of the error."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        client = unconnected_client()
        self.stub = Stubber(client)
        self.registry = BotoRegistry(client, RateLimiter({}), sleep=lambda _seconds: None)

    def refuses(
        self, call: Call, code: str, status: int, message: str, at: Coordinates = AT, times: int = 1, **members: str
    ) -> str:
        for _ in range(times):
            self.stub.add_client_error(
                METHODS[call],
                code,
                message,
                status,
                modeled_fields={"message": message, **members} if members else None,
                response_meta={"HTTPHeaders": {"retry-after": "20"}} if times > 1 else None,
            )
        return self.error(call, at)

    def error(self, call: Call, at: Coordinates = AT) -> str:
        with self.stub, pytest.raises(ReleaseError) as caught:
            call(self.registry, at)
        return printed(caught.value, self._capsys)


@pytest.fixture
def answered(capsys: pytest.CaptureFixture[str]) -> Answered:
    return Answered(capsys)


# --- denied -----------------------------------------------------------------------------------------------------------


def not_authorized(action: str) -> str:
    return (
        "User: arn:aws:sts::999988887777:assumed-role/ci/run is not authorized to perform: "
        f"codeartifact:{action} on resource: arn:aws:codeartifact:us-east-1:999988887777:repository/acme/prod "
        f"because no identity-based policy allows the codeartifact:{action} action"
    )


@pytest.mark.parametrize(
    ("call", "action", "of"),
    [
        (describe, "DescribePackageVersion", ""),
        (BotoRegistry.list_assets, "ListPackageVersionAssets", ""),
        (list_versions, "ListPackageVersions", ""),
        (publish, "PublishPackageVersion", "a.txt of "),
        (set_status, "UpdatePackageVersionsStatus", ""),
        (copy, "CopyPackageVersions", ""),
        (fetch, "GetPackageVersionAsset", "a.txt of "),
        (delete, "DeletePackageVersions", ""),
        (dispose, "DisposePackageVersions", ""),
    ],
)
def test_a_denied_call_names_the_action_to_allow(call: Call, action: str, of: str, answered: Answered) -> None:
    source = " Copying needs codeartifact:ReadFromRepository on the source repository too." if call is copy else ""
    message = not_authorized(action)
    assert answered.refuses(call, "AccessDeniedException", 403, message) == (
        f"error[access-denied]: {action} for {of}acme/app@1.0 in acme/prod (us-east-1) is not allowed: {message}\n"
        f"Allow the action codeartifact:{action} in the caller's IAM policy; for a domain of another account, also in "
        f"the policy of the domain or repository.{source}"
    )


def test_an_explicit_deny_is_explained(answered: Answered) -> None:
    message = "User: x is not authorized to perform: y with an explicit deny in a service control policy"
    assert answered.refuses(publish, "AccessDeniedException", 403, message) == (
        "error[access-denied]: PublishPackageVersion for a.txt of acme/app@1.0 in acme/prod (us-east-1) is not "
        f"allowed: {message}\n"
        "A policy explicitly denies codeartifact:PublishPackageVersion, and no other policy can override that. "
        "Change it, or use another role."
    )


def test_denied_in_a_domain_of_another_account_names_the_owner(answered: Answered) -> None:
    assert answered.refuses(publish, "AccessDeniedException", 403, "no", OWNED) == (
        "error[access-denied]: PublishPackageVersion for a.txt of acme/app@1.0 in acme/prod "
        "(us-east-1, domainOwner 111122223333) is not allowed: no\n"
        "Allow the action codeartifact:PublishPackageVersion in the caller's IAM policy; for a domain of another "
        "account, also in the policy of the domain or repository. If the domain acme belongs to another account than "
        "111122223333, correct domainOwner."
    )


def test_something_else_than_the_service_denies(ask: Ask) -> None:
    with service(Answer(403, body=b"<html>\n<h1>Blocked by your company</h1></html>")) as url:
        err = ask(url)
    assert told(err, ENDPOINT=url) == (
        "error[access-denied]: DescribePackageVersion for acme/app@1.0 in acme/dev (ENDPOINT) is not allowed: "
        f"<html> <h1>Blocked by your company</h1></html>\n{STRANGE}"
    )


# --- credentials that the service does not take -----------------------------------------------------------------------


@pytest.mark.parametrize("code", ["ExpiredTokenException", "ExpiredToken"])
def test_the_token_has_expired(code: str, answered: Answered) -> None:
    assert answered.refuses(publish, code, 403, "The security token included in the request is expired") == (
        "error[expired-credentials]: PublishPackageVersion for a.txt of acme/app@1.0 in acme/prod (us-east-1): "
        "the credentials have expired\n"
        f"Log in again (`aws sso login`, or whatever gave you the credentials). {AGAIN}"
    )


def test_the_keys_are_unknown_to_the_service(answered: Answered) -> None:
    message = "The security token included in the request is invalid."
    assert answered.refuses(describe, "UnrecognizedClientException", 403, message) == (
        "error[access-denied]: DescribePackageVersion at https://codeartifact.us-east-1.amazonaws.com: "
        f"the credentials are not accepted: {message}\n"
        "`aws sts get-caller-identity` shows whose they are: correct profile or keys, or the machine's clock."
    )


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("InvalidSignatureException", "Signature expired: 20260101T000000Z is now earlier than 20260101T031500Z"),
        (
            "InvalidSignatureException",
            "Signature not yet current: 20260101T060000Z is still later than 20260101T031500Z",
        ),
        ("RequestTimeTooSkewed", "The difference between the request time and the current time is too large."),
    ],
)
def test_the_clock_of_this_machine_is_wrong(code: str, message: str, ask: Ask) -> None:
    here = datetime.now(UTC)
    there = here + timedelta(hours=3, minutes=15)
    date = ("Date", format_datetime(there, usegmt=True))
    with service(Answer(403, code, {"message": message}, (date,))) as url:
        err = ask(url)
    text = told(err, ENDPOINT=url)
    # The minute may end meanwhile.
    moments = [f"{now:%Y-%m-%d %H:%M} UTC" for now in (here, here + timedelta(minutes=1))]
    for moment in moments:
        text = text.replace(f"here it is {moment}", "here it is NOW")
    assert text == (
        "error[access-denied]: DescribePackageVersion for acme/app@1.0 in acme/dev (ENDPOINT) is not accepted: "
        f"this machine's clock is wrong (here it is NOW, there {there:%Y-%m-%d %H:%M} UTC): {message}\n"
        f"Set the clock (`timedatectl set-ntp true`; in a container, that of its host). {AGAIN}"
    )


# --- domain, repository, version --------------------------------------------------------------------------------------


def test_a_missing_domain_or_one_in_another_region(answered: Answered) -> None:
    message = "Domain not found. Domain 'acme' owned by account '999988887777' does not exist"
    assert answered.refuses(describe, "ResourceNotFoundException", 404, message, resourceType="domain") == (
        "error[missing-domain]: the caller's account has no domain acme in us-east-1\n"
        "Correct domain, region, or domainOwner (the account that owns it); `aws codeartifact list-domains --region "
        "us-east-1` lists yours. Or create it first (in Pulumi: aws.codeartifact.Domain)."
    )


def test_the_domain_is_of_another_owner(answered: Answered) -> None:
    message = "Domain not found. Domain 'acme' owned by account '111122223333' does not exist"
    assert answered.refuses(describe, "ResourceNotFoundException", 404, message, OWNED, resourceType="domain") == (
        "error[missing-domain]: account 111122223333 (domainOwner) has no domain acme in us-east-1\n"
        "Correct domain, region, or domainOwner (the account that owns it); `aws codeartifact list-domains --region "
        "us-east-1` lists yours. Or create it first (in Pulumi: aws.codeartifact.Domain)."
    )


def test_another_registry_has_no_such_domain(ask: Ask) -> None:
    gone = {"message": "no", "resourceType": "domain"}
    with service(Answer(404, "ResourceNotFoundException", gone)) as url:
        err = ask(url)
    assert told(err, ENDPOINT=url) == (
        "error[missing-domain]: the caller's account has no domain acme at ENDPOINT\n"
        "Correct domain, region, or domainOwner (the account that owns it). Or create it first "
        "(in Pulumi: aws.codeartifact.Domain)."
    )


def test_a_missing_repository(answered: Answered) -> None:
    message = "Repository not found. Repository 'prod' in domain 'acme' owned by account '999988887777' does not exist"
    assert answered.refuses(publish, "ResourceNotFoundException", 404, message, resourceType="repository") == (
        "error[missing-repository]: the domain acme of the caller's account has no repository prod in us-east-1\n"
        "Correct repository, domain or region. Or create it first (in Pulumi: aws.codeartifact.Repository)."
    )


def test_a_version_is_gone(answered: Answered) -> None:
    assert answered.refuses(
        fetch, "ResourceNotFoundException", 404, "no such version", resourceType="package-version"
    ) == (
        "error[version-not-found]: the registry has no a.txt of acme/app@1.0 in acme/prod (us-east-1): "
        "GetPackageVersionAsset: no such version\n"
        "It may have been deleted just now. Run again to check."
    )


def test_a_404_that_does_not_say_what_is_missing(answered: Answered) -> None:
    answered.stub.add_client_error("describe_package_version", "ResourceNotFoundException", "?", 404)
    answered.stub.add_client_error("describe_repository", "AccessDeniedException", "no", 403)
    assert answered.error(describe) == (
        "error[registry]: the registry returned a 404 that does not say what is missing: "
        "acme/app@1.0 in acme/prod (us-east-1): DescribePackageVersion: ?\n"
        "Check domain, domainOwner, repository, region and endpoint. If the caller has "
        "codeartifact:DescribeRepository, the message names what is missing."
    )


# --- quotas -----------------------------------------------------------------------------------------------------------


def test_a_quota_of_the_account_is_used_up(answered: Answered) -> None:
    message = "Package version has reached the limit of 150 assets"
    assert answered.refuses(publish, "ServiceQuotaExceededException", 402, message) == (
        "error[quota-exceeded]: PublishPackageVersion for a.txt of acme/app@1.0 in acme/prod (us-east-1) exceeds "
        f"a quota of the account: {message}\n"
        "Release fewer or smaller assets (default quotas: 5 GB per asset, 150 assets per version), or raise the quota "
        "in Service Quotas."
    )


def test_the_quota_of_requests_is_full_for_long(answered: Answered) -> None:
    assert answered.refuses(publish, "ThrottlingException", 429, "Rate exceeded", times=12) == (
        "error[throttled]: PublishPackageVersion for a.txt of acme/app@1.0 in acme/prod (us-east-1) is still throttled "
        "after minutes of waiting: Rate exceeded\n"
        "Other publishers share the account's quota of requests in this region; Service Quotas can raise it. " + AGAIN
    )


# --- conflicts, invalid requests, server errors -----------------------------------------------------------------------


def test_a_write_that_contradicts_the_registry(answered: Answered) -> None:
    message = "Asset a.txt exists with another checksum"
    assert answered.refuses(publish, "ConflictException", 409, message) == (
        "error[registry-conflict]: the registry refused PublishPackageVersion for a.txt of acme/app@1.0 in acme/prod "
        f"(us-east-1), because of its current content: {message}\n"
        "Run again: the version is read again. If the error persists, see `codeartifact-release status`."
    )


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        ("MISMATCHED_REVISION", "Somebody else changed the version meanwhile; run again to see what it holds now."),
        (
            "NOT_ALLOWED",
            "The service does not allow it: look at the version's status and the package's origin controls.",
        ),
    ],
)
def test_a_change_of_status_does_not_happen(reason: str, hint: str, answered: Answered) -> None:
    failed = {"1.0": {"errorCode": reason, "errorMessage": "the service's own words"}}
    answered.stub.add_response(METHODS[set_status], {"successfulVersions": {}, "failedVersions": failed})
    assert answered.error(set_status) == (
        f"error[status-refused]: acme/app@1.0 in acme/prod did not become Published: {reason}: the service's own "
        f"words\n{hint}"
    )


def test_a_request_is_malformed(answered: Answered) -> None:
    assert answered.refuses(publish, "ValidationException", 400, "assetName has two spaces") == (
        "error[invalid-request]: the registry refused PublishPackageVersion for a.txt of acme/app@1.0 in acme/prod "
        "(us-east-1) as invalid: assetName has two spaces\n"
        "Correct the name or version, or `endpoint` if it is not CodeArtifact."
    )


def test_an_invalid_name_is_refused_before_anything_is_sent(
    answered: Answered, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ReleaseError) as caught:
        answered.registry.describe(Coordinates("a", "prod", "acme", "app", "1.0"))
    assert printed(caught.value, capsys) == (
        "error[invalid-request]: DescribePackageVersion was not sent: Invalid length for parameter domain, value: 1, "
        "valid min length: 2\n"
        "Correct the name: CodeArtifact does not allow it."
    )


def test_the_registry_fails(answered: Answered) -> None:
    assert answered.refuses(publish, "InternalServerException", 500, "Internal error") == (
        "error[server-fault]: the registry failed in PublishPackageVersion for a.txt of acme/app@1.0 in acme/prod "
        "(us-east-1): Internal error (HTTP 500)\n"
        f"This is an error of the registry. {AGAIN}"
    )


@pytest.mark.parametrize("body", [b"<html>Please log in</html>", {}, {"packageVersion": {"revision": "r"}}])
def test_an_answer_is_not_codeartifacts(body: Any, ask: Ask) -> None:
    with service(Answer(200, body=body)) as url:
        err = ask(url)
    assert told(err) == (f"error[server-fault]: the response for acme/app@1.0 in acme/dev has no status\n{STRANGE}")


@pytest.mark.parametrize(
    ("status", "kind", "told_as"), [(302, "", "HTTP 302"), (418, "TeapotException", "TeapotException")]
)
def test_an_answer_is_of_no_known_kind(status: int, kind: str, told_as: str, ask: Ask) -> None:
    with service(Answer(status, kind, {"message": "short and stout"})) as url:
        err = ask(url)
    assert told(err, ENDPOINT=url) == (
        f"error[registry]: DescribePackageVersion for acme/app@1.0 in acme/dev (ENDPOINT) failed with {told_as}: "
        f"short and stout\n{STRANGE}"
    )


def test_a_status_is_newer_than_this_program(answered: Answered) -> None:
    answered.stub.add_response(METHODS[describe], {"packageVersion": {"status": "Quarantined", "revision": "r"}})
    assert answered.error(describe) == (
        "error[registry]: acme/app@1.0 in acme/prod has the status Quarantined, which this version of "
        "codeartifact-release does not know\n"
        "Upgrade codeartifact-release."
    )
