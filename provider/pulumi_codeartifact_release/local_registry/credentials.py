"""Keys that this server, and no other, accepts. They live as long as the server and are never written to disk."""

from __future__ import annotations

import base64
import secrets
import threading
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Credentials:
    """A key pair that signs requests for one account.

    Attributes:
        access_key_id: 20 characters, as AWS's are; like those it holds the account.
        secret_access_key: what signatures are made with; left out of `repr`.
        account: 12 digits, the caller's account.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    account: str


class Keyring:
    """The keys of one running server: one pair for each account that was asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_account: dict[str, Credentials] = {}
        self._by_key: dict[str, Credentials] = {}

    def issue(self, account: str) -> Credentials:
        """Return the account's key pair, made at random on first use.

        Raises:
            ValueError: the account is not 12 digits.
        """
        if len(account) != 12 or not (account.isascii() and account.isdigit()):
            raise ValueError(f"an AWS account is 12 digits, not {account!r}")
        with self._lock:
            if account not in self._by_account:
                key = _key_of(account)
                issued = Credentials(key, secrets.token_urlsafe(30), account)
                self._by_account[account] = self._by_key[key] = issued
            return self._by_account[account]

    def find(self, access_key_id: str) -> Credentials | None:
        """Return the key pair of this id, or None."""
        return self._by_key.get(access_key_id)


def _key_of(account: str) -> str:
    """Return an access key ID at random, which holds its account as AWS's do: `sts get-access-key-info` tells it."""
    head = (1 << 47) | (int(account) << 7) | secrets.randbits(7)
    return "AKIA" + base64.b32encode(head.to_bytes(6, "big") + secrets.token_bytes(4)).decode()
