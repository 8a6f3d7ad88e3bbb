"""Refuses assets over the service's size quota, before anything is hashed or sent."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from ..errors import QuotaExceededError, UsageError
from ..registry.interface import Asset

MAX_ASSET_SIZE = 5 << 30
"""Bytes. The default quota is 5 GB, here 5 GiB: in doubt the service decides. Accounts may have a higher one."""

_SETTING = "CODEARTIFACT_RELEASE_MAX_ASSET_SIZE"


def refuse_oversized(files: Mapping[str, Path], environ: Mapping[str, str] = os.environ) -> None:
    """Raise QuotaExceededError for all files (asset name -> path) that are over the quota.

    CODEARTIFACT_RELEASE_MAX_ASSET_SIZE, in bytes, overrides the default quota.
    """
    _refuse([(name, _size(path)) for name, path in files.items()], environ)


def refuse_oversized_assets(assets: Iterable[Asset], environ: Mapping[str, str] = os.environ) -> None:
    """Do the same for assets that are in a registry."""
    _refuse([(asset.name, asset.size) for asset in assets], environ)


def _refuse(sizes: Iterable[tuple[str, int]], environ: Mapping[str, str]) -> None:
    largest = _setting(environ)
    over = [f"\n  {name}: {size:,} bytes" for name, size in sizes if size > largest]
    if over:
        raise QuotaExceededError(
            f"{len(over)} asset{'s are' if len(over) > 1 else ' is'} over the quota of {largest:,} bytes:"
            + "".join(over),
            hint=f"Split or compress it. If your account has a higher quota, set it in {_SETTING}.",
        )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        # Hashing reports the error.
        return 0


def _setting(environ: Mapping[str, str]) -> int:
    text = environ.get(_SETTING)
    if not text:
        return MAX_ASSET_SIZE
    if not text.isdecimal() or len(text) > 18 or int(text) == 0:
        raise UsageError(f"{_SETTING} is {text!r}", hint="Set it to a number of bytes.")
    return int(text)
