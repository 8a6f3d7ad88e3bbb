"""Reads the members of bundles from a registry."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from ..errors import (
    AccessDeniedError,
    RegistryConflictError,
    ServerFaultError,
    UnreachableError,
    VersionNotFoundError,
)
from ..registry.interface import Asset, Coordinates, Registry, Status
from .bundle import BUNDLE_ASSET, MAX_BUNDLE_BYTES, BundleMember, is_bundle_listing, parse_bundle

_T = TypeVar("_T")
# The client repeats a request without a response, but not a download that ended early.
_ATTEMPTS = 3


def read_bundle(registry: Registry, at: Coordinates, assets: Mapping[str, Asset]) -> tuple[BundleMember, ...] | None:
    """Return the members of the version at `at`, which has these assets; None if it is not a bundle.

    Only a version that may be a bundle takes a request. Raises any RegistryError.
    """
    if not is_bundle_listing(assets):
        return None
    return read_again(lambda: _read(registry, at, assets[BUNDLE_ASSET]))


def read_again(read: Callable[[], _T]) -> _T:
    """Return the result of a download. If its connection broke, or its bytes are wrong, start it again."""
    for _ in range(_ATTEMPTS - 1):
        with suppress(UnreachableError, ServerFaultError):
            return read()
    return read()


def _read(registry: Registry, at: Coordinates, asset: Asset) -> tuple[BundleMember, ...] | None:
    content = bytearray()

    def write(part: bytes) -> None:
        if len(content) + len(part) > MAX_BUNDLE_BYTES:
            raise ServerFaultError(f"{asset.name} of {at}: received more than {MAX_BUNDLE_BYTES:,} bytes")
        content.extend(part)

    registry.fetch_asset(at, asset, write)
    if hashlib.sha256(content).hexdigest() != asset.sha256:
        raise ServerFaultError(
            f"{asset.name} of {at} could not be read: its bytes do not match its listed SHA-256", hint="Run again."
        )
    return parse_bundle(bytes(content))


def published_bundles(registry: Registry, at: Coordinates) -> Iterator[tuple[str, tuple[BundleMember, ...]]]:
    """Yield the version and the members of every Published version of the package at `at` that is a bundle.

    Takes two requests for each Published version with one asset of that name. Raises any RegistryError.
    """
    package = replace(at, version="")
    for version in _list_versions(registry, package, Status.PUBLISHED):
        members, _ = _read_version(registry, replace(at, version=version))
        if members is not None:
            yield version, members


def find_abandoned(registry: Registry, at: Coordinates) -> tuple[dict[str, tuple[BundleMember, ...]], int]:
    """Return the Unfinished versions of a bundle other than that at `at`, with their members, and the requests made.

    A release stages its bundle first, so these are releases that are not completed. Returns none if the caller may not
    list versions. Raises any other RegistryError.
    """
    abandoned: dict[str, tuple[BundleMember, ...]] = {}
    total = 1
    with suppress(AccessDeniedError):
        for version in _list_versions(registry, replace(at, version=""), Status.UNFINISHED):
            if version != at.version:
                members, requests = _read_version(registry, replace(at, version=version))
                total += requests
                if members is not None:
                    abandoned[version] = members
    return abandoned, total


def _list_versions(registry: Registry, package: Coordinates, status: Status) -> list[str]:
    try:
        return [summary.version for summary in registry.list_versions(package, status=status)]
    except VersionNotFoundError:
        return []


def _read_version(registry: Registry, at: Coordinates) -> tuple[tuple[BundleMember, ...] | None, int]:
    """Return the members of a listed version, None if it is not a bundle or not readable; and the requests made."""
    assets: Mapping[str, Asset] = {}
    try:
        assets = registry.list_assets(at).assets
        members = read_bundle(registry, at, assets)
    except (VersionNotFoundError, RegistryConflictError):
        # It was deleted or archived since the list.
        members = None
    return members, 1 + is_bundle_listing(assets)


class PublishedBundles:
    """The Published versions of a package that are bundles, for repeated reads: a known revision is read once."""

    def __init__(self, registry: Registry, package: Coordinates) -> None:
        self._registry = registry
        self._package = package
        self._known: dict[tuple[str, str], tuple[BundleMember, ...]] = {}

    def read_members(self) -> dict[str, str]:
        """Return `namespace/package@version` of each member -> that of a bundle that names it. Raises RegistryError."""
        members: dict[str, str] = {}
        for summary in self._registry.list_versions(self._package, status=Status.PUBLISHED):
            at, key = replace(self._package, version=summary.version), (summary.version, summary.revision)
            if key not in self._known:
                try:
                    self._known[key] = read_bundle(self._registry, at, self._registry.list_assets(at).assets) or ()
                except (VersionNotFoundError, RegistryConflictError):
                    # It was deleted or archived since the list.
                    continue
            for member in self._known[key]:
                members.setdefault(member.name, at.name)
        return members
