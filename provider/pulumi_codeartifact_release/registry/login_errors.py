"""Errors while botocore gets AWS credentials -> the errors of `errors`.

    with mapped_login_errors("AWS_WEB_IDENTITY_TOKEN_FILE"):
        provider.load()

botocore reads files, runs programs and calls servers of the user's, and does not catch all of their errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import botocore.exceptions as boto

from ..errors import (
    ExpiredCredentialsError,
    NoCredentialsError,
    NoRegionError,
    ReleaseError,
    ServerFaultError,
    ThrottledError,
    UsageError,
    WrongRegionError,
)
from ..remedies import Need
from .error_responses import EXPIRED, error_code, http_status, is_throttled, one_line
from .network_errors import AGAIN, network_error

# Operations that botocore calls on its own, for credentials.
LOGINS = {"AssumeRole", "AssumeRoleWithWebIdentity", "AssumeRoleWithSAML", "GetRoleCredentials", "CreateToken"}
_EXPIRED_CODES = {*EXPIRED, "UnauthorizedException", "ExpiredIdToken", "InvalidGrantException"}
_LOGIN_HINT = (
    "Log in (`aws sso login`), or name a profile (AWS_PROFILE), a role, or keys (AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY); `aws sts get-caller-identity` tries them."
)


def no_credentials(source: str, reason: str) -> NoCredentialsError:
    """Return the error for a source of credentials (a variable, a file, a program) that gives none."""
    return NoCredentialsError(
        f"{source} gave no AWS credentials: {reason}",
        hint=f"Correct it, or remove it. {_LOGIN_HINT}",
    )


def missing_credentials() -> NoCredentialsError:
    """Return the error if no source has credentials."""
    return NoCredentialsError("there are no AWS credentials", hint=_LOGIN_HINT)


def session_ended(reason: str, login: str = "aws sso login") -> ExpiredCredentialsError:
    """Return the error for a session that has expired or never started."""
    return ExpiredCredentialsError(
        f"the AWS session has ended, or there was none: {reason}",
        hint=f"Log in again (`{login}`, with the --profile that is in use). {AGAIN}",
    )


@contextmanager
def mapped_login_errors(source: str) -> Iterator[None]:
    """Map every error of this source of credentials to one of ours."""
    try:
        yield
    except Exception as error:
        # Any type: the files and programs of users fail in any way.
        raise login_error(error, source) from error


def login_error(error: Exception, source: str) -> ReleaseError:
    """Return our error for an exception of a source of credentials."""
    if isinstance(error, ReleaseError):
        return error
    if isinstance(error, boto.ClientError):
        return login_refusal(error)
    if isinstance(error, boto.BotoCoreError):
        return about_credentials(error, source) or about_settings(error) or _connection_error(error, source)
    if type(error) is RuntimeError and "expired" in str(error):
        return ExpiredCredentialsError(
            f"the credentials of {source} have expired, and it returned no new ones",
            hint=f"Log in again, or renew them. {AGAIN}",
        )
    return no_credentials(source, _reason(error))


def login_refusal(error: boto.ClientError) -> ReleaseError:
    """Return our error if another service (STS, SSO) refused credentials."""
    operation, status = error.operation_name, http_status(error)
    message = one_line(error.response.get("Error", {}).get("Message") or error.response.get("message"))
    if error_code(error) in _EXPIRED_CODES:
        return ExpiredCredentialsError(
            f"the AWS session has ended: {operation}: {message}",
            hint=f"Log in again (`aws sso login`, with the --profile that is in use). {AGAIN}",
        )
    if is_throttled(error):
        return ThrottledError(f"{operation}, for AWS credentials, is throttled: {message}", hint=f"Wait. {AGAIN}")
    if status >= 500:
        return ServerFaultError(
            f"{operation}, for AWS credentials, failed there: {message} (HTTP {status})",
            hint=f"This is an error of that service. {AGAIN}",
        )
    if "invalid MFA" in message:
        return NoCredentialsError(
            f"{operation} gave no AWS credentials: {message}",
            hint="Run again with the next code of the MFA device: each code is valid once.",
        )
    return NoCredentialsError(
        f"{operation} gave no AWS credentials: {message}",
        hint="Correct the role (`role_arn` of the profile, AWS_ROLE_ARN), or let its trust policy name the caller; "
        "`aws sts get-caller-identity` tries it.",
    )


def about_credentials(error: Exception, source: str = "") -> ReleaseError | None:
    """Return the error for missing, incomplete or expired credentials; None if the error is about something else."""
    details = getattr(error, "kwargs", {})
    match error:
        case boto.NoCredentialsError():
            return missing_credentials()
        case boto.PartialCredentialsError():
            of = f" of {source}" if source else ""
            missing = f"the AWS credentials{of} are incomplete: {details.get('cred_var')} is missing"
            return NoCredentialsError(missing, hint=_LOGIN_HINT)
        case boto.CredentialRetrievalError():
            return no_credentials(source or str(details.get("provider")), one_line(details.get("error_msg")))
        case boto.RefreshWithMFAUnsupportedError():
            return ExpiredCredentialsError(
                "the session of the role has ended, and another needs another MFA code", hint=f"Log in again. {AGAIN}"
            )
        case boto.LoginError():
            return session_ended(one_line(error), "aws login")
        case boto.SSOError() | boto.TokenRetrievalError() | boto.NoAuthTokenError():
            return session_ended(one_line(error))
        case boto.MetadataRetrievalError():
            return no_credentials(source or "the metadata service", one_line(error))
    return None


def about_settings(error: Exception) -> ReleaseError | None:
    """Return the error for an invalid AWS setting; None if the error is about something else."""
    details = getattr(error, "kwargs", {})
    match error:
        case boto.ProfileNotFound():
            return _no_profile(str(details.get("profile") or ""))
        case boto.NoRegionError():
            return NoRegionError()
        case boto.InvalidRegionError():
            return WrongRegionError(
                f"{details.get('region_name')} is not the name of an AWS region",
                hint=("Correct ", Need("region"), ": it is written like eu-west-1."),
            )
        case boto.MissingDependencyException() if "login" in str(error):
            return UsageError(
                "the profile uses `aws login`, which needs a library that is not installed here",
                hint='Install it beside this program (`pip install "botocore[crt]"`), or use another login, such as '
                "`aws sso login`.",
            )
        case boto.InvalidIMDSEndpointError() | boto.InvalidIMDSEndpointModeError():
            return UsageError(
                f"the AWS settings cannot be used: {one_line(error)}",
                hint="Correct AWS_EC2_METADATA_SERVICE_ENDPOINT or AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE (or the "
                "same in the AWS config file).",
            )
        case (
            boto.ConfigParseError()
            | boto.ConfigNotFound()
            | boto.InvalidConfigError()
            | boto.InvalidRetryConfigurationError()
            | boto.InvalidDefaultsMode()
            | boto.InvalidProxiesConfigError()
            | boto.BaseEndpointResolverError()
            | boto.EndpointProviderError()
            | boto.InvalidEndpointConfigurationError()
            | boto.MissingDependencyException()
        ):
            return UsageError(
                f"the AWS settings cannot be used: {_without_quotes(one_line(error))}",
                hint="Correct the AWS config file, or the AWS_… variables.",
            )
    return None


def _no_profile(name: str) -> UsageError:
    if not name.strip():
        return UsageError(
            "AWS_PROFILE is set, and empty",
            hint="Name a profile there, or `unset AWS_PROFILE` (and AWS_DEFAULT_PROFILE). It must not be empty.",
        )
    return UsageError(
        f"there is no AWS profile {name} on this machine",
        hint=(
            "Correct ",
            Need("profile"),
            "; or add it to the AWS config file: `aws configure list-profiles` lists those that are there.",
        ),
    )


def _connection_error(error: boto.BotoCoreError, source: str) -> ReleaseError:
    inner = error.kwargs.get("error")
    if isinstance(error, boto.HTTPClientError | boto.ConnectionError | boto.IncompleteReadError):
        if isinstance(inner, ValueError):
            # Its text would show the header: a token.
            return no_credentials(source, "its URL or its token is not valid in HTTP")
        endpoint = str(error.kwargs.get("endpoint_url") or "its server")
        return network_error(error, f"AWS credentials of {source}", endpoint)
    if isinstance(error, boto.ParamValidationError):
        return no_credentials(source, one_line(error.kwargs.get("report")))
    return no_credentials(source, _reason(error))


def _reason(error: Exception) -> str:
    """Return the reason, without output of a program or a server: it may be a secret."""
    match error:
        case OSError() if error.strerror:
            return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
        case KeyError():
            return f"{error.args[0] if error.args else 'something'} is missing in its output"
        case TypeError() | AttributeError() | UnicodeError():
            return "its output does not look like AWS credentials"
    text = re.sub(r"""b'[^']*'|b"[^"]*\"""", "…", one_line(error))
    return text if str(error) else type(error).__name__


def _without_quotes(text: str) -> str:
    """Return a text without the quotes of Python's tuples: ('legacy', 'standard')."""
    return re.sub(r"\(('[^()]*')\)", lambda match: match[1].replace("'", ""), text)
