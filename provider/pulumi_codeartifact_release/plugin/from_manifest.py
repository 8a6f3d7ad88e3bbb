"""The fields of a `Declaration` that come from a manifest, for the programs of both providers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from ..approvals import withdrawal_of
from ..errors import UsageError
from ..manifest import Manifest
from ..publishing import Permission, permitted_digest


def refuse_several(manifest: Manifest) -> None:
    """Raise UsageError if a package has several versions: their resources would have the same logical name."""
    for name, versions in manifest.several.items():
        raise UsageError(
            f"{manifest.path}: {name} is declared with {len(versions)} versions, but under Pulumi a package is one "
            "resource: use one manifest and one stack per version, or `codeartifact-release apply`"
        )


def withdrawal_fields(manifest: Manifest, package_id: str, version: str) -> dict[str, str]:
    """Return the field `withdrawal` of a version; empty if it was not withdrawn."""
    withdrawal = withdrawal_of(manifest, package_id, version)
    return dataclasses.asdict(withdrawal) if withdrawal else {}


def bundle_members(manifest: Manifest, replace: Sequence[Permission]) -> dict[str, dict[str, Any]]:
    """Return the field `members` of the bundle of a manifest; `replace` is what the operator permits."""
    return {
        package.id: {
            "version": package.version,
            "files": {file.name: str(file.path) for file in package.files},
            "after": package.after,
            "replace_digest": permitted_digest(replace, package.id, package.version),
            "withdrawal": withdrawal_fields(manifest, package.id, package.version),
        }
        for package in manifest.packages
    }


def promotion_rules(manifest: Manifest, replace: Sequence[Permission]) -> dict[str, Any]:
    """Return the fields `members`, `replace` and `withdrawn` of a promotion: its source may be a bundle."""
    withdrawn = {}
    for name in manifest.withdrawn:
        package_id, _, version = name.rpartition("@")
        withdrawn[name] = withdrawal_fields(manifest, package_id, version)
    return {
        "members": {name: {"after": names} for name, names in manifest.after.items() if manifest.bundle},
        "replace": {f"{item.package}@{item.version}": item.digest for item in replace},
        "withdrawn": withdrawn,
    }
