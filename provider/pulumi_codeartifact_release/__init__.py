"""Releases of generic packages to AWS CodeArtifact, as Pulumi resources: whole, once, and unchanged.

from pulumi_codeartifact_release import PackageVersion, Promotion, publish_manifest
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .errors import ReleaseError
    from .programs import outputs_of, publish_manifest, publish_stack
    from .resources import PackageVersion, Promotion

__version__ = "0.1.0"
__all__ = [
    "PackageVersion",
    "Promotion",
    "ReleaseError",
    "__version__",
    "outputs_of",
    "publish_manifest",
    "publish_stack",
]


def __getattr__(name: str) -> Any:
    # Lazy: the command line imports this package and must not wait for Pulumi.
    if name in ("PackageVersion", "Promotion"):
        from . import resources  # noqa: PLC0415

        return getattr(resources, name)
    if name in ("outputs_of", "publish_manifest", "publish_stack"):
        from . import programs  # noqa: PLC0415

        return getattr(programs, name)
    if name == "ReleaseError":
        from .errors import ReleaseError  # noqa: PLC0415

        return ReleaseError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
