"""Whose an access key is, as far as the key itself says it: nobody is asked.

An access key ID of AWS holds the account in its base32 (AWS's own `sts get-access-key-info` tells it for any key);
emulators take one of twelve digits for the account itself.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_codeartifact import CodeArtifactClient

# Of the first six bytes; older keys hold no account, and have the topmost bit at 0.
_ACCOUNT = (1 << 40) - 1
_HOLDS_ONE = 1 << 47


def account_of_key(access_key_id: str) -> str | None:
    """Return the account, twelve digits; None where the key does not say."""
    if re.fullmatch(r"[0-9]{12}", access_key_id):
        return access_key_id
    if not re.fullmatch(r"A(KI|SI)A[A-Z2-7]{16}", access_key_id):
        return None
    head = int.from_bytes(base64.b32decode(access_key_id[4:])[:6], "big")
    account = (head >> 7) & _ACCOUNT
    return f"{account:012}" if head & _HOLDS_ONE and account < 10**12 else None


def account_of(client: CodeArtifactClient) -> str | None:
    """Return the account whose keys a client signs with, None where they do not say, or there are none."""
    from .botocore_internals import access_key_id  # noqa: PLC0415 - a client has imported botocore

    try:
        return account_of_key(access_key_id(client))
    except Exception:  # noqa: BLE001 - the next request reports what is wrong with them
        return None
