"""Three policies over `PackageVersion` and `Promotion`: what a preview shows is what they judge.

Where a preview does not know yet what a policy has to know, pulumi_policy says that the policy could not run; the
update knows, and is judged before anything is written.
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
    """Return the schema of a list of texts that somebody may configure."""
    return {"type": "array", "items": {"type": "string"}, "description": description, "default": default}


def told(props: Mapping[str, Any], name: str) -> str:
    """Return a property for a message, which must not fail because one is not known yet."""
    try:
        return str(props[name])
    except UnknownValueError:
        return f"[{name}]"


def place_of(props: Mapping[str, Any]) -> str:
    return f"{told(props, 'domain')}/{told(props, 'repository')}"


def what(props: Mapping[str, Any]) -> str:
    return f"{told(props, 'namespace')}/{told(props, 'package')}@{told(props, 'version')} in {place_of(props)}"


def is_one_of(props: Mapping[str, Any], places: list[str]) -> bool:
    """Return whether a repository is named, by itself or with its domain."""
    return props["repository"] in places or f"{props['domain']}/{props['repository']}" in places


def version_not_latest(args: ResourceValidationArgs, report: ReportViolation) -> None:
    if args.resource_type not in OURS:
        return
    names = args.get_config().get("names", MOVING)
    version = args.props["version"]
    if version.casefold() in (name.casefold() for name in names):
        report(
            f'{what(args.props)}: a version named "{version}" says nothing of what is in '
            "it, and can never be published anew; name it after what it is, such as 1.4.2.",
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
        came = "is published there from files"
    elif is_one_of(props["source"], staging):
        return
    else:
        came = f"is promoted from {place_of(props['source'])}"
    report(f"{what(props)}: it {came}; promote it from {' or '.join(staging)}.", None)


def sbom_among_the_assets(args: ResourceValidationArgs, report: ReportViolation) -> None:
    if args.resource_type not in OURS:
        return
    names = args.get_config().get("names", SBOMS)
    assets = sorted(args.props["assets"])
    if not any(fnmatchcase(asset.casefold(), name.casefold()) for asset in assets for name in names):
        more = ", …" if len(assets) > 3 else ""
        report(
            f"{what(args.props)}: there is no SBOM among its assets ({', '.join(assets[:3])}{more}); "
            f"publish one with them, named {' or '.join(names)}.",
            None,
        )


POLICIES: list[Any] = [
    ResourceValidationPolicy(
        name="version-not-latest",
        description="A version is named after what is in it.",
        config_schema=PolicyConfigSchema({"names": texts("Versions that nobody may publish, in any case.", MOVING)}),
        validate=version_not_latest,
    ),
    ResourceValidationPolicy(
        name="promoted-only-from-staging",
        description="What is released has been in staging.",
        config_schema=PolicyConfigSchema(
            {
                "into": texts("Repositories that this is about: REPOSITORY or DOMAIN/REPOSITORY.", RELEASED),
                "from": texts("Repositories to promote from: REPOSITORY or DOMAIN/REPOSITORY.", STAGING),
            }
        ),
        validate=promoted_only_from_staging,
    ),
    ResourceValidationPolicy(
        name="sbom-among-the-assets",
        description="A version brings its bill of materials.",
        config_schema=PolicyConfigSchema({"names": texts("What an SBOM is called: patterns, in any case.", SBOMS)}),
        validate=sbom_among_the_assets,
    ),
]
