"""The table that schema.json is made from: names, types and descriptions of all properties."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

ASSETS = MappingProxyType(
    {
        "oneOf": [
            {"type": "array", "items": {"type": "string"}},
            {
                "type": "object",
                "additionalProperties": {"oneOf": [{"type": "string"}, {"$ref": "pulumi.json#/Asset"}]},
            },
        ]
    }
)
TEXTS = MappingProxyType({"type": "array", "items": {"type": "string"}})
TEXT_MAP = MappingProxyType({"type": "object", "additionalProperties": {"type": "string"}})
ANY_MAP = MappingProxyType({"type": "object", "additionalProperties": {"$ref": "pulumi.json#/Any"}})
SOURCE = MappingProxyType({"$ref": "#/types/codeartifact-release:index:Source"})
MEMBERS = MappingProxyType(
    {"type": "object", "additionalProperties": {"$ref": "#/types/codeartifact-release:index:Member"}}
)
PUBLISHED_MEMBERS = MappingProxyType(
    {"type": "object", "additionalProperties": {"$ref": "#/types/codeartifact-release:index:PublishedMember"}}
)
MEMBERS_OUTPUT = MappingProxyType({"type": "object", "additionalProperties": dict(TEXT_MAP)})
STATUS = MappingProxyType({"$ref": "#/types/codeartifact-release:index:Status"})
FINALIZE = MappingProxyType({"$ref": "#/types/codeartifact-release:index:Finalize"})
ON_DESTROY = MappingProxyType({"$ref": "#/types/codeartifact-release:index:OnDestroy"})
ON_SUPERSEDE = MappingProxyType({"$ref": "#/types/codeartifact-release:index:OnSupersede"})


@dataclass(frozen=True)
class Property:
    """A property: its name, its description, and its type as a schema has it."""

    name: str
    text: str
    type: Any = "string"
    default: str | None = None

    def schema(self) -> dict[str, Any]:
        """Return its specification."""
        kind: Mapping[str, Any] = {"type": self.type} if isinstance(self.type, str) else self.type
        default = {"default": self.default} if self.default else {}
        return {**kind, "description": self.text, **default}


_PACKAGE = (
    Property("namespace", "The namespace of the package. CodeArtifact requires one to copy generic packages."),
    Property("package", "The name of the package."),
    Property("version", "The version."),
)
_PLACE = (
    Property("domain", "The domain. It must exist."),
    Property("repository", "The repository. It must exist when the resource is created."),
)
_LOCATION = (
    Property("domainOwner", "The account that owns the domain, 12 digits. Default: the caller's account."),
    Property("region", "The AWS region. Default: the provider's region, then that of the AWS SDK's chain."),
    Property("profile", "The AWS profile. Default: the provider's profile, then the credential chain of the AWS SDK."),
    Property(
        "endpoint",
        "An https URL, or `file:DIR` for an embedded registry, relative to `base`. Default: the provider's endpoint, "
        "then AWS_ENDPOINT_URL_CODEARTIFACT, then AWS.",
    ),
)
_POLICIES = (
    Property("status", "The status to keep the version in.", STATUS, "Published"),
    Property(
        "finalize",
        "How the version is published: `status-update` by UpdatePackageVersionsStatus, or `last-asset`, for "
        "credentials without that permission, by the upload of the last asset.",
        FINALIZE,
        "status-update",
    ),
    Property(
        "onDestroy",
        "What happens to the version when it leaves the program. `dispose` and `delete` also require "
        "CODEARTIFACT_RELEASE_ALLOW=delete in the environment of that run.",
        ON_DESTROY,
        "retain",
    ),
    Property("onSupersede", "What happens to the previous version after a change of `version`.", ON_SUPERSEDE, "keep"),
)
_REPLACE = Property(
    "replace",
    "`sha256:HEX`, the digest of a published version with different bytes. That version is deleted, and this one is "
    "published instead.",
)
_BASE = Property("base", "The folder for relative paths. Default: the folder of the program.")

ASSETS_INPUT = Property(
    "assets",
    "The assets. Either a list of paths and globs (`dist/*.zip`), each file under its own name, or a mapping from "
    "asset name to a path, a FileAsset, a StringAsset, or `sha256:HEX`. A hash alone is enough while the published "
    "version has these bytes, as after an import.",
    ASSETS,
)
OUTPUTS = (
    Property("assets", "Asset name -> `sha256:HEX`. Known in previews.", TEXT_MAP),
    Property("digest", "`sha256:HEX` of `checksums`: the same in every environment. Known in previews."),
    Property("checksums", "SHA-256 and name of every asset, as `sha256sum` prints them. Known in previews."),
    Property("revision", "The registry's revision of the version."),
    Property("audit", "A record of the release: digest, locations, caller, time and commit.", ANY_MAP),
)

VERSION_INPUTS = (*_PACKAGE, *_PLACE, ASSETS_INPUT, *_LOCATION, *_POLICIES, _REPLACE, _BASE)
VERSION_REQUIRED = ("namespace", "package", "version", "domain", "repository", "assets")

PROMOTION_INPUTS = (
    Property("source", "The repository to promote from.", SOURCE),
    *_PLACE,
    Property("namespace", "The namespace of the package. Default: `source.namespace`."),
    Property("package", "The name of the package. Default: `source.package`."),
    Property("version", "The version. Default: `source.version`."),
    Property(
        "digest",
        "`sha256:HEX`, the approved digest. Default: `source.digest`. Without one, the current version in the source "
        "is promoted.",
    ),
    *_LOCATION,
    *_POLICIES,
    Property("soak", "How long the version must have been Published in the source, such as `24h`."),
    Property(_REPLACE.name, _REPLACE.text + " It also permits a source whose bytes changed under the same version."),
    Property("force", "`sha256:HEX`, the digest whose soak is skipped. Requires `reason`."),
    Property("reason", "Why the soak is skipped. It is recorded in `audit`."),
    _BASE,
)
PROMOTION_REQUIRED = ("source", "domain", "repository")

SOURCE_PROPERTIES = (
    Property("domain", "The domain of the source."),
    Property("repository", "The repository of the source."),
    *(Property(each.name, each.text) for each in _LOCATION),
    Property("namespace", "The namespace of the package."),
    Property("package", "The name of the package."),
    Property("version", "The version."),
    Property("digest", "`sha256:HEX`, the approved digest."),
    Property("revision", "The registry's revision of the source. Known after the source was read."),
)
SOURCE_REQUIRED = ("domain", "repository")

MEMBER_PROPERTIES = (
    Property("version", "The version of the member. Default: that of the bundle."),
    Property("assets", "The assets: paths and globs, or asset name -> path, as in `PackageVersion`.", ASSETS),
    Property("after", "The members, as `namespace/package`, that are published before this one.", TEXTS),
    Property("replace", "`sha256:HEX`, the digest of a published version with other bytes that may be replaced."),
    Property(
        "digest",
        "`sha256:HEX`, in place of `assets`: a version that another stack publishes. It must be Published with this "
        "digest, and is never changed.",
    ),
)

BUNDLE_INPUTS = (
    *_PACKAGE,
    Property("members", "`namespace/package` -> member.", MEMBERS),
    *_PLACE,
    *_LOCATION,
    *(each for each in _POLICIES if each.name not in ("status", "finalize")),
    _BASE,
)
BUNDLE_REQUIRED = ("namespace", "package", "version", "members", "domain", "repository")
BUNDLE_OUTPUTS = (
    Property("status", "The status of the bundle."),
    *OUTPUTS,
    Property("revisions", "The registry's revisions of the members, by `namespace/package`.", TEXT_MAP),
)

ENUMS: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "Status": (
        "The status of a version.",
        (
            ("Published", "It is listed and can be downloaded."),
            ("Unlisted", "It is not listed, but can be downloaded."),
            ("Archived", "It cannot be downloaded."),
        ),
    ),
    "Finalize": (
        "How a version is published.",
        (
            ("status-update", "By UpdatePackageVersionsStatus, which no racing publisher can turn into a mixture."),
            ("last-asset", "By the upload of the last asset."),
        ),
    ),
    "OnDestroy": (
        "What happens to a version that leaves the program.",
        (
            ("retain", "It stays as it is."),
            ("unlist", "Its status becomes Unlisted."),
            ("archive", "Its status becomes Archived."),
            ("dispose", "Its assets are deleted for good; its name stays."),
            ("delete", "It is deleted for good."),
        ),
    ),
    "OnSupersede": (
        "What happens to the previous version after a change of the version.",
        (
            ("keep", "It stays as it is."),
            ("unlist", "Its status becomes Unlisted."),
            ("archive", "Its status becomes Archived."),
        ),
    ),
}

CONFIG = (
    Property("region", "The AWS region of resources that set none."),
    Property("profile", "The AWS profile of resources that set none."),
    Property("endpoint", "The endpoint of resources that set none: an https URL, or `file:DIR`."),
    Property("allow", "Permissions for manifests: `outside`, `endpoint`, `delete`, `local-source`.", TEXTS),
    Property(
        "replace",
        "Published versions that may be replaced, each as `NAMESPACE/PACKAGE@VERSION=sha256:DIGEST`.",
        TEXTS,
    ),
    Property(
        "force",
        "Promotions that skip their soak, each as `NAMESPACE/PACKAGE@VERSION=sha256:DIGEST`. Requires `reason`.",
        TEXTS,
    ),
    Property("reason", "Why soaks are skipped. It is recorded in `audit`."),
)

FUNCTION_INPUTS = (
    *_PACKAGE,
    Property("domain", "The domain."),
    Property("repository", "The repository."),
    *_LOCATION[:3],
    Property("endpoint", "An https URL, or `file:DIR` for an embedded registry, relative to the program's folder."),
)
FUNCTION_REQUIRED = ("namespace", "package", "version", "domain", "repository")
GET_OUTPUTS = (
    Property("status", "Published, Unlisted, Archived, Unfinished or Disposed."),
    Property("digest", "`sha256:HEX` of the checksums of all assets."),
    Property("revision", "It changes with every change of the version."),
    Property("assets", "Asset name -> `sha256:HEX`.", TEXT_MAP),
)
FILES_DIGEST = Property("digest", "`sha256:HEX`, the digest that the version must have.")
FILES_OUTPUTS = (Property("files", "Asset name -> path of a local file.", TEXT_MAP),)

BUNDLE_GET_OUTPUTS = (
    *GET_OUTPUTS[:3],
    Property("members", "`namespace/package` -> member.", PUBLISHED_MEMBERS),
)
PUBLISHED_MEMBER_PROPERTIES = (
    *_PACKAGE,
    Property("digest", "`sha256:HEX` of the checksums of all assets."),
    Property("size", "The size of all assets, in bytes.", "number"),
    Property("assets", "Asset name -> `sha256:HEX`.", TEXT_MAP),
)

RELEASE_INPUTS = (
    Property("manifest", "The manifest, relative to the program's folder.", default="release.yaml"),
    Property("environment", "The name of an environment of the manifest. Default: the name of the stack."),
    Property(
        "variables",
        "Name -> value of the manifest's variables. RELEASE_VAR_NAME in the shell overrides them.",
        TEXT_MAP,
    ),
    Property("strict", "Refuse files that may not be meant for a release, such as logs and private keys.", "boolean"),
)
RELEASE_OUTPUTS = (
    Property(
        "releases",
        "`namespace/package` -> an object with at least `version` and `digest`. Another stack promotes it.",
        ANY_MAP,
    ),
)
