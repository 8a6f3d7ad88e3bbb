"""Makes schema.json from the table. `make generate` writes it.

text = schema_text("0.1.0", "https://github.com/acme/pulumi-codeartifact-release")
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from . import schema_table as table
from .schema_examples import BUNDLE, FILES, GET, GET_BUNDLE, IMPORT, PROMOTION, RELEASE, VERSION, examples
from .schema_table import Property

_NAME = "codeartifact-release"
_INDEX = f"{_NAME}:index"

_VERSION_TEXT = """\
Publishes files as one version of a generic package in AWS CodeArtifact: once, whole, and unchanged.

A published version with the same bytes is adopted without a write. One with different bytes is an error in the preview.
The resource is never replaced, and by default no version is deleted: a new `version` is an update in place, which
publishes the new version and keeps the previous one.
"""
_PROMOTION_TEXT = """\
Publishes a version with the bytes that it has in another repository.

Within a domain, CodeArtifact copies the version. Across domains, accounts and regions, each asset is downloaded,
verified and published. In both cases the result is compared with the source, asset by asset. The source must be
Published and have the approved digest. A completed promotion is not checked again.
"""
_RELEASE_TEXT = """\
Declares all packages of a release manifest for one of its environments: a `PackageVersion` for each, or a `Promotion`
if the environment has `promoteFrom`.
"""
_BUNDLE_TEXT = """\
Publishes several packages as one release: all of them, or none.

All files are sent first. When every member is complete, the members become Published, one right after the other, and
the version of the bundle itself last. The resource owns its members: declare no other resource for them.
"""
_GET_BUNDLE_TEXT = "Reads a bundle and verifies that it is complete: every member is there with its digest.\n"
_GET_TEXT = "Reads a version from the registry: status, digest, revision and assets.\n"
_FILES_TEXT = """\
Downloads the assets of a version, verifies them against `digest`, and returns the local files, for example for the
archive of a Lambda function. It also runs in previews. The files are in the user's cache. Do not change them.
"""


def schema_text(version: str, address: str) -> str:
    """Return schema.json. `address` is that of the repository."""
    return json.dumps(_schema(version, address), indent=2, ensure_ascii=False) + "\n"


def _schema(version: str, address: str) -> dict[str, Any]:
    owner, name = address.removeprefix("https://github.com/").split("/")
    return {
        "name": _NAME,
        "displayName": "CodeArtifact Release",
        "version": version,
        "description": "Releases of generic packages to AWS CodeArtifact as resources: whole, once, and unchanged.",
        "keywords": ["pulumi", "aws", "codeartifact", "release", "artifacts", "category/cloud", "kind/native"],
        "homepage": address,
        "license": "Apache-2.0",
        "repository": address,
        "publisher": owner,
        "pluginDownloadURL": f"github://api.github.com/{owner}/{name}",
        "attribution": "Derived from no other provider.",
        "meta": {"moduleFormat": "(.*)(?:/[^/]*)"},
        "language": {
            "nodejs": {"packageName": "@codeartifact-release/pulumi", "respectSchemaVersion": True},
            "python": {
                # `pulumi-codeartifact-release` is the distribution with the plugin and the dynamic resources.
                "packageName": "pulumi_codeartifact_release_native",
                "pyproject": {"enabled": True},
                "respectSchemaVersion": True,
            },
            "go": {"generateResourceContainerTypes": True, "respectSchemaVersion": True},
        },
        "config": {"variables": _properties(table.CONFIG)},
        "provider": {
            "description": "The provider. Several of them may release to several regions, profiles and endpoints.",
            "properties": _properties(each for each in table.CONFIG if each.type == "string"),
            "inputProperties": _properties(table.CONFIG),
        },
        "types": {
            f"{_INDEX}:Source": {
                "description": "A version in another repository.",
                "type": "object",
                "properties": _properties(table.SOURCE_PROPERTIES),
                "required": list(table.SOURCE_REQUIRED),
            },
            f"{_INDEX}:Member": {
                "description": "A member of a bundle.",
                "type": "object",
                "properties": _properties(table.MEMBER_PROPERTIES),
            },
            f"{_INDEX}:PublishedMember": {
                "description": "A member of a bundle: a Published version with the digest that the bundle names.",
                "type": "object",
                "properties": _properties(table.PUBLISHED_MEMBER_PROPERTIES),
                "required": [each.name for each in table.PUBLISHED_MEMBER_PROPERTIES],
            },
            **{f"{_INDEX}:{name}": _enum(*value) for name, value in table.ENUMS.items()},
        },
        "resources": {
            f"{_INDEX}:PackageVersion": _resource(
                "PackageVersion",
                _VERSION_TEXT + examples(VERSION) + IMPORT,
                table.VERSION_INPUTS,
                table.VERSION_REQUIRED,
            ),
            f"{_INDEX}:Promotion": _resource(
                "Promotion", _PROMOTION_TEXT + examples(PROMOTION), table.PROMOTION_INPUTS, table.PROMOTION_REQUIRED
            ),
            f"{_INDEX}:Bundle": _resource(
                "Bundle",
                _BUNDLE_TEXT + examples(BUNDLE),
                table.BUNDLE_INPUTS,
                table.BUNDLE_REQUIRED,
                table.BUNDLE_OUTPUTS,
            ),
            f"{_INDEX}:Release": {
                "description": _RELEASE_TEXT + examples(RELEASE),
                "isComponent": True,
                "inputProperties": _properties(table.RELEASE_INPUTS),
                "properties": _properties(table.RELEASE_OUTPUTS),
                "required": [each.name for each in table.RELEASE_OUTPUTS],
            },
        },
        "functions": {
            f"{_INDEX}:getPackageVersion": _function(
                _GET_TEXT + examples(GET), table.FUNCTION_INPUTS, table.FUNCTION_REQUIRED, table.GET_OUTPUTS
            ),
            f"{_INDEX}:getBundle": _function(
                _GET_BUNDLE_TEXT + examples(GET_BUNDLE),
                (*table.FUNCTION_INPUTS, table.FILES_DIGEST),
                table.FUNCTION_REQUIRED,
                table.BUNDLE_GET_OUTPUTS,
            ),
            f"{_INDEX}:getPackageVersionFiles": _function(
                _FILES_TEXT + examples(FILES),
                (*table.FUNCTION_INPUTS, table.FILES_DIGEST),
                (*table.FUNCTION_REQUIRED, "digest"),
                table.FILES_OUTPUTS,
            ),
        },
    }


def _properties(properties: Iterable[Property]) -> dict[str, Any]:
    return {each.name: each.schema() for each in properties}


def _resource(
    name: str,
    text: str,
    inputs: tuple[Property, ...],
    required: tuple[str, ...],
    outputs: tuple[Property, ...] = table.OUTPUTS,
) -> dict[str, Any]:
    """Return a resource. Its outputs are the inputs that state has, and `outputs`."""
    transient = {"assets", "digest", "replace", "force", "reason", "base", "members"}
    stored = [Property(each.name, each.text, each.type) for each in inputs if each.name not in transient]
    if any(each.name == "members" for each in inputs):
        stored.append(Property("members", "`namespace/package` -> version and checksums.", table.MEMBERS_OUTPUT))
    always = {"namespace", "package", "version", "domain", "repository", "status", "source", "members"}
    optional = {"audit", "revisions"}
    every = [*stored, *outputs]
    return {
        "description": text,
        "inputProperties": _properties(inputs),
        "requiredInputs": list(required),
        "properties": _properties(every),
        "required": [
            each.name for each in every if each.name in always or (each in outputs and each.name not in optional)
        ],
        "aliases": [{"type": f"pulumi-python:dynamic/codeartifact:{name}"}],
    }


def _enum(text: str, values: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    return {
        "description": text,
        "type": "string",
        "enum": [{"value": value, "description": description} for value, description in values],
    }


def _function(
    text: str, inputs: tuple[Property, ...], required: tuple[str, ...], outputs: tuple[Property, ...]
) -> Mapping[str, Any]:
    return {
        "description": text,
        "inputs": {"properties": _properties(inputs), "required": list(required)},
        "outputs": {"properties": _properties(outputs), "required": [each.name for each in outputs]},
    }
