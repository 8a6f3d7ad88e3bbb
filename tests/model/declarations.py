"""The declarations of the publishers, and the versions that appear in the source of a promotion."""

from __future__ import annotations

import os

from pulumi_codeartifact_release.publishing import Finalize, Route
from pulumi_codeartifact_release.registry import Status

from .model import EMPTY, Contents, Version

EVERYTHING = os.environ.get("MODEL") == "all"
"""Whether to explore also the scenarios that only exchange the two publishers."""

STATUS_UPDATE, LAST_ASSET = Finalize.STATUS_UPDATE, Finalize.LAST_ASSET
COPY, TRANSFER, FILES = Route.COPY, Route.TRANSFER, Route.FILES


def contents(*assets: str) -> Contents:
    """Return an asset for each text. The text is its content, and the first letter its name."""
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
"""The approved content of promotions, which their sources hold at first."""
CHANGED = contents("a1", "b9")

SOURCE_VERSIONS = (
    Version(Status.PUBLISHED, contents("a1", "b99")),
    Version(Status.PUBLISHED, contents("a1", "b2", "c3")),
    Version(Status.PUBLISHED, CHANGED),
    Version(Status.PUBLISHED, APPROVED),
    Version(Status.UNLISTED, APPROVED),
    Version(Status.ARCHIVED, APPROVED),
    Version(Status.UNFINISHED, APPROVED[:1]),
    None,
)
"""The versions that somebody may put into a source, each with its own revision."""
FEWER_SOURCE_VERSIONS = SOURCE_VERSIONS[2:]
"""For searches with several changes: the first two versions add nothing there."""

QUIET = EMPTY._replace(quiet=True)
"""A destination that returns an empty response to a copy onto an equal version."""
