"""The account of an access key, read from the key itself without a request.

An access key ID of AWS encodes the account in base32, which `sts get-access-key-info` decodes. Emulators take an access
key ID of twelve digits as the account.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_codeartifact import CodeArtifactClient

# Within the first six bytes. Older keys hold no account: their highest bit is 0.
_ACCOUNT = (1 << 40) - 1
_HAS_ACCOUNT = 1 << 47


def account_of_key(access_key_id: str) -> str | None:
    """Return the account, twelve digits; None if the key does not contain it."""
    if re.fullmatch(r"[0-9]{12}", access_key_id):
        return access_key_id
    if not re.fullmatch(r"A(KI|SI)A[A-Z2-7]{16}", access_key_id):
        return None
    head = int.from_bytes(base64.b32decode(access_key_id[4:])[:6], "big")
    account = (head >> 7) & _ACCOUNT
    return f"{account:012}" if head & _HAS_ACCOUNT and account < 10**12 else None


def account_of(client: CodeArtifactClient) -> str | None:
    """Return the account of a client's access key; None if the key does not contain it, or there is no key."""
    from .botocore_internals import access_key_id  # noqa: PLC0415 - a client has imported botocore

    try:
        return account_of_key(access_key_id(client))
    except Exception:  # noqa: BLE001 - the next request reports what is wrong with them
        return None
