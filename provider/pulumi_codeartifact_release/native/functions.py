"""The functions of the provider: they read published versions, as those of `versions` do."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from pulumi.runtime.rpc import UNKNOWN

from ..errors import UsageError
from ..plugin.spelling import snake
from ..versions import get_bundle, get_package_version, get_package_version_files
from .config import Config

_GET = "codeartifact-release:index:getPackageVersion"
_FILES = "codeartifact-release:index:getPackageVersionFiles"
_BUNDLE = "codeartifact-release:index:getBundle"
_PACKAGE = ("namespace", "package", "version", "domain", "repository")
_REQUIRED = {_GET: _PACKAGE, _BUNDLE: _PACKAGE, _FILES: (*_PACKAGE, "digest")}
_LOCATION = ("domain_owner", "region", "profile", "endpoint")


def call(token: str, arguments: Mapping[str, Any], config: Config) -> dict[str, Any]:
    """Return the result of a function. Raises ReleaseError."""
    required = _REQUIRED.get(token)
    if required is None:
        raise UsageError(f"{token!r} is not a function: expected one of {', '.join(_REQUIRED)}")
    values = {snake(name): value for name, value in arguments.items() if value is not None}
    for name in required:
        if not values.get(name):
            raise UsageError(f"{token.rpartition(':')[2]}: {name} is missing")
    for name in (*_PACKAGE, "digest", *_LOCATION):
        if not isinstance(values.get(name, ""), str):
            raise UsageError(f"{name} is {values[name]!r}: quote it to make it text")
    if UNKNOWN in values.values():
        raise UsageError("an argument is not known yet: pass a value that is known in previews")
    defaults = {"region": config.region, "profile": config.profile, "endpoint": config.endpoint}
    location = {name: values.get(name) or defaults.get(name) or None for name in _LOCATION}
    names = [values[name] for name in ("namespace", "package", "version")]
    place = {"domain": values["domain"], "repository": values["repository"], **location}
    if token == _FILES:
        files = get_package_version_files(*names, digest=values["digest"], **place)
        return {"files": {name: str(path) for name, path in files.items()}}
    if token == _BUNDLE:
        bundle = get_bundle(*names, digest=values.get("digest"), **place)
        return dataclasses.asdict(bundle)
    version = get_package_version(*names, **place)
    return dataclasses.asdict(version)
