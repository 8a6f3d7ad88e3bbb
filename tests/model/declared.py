"""What the publishers of the scenarios declare, and what becomes of what the promotions take."""

from __future__ import annotations

from pulumi_codeartifact_release.publishing import Finalize, Route
from pulumi_codeartifact_release.registry import Status

from .model import EMPTY, Contents, Version

STATUS_UPDATE, LAST = Finalize.STATUS_UPDATE, Finalize.LAST_ASSET
COPY, TRANSFER, FILES = Route.COPY, Route.TRANSFER, Route.FILES


def contents(*assets: str) -> Contents:
    """Return assets from texts whose first letter is the name and which are the content."""
    return tuple(sorted((text[0], text.encode()) for text in assets))


ABC = contents("a1", "b2", "c3")
ABCD = contents("a1", "b2", "c3", "d4")

OTHERS = {
    "the first asset differs": (ABC, contents("a9", "b2", "c3"), 1),
    "the last asset differs": (ABC, contents("a1", "b2", "c9"), 1),
    "two assets differ": (ABC, contents("a1", "b9", "c9"), 0),
    "the last asset is foreign": (ABC, contents("a1", "b2"), 1),
    "an asset in between is foreign": (ABC, contents("a1", "c3"), 1),
    "the first asset is foreign": (ABC, contents("b2", "c3"), 1),
    "nothing is common": (contents("a1", "b2"), contents("x8", "y9"), 0),
}
"""Two declarations of one version that differ, and how many publishers always succeed if both are guarded.

If both have sent an asset of the same name with different bytes, neither can finish: both report leftover assets.
"""

APPROVED = contents("a1", "b2")
"""What promotions have approved, and their sources hold at first."""
MOVED = contents("a1", "b9")

BECOMES = (
    Version(Status.PUBLISHED, contents("a1", "b99")),
    Version(Status.PUBLISHED, contents("a1", "b2", "c3")),
    Version(Status.PUBLISHED, MOVED),
    Version(Status.PUBLISHED, APPROVED),
    Version(Status.UNLISTED, APPROVED),
    Version(Status.ARCHIVED, APPROVED),
    Version(Status.UNFINISHED, APPROVED[:1]),
    None,
)
"""What somebody makes of a source, each under a revision of its own. The first two are needed once: see `FEWER`."""
FEWER = BECOMES[2:]

QUIET = EMPTY._replace(quiet=True)
"""A destination where a copy onto an equal version is answered with nothing."""
