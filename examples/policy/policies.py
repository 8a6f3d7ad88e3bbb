"""Three policies for `PackageVersion` and `Promotion`.

If a preview does not know a value yet, pulumi_policy reports that the policy could not run. The update then checks it
before anything is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

from pulumi_policy import PolicyConfigSchema, ReportViolation, ResourceValidationArgs, ResourceValidationPolicy
from pulumi_policy.proxy import UnknownValueError

PACKAGE_VERSION = "pulumi-python:dynamic/codeartifact:PackageVersion"
PROMOTION = "pulumi-python:dynamic/codeartifact:Promotion"
OURS = (PACKAGE_VERSION, PROMOTION)

MOVING = ["latest"]
RELEASED = ["prod", "releases"]
STAGING = ["staging"]
SBOMS = ["*.spdx.json", "*.cdx.json", "*.cyclonedx.json", "sbom.json", "bom.json"]


def texts(description: str, default: list[str]) -> dict[str, Any]:
    """Return the schema of a setting that is a list of texts."""
    return {"type": "array", "items": {"type": "string"}, "description": description, "default": default}


def text_of(props: Mapping[str, Any], name: str) -> str:
    """Return a property for a message; `[NAME]` if it is not known yet."""
    try:
        return str(props[name])
    except UnknownValueError:
        return f"[{name}]"


def place_of(props: Mapping[str, Any]) -> str:
    return f"{text_of(props, 'domain')}/{text_of(props, 'repository')}"


def version_of(props: Mapping[str, Any]) -> str:
    return f"{text_of(props, 'namespace')}/{text_of(props, 'package')}@{text_of(props, 'version')} in {place_of(props)}"


def is_one_of(props: Mapping[str, Any], places: list[str]) -> bool:
    """Return whether the list has the repository, with or without its domain."""
    return props["repository"] in places or f"{props['domain']}/{props['repository']}" in places


def version_not_latest(args: ResourceValidationArgs, report: ReportViolation) -> None:
    if args.resource_type not in OURS:
        return
    names = args.get_config().get("names", MOVING)
    version = args.props["version"]
    if version.casefold() in (name.casefold() for name in names):
        report(
            f'{version_of(args.props)}: the version "{version}" does not identify its content, '
            "and cannot be published again; use a version such as 1.4.2.",
            None,
        )


def promoted_only_from_staging(args: ResourceValidationArgs, report: ReportViolation) -> None:
    if args.resource_type not in OURS:
        return
    config, props = args.get_config(), args.props
    if not is_one_of(props, config.get("into", RELEASED)):
        return
    staging = config.get("from", STAGING)
    if args.resource_type == PACKAGE_VERSION:
        origin = "is published there from files"
    elif is_one_of(props["source"], staging):
        return
    else:
        origin = f"is promoted from {place_of(props['source'])}"
    report(f"{version_of(props)}: it {origin}; promote it from {' or '.join(staging)}.", None)


def sbom_among_the_assets(args: ResourceValidationArgs, report: ReportViolation) -> None:
    if args.resource_type not in OURS:
        return
    names = args.get_config().get("names", SBOMS)
    # A line is a SHA-256, two spaces, and a name.
    assets = [line[66:] for line in args.props["checksums"].split("\n") if line]
    if not any(fnmatchcase(asset.casefold(), name.casefold()) for asset in assets for name in names):
        more = ", …" if len(assets) > 3 else ""
        report(
            f"{version_of(args.props)}: no SBOM among its assets ({', '.join(assets[:3])}{more}); "
            f"add one, named {' or '.join(names)}.",
            None,
        )


POLICIES: list[Any] = [
    ResourceValidationPolicy(
        name="version-not-latest",
        description="A version identifies its content.",
        config_schema=PolicyConfigSchema({"names": texts("Versions that may not be published, in any case.", MOVING)}),
        validate=version_not_latest,
    ),
    ResourceValidationPolicy(
        name="promoted-only-from-staging",
        description="Releases come from staging.",
        config_schema=PolicyConfigSchema(
            {
                "into": texts("Repositories to protect: REPOSITORY or DOMAIN/REPOSITORY.", RELEASED),
                "from": texts("Repositories to promote from: REPOSITORY or DOMAIN/REPOSITORY.", STAGING),
            }
        ),
        validate=promoted_only_from_staging,
    ),
    ResourceValidationPolicy(
        name="sbom-among-the-assets",
        description="A version has a software bill of materials.",
        config_schema=PolicyConfigSchema({"names": texts("Patterns for the name of an SBOM, in any case.", SBOMS)}),
        validate=sbom_among_the_assets,
    ),
]
