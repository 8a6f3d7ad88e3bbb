"""botocore's exceptions in the project's own terms: what happened, where, and what to do next."""

from __future__ import annotations

from typing import Any

import botocore.exceptions as boto
from botocore.parsers import ResponseParserError

from ..errors import (
    AccessDeniedError,
    ExpiredCredentialsError,
    InvalidRequestError,
    MissingDomainError,
    MissingRepositoryError,
    NoCredentialsError,
    NoRegionError,
    QuotaExceededError,
    RegistryConflictError,
    RegistryError,
    ReleaseError,
    ServerFaultError,
    ThrottledError,
    UnreachableError,
    UsageError,
    VersionNotFoundError,
)
from .interface import Coordinates

_LONGEST_MESSAGE = 500
_EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired"}
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
_ON_TOP = {"CopyPackageVersions": ", and codeartifact:ReadFromRepository on the repository that is copied from"}
_THROTTLED = {
    "ThrottlingException",
    "Throttling",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "SlowDown",
}


def translate(
    error: Exception, operation: str, at: Coordinates, endpoint: str, asset: str | None = None
) -> ReleaseError:
    """Return the error of our own tree for what `operation` (as the API names it) raised about `at`, or an asset."""
    if isinstance(error, ReleaseError):
        return error
    if isinstance(error, boto.ClientError):
        return _answer(error, operation, at, endpoint, f"{asset} of {at}" if asset else str(at))
    return _no_answer(error, operation, endpoint)


def resource_type(error: Exception) -> str | None:
    """Return what a 404 says is missing: domain, repository, package, package-version, asset; None if it does not."""
    if isinstance(error, boto.ClientError):
        kind = error.response.get("resourceType")
        return str(kind) if kind else None
    return None


def retry_after(error: boto.ClientError) -> float | None:
    """Return the seconds that a throttled answer asks to wait, None where it does not say."""
    headers: dict[str, Any] = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    return seconds if seconds >= 0 else None


def is_throttled(error: boto.ClientError) -> bool:
    """Return whether the answer means: too many requests, later perhaps."""
    return _code(error) in _THROTTLED or _http_status(error) == 429


def is_not_found(error: Exception) -> bool:
    """Return whether the service says that something does not exist."""
    return isinstance(error, boto.ClientError) and _code(error) == "ResourceNotFoundException"


def _code(error: boto.ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _http_status(error: boto.ClientError) -> int:
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _answer(error: boto.ClientError, operation: str, at: Coordinates, endpoint: str, about: str) -> ReleaseError:
    code, status = _code(error), _http_status(error)
    message = _one_line(error.response.get("Error", {}).get("Message") or error.response.get("message"))
    said = f"{operation} for {about}: {message}"
    if code in _EXPIRED:
        return ExpiredCredentialsError(
            f"{operation} for {about}: the credentials have expired",
            hint="Log in again and run again: what was sent counts.",
        )
    if code in _BAD_KEY:
        return AccessDeniedError(
            f"{operation} at {endpoint}: the credentials are not accepted ({message})",
            hint="Check which credentials are in use (`aws sts get-caller-identity`), and the machine's clock.",
        )
    if code in _DENIED or status in (401, 403):
        return AccessDeniedError(
            f"access denied: {said}",
            hint=f"Allow the action codeartifact:{operation} in the caller's IAM policy "
            f"and in the domain's or repository's policy{_ON_TOP.get(operation, '')}.",
        )
    if code == "ResourceNotFoundException":
        return _missing(error, said, at)
    if code == "ConflictException" or status == 409:
        return RegistryConflictError(f"conflict: {said}")
    if is_throttled(error):
        return ThrottledError(
            f"too many requests: {said}",
            hint="Run again later: what was sent counts. A higher quota can be requested in Service Quotas.",
        )
    if code == "ServiceQuotaExceededException" or status == 402:
        return QuotaExceededError(
            f"over quota: {said}",
            hint="See the quotas of CodeArtifact (asset size, assets a version) in Service Quotas.",
        )
    if status >= 500:
        return ServerFaultError(f"the registry failed: {said}", hint="Run again: what was sent counts.")
    if code == "ValidationException" or status == 400:
        return InvalidRequestError(f"the registry refused the request: {said}")
    return RegistryError(f"{code or status}: {said}")


def _one_line(message: object) -> str:
    """Return a server's message fit for one of ours: on one line, and of a bearable length."""
    text = " ".join(str(message or "no reason given").split())
    return text if len(text) <= _LONGEST_MESSAGE else text[:_LONGEST_MESSAGE] + "…"


def _missing(error: boto.ClientError, said: str, at: Coordinates) -> ReleaseError:
    owner = f" of account {at.domain_owner}" if at.domain_owner else ""
    match resource_type(error):
        case "domain":
            return MissingDomainError(
                f"the domain {at.domain}{owner} does not exist",
                hint="Create it first (pulumi-aws: aws.codeartifact.Domain), or correct domain, domainOwner or region.",
            )
        case "repository":
            return MissingRepositoryError(
                f"the repository {at.repository} does not exist in the domain {at.domain}{owner}",
                hint="Create it first (pulumi-aws: aws.codeartifact.Repository), or correct repository or region.",
            )
        case "package" | "package-version" | "asset":
            return VersionNotFoundError(f"not found: {said}")
    return RegistryError(f"not found: {said}", hint="Check domain, repository, region and endpoint.")


def _no_answer(error: Exception, operation: str, endpoint: str) -> ReleaseError:
    match error:
        case boto.NoCredentialsError() | boto.PartialCredentialsError() | boto.CredentialRetrievalError():
            return NoCredentialsError(
                f"no usable AWS credentials: {error}",
                hint="Set a profile, environment variables or a role; `aws sts get-caller-identity` tests it.",
            )
        case boto.SSOError() | boto.TokenRetrievalError():
            return ExpiredCredentialsError(
                f"the AWS session has ended: {error}", hint="Run `aws sso login`, then again."
            )
        case boto.ProfileNotFound():
            return UsageError(str(error), hint="Correct the profile, or add it to the AWS config file.")
        case boto.NoRegionError():
            return NoRegionError()
        case boto.SSLError():
            return UnreachableError(
                f"{operation}: TLS to {endpoint} failed: {error}",
                hint="Behind a proxy with a certificate of its own, set AWS_CA_BUNDLE to its CA file.",
            )
        case boto.ParamValidationError():
            return InvalidRequestError(f"{operation}: {error}")
        case boto.HTTPClientError() | boto.ConnectionError() | boto.IncompleteReadError():
            return UnreachableError(
                f"{operation}: no answer from {endpoint}: {error}",
                hint="Check network, region and endpoint, then run again: what was sent counts.",
            )
        case ResponseParserError():
            return ServerFaultError(f"{operation}: {endpoint} answered what is not CodeArtifact's protocol: {error}")
    return RegistryError(f"{operation} at {endpoint}: {type(error).__name__}: {error}")
