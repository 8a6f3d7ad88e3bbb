"""What every operation is given, how it is registered, and how lists are cut into pages."""

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
from ..limits import Limits

Rows: TypeAlias = sqlite3.Connection
DEFAULT_PAGE = 100
"""Items on a page where the caller does not say."""


@dataclass(frozen=True)
class Call:
    """One request, parsed and found valid by the model.

    Attributes:
        account: the caller's account, 12 digits.
        region: the region the request was signed for.
        host: where the caller has found this server, `127.0.0.1:8080` say.
        params: the parameters by their API names; absent ones are absent.
        blobs: the contents of assets.
        limits: the account's quotas.
        size: the announced length of a streamed body in bytes; None where it is not announced.
        upload: the streamed body once it has arrived; None before, and for operations without one.
    """

    account: str
    region: str
    host: str
    params: Mapping[str, Any]
    blobs: Blobs
    limits: Limits
    size: int | None = None
    upload: Upload | None = None

    def __getitem__(self, name: str) -> Any:
        return self.params[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return a parameter, or the default where it is absent."""
        return self.params.get(name, default)

    def arn(self, kind: str, owner: str, path: str) -> str:
        """Return the ARN of a domain or repository in the region that the caller signed for."""
        return f"arn:aws:codeartifact:{self.region}:{owner}:{kind}/{path}"


Rule: TypeAlias = Callable[[Rows, Call], dict[str, Any]]


@dataclass(frozen=True)
class Operation:
    """An implemented operation.

    Attributes:
        rule: the function that does it.
        writes: whether the rows are to be committed.
        creates: whether it may be the first write to a folder.
        admit: for a streamed body: what can be refused before it is received; raises ServiceError.
    """

    rule: Rule
    writes: bool = False
    creates: bool = False
    admit: Callable[[Rows, Call], None] | None = None


OPERATIONS: dict[str, Operation] = {}
"""Every implemented operation by its name in the model."""


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
    """Return the page that the call asks for, and the token of the next one.

    The token holds the keys of the last item seen, so that nothing is shown twice or left out when items come or go
    between two pages.

    Args:
        call: its `maxResults` and `nextToken` say which page.
        rows: every item, in the order of `keys`, ascending.
        keys: columns that tell the items apart.

    Raises:
        ServiceError: ValidationException for a token that no page gave.
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
        raise invalid("Value at 'nextToken' is not a token that this list has given.")
    return key
