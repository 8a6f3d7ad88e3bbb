"""The configuration of one provider: where releases go by default, and what the operator permits.

config = Config.of({"region": "eu-west-1", "allow": '["delete"]'})
config.replace_digest("acme/app", "1.4.2")

Every value is checked when it is used. An unknown key is ignored: the default provider gets the whole configuration of
the package's name, and a project may have that name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import UsageError
from ..publishing import Permission, parse_forced, permitted_digest

LISTS = ("allow", "replace", "force")
TEXTS = ("region", "profile", "endpoint", "reason")


@dataclass(frozen=True)
class Config:
    """The configuration of a provider.

    Attributes:
        region: for resources that set none; so are profile and endpoint.
        allow: permissions for manifests: `outside`, `endpoint`, `delete`, `local-source`.
        replace: published versions that may be replaced: NAMESPACE/PACKAGE@VERSION=sha256:DIGEST.
        force: promotions that skip their soak, in the same format. Requires `reason`.
    """

    region: str = ""
    profile: str = ""
    endpoint: str = ""
    reason: str = ""
    allow: tuple[str, ...] = ()
    replace: tuple[str, ...] = ()
    force: tuple[str, ...] = ()

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Config:
        """Parse what Configure gets: texts, and lists as JSON. Raises UsageError for a value of another type."""
        converted: dict[str, Any] = {name: _text(name, values.get(name)) for name in TEXTS}
        converted |= {name: _list(name, values.get(name)) for name in LISTS}
        return cls(**converted)

    def replace_digest(self, package: str, version: str) -> str:
        """Return the digest that may be replaced; "" for none. Raises UsageError for a malformed permission."""
        return permitted_digest([Permission.parse(text) for text in self.replace], package, version)

    def force_digest(self, package: str, version: str) -> str:
        """Return the digest whose soak is skipped; "" for none. Raises UsageError without a reason."""
        return permitted_digest(parse_forced(self.force, self.reason), package, version)


def _text(name: str, value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    raise UsageError(f"the provider's {name} is {value!r}: expected a text")


def _list(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str) and value.strip():
        # The engine passes values that are not texts as JSON. A person may have set one text.
        try:
            value = json.loads(value)
        except ValueError:
            value = [value]
    if not value:
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str | None) for item in value):
        raise UsageError(f"the provider's {name} is {value!r}: expected a list of texts")
    return tuple(item for item in value if item)
