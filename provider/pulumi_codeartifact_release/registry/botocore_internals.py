"""The private parts of botocore that this package uses. No other module touches them.

botocore may change them in any release. Therefore `provider/pyproject.toml` bounds its version, and
`tests/unit/registry/test_botocore_internals.py` has a test for each of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.credentials import AssumeRoleProvider, CredentialProvider, ProcessProvider, ProfileProviderBuilder
from botocore.session import Session

PARSER_ERRORS = (ValueError, TypeError, AttributeError, KeyError, OverflowError, RuntimeError)
"""What botocore's parser raises for values whose type is not the model's, and for times that cannot exist."""


def access_key_id(client: Any) -> str:
    """Return the ID of the access key that a client signs with now."""
    return str(client._request_signer._credentials.access_key)


def http_session(client: Any) -> Any:
    """Return the `URLLib3Session` that a client sends its requests with; its `send` may be replaced."""
    return client._endpoint.http_session


def set_content(response: Any, content: bytes) -> None:
    """Set the body of an `AWSResponse`, which would otherwise read it from `raw` itself."""
    response._content = content


def profile_name(provider: CredentialProvider) -> str:
    """Return the profile that a provider gets credentials for."""
    name: str = provider._profile_name  # type: ignore[attr-defined]
    return name


def set_role_hooks(
    provider: AssumeRoleProvider, mfa_prompt: Callable[[str], str], profiles: ProfileProviderBuilder
) -> None:
    """Set who is asked for an MFA code, and what gets the credentials of a role's `source_profile`."""
    provider._prompter = mfa_prompt  # type: ignore[attr-defined]
    provider._profile_provider_builder = profiles  # type: ignore[attr-defined]


class ProfileProviders(ProfileProviderBuilder):
    """botocore's credential providers of a profile, with another one for `credential_process`."""

    def __init__(
        self,
        session: Session,
        process_provider: type[CommandProvider],
        *,
        cache: dict[str, Any],
        region_name: str | None,
    ) -> None:
        super().__init__(session, cache=cache, region_name=region_name)
        self._full_config = lambda: session.full_config
        self._process_provider = process_provider

    def process(self, profile_name: str) -> ProcessProvider:
        """Return the provider that runs the `credential_process` of a profile."""
        return self._process_provider(profile_name, load_config=self._full_config)

    _create_process_provider = process


class CommandProvider(ProcessProvider):
    """botocore's provider for `credential_process`; a subclass runs the command."""

    def retrieve(self, command: str) -> dict[str, Any]:
        """Return credentials: `access_key`, `secret_key`, `token`, `expiry_time`, `account_id`."""
        raise NotImplementedError

    def _retrieve_credentials_using(self, credential_process: str) -> dict[str, Any]:
        return self.retrieve(credential_process)
