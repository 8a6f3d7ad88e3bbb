"""The chain of AWS credentials as botocore has it, but that it never waits for ever, and says what is wrong.

    session.register_component("credential_provider", chain_of(session, Login("release")))
    session.get_credentials().get_frozen_credentials()      # raises ReleaseError, whatever goes wrong

What differs from botocore's own: who may be asked for the code of an MFA device, how long a program may take, and
that every error names the variable, the file, the profile or the program that is at fault.
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
from .limits import CREDENTIAL_PROCESS_S
from .login_errors import mapped_login_errors, no_credentials
from .network_errors import AGAIN

_MOST_PRINTED = 1 << 20
_KEY = re.compile(r"[!-~]+")
_VARIABLES = {"access_key": "AWS_ACCESS_KEY_ID", "secret_key": "AWS_SECRET_ACCESS_KEY", "token": "AWS_SESSION_TOKEN"}
_PARTS = {"access_key": "access key ID", "secret_key": "secret access key", "token": "session token"}


@dataclass
class Login:
    """How one profile gets its credentials.

    Attributes:
        profile: None: what the shell says.
        roles: of the whole process: what roles gave, so that two profiles that share one are asked for one code.
        region: of STS and SSO; None: what the shell or the profile says.
        asks: whether somebody at a terminal may be asked for the code of an MFA device.
    """

    profile: str | None
    roles: dict[str, Any] = field(default_factory=dict)
    region: str | None = None
    asks: bool = False

    def code(self, prompt: str) -> str:
        """Return the code of an MFA device. Raises NoCredentialsError where nobody can be asked, or answers."""
        device = prompt.removeprefix("Enter MFA code for ").rstrip(": ")
        if not (self.asks and sys.stdin and sys.stdin.isatty()):
            first = (
                " Leave out `profile` (or aws:profile) then: it goes before keys of the shell." if self.profile else ""
            )
            raise NoCredentialsError(
                f"the AWS profile {self.name} needs a code of the MFA device {device}, and nobody can be asked for it "
                "here",
                hint="Get a session first, which needs none, and run again: "
                f'`eval "$(aws configure export-credentials --profile {self.name} --format env)"`.{first}',
            )
        try:
            code = getpass.getpass(f"MFA code of {device} for the AWS profile {self.name}: ").strip()
        except EOFError:
            code = ""
        if not re.fullmatch("[0-9]{6}", code):
            raise NoCredentialsError("that is no code of an MFA device: it has 6 digits", hint="Run again.")
        return code

    @property
    def name(self) -> str:
        """The profile, for people."""
        return self.profile or os.environ.get("AWS_DEFAULT_PROFILE") or os.environ.get("AWS_PROFILE") or "default"

    def source(self, method: str, environ: Mapping[str, str] = os.environ) -> str:
        """Return what stands behind one of botocore's methods to get credentials, as its user knows it."""

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
    """Return botocore's usual chain for a session, with what differs."""
    with mapped_login_errors(login.source("")):
        usual = create_credential_resolver(session, cache=login.roles, region_name=login.region)
    profiles = ProfileProviders(session, _CommandProvider, cache=login.roles, region_name=login.region)
    chain: list[Any] = []
    for provider in usual.providers:
        if isinstance(provider, AssumeRoleProvider):
            set_role_hooks(provider, login.code, profiles)
        chain.append(profiles.process(profile_name(provider)) if isinstance(provider, ProcessProvider) else provider)
    return _Chain(chain, login)


class _Chain(CredentialResolver):
    """Botocore's own loop, but that it knows who failed."""

    def __init__(self, providers: list[Any], login: Login) -> None:
        super().__init__(providers)
        self._login = login

    def load_credentials(self) -> Any:
        """Return what the first has that has any, None where none has. Raises ReleaseError."""
        for provider in self.providers:
            source = self._login.source(str(provider.METHOD))
            with mapped_login_errors(source):
                found = provider.load()
            if found is not None:
                return _Credentials(found, source)
        return None


class _Credentials:
    """Credentials as they were loaded; getting them, now or when they are renewed, raises nothing but ReleaseError."""

    def __init__(self, credentials: Any, source: str) -> None:
        self._credentials = credentials
        self._source = source

    def __getattr__(self, name: str) -> Any:
        return getattr(self._credentials, name)

    def get_frozen_credentials(self) -> Any:
        """Return access key, secret and token as they are now."""
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
        wrong = "has a line break, a blank, or another character that none has" if value else "is empty"
        raise NoCredentialsError(f"{what} {wrong}", hint="Set it again, without it: often it is at the end.")


class _CommandProvider(CommandProvider):
    """Runs a `credential_process` with a time limit; its errors name the command."""

    def retrieve(self, command: str) -> dict[str, Any]:
        source = f"`credential_process` of the AWS profile {profile_name(self)}"
        try:
            words = compat_shell_split(command)
        except ValueError as error:
            raise no_credentials(source, f"it is no command: {error}") from error
        if not any(words[:1]):
            raise no_credentials(source, "it is empty")
        # Not its arguments, which may be secret.
        source += f" ({words[0]})"
        gave = self._given(_output(words, source), source)
        until = gave.get("Expiration")
        if until is not None:
            _refuse_past(until, source)
        return {
            "access_key": gave["AccessKeyId"],
            "secret_key": gave["SecretAccessKey"],
            "token": gave.get("SessionToken"),
            "expiry_time": until,
            "account_id": gave.get("AccountId") or self.profile_config.get("aws_account_id"),
        }

    def _given(self, output: bytes, source: str) -> dict[str, Any]:
        if not output.strip():
            raise no_credentials(source, "it printed nothing")
        try:
            gave = json.loads(output)
        except (ValueError, RecursionError) as error:
            raise no_credentials(source, "what it printed is no JSON") from error
        if not isinstance(gave, dict):
            raise no_credentials(source, "what it printed is no JSON object")
        if gave.get("Version") != 1:
            raise no_credentials(source, "`Version` is not 1 in what it printed")
        for name in ("AccessKeyId", "SecretAccessKey"):
            if not isinstance(gave.get(name), str):
                raise no_credentials(source, f"`{name}` is missing in what it printed, or is no text")
        return gave


def _output(words: list[str], source: str) -> bytes:
    """Return what a program prints. Raises NoCredentialsError where it fails, takes too long or prints without end."""
    try:
        # What to run is the business of the user who wrote the profile.
        process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # noqa: S603
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise no_credentials(source, f"it cannot be started: {reason}") from error
    deadline = time.monotonic() + CREDENTIAL_PROCESS_S
    with process:
        try:
            printed, said = _both(process, source, deadline)
            code = process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired as error:
            raise no_credentials(source, f"it did not end within {CREDENTIAL_PROCESS_S:g} s") from error
        finally:
            # Whoever gives up, or is interrupted, leaves nothing behind; one that has ended is not meant.
            process.kill()
    if code:
        reason = " ".join(said.decode(errors="replace").split())
        raise no_credentials(source, reason[:500] or f"it ended with exit code {code}, and said nothing")
    return printed


def _both(process: subprocess.Popen[bytes], source: str, deadline: float) -> tuple[bytes, bytes]:
    """Return what a program prints to stdout and to stderr."""
    assert process.stdout is not None
    assert process.stderr is not None
    parts: dict[int, bytes] = {process.stdout.fileno(): b"", process.stderr.fileno(): b""}
    with selectors.DefaultSelector() as selector:
        for fd in parts:
            selector.register(fd, selectors.EVENT_READ)
        while selector.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                raise subprocess.TimeoutExpired(process.args, CREDENTIAL_PROCESS_S)
            for key, _ in selector.select(left):
                part = os.read(key.fd, _MOST_PRINTED)
                if not part:
                    selector.unregister(key.fd)
                parts[key.fd] += part
                if len(parts[key.fd]) > _MOST_PRINTED:
                    raise no_credentials(source, "what it printed is too much for credentials")
    return parts[process.stdout.fileno()], parts[process.stderr.fileno()]


def _refuse_past(until: object, source: str) -> None:
    try:
        end = datetime.fromisoformat(str(until))
        past = end <= datetime.now(UTC)
    except (ValueError, TypeError, OverflowError) as error:
        raise no_credentials(source, "`Expiration` in what it printed is no time with a time zone") from error
    if past:
        raise ExpiredCredentialsError(
            f"the credentials that {source} gave had expired ({end:%Y-%m-%d %H:%M:%S %Z})",
            hint=f"Log in again where it has them from. {AGAIN}",
        )
