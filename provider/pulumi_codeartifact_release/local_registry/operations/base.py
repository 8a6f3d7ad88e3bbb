"""The arguments and the registry of operations, and pagination."""

from __future__ import annotations

import base64
import binascii
import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from ..blobs import Blobs, Upload
from ..failures import invalid
from ..quotas import Quotas

Rows: TypeAlias = sqlite3.Connection
DEFAULT_PAGE = 100
"""The default of `maxResults`."""


@dataclass(frozen=True)
class Call:
    """One request, parsed and validated.

    Attributes:
        account: the caller's account, 12 digits.
        region: the region the request was signed for.
        host: the Host header, such as `127.0.0.1:8080`.
        params: API name -> value, without absent parameters.
        blobs: the contents of assets.
        quotas: the account's quotas.
        size: Content-Length of a streaming body; None if the request has none.
        upload: the streaming body after it was received; None before that, and for other operations.
    """

    account: str
    region: str
    host: str
    params: Mapping[str, Any]
    blobs: Blobs
    quotas: Quotas
    size: int | None = None
    upload: Upload | None = None

    def __getitem__(self, name: str) -> Any:
        return self.params[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return a parameter, or the default if it is absent."""
        return self.params.get(name, default)

    def arn(self, kind: str, owner: str, path: str) -> str:
        """Return the ARN of a domain or repository in the region of the request's signature."""
        return f"arn:aws:codeartifact:{self.region}:{owner}:{kind}/{path}"


Rule: TypeAlias = Callable[[Rows, Call], dict[str, Any]]


@dataclass(frozen=True)
class Operation:
    """An implemented operation.

    Attributes:
        rule: its function.
        writes: True if its transaction is committed.
        creates: True if it creates a missing registry folder.
        admit: checks a request before its streaming body is received; raises ServiceError.
    """

    rule: Rule
    writes: bool = False
    creates: bool = False
    admit: Callable[[Rows, Call], None] | None = None


OPERATIONS: dict[str, Operation] = {}
"""Name in the model -> implemented operation."""


def operation(
    name: str,
    *,
    writes: bool = False,
    creates: bool = False,
    admit: Callable[[Rows, Call], None] | None = None,
) -> Callable[[Rule], Rule]:
    """Register the decorated function as the operation `name` of the model."""

    def register(rule: Rule) -> Rule:
        OPERATIONS[name] = Operation(rule, writes, creates, admit)
        return rule

    return register


def paginate(call: Call, rows: Iterable[sqlite3.Row], *keys: str) -> tuple[list[sqlite3.Row], str | None]:
    """Return the requested page, and the token of the next one.

    A token contains the keys of the last item. So no item is repeated or skipped when others are added or removed
    between two pages.

    Args:
        call: `maxResults` and `nextToken` select the page.
        rows: all items, sorted by `keys`.
        keys: columns that identify an item.

    Raises:
        ServiceError: ValidationException for an invalid token.
    """
    after = _decode_token(call.get("nextToken"), len(keys))
    rest = [row for row in rows if after is None or [row[key] for key in keys] > after]
    size = call.get("maxResults", DEFAULT_PAGE)
    page = rest[:size]
    if len(rest) <= size:
        return page, None
    return page, _encode_token([page[-1][key] for key in keys])


def _encode_token(key: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode()


def _decode_token(token: str | None, length: int) -> list[Any] | None:
    if token is None:
        return None
    try:
        key = json.loads(base64.b64decode(token.encode(), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        key = None
    if not isinstance(key, list) or len(key) != length or not all(isinstance(part, (str, float)) for part in key):
        raise invalid("Value at 'nextToken' is not a token of this operation.")
    return key
