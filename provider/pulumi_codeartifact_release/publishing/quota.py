"""What the service would refuse for its size, told before anything is hashed or sent."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..errors import QuotaExceededError, UsageError
from ..registry.interface import Asset

MAX_ASSET_SIZE = 5 << 30
"""Bytes. The default quota, 5 GB, read generously: in doubt the service decides. It can be raised."""

_SETTING = "CODEARTIFACT_RELEASE_MAX_ASSET_SIZE"


def refuse_oversized(files: Mapping[str, Path], environ: Mapping[str, str] = os.environ) -> None:
    """Raise QuotaExceededError, naming all of them, if files (asset name -> path) are over the quota of an asset.

    CODEARTIFACT_RELEASE_MAX_ASSET_SIZE, in bytes, is for accounts whose quota was changed.
    """
    _refuse([(name, _size(path)) for name, path in files.items()], environ)


def refuse_oversized_assets(assets: Iterable[Asset], environ: Mapping[str, str] = os.environ) -> None:
    """Do the same for assets that are somewhere else."""
    _refuse([(asset.name, asset.size) for asset in assets], environ)


def _refuse(sizes: Iterable[tuple[str, int]], environ: Mapping[str, str]) -> None:
    largest = _setting(environ)
    over = [f"\n  {name}: {size:,} bytes" for name, size in sizes if size > largest]
    if over:
        raise QuotaExceededError(
            f"{len(over)} asset{'s are' if len(over) > 1 else ' is'} over the quota of {largest:,} bytes:"
            + "".join(over),
            hint=f"Split or compress what is in it. If the account's quota was raised, say so in {_SETTING}.",
        )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        # Hashing will say what is the matter with it.
        return 0


def _setting(environ: Mapping[str, str]) -> int:
    text = environ.get(_SETTING)
    if not text:
        return MAX_ASSET_SIZE
    if not text.isdecimal() or len(text) > 18 or int(text) == 0:
        raise UsageError(f"{_SETTING} is {text!r}", hint="Set it to a number of bytes.")
    return int(text)
