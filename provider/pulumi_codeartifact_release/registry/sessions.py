"""One session of botocore for each profile of a process: one login, however many clients, regions and threads.

session = AwsSession("release")
session.log_in("eu-west-1")             # raises ReleaseError; all that may ask, run or wait happens here
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
from .isolated import isolated_session
from .login_errors import about_credentials, about_settings, missing_credentials
from .logins import Login, chain_of
from .models import model_loader

_NUMBERS = ("AWS_MAX_ATTEMPTS", "AWS_METADATA_SERVICE_TIMEOUT", "AWS_METADATA_SERVICE_NUM_ATTEMPTS")
_FILES = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE")
_METADATA = "AWS_EC2_METADATA_SERVICE_ENDPOINT"
# One at a time: two profiles must not ask at one terminal at once.
_one_login = threading.Lock()


class AwsSession:
    """What a profile says, and its credentials. Safe for threads.

    Attributes:
        botocore: the session itself.
    """

    def __init__(
        self,
        profile: str | None = None,
        roles: dict[str, Any] | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """`roles`: of the whole process, see `Login`. Raises UsageError for a setting that cannot be used."""
        _refuse_unusable(environ)
        self.botocore = _usual_session()
        if profile is not None:
            self.botocore.set_config_variable("profile", profile)
        self._login = Login(profile, {} if roles is None else roles)
        self._environ = environ
        self._failed: ReleaseError | None = None
        self._in = False
        self._is_isolated = False

    @classmethod
    def isolated(cls, access_key_id: str, secret_access_key: str) -> AwsSession:
        """Return a session with these keys that no AWS setting of the shell or of its files reaches."""
        session = cls(environ={})
        session.botocore = isolated_session(access_key_id, secret_access_key)
        session._in = session._is_isolated = True
        return session

    def use_keys(self, access_key_id: str, secret_access_key: str) -> None:
        """Take these keys, in the place of the chain."""
        self.botocore.set_credentials(access_key_id, secret_access_key)
        self._in = True

    def region(self) -> str | None:
        """Return the region that the shell or the profile names, None where none does. Raises ReleaseError."""
        # botocore reads AWS_DEFAULT_REGION alone; every other SDK, and so the users, expect AWS_REGION to come first.
        if named := shell_region(self._environ):
            return named
        region = self.setting("region")
        return refuse_region(region, f"`region` of the AWS profile {self._login.name}") if region else None

    def setting(self, name: str) -> Any:
        """Return what the profile says of a setting of botocore's. Raises ReleaseError."""
        try:
            return self.botocore.get_config_variable(name)
        except (BotoCoreError, ValueError) as error:
            raise unusable_settings(error) from error

    def log_in(self, region: str | None, *, asks: bool = False) -> None:
        """Get credentials, once. Raises ReleaseError, and the same again where that takes a correction.

        `asks`: whether somebody at a terminal may be asked for the code of an MFA device.
        """
        with _one_login:
            if self._failed:
                raise self._failed
            if self._in:
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
                    # A program that hangs is waited for once, and a code of an MFA device is not asked for again.
                    self._failed = error
                raise
            self._in = True

    def client(self, service: str, region: str | None, config: Config, endpoint: str | None = None) -> Any:
        """Return a client of a service, logged in. Raises ReleaseError."""
        if region and not self._is_isolated:
            refuse_region(region, "the region")
        self.log_in(region)
        with _one_login:
            # Making clients is nothing for several threads at once.
            return self.botocore.create_client(service, region_name=region, endpoint_url=endpoint, config=config)


def unusable_settings(error: Exception) -> ReleaseError:
    """Return what it means that botocore cannot make something of the AWS settings."""
    return (
        about_settings(error)
        or about_credentials(error)
        or UsageError(
            f"the AWS settings cannot be used: {' '.join(str(error).split())}",
            hint="Correct the AWS config file, or the variables AWS_…, that say so.",
        )
    )


def _refuse_unusable(environ: Mapping[str, str]) -> None:
    """Raise UsageError for what botocore would pass over, or not name."""
    for name in _NUMBERS:
        if (text := environ.get(name)) and not text.strip().isdecimal():
            raise UsageError(f"{name} is {text!r}, which is no number", hint=f"Correct {name}, or unset it.")
    try:
        urlsplit(environ.get(_METADATA, ""))
    except ValueError as error:
        raise UsageError(f"{_METADATA} is no URL: {error}", hint=f"Correct {_METADATA}, or unset it.") from error
    for name in _FILES:
        if not (text := environ.get(name)):
            continue
        path = Path(text).expanduser()
        if path.is_dir():
            raise UsageError(f"{name} is {text}, which is a folder", hint=f"Name a file there, or unset {name}.")
        if path.is_file() and not os.access(path, os.R_OK):
            raise UsageError(f"{name} is {text}, which cannot be read", hint="Correct its permissions, or its name.")


def _usual_session() -> Session:
    session = Session()

    def loader() -> Loader:
        return model_loader(create_loader(session.get_config_variable("data_path")).search_paths)

    session.lazy_register_component("data_loader", loader)
    return session
