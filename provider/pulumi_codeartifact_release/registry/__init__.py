"""The registry, as far as the publishing core needs it; boto3's adapter is in `boto`, which callers import by name."""

from .interface import MAX_PAGE_SIZE, Asset, AssetListing, Coordinates, Registry, Status, VersionState, VersionSummary

__all__ = [
    "MAX_PAGE_SIZE",
    "Asset",
    "AssetListing",
    "Coordinates",
    "Registry",
    "Status",
    "VersionState",
    "VersionSummary",
]
