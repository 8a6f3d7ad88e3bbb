"""What an operator permits for one version, and only as long as it holds what they named.

permission = Permission.parse("acme/app@1.0=sha256:…")
permission.covers(coordinates)
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..errors import UsageError
from ..registry.interface import Coordinates

_FORM = re.compile(r"(?P<package>[^#/\s]+/[^#/\s]+)@(?P<version>[^#/\s]+)=(?P<digest>sha256:[0-9a-f]{64})", re.DOTALL)


@dataclass(frozen=True)
class Permission:
    """Permission to give up what one version holds: it expires by itself when the version holds something else.

    Attributes:
        package: `namespace/package`.
        digest: the digest that is given up.
    """

    package: str
    version: str
    digest: str

    @classmethod
    def parse(cls, text: str) -> Permission:
        """Read NAMESPACE/PACKAGE@VERSION=sha256:HEX. Raises UsageError."""
        found = _FORM.fullmatch(text)
        if not found:
            raise UsageError(
                f"{text!r} names no version and digest",
                hint="Write NAMESPACE/PACKAGE@VERSION=sha256:DIGEST, as the refusal of the plan shows it.",
            )
        # A version may hold an @, a package too: the last one parts them, as the digest has none.
        package, _, version = f"{found['package']}@{found['version']}".rpartition("@")
        return cls(package, version, found["digest"])

    def covers(self, at: Coordinates) -> bool:
        """Return whether this is about the version at these coordinates."""
        return (self.package, self.version) == (f"{at.namespace}/{at.package}", at.version)

    def __str__(self) -> str:
        return f"{self.package}@{self.version}={self.digest}"
