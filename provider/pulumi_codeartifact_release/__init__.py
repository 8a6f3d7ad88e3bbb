"""Releases of generic packages to AWS CodeArtifact, as Pulumi resources: whole, once, and unchanged.

from pulumi_codeartifact_release import PackageVersion, Promotion, publish_manifest
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import ReleaseError
    from .program.bundles import Bundle
    from .program.manifests import outputs_of, publish_manifest, publish_stack
    from .program.resources import PackageVersion, Promotion
    from .versions import (
        PublishedBundle,
        PublishedMember,
        PublishedVersion,
        get_bundle,
        get_package_version,
        get_package_version_files,
    )

__version__ = "0.1.0"
__all__ = [
    "Bundle",
    "PackageVersion",
    "Promotion",
    "PublishedBundle",
    "PublishedMember",
    "PublishedVersion",
    "ReleaseError",
    "__version__",
    "get_bundle",
    "get_package_version",
    "get_package_version_files",
    "outputs_of",
    "publish_manifest",
    "publish_stack",
]


_MODULES = {
    "Bundle": "program.bundles",
    "PackageVersion": "program.resources",
    "Promotion": "program.resources",
    "PublishedBundle": "versions",
    "PublishedMember": "versions",
    "PublishedVersion": "versions",
    "ReleaseError": "errors",
    "get_bundle": "versions",
    "get_package_version": "versions",
    "get_package_version_files": "versions",
    "outputs_of": "program.manifests",
    "publish_manifest": "program.manifests",
    "publish_stack": "program.manifests",
}


def __getattr__(name: str) -> Any:
    # The command line imports this package, and must not wait for the import of Pulumi.
    if name in _MODULES:
        return getattr(import_module(f".{_MODULES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
