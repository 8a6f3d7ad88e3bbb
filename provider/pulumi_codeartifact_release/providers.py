"""The provider classes by the dotted paths that are pickled into users' state: never move or rename one.

What they do is in `plugin.provider`.
"""

from __future__ import annotations

from .plugin.check import PromotionCheck, VersionCheck
from .plugin.provider import Provider
from .plugin.state import Inputs, PromotionInputs


class PackageVersionProvider(Provider):
    """CRUD of `PackageVersion`."""

    inputs = Inputs
    check_type = VersionCheck


class PromotionProvider(Provider):
    """CRUD of `Promotion`."""

    inputs = PromotionInputs
    check_type = PromotionCheck
