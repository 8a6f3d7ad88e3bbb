"""A permission of the operator for one version with one digest.

permission = Permission.parse("acme/app@1.0=sha256:…")
permission.covers(coordinates)
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from ..errors import UsageError
from ..registry.interface import Coordinates
from ..remedies import Need

_FORM = re.compile(r"(?P<package>[^#/\s]+/[^#/\s]+)@(?P<version>[^#/\s]+)=(?P<digest>sha256:[0-9a-f]{64})", re.DOTALL)


@dataclass(frozen=True)
class Permission:
    """A permission for one version. It has no effect once the version has another digest.

    Attributes:
        package: `namespace/package`.
        digest: the digest that the version must have.
    """

    package: str
    version: str
    digest: str

    @classmethod
    def parse(cls, text: str) -> Permission:
        """Read NAMESPACE/PACKAGE@VERSION=sha256:HEX. Raises UsageError."""
        match = _FORM.fullmatch(text)
        if not match:
            raise UsageError(
                f"{text!r} is not a version with a digest",
                hint="Write NAMESPACE/PACKAGE@VERSION=sha256:DIGEST, as the refused plan shows it.",
            )
        # Both package and version may contain an @. The last one separates them.
        package, _, version = f"{match['package']}@{match['version']}".rpartition("@")
        return cls(package, version, match["digest"])

    def covers(self, at: Coordinates) -> bool:
        """Return whether this is a permission for the version at these coordinates."""
        return (self.package, self.version) == (f"{at.namespace}/{at.package}", at.version)

    def __str__(self) -> str:
        return f"{self.package}@{self.version}={self.digest}"


def parse_forced(texts: Sequence[str], reason: str) -> list[Permission]:
    """Parse the operator's permissions to skip a soak. Raises UsageError, also if the reason is missing."""
    if texts and not reason.strip():
        raise UsageError("force requires a reason; the reason is recorded", hint=("Add ", Need("reason"), "."))
    if reason and not texts:
        raise UsageError("a reason without force has no effect", hint="Remove the reason, or add force.")
    return [Permission.parse(text) for text in texts]


def permitted_digest(permissions: Sequence[Permission], package: str, version: str) -> str:
    """Return the digest that the operator permits for a version; "" for none. The last of several applies."""
    # Earlier entries are from earlier runs.
    digests = [item.digest for item in permissions if (item.package, item.version) == (package, version)]
    return digests[-1] if digests else ""


def unmatched(permissions: Iterable[Permission], versions: Collection[tuple[str, str]]) -> list[Permission]:
    """Return the permissions that match none of `versions`, which are pairs of `namespace/package` and version."""
    return [item for item in permissions if (item.package, item.version) not in versions]
