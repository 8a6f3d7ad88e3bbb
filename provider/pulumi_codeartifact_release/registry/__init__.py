"""The registry, as far as the publishing core needs it; boto3's adapter is in `boto`, which callers import by name."""

from .interface import Asset, AssetListing, Coordinates, Registry, Status, VersionState

__all__ = ["Asset", "AssetListing", "Coordinates", "Registry", "Status", "VersionState"]
