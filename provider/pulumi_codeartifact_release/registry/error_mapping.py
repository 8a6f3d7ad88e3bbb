"""botocore's exceptions -> the errors of `errors`: what happened, where, and what to do next."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import botocore.exceptions as boto
from botocore.parsers import ResponseParserError

from ..errors import (
    AccessDeniedError,
    ExpiredCredentialsError,
    InvalidRequestError,
    MissingDomainError,
    MissingRepositoryError,
    QuotaExceededError,
    RegistryConflictError,
    RegistryError,
    ReleaseError,
    ServerFaultError,
    ThrottledError,
    VersionNotFoundError,
)
from ..remedies import Need
from .aws_endpoints import region_of
from .error_responses import EXPIRED, UNEXPECTED, error_code, http_status, is_throttled, one_line
from .interface import Coordinates
from .login_errors import LOGINS, about_credentials, about_settings, login_refusal
from .network_errors import AGAIN, network_error

_CLOCK = {"RequestTimeTooSkewed", "RequestTimeTooSkewedException", "RequestInTheFuture"}
_CLOCK_MESSAGES = ("signature expired", "signature not yet current")
_BAD_KEY = {
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
}
_DENIED = {"AccessDeniedException", "AccessDenied", "UnauthorizedOperation"}
_ADDITIONAL = {"CopyPackageVersions": " Copying needs codeartifact:ReadFromRepository on the source repository too."}


def map_error(
    error: Exception, operation: str, at: Coordinates, endpoint: str, asset: str | None = None
) -> ReleaseError:
    """Return our error for an exception of `operation` (the API's name) on a version or one of its assets."""
    if isinstance(error, ReleaseError):
        return error
    if isinstance(error, boto.ClientError):
        about = f"{asset} of {at}" if asset else str(at)
        return _service_error(error, operation, at, endpoint, f"{about} ({_where(at, endpoint)})")
    return _local_error(error, operation, endpoint)


def resource_type(error: Exception) -> str | None:
    """Return what a 404 names as missing: domain, repository, package, package-version, asset; or None."""
    if isinstance(error, boto.ClientError):
        kind = error.response.get("resourceType")
        return str(kind) if kind else None
    return None


def is_not_found(error: Exception) -> bool:
    """Return whether the service says that something does not exist."""
    return isinstance(error, boto.ClientError) and error_code(error) == "ResourceNotFoundException"


def _where(at: Coordinates, endpoint: str) -> str:
    """Return region (or endpoint) and owner of a request. Nothing else in a message would reveal a wrong one."""
    owner = f", domainOwner {at.domain_owner}" if at.domain_owner else ""
    return f"{region_of(endpoint) or endpoint}{owner}"


def _service_error(error: boto.ClientError, operation: str, at: Coordinates, endpoint: str, about: str) -> ReleaseError:
    code, status = error_code(error), http_status(error)
    message = one_line(error.response.get("Error", {}).get("Message") or error.response.get("message"))
    request = f"{operation} for {about}"
    if error.operation_name in LOGINS:
        return login_refusal(error)
    if code in EXPIRED:
        return ExpiredCredentialsError(
            f"{request}: the credentials have expired",
            hint=f"Log in again (`aws sso login`, or whatever gave you the credentials). {AGAIN}",
        )
    if code in _CLOCK or message.lower().startswith(_CLOCK_MESSAGES):
        return AccessDeniedError(
            f"{request} is not accepted: this machine's clock is wrong{_clocks(error)}: {message}",
            hint=f"Set the clock (`timedatectl set-ntp true`; in a container, that of its host). {AGAIN}",
        )
    if code in _BAD_KEY:
        return AccessDeniedError(
            f"{operation} at {endpoint}: the credentials are not accepted: {message}",
            hint="`aws sts get-caller-identity` shows whose they are: correct profile or keys, or the machine's clock.",
        )
    if code in _DENIED or status in (401, 403):
        return _denied(error, operation, at, f"{request} is not allowed: {message}")
    if code == "ResourceNotFoundException":
        return _missing(error, f"{about}: {operation}: {message}", at, endpoint)
    if code == "ConflictException" or status == 409:
        return RegistryConflictError(
            f"the registry refused {request}, because of its current content: {message}",
            hint="Run again: the version is read again. If the error persists, see `codeartifact-release status`.",
        )
    if is_throttled(error):
        return ThrottledError(
            f"{request} is still throttled after minutes of waiting: {message}",
            hint="Other publishers share the account's quota of requests in this region; Service Quotas can raise it. "
            + AGAIN,
        )
    if code == "ServiceQuotaExceededException" or status == 402:
        return QuotaExceededError(
            f"{request} exceeds a quota of the account: {message}",
            hint="Release fewer or smaller assets (default quotas: 5 GB per asset, 150 assets per version), or raise "
            "the quota in Service Quotas.",
        )
    if status >= 500:
        return ServerFaultError(
            f"the registry failed in {request}: {message} (HTTP {status})",
            hint=f"This is an error of the registry. {AGAIN}",
        )
    if code == "ValidationException" or status == 400:
        return InvalidRequestError(
            f"the registry refused {request} as invalid: {message}",
            hint="Correct the name or version, or `endpoint` if it is not CodeArtifact.",
        )
    return RegistryError(
        f"{request} failed with {code if code and not code.isdigit() else f'HTTP {status}'}: {message}",
        hint=UNEXPECTED,
    )


def _denied(error: boto.ClientError, operation: str, at: Coordinates, what: str) -> AccessDeniedError:
    if error_code(error).isdigit():
        # The service's own refusals have a code that is a word.
        return AccessDeniedError(what, hint=UNEXPECTED)
    if "explicit deny" in what:
        return AccessDeniedError(
            what,
            hint=f"A policy explicitly denies codeartifact:{operation}, and no other policy can override that. "
            "Change it, or use another role.",
        )
    owner = ""
    if at.domain_owner:
        owner = f" If the domain {at.domain} belongs to another account than {at.domain_owner}, correct domainOwner."
    return AccessDeniedError(
        what,
        hint=f"Allow the action codeartifact:{operation} in the caller's IAM policy; for a domain of another account, "
        f"also in the policy of the domain or repository.{_ADDITIONAL.get(operation, '')}{owner}",
    )


def _clocks(error: boto.ClientError) -> str:
    """Return both clocks, "" if the response has no time."""
    try:
        there = parsedate_to_datetime(error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})["date"])
        clocks = [f"{clock.astimezone(UTC):%Y-%m-%d %H:%M} UTC" for clock in (datetime.now(UTC), there)]
    except (KeyError, TypeError, ValueError, OverflowError):
        return ""
    return f" (here it is {clocks[0]}, there {clocks[1]})"


def _missing(error: boto.ClientError, what: str, at: Coordinates, endpoint: str) -> ReleaseError:
    region = region_of(endpoint)
    where = f"in {region}" if region else f"at {endpoint}"
    owner = f"account {at.domain_owner} (domainOwner)" if at.domain_owner else "the caller's account"
    match resource_type(error):
        case "domain":
            listed = f"; `aws codeartifact list-domains --region {region}` lists yours" if region else ""
            return MissingDomainError(
                f"{owner} has no domain {at.domain} {where}",
                hint=f"Correct domain, region, or domainOwner (the account that owns it){listed}. Or create it first "
                "(in Pulumi: aws.codeartifact.Domain).",
            )
        case "repository":
            return MissingRepositoryError(
                f"the domain {at.domain} of {owner} has no repository {at.repository} {where}",
                hint="Correct repository, domain or region. Or create it first "
                "(in Pulumi: aws.codeartifact.Repository).",
            )
        case "package" | "package-version" | "asset":
            return VersionNotFoundError(
                f"the registry has no {what}", hint="It may have been deleted just now. Run again to check."
            )
    return RegistryError(
        f"the registry returned a 404 that does not say what is missing: {what}",
        hint="Check domain, domainOwner, repository, region and endpoint. If the caller has "
        "codeartifact:DescribeRepository, the message names what is missing.",
    )


def _local_error(error: Exception, operation: str, endpoint: str) -> ReleaseError:
    if mapped := about_credentials(error) or about_settings(error):
        return mapped
    match error:
        case boto.ParamValidationError():
            return InvalidRequestError(
                f"{operation} was not sent: {one_line(error.kwargs.get('report'))}",
                hint="Correct the name: CodeArtifact does not allow it.",
            )
        case boto.HTTPClientError() | boto.ConnectionError() | boto.IncompleteReadError():
            return network_error(error, operation, endpoint)
        case ResponseParserError():
            return ServerFaultError(f"{operation}: {endpoint} does not speak CodeArtifact's protocol", hint=UNEXPECTED)
    return RegistryError(f"{operation} at {endpoint} failed: {one_line(error)}", hint=(Need("traceback"),))
