"""Why there are no AWS credentials: what botocore raises while it looks for some, in the project's own terms.

    with explained("AWS_WEB_IDENTITY_TOKEN_FILE"):
        provider.load()

botocore looks through files, programs and servers of the user's, and lets through whatever goes wrong there.
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

# Calls that botocore makes by itself, for credentials.
LOGINS = {"AssumeRole", "AssumeRoleWithWebIdentity", "AssumeRoleWithSAML", "GetRoleCredentials", "CreateToken"}
_ENDED = {*EXPIRED, "UnauthorizedException", "ExpiredIdToken", "InvalidGrantException"}
_TRY = (
    "Log in (`aws sso login`), or name a profile (AWS_PROFILE), a role, or keys (AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY); `aws sts get-caller-identity` tries them."
)


def no_credentials(source: str, reason: str) -> NoCredentialsError:
    """Return the error for a source of credentials (a variable, a file, a program) that gives none."""
    return NoCredentialsError(
        f"{source} gave no AWS credentials: {reason}",
        hint=f"Correct it, or take it away. {_TRY}",
    )


def none_found() -> NoCredentialsError:
    """Return the error where no source has any."""
    return NoCredentialsError("there are no AWS credentials", hint=_TRY)


def session_ended(reason: str, login: str = "aws sso login") -> ExpiredCredentialsError:
    """Return the error for a session that was there, or should have been."""
    return ExpiredCredentialsError(
        f"the AWS session has ended, or there was none: {reason}",
        hint=f"Log in again (`{login}`, with the --profile that is in use). {AGAIN}",
    )


@contextmanager
def explained(source: str) -> Iterator[None]:
    """Have everything that goes wrong with this source of credentials raise an error of ours."""
    try:
        yield
    except Exception as error:
        # Whatever it is: users' files and programs have no end of ways to be wrong.
        raise login_error(error, source) from error


def login_error(error: Exception, source: str) -> ReleaseError:
    """Return what it means that `source` raised this while it was asked for credentials."""
    if isinstance(error, ReleaseError):
        return error
    if isinstance(error, boto.ClientError):
        return refused_login(error)
    if isinstance(error, boto.BotoCoreError):
        return about_credentials(error, source) or about_settings(error) or _no_answer(error, source)
    if type(error) is RuntimeError and "expired" in str(error):
        return ExpiredCredentialsError(
            f"the credentials of {source} have expired, and it gave no others",
            hint=f"Log in again, or renew what it gives. {AGAIN}",
        )
    return no_credentials(source, _reason(error))


def refused_login(error: boto.ClientError) -> ReleaseError:
    """Return what it means that another service would not give credentials: nothing of CodeArtifact's is denied."""
    operation, status = error.operation_name, http_status(error)
    message = one_line(error.response.get("Error", {}).get("Message") or error.response.get("message"))
    if error_code(error) in _ENDED:
        return ExpiredCredentialsError(
            f"the AWS session has ended: {operation}: {message}",
            hint=f"Log in again (`aws sso login`, with the --profile that is in use). {AGAIN}",
        )
    if is_throttled(error):
        return ThrottledError(f"{operation}, for AWS credentials, is throttled: {message}", hint=f"Wait. {AGAIN}")
    if status >= 500:
        return ServerFaultError(
            f"{operation}, for AWS credentials, failed there: {message} (HTTP {status})",
            hint=f"The fault is that service's. {AGAIN}",
        )
    if "invalid MFA" in message:
        return NoCredentialsError(
            f"{operation} gave no AWS credentials: {message}",
            hint="Run again with the next code of the MFA device: each is taken once.",
        )
    return NoCredentialsError(
        f"{operation} gave no AWS credentials: {message}",
        hint="Correct the role (`role_arn` of the profile, AWS_ROLE_ARN), or let its trust policy name the caller; "
        "`aws sts get-caller-identity` tries it.",
    )


def about_credentials(error: Exception, source: str = "") -> ReleaseError | None:
    """Return the error for credentials that are missing, incomplete or over; None where it is about something else."""
    known = getattr(error, "kwargs", {})
    match error:
        case boto.NoCredentialsError():
            return none_found()
        case boto.PartialCredentialsError():
            of = f" of {source}" if source else ""
            missing = f"the AWS credentials{of} are incomplete: {known.get('cred_var')} is missing"
            return NoCredentialsError(missing, hint=_TRY)
        case boto.CredentialRetrievalError():
            return no_credentials(source or str(known.get("provider")), one_line(known.get("error_msg")))
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
    """Return the error for an AWS setting that cannot be used; None where it is about something else."""
    known = getattr(error, "kwargs", {})
    match error:
        case boto.ProfileNotFound():
            return _no_profile(str(known.get("profile") or ""))
        case boto.NoRegionError():
            return NoRegionError()
        case boto.InvalidRegionError():
            return WrongRegionError(
                f"{known.get('region_name')} is not the name of an AWS region",
                hint=("Correct ", Need("region"), ": it is written like eu-west-1."),
            )
        case boto.MissingDependencyException() if "login" in str(error):
            return UsageError(
                "the profile is one of `aws login`, which needs a library that is not installed here",
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
                hint="Correct the AWS config file, or the variables AWS_…, that say so.",
            )
    return None


def _no_profile(name: str) -> UsageError:
    if not name.strip():
        return UsageError(
            "AWS_PROFILE is set, and empty",
            hint="Name a profile there, or `unset AWS_PROFILE` (and AWS_DEFAULT_PROFILE): an empty one is no profile.",
        )
    return UsageError(
        f"there is no AWS profile {name} on this machine",
        hint=(
            "Correct ",
            Need("profile"),
            "; or add it to the AWS config file: `aws configure list-profiles` lists those that are there.",
        ),
    )


def _no_answer(error: boto.BotoCoreError, source: str) -> ReleaseError:
    inner = error.kwargs.get("error")
    if isinstance(error, boto.HTTPClientError | boto.ConnectionError | boto.IncompleteReadError):
        if isinstance(inner, ValueError):
            # Its text would show the header: a token.
            return no_credentials(source, "a URL or a token of it cannot be used in HTTP")
        endpoint = str(error.kwargs.get("endpoint_url") or "its server")
        return network_error(error, f"AWS credentials of {source}", endpoint)
    if isinstance(error, boto.ParamValidationError):
        return no_credentials(source, one_line(error.kwargs.get("report")))
    return no_credentials(source, _reason(error))


def _reason(error: Exception) -> str:
    """Return why, in words, and nothing of what a program or a server gave: it may be a secret."""
    match error:
        case OSError() if error.strerror:
            return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
        case KeyError():
            return f"{error.args[0] if error.args else 'something'} is missing in what it gave"
        case TypeError() | AttributeError() | UnicodeError():
            return "what it gave is not what AWS credentials look like"
    text = re.sub(r"""b'[^']*'|b"[^"]*\"""", "…", one_line(error))
    return text if str(error) else type(error).__name__


def _without_quotes(text: str) -> str:
    """Return a text in which lists of words are not written as Python writes them: ('legacy', 'standard')."""
    return re.sub(r"\(('[^()]*')\)", lambda found: found[1].replace("'", ""), text)
