"""Assets: publishing, listing and downloading them."""

from __future__ import annotations

import sqlite3
import unicodedata
from typing import Any

from ..failures import (
    body_mismatch,
    conflict,
    invalid,
    not_found,
    quota_exceeded,
)
from . import lookup
from .base import Call, Rows, operation, paginate
from .versions import new_revision, set_status

NAME_CATEGORIES = frozenset({"Ll", "Lm", "Lo", "Lt", "Lu", "Nl", "Nd"})
NAME_CHARACTERS = frozenset("~!@^&()-`_+[]{};,. ")
"""Characters that an asset's name may contain besides letters and digits."""

DOWNLOADABLE = ("Unfinished", "Published", "Unlisted")

_HASH_COLUMNS = {"MD5": "md5", "SHA-1": "sha1", "SHA-256": "sha256", "SHA-512": "sha512"}


def admit_asset(rows: Rows, call: Call) -> None:
    """Check, before the body is received, what does not depend on it."""
    if call["format"] != "generic":
        raise invalid("Value at 'format' must be generic: the embedded registry has no other packages.")
    lookup.namespace(call)
    check_asset_name(call["assetName"])
    if call.size is not None and call.size > call.quotas.asset_bytes:
        raise quota_exceeded(f"An asset may have at most {call.quotas.asset_bytes} bytes.", "asset", call["assetName"])
    repository = lookup.repository(rows, call)
    package = lookup.find_package(rows, call, repository["id"])
    version = package and lookup.find_version(rows, package, call["packageVersion"])
    if package and package["publish"] == "BLOCK":
        raise conflict("The package's origin configuration blocks publishing.", "package", lookup.package_id(call))
    if version:
        _check_room(rows, call, version)


@operation("PublishPackageVersion", writes=True, admit=admit_asset)
def publish_package_version(rows: Rows, call: Call) -> dict[str, Any]:
    """Add an asset to a version that is new or Unfinished, and publish the version unless `unfinished`.

    Publishing the same bytes again succeeds. It changes nothing, except that without `unfinished` an Unfinished version
    becomes Published.
    """
    admit_asset(rows, call)  # again, because the registry may have changed while the body arrived
    upload = call.upload
    assert upload is not None
    if upload.hashes["SHA-256"] != call["assetSHA256"]:
        raise body_mismatch()
    version = _version_to_fill(rows, call)
    if _find_asset(rows, version, call["assetName"]) is None:
        rows.execute(
            "INSERT INTO assets (version_id, name, size, md5, sha1, sha256, sha512) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (version["id"], call["assetName"], upload.size, *(upload.hashes[name] for name in _HASH_COLUMNS)),
        )
        rows.execute("UPDATE versions SET revision = ? WHERE id = ?", (new_revision(), version["id"]))
        call.blobs.place(upload)
    if version["status"] == "Unfinished" and not call.get("unfinished", False):
        set_status(rows, version, "Published")
    version = lookup.package_version(rows, call)
    asset = _find_asset(rows, version, call["assetName"])
    assert asset is not None
    return {
        "format": call["format"],
        "namespace": call["namespace"],
        "package": call["package"],
        "version": version["version"],
        "versionRevision": version["revision"],
        "status": version["status"],
        "asset": _summary(asset),
    }


@operation("ListPackageVersionAssets")
def list_package_version_assets(rows: Rows, call: Call) -> dict[str, Any]:
    """List the assets of a version with any status, sorted by name. A Disposed version has none."""
    version = lookup.package_version(rows, call)
    assets = rows.execute("SELECT * FROM assets WHERE version_id = ? ORDER BY name", (version["id"],))
    page, next_token = paginate(call, assets, "name")
    return {
        "format": call["format"],
        "namespace": call.get("namespace"),
        "package": call["package"],
        "version": version["version"],
        "versionRevision": version["revision"],
        "assets": [_summary(row) for row in page],
        "nextToken": next_token,
    }


@operation("GetPackageVersionAsset")
def get_package_version_asset(rows: Rows, call: Call) -> dict[str, Any]:
    """Stream an asset. The version must be Unfinished, Published or Unlisted."""
    version = lookup.package_version(rows, call)
    if call.get("packageVersionRevision", version["revision"]) != version["revision"]:
        at = lookup.version_id(call)
        raise not_found("package-version", at, f"The package-version {at} does not exist with this revision.")
    if version["status"] not in DOWNLOADABLE:
        raise conflict(
            f"The assets of a version with status {version['status']} cannot be downloaded.",
            "package-version",
            lookup.version_id(call),
        )
    asset = _find_asset(rows, version, call["asset"])
    if asset is None:
        raise not_found("asset", call["asset"])
    return {
        "asset": call.blobs.open(asset["sha256"]),
        "assetName": asset["name"],
        "packageVersion": version["version"],
        "packageVersionRevision": version["revision"],
    }


def check_asset_name(name: str) -> None:
    """Check an asset's name against the documented rules that are not in the model's pattern.

    Raises:
        ServiceError: ValidationException.
    """
    invalid_characters = [
        character
        for character in name
        if unicodedata.category(character) not in NAME_CATEGORIES and character not in NAME_CHARACTERS
    ]
    if invalid_characters:
        raise invalid(f"Value at 'assetName' contains an invalid character: U+{ord(invalid_characters[0]):04X}.")
    if name != " ".join(name.split()):
        raise invalid("Value at 'assetName' has a leading, trailing or double space.")
    if name in (".", ".."):
        raise invalid("Value at 'assetName' must not be '.' or '..'.")


def _check_room(rows: Rows, call: Call, version: sqlite3.Row) -> None:
    name = call["assetName"]
    asset = _find_asset(rows, version, name)
    if asset is not None:
        if asset["sha256"] != call["assetSHA256"]:
            raise conflict(f"The asset {name} already exists with other content.", "asset", name)
        return
    if version["status"] != "Unfinished":
        raise conflict(
            f"The version is {version['status']}: assets can be added only to an Unfinished version.",
            "package-version",
            lookup.version_id(call),
        )
    count = rows.execute("SELECT count(*) FROM assets WHERE version_id = ?", (version["id"],)).fetchone()[0]
    if count >= call.quotas.assets_per_version:
        raise quota_exceeded(
            f"A version may have at most {call.quotas.assets_per_version} assets.",
            "package-version",
            lookup.version_id(call),
        )


def _version_to_fill(rows: Rows, call: Call) -> sqlite3.Row:
    """Return the version's row. Creates an Unfinished version if there is none."""
    repository = lookup.repository(rows, call)
    rows.execute(
        "INSERT OR IGNORE INTO packages (repository_id, format, namespace, name) VALUES (?, ?, ?, ?)",
        (repository["id"], call["format"], call["namespace"], call["package"]),
    )
    rows.execute(
        "INSERT OR IGNORE INTO versions (package_id, version, revision, status, entry_point)"
        " VALUES (?, ?, ?, 'Unfinished', ?)",
        (lookup.package(rows, call)["id"], call["packageVersion"], new_revision(), repository["name"]),
    )
    return lookup.package_version(rows, call)


def _find_asset(rows: Rows, version: sqlite3.Row, name: str) -> sqlite3.Row | None:
    return lookup.one(rows, "SELECT * FROM assets WHERE version_id = ? AND name = ?", version["id"], name)


def _summary(row: sqlite3.Row) -> dict[str, Any]:
    hashes = {name: row[column] for name, column in _HASH_COLUMNS.items()}
    return {"name": row["name"], "size": row["size"], "hashes": hashes}
