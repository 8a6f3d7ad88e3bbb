"""One botocore session for each profile of a process: one login for all clients, regions and threads.

session = AwsSession("release")
session.log_in("eu-west-1")             # raises ReleaseError; prompts, runs programs and waits
session.client("codeartifact", "eu-west-1")
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from botocore.config import Config
from botocore.exceptions import BotoCoreError
from botocore.loaders import Loader, create_loader
from botocore.session import Session

from ..errors import ReleaseError, UsageError
from .aws_endpoints import refuse_region, shell_region
from .isolated_session import isolated_session
from .login_errors import about_credentials, about_settings, missing_credentials
from .logins import Login, chain_of
from .models import model_loader

_NUMBERS = ("AWS_MAX_ATTEMPTS", "AWS_METADATA_SERVICE_TIMEOUT", "AWS_METADATA_SERVICE_NUM_ATTEMPTS")
_FILES = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
_METADATA = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
# One login at a time: two profiles must not prompt at the same terminal.
_one_login = threading.Lock()


class AwsSession:
    """The settings and credentials of a profile. Thread-safe.

    Attributes:
        botocore: the session itself.
    """

    def __init__(
        self,
        profile: str | None = None,
        roles: dict[str, Any] | None = None,
        environ: Mapping[str, str] = os.environ,
        session: Session | None = None,
    ) -> None:
        """`roles`: see `Login`; `session`: by default a new one. Raises UsageError for an invalid setting."""
        _refuse_unusable(environ)
        self.botocore = session or _default_session()
        if profile is not None:
            self.botocore.set_config_variable("profile", profile)
        self._login = Login(profile, {} if roles is None else roles)
        self._environ = environ
        self._login_error: ReleaseError | None = None
        self._logged_in = False
        self._is_isolated = False

    @classmethod
    def isolated(cls, access_key_id: str, secret_access_key: str) -> AwsSession:
        """Return a session with these keys that no AWS setting of the shell or of its files reaches."""
        session = cls(environ={}, session=isolated_session(access_key_id, secret_access_key))
        session._logged_in = session._is_isolated = True
        return session

    def use_keys(self, access_key_id: str, secret_access_key: str) -> None:
        """Use these keys instead of the credential chain."""
        self.botocore.set_credentials(access_key_id, secret_access_key)
        self._logged_in = True

    def region(self) -> str | None:
        """Return the region of the environment or the profile, or None. Raises ReleaseError."""
        # botocore reads only AWS_DEFAULT_REGION. Other SDKs read AWS_REGION first, so users expect that.
        if region := shell_region(self._environ):
            return region
        region = self.setting("region")
        return refuse_region(region, f"`region` of the AWS profile {self._login.name}") if region else None

    def setting(self, name: str) -> Any:
        """Return the value of one of botocore's settings. Raises ReleaseError."""
        try:
            return self.botocore.get_config_variable(name)
        except (BotoCoreError, ValueError) as error:
            raise unusable_settings(error) from error

    def log_in(self, region: str | None, *, asks: bool = False) -> None:
        """Get credentials, once. Raises ReleaseError, each time the same one if the user must correct something.

        `asks`: whether to prompt for an MFA code at a terminal.
        """
        with _one_login:
            if self._login_error:
                raise self._login_error
            if self._logged_in:
                return
            self._login.region, self._login.asks = region, asks
            try:
                self.botocore.register_component("credential_provider", chain_of(self.botocore, self._login))
                credentials = self.botocore.get_credentials()
                if credentials is None:
                    raise missing_credentials()
                credentials.get_frozen_credentials()
            except ReleaseError as error:
                if error.exit_code == UsageError.exit_code:
                    # Do not wait again for a program that hangs, nor prompt again for an MFA code.
                    self._login_error = error
                raise
            self._logged_in = True

    def client(self, service: str, region: str | None, config: Config, endpoint: str | None = None) -> Any:
        """Return a client of a service, with credentials. Raises ReleaseError."""
        if region and not self._is_isolated:
            refuse_region(region, "the region")
        self.log_in(region)
        with _one_login:
            # botocore sessions create clients in one thread at a time.
            return self.botocore.create_client(service, region_name=region, endpoint_url=endpoint, config=config)


def unusable_settings(error: Exception) -> ReleaseError:
    """Return our error if botocore rejects the AWS settings."""
    return (
        about_settings(error)
        or about_credentials(error)
        or UsageError(
            f"the AWS settings cannot be used: {' '.join(str(error).split())}",
            hint="Correct the AWS config file, or the AWS_… variables.",
        )
    )


def _refuse_unusable(environ: Mapping[str, str]) -> None:
    """Raise UsageError for settings that botocore would ignore, or reject without a name."""
    for name in _NUMBERS:
        if (text := environ.get(name)) and not text.strip().isdecimal():
            raise UsageError(f"{name} is {text!r}, which is not a number", hint=f"Correct {name}, or unset it.")
    try:
        urlsplit(environ.get(_METADATA, ""))
    except ValueError as error:
        raise UsageError(f"{_METADATA} is not a URL: {error}", hint=f"Correct {_METADATA}, or unset it.") from error
    for name in _FILES:
        if not (text := environ.get(name)):
            continue
        path = Path(text).expanduser()
        if path.is_dir():
            raise UsageError(f"{name} is {text}, which is a folder", hint=f"Name a file there, or unset {name}.")
        if path.is_file() and not os.access(path, os.R_OK):
            raise UsageError(f"{name} is {text}, which cannot be read", hint="Correct its permissions, or its name.")


def _default_session() -> Session:
    session = Session()

    def loader() -> Loader:
        return model_loader(*create_loader(session.get_config_variable("data_path")).search_paths)

    session.lazy_register_component("data_loader", loader)
    return session
