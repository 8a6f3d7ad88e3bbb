"""Uploads the assets of one version."""

from __future__ import annotations

import io
from collections.abc import Mapping
from functools import partial
from typing import BinaryIO, cast

from ..errors import AccessDeniedError, InvalidRequestError
from ..registry.interface import Asset, Coordinates, Registry, VersionState
from .asset_content import AssetContent
from .events import AssetProgress, AssetSent, AssetStarted
from .progress_reader import ProgressReader
from .scheduler import Emit, Job, Scheduler


class Uploader:
    """Uploads assets of the version `at`, from several threads.

    Attributes:
        contents: the content of every asset, by name.
        sent: the assets that the registry has accepted, by name.
    """

    def __init__(self, at: Coordinates, contents: Mapping[str, AssetContent], registry: Registry, scheduler: Scheduler):
        self.contents = contents
        self.sent: dict[str, Asset] = {}
        self._at = at
        self._registry = registry
        self._scheduler = scheduler

    def send(self, asset: Asset, emit: Emit, *, unfinished: bool) -> VersionState:
        """Upload one asset. Raises FileChangedError if its file changed since it was hashed, and any RegistryError."""
        emit(AssetStarted(asset))
        with self.contents[asset.name].open() as body:
            self._scheduler.checkpoint()
            size = asset.size or body.seek(0, io.SEEK_END)
            body.seek(0)
            reader = cast(BinaryIO, ProgressReader(body, size, lambda sent: emit(AssetProgress(asset, sent))))
            try:
                state = self._registry.publish_asset(self._at, asset, reader, unfinished=unfinished)
            except (InvalidRequestError, AccessDeniedError):
                # The service rejects a body with a wrong hash as malformed, or as wrongly signed.
                self.contents[asset.name].rehash()
                raise
        self.sent[asset.name] = asset
        emit(AssetSent(asset))
        return state

    def job(self, asset: Asset) -> Job:
        """Return a job that uploads an asset and leaves the version Unfinished."""
        return partial(self.send, asset, unfinished=True)
