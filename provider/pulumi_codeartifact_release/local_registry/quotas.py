"""The quotas of an account, with the service's documented defaults."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Quotas:
    """Quotas of one account.

    Attributes:
        assets_per_version: maximum number of assets in a package version.
        asset_bytes: maximum size of an asset in bytes.
        upstreams_per_repository: maximum number of direct upstreams of a repository.
    """

    assets_per_version: int = 150
    asset_bytes: int = 5 * 1024**3
    upstreams_per_repository: int = 10
