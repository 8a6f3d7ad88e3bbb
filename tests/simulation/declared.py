"""What the publishers of the scenarios declare."""

from __future__ import annotations

from pulumi_codeartifact_release.publishing import Finish

from .model import Contents

GUARDED, LAST = Finish.GUARDED, Finish.LAST_ASSET


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

Where each may have got an asset that the other has with other bytes, none can finish: both report the debris.
"""
