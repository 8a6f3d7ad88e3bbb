"""botocore's chain of credential providers, with time limits and errors that name the cause.

    session.register_component("credential_provider", chain_of(session, Login("release")))
    session.get_credentials().get_frozen_credentials()      # raises nothing but ReleaseError

Differences from botocore: who may be asked for an MFA code, how long a `credential_process` may run, and that every
error names the variable, file, profile or program that caused it.
"""

from __future__ import annotations

import getpass
import json
import os
import re
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from botocore.compat import compat_shell_split
from botocore.credentials import (
    AssumeRoleProvider,
    CredentialResolver,
    ProcessProvider,
    create_credential_resolver,
)
from botocore.session import Session

from ..errors import ExpiredCredentialsError, NoCredentialsError
from .botocore_internals import CommandProvider, ProfileProviders, profile_name, set_role_hooks
from .login_errors import mapped_login_errors, no_credentials
from .network_errors import AGAIN
from .retries_and_concurrency import CREDENTIAL_PROCESS_S

_MAX_OUTPUT = 1 << 20
_KEY = re.compile(r"[!-~]+")
_VARIABLES = {"access_key": "AWS_ACCESS_KEY_ID", "secret_key": "AWS_SECRET_ACCESS_KEY", "token": "AWS_SESSION_TOKEN"}
_PARTS = {"access_key": "access key ID", "secret_key": "secret access key", "token": "session token"}


@dataclass
class Login:
    """How one profile gets its credentials.

    Attributes:
        profile: None for the one that the environment selects.
        roles: cache of role credentials for the whole process: two profiles with the same role need one MFA code.
        region: of STS and SSO; None for that of the environment or the profile.
        asks: whether to prompt for an MFA code at a terminal.
    """

    profile: str | None
    roles: dict[str, Any] = field(default_factory=dict)
    region: str | None = None
    asks: bool = False

    def code(self, prompt: str) -> str:
        """Return an MFA code from the user. Raises NoCredentialsError without a terminal or a valid code."""
        device = prompt.removeprefix("Enter MFA code for ").rstrip(": ")
        if not (self.asks and sys.stdin and sys.stdin.isatty()):
            first = (
                " Then leave out `profile` (or aws:profile): it takes precedence over keys of the shell."
                if self.profile
                else ""
            )
            raise NoCredentialsError(
                f"the AWS profile {self.name} needs a code of the MFA device {device}, and nobody can be asked for it "
                "here",
                hint="Get a session first, then run again: "
                f'`eval "$(aws configure export-credentials --profile {self.name} --format env)"`.{first}',
            )
        try:
            code = getpass.getpass(f"MFA code of {device} for the AWS profile {self.name}: ").strip()
        except EOFError:
            code = ""
        if not re.fullmatch("[0-9]{6}", code):
            raise NoCredentialsError("not a valid MFA code: it has 6 digits", hint="Run again.")
        return code

    @property
    def name(self) -> str:
        """The profile's name for messages."""
        return self.profile or os.environ.get("AWS_DEFAULT_PROFILE") or os.environ.get("AWS_PROFILE") or "default"

    def source(self, method: str, environ: Mapping[str, str] = os.environ) -> str:
        """Return the name that users know for one of botocore's credential methods."""

        def variable(*names: str) -> str | None:
            return next((name for name in names if environ.get(name)), None)

        match method:
            case "env":
                return f"the shell ({variable('AWS_CREDENTIAL_EXPIRATION') or 'AWS_ACCESS_KEY_ID'}, …)"
            case "assume-role-with-web-identity":
                from_shell = None if self.profile else variable("AWS_WEB_IDENTITY_TOKEN_FILE")
                return from_shell or f"`web_identity_token_file` of the AWS profile {self.name}"
            case "container-role":
                names = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"
                token = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "AWS_CONTAINER_AUTHORIZATION_TOKEN")
                uri = variable(*names) or names[1]
                return f"{uri} (with {token})" if token else uri
            case "iam-role":
                return "the metadata service of this machine"
            case "ec2-credentials-file" | "boto-config":
                return variable("AWS_CREDENTIAL_FILE", "BOTO_CONFIG") or "a configuration file of boto"
        return f"the AWS profile {self.name}"


def chain_of(session: Session, login: Login) -> CredentialResolver:
    """Return botocore's default chain for a session, with the differences."""
    with mapped_login_errors(login.source("")):
        default = create_credential_resolver(session, cache=login.roles, region_name=login.region)
    profiles = ProfileProviders(session, _CommandProvider, cache=login.roles, region_name=login.region)
    chain: list[Any] = []
    for provider in default.providers:
        if isinstance(provider, AssumeRoleProvider):
            set_role_hooks(provider, login.code, profiles)
        chain.append(profiles.process(profile_name(provider)) if isinstance(provider, ProcessProvider) else provider)
    return _CredentialChain(chain, login)


class _CredentialChain(CredentialResolver):
    """botocore's loop over providers, with errors that name the provider."""

    def __init__(self, providers: list[Any], login: Login) -> None:
        super().__init__(providers)
        self._login = login

    def load_credentials(self) -> Any:
        """Return the credentials of the first provider that has some, or None. Raises ReleaseError."""
        for provider in self.providers:
            source = self._login.source(str(provider.METHOD))
            with mapped_login_errors(source):
                credentials = provider.load()
            if credentials is not None:
                return _Credentials(credentials, source)
        return None


class _Credentials:
    """Loaded credentials. Reading and renewing them raises nothing but ReleaseError."""

    def __init__(self, credentials: Any, source: str) -> None:
        self._credentials = credentials
        self._source = source

    def __getattr__(self, name: str) -> Any:
        return getattr(self._credentials, name)

    def get_frozen_credentials(self) -> Any:
        """Return the current access key, secret and token."""
        with mapped_login_errors(self._source):
            frozen = self._credentials.get_frozen_credentials()
        for part, value in zip(_PARTS, frozen, strict=False):
            if not value and part == "token":
                continue
            if not isinstance(value, str) or not _KEY.fullmatch(value):
                self._refuse(part, value)
        return frozen

    def _refuse(self, part: str, value: object) -> None:
        what = f"the {_PARTS[part]} of {self._source}"
        if self._credentials.method == "env":
            what = _VARIABLES[part]
        wrong = "contains a line break, a space, or another invalid character" if value else "is empty"
        raise NoCredentialsError(f"{what} {wrong}", hint="Set it again without it. It is often at the end.")


class _CommandProvider(CommandProvider):
    """Runs a `credential_process` with a time limit; its errors name the command."""

    def retrieve(self, command: str) -> dict[str, Any]:
        source = f"`credential_process` of the AWS profile {profile_name(self)}"
        try:
            words = compat_shell_split(command)
        except ValueError as error:
            raise no_credentials(source, f"it is not a valid command: {error}") from error
        if not any(words[:1]):
            raise no_credentials(source, "it is empty")
        # Omit the arguments, which may be secret.
        source += f" ({words[0]})"
        output = self._parse(_output(words, source), source)
        expiration = output.get("Expiration")
        if expiration is not None:
            _refuse_expired(expiration, source)
        return {
            "access_key": output["AccessKeyId"],
            "secret_key": output["SecretAccessKey"],
            "token": output.get("SessionToken"),
            "expiry_time": expiration,
            "account_id": output.get("AccountId") or self.profile_config.get("aws_account_id"),
        }

    def _parse(self, output: bytes, source: str) -> dict[str, Any]:
        if not output.strip():
            raise no_credentials(source, "it printed nothing")
        try:
            credentials = json.loads(output)
        except (ValueError, RecursionError) as error:
            raise no_credentials(source, "its output is not JSON") from error
        if not isinstance(credentials, dict):
            raise no_credentials(source, "its output is not a JSON object")
        if credentials.get("Version") != 1:
            raise no_credentials(source, "`Version` is not 1 in its output")
        for name in ("AccessKeyId", "SecretAccessKey"):
            if not isinstance(credentials.get(name), str):
                raise no_credentials(source, f"`{name}` is missing in its output, or is not a string")
        return credentials


def _output(words: list[str], source: str) -> bytes:
    """Return what a program prints. Raises NoCredentialsError if it fails, takes too long or prints too much."""
    try:
        # The user who wrote the profile decides what to run.
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: S603
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise no_credentials(source, f"it cannot be started: {reason}") from error
    deadline = time.monotonic() + CREDENTIAL_PROCESS_S
    with process:
        try:
            stdout, stderr = _read_output(process, source, deadline)
            code = process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired as error:
            raise no_credentials(source, f"it did not end within {CREDENTIAL_PROCESS_S:g} s") from error
        finally:
            # After a time-out or an interruption it still runs; for a finished process this does nothing.
            process.kill()
    if code:
        reason = " ".join(stderr.decode(errors="replace").split())
        raise no_credentials(source, reason[:500] or f"it ended with exit code {code} and printed no error")
    return stdout


def _read_output(process: subprocess.Popen[bytes], source: str, deadline: float) -> tuple[bytes, bytes]:
    """Return what a program prints to stdout and to stderr."""
    assert process.stdout is not None
    assert process.stderr is not None
    parts: dict[int, bytes] = {process.stdout.fileno(): b"", process.stderr.fileno(): b""}
    with selectors.DefaultSelector() as selector:
        for fd in parts:
            selector.register(fd, selectors.EVENT_READ)
        while selector.get_map():
            time_left = deadline - time.monotonic()
            if time_left <= 0:
                raise subprocess.TimeoutExpired(process.args, CREDENTIAL_PROCESS_S)
            for key, _ in selector.select(time_left):
                part = os.read(key.fd, _MAX_OUTPUT)
                if not part:
                    selector.unregister(key.fd)
                parts[key.fd] += part
                if len(parts[key.fd]) > _MAX_OUTPUT:
                    raise no_credentials(source, "its output is too long for credentials")
    return parts[process.stdout.fileno()], parts[process.stderr.fileno()]


def _refuse_expired(expiration: object, source: str) -> None:
    try:
        end = datetime.fromisoformat(str(expiration))
        has_expired = end <= datetime.now(UTC)
    except (ValueError, TypeError, OverflowError) as error:
        raise no_credentials(source, "`Expiration` in its output is not a time with a time zone") from error
    if has_expired:
        raise ExpiredCredentialsError(
            f"the credentials from {source} have expired ({end:%Y-%m-%d %H:%M:%S %Z})",
            hint=f"Log in again at their source. {AGAIN}",
        )
