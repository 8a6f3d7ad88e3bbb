"""Access keys for one running server. They are never written to disk."""

from __future__ import annotations

import base64
import secrets
import threading
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Credentials:
    """An access key of one account.

    Attributes:
        access_key_id: 20 characters. Like AWS's, it contains the account.
        secret_access_key: the secret key; not in `repr`.
        account: 12 digits.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    account: str


class Keyring:
    """The access keys of one running server: one per account, created on request."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_account: dict[str, Credentials] = {}
        self._by_key: dict[str, Credentials] = {}

    def issue(self, account: str) -> Credentials:
        """Return the access key of an account. The first call creates a random one.

        Raises:
            ValueError: the account is not 12 digits.
        """
        if len(account) != 12 or not (account.isascii() and account.isdigit()):
            raise ValueError(f"an AWS account is 12 digits, not {account!r}")
        with self._lock:
            if account not in self._by_account:
                key = _key_of(account)
                credentials = Credentials(key, secrets.token_urlsafe(30), account)
                self._by_account[account] = self._by_key[key] = credentials
            return self._by_account[account]

    def find(self, access_key_id: str) -> Credentials | None:
        """Return the credentials with this access key ID, or None."""
        return self._by_key.get(access_key_id)


def _key_of(account: str) -> str:
    """Return a random access key ID that encodes the account as AWS does; `sts get-access-key-info` decodes it."""
    head = (1 << 47) | (int(account) << 7) | secrets.randbits(7)
    return "AKIA" + base64.b32encode(head.to_bytes(6, "big") + secrets.token_bytes(4)).decode()
