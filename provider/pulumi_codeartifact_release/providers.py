"""The provider classes by the dotted paths that are pickled into users' state: never move or rename one.

What they do is in `plugin.operations`.
"""

from __future__ import annotations

from .dynamic.provider import Provider
from .plugin.operations import BUNDLE, PACKAGE_VERSION, PROMOTION


class PackageVersionProvider(Provider):
    """CRUD of `PackageVersion`."""

    kind = PACKAGE_VERSION


class PromotionProvider(Provider):
    """CRUD of `Promotion`."""

    kind = PROMOTION


class BundleProvider(Provider):
    """CRUD of `Bundle`."""

    kind = BUNDLE
