"""The quotas of an account, with the service's documented defaults."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What an account may use.

    Attributes:
        assets_per_version: how many assets one package version may hold.
        asset_bytes: how many bytes one asset may have.
        upstreams_per_repository: how many direct upstreams a repository may have.
    """

    assets_per_version: int = 150
    asset_bytes: int = 5 * 1024**3
    upstreams_per_repository: int = 10
