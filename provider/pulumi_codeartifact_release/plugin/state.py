"""The inputs and outputs of the resources, as state stores them.

    inputs = Inputs.of(props)               # from the result of check()
    inputs.digest
    outputs(inputs, finished.state)         # the result of create(), read() and update()

State contains names, hashes and coordinates, and never an absolute path, a credential or file content.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self, TypeVar

from ..location import Location
from ..publishing import Finalize, Release, RemoteVersion, Retirement, checksums, digest_of, parse_checksums
from ..registry.interface import Asset, Coordinates, Status, VersionState

_POLICIES = ("status", "finalize", "on_destroy", "on_supersede")
_PACKAGE = ("namespace", "package", "version")

INPUTS = (*_PACKAGE, *Location.names, *_POLICIES, "checksums", "digest")
"""The names of all inputs in state. To rename or remove one causes a diff for every user; to add one does not."""

BUNDLE_INPUTS = (*(name for name in INPUTS if name != "finalize"), "members")
"""The names of all inputs of a `Bundle` in state."""

PROMOTION_INPUTS = (*INPUTS, "source", "soak", "members")
"""The names of all inputs of a `Promotion` in state."""

SOURCE = (*Location.names, "digest", "revision")
"""The names of the values in the input `source` of a `Promotion`."""

REQUIRED = (*_PACKAGE, "domain", "repository")
"""The inputs that are needed to read the version in the registry."""

PLACE = (*(name for name in Location.names if name != "profile"), *_PACKAGE)
"""The inputs that identify the version. If one changes, `on_supersede` applies to the previous version."""

DECISIVE = (
    *(name for name in INPUTS if name not in ("profile", "finalize", "on_destroy", "on_supersede")),
    "members",
)
"""The inputs that describe the version in the registry. A change of any other input needs no request."""


@dataclass(frozen=True)
class Inputs:
    """The inputs of one resource, checked.

    Attributes:
        checksums: SHA-256 and name of every asset, as `publishing.checksums` returns them.
        members: of a bundle, by `namespace/package`; empty for any other version.
    """

    namespace: str
    package: str
    version: str
    location: Location
    checksums: str
    status: Status = Status.PUBLISHED
    finalize: Finalize = Finalize.STATUS_UPDATE
    on_destroy: Retirement = Retirement.RETAIN
    on_supersede: Retirement = Retirement.KEEP
    members: Mapping[str, MemberInput] = field(default_factory=dict)

    names: ClassVar[tuple[str, ...]] = INPUTS
    """The names of the inputs of this kind of resource."""
    required: ClassVar[tuple[str, ...]] = REQUIRED
    """The inputs that must be set."""

    @classmethod
    def of(cls, props: Mapping[str, Any]) -> Self:
        """Read inputs or outputs of a resource, and ignore other keys. Raises KeyError or ValueError."""
        others = {*Location.names, "digest"}
        plain = {name: props[name] for name in cls.names if props.get(name) is not None and name not in others}
        plain["location"] = Location.from_properties(props)
        plain["checksums"] = str(props.get("checksums") or "")
        plain["status"] = Status(props.get("status") or Status.PUBLISHED)
        plain["on_destroy"] = Retirement(props.get("on_destroy") or Retirement.RETAIN)
        plain["on_supersede"] = Retirement(props.get("on_supersede") or Retirement.KEEP)
        plain["finalize"] = Finalize(props.get("finalize") or Finalize.STATUS_UPDATE)
        if "source" in plain:
            plain["source"] = SourceInput.of(plain["source"])
        if "members" in plain:
            plain["members"] = {name: MemberInput(**member) for name, member in plain["members"].items()}
        return cls(**plain)

    @property
    def id(self) -> str:
        """The id of the resource: `namespace/package`."""
        return f"{self.namespace}/{self.package}"

    @property
    def coordinates(self) -> Coordinates:
        """The version's coordinates."""
        return self.location.coordinates(self.namespace, self.package, self.version)

    @property
    def digest(self) -> str:
        """The digest of the version: `sha256:HEX`."""
        return digest_of(self.checksums)

    def release(self, sizes: Mapping[str, int] | None = None) -> Release:
        """Return the release. State has no sizes: an asset that is not in `sizes` (in bytes) has size 0."""
        hashes = parse_checksums(self.checksums)
        assets = tuple(Asset(name, (sizes or {}).get(name, 0), sha256) for name, sha256 in hashes.items())
        return Release(self.coordinates, assets, self.status, self.finalize)

    def properties(self) -> dict[str, Any]:
        """Return the inputs as state stores them, without empty values."""
        others = {*Location.names, "source", "members"}
        plain = (name for name in self.names if name not in others)
        values: dict[str, Any] = {name: str(value) for name in plain if (value := getattr(self, name))}
        values.update(self.location.properties())
        # It is empty for a version without assets.
        values["checksums"] = self.checksums
        if self.members:
            values["members"] = {name: member.properties() for name, member in self.members.items()}
        return values

    def member_inputs(self) -> dict[str, Inputs]:
        """Return the inputs of the members that this resource publishes, by `namespace/package`."""
        return {
            name: Inputs(
                *split_id(name),
                member.version,
                self.location,
                member.checksums,
                on_destroy=self.on_destroy,
                on_supersede=self.on_supersede,
            )
            for name, member in self.members.items()
            if not member.existing
        }


@dataclass(frozen=True)
class MemberInput:
    """A member of a bundle.

    Attributes:
        checksums: of its assets; "" for one that another stack publishes.
        digest: of its release, for one that another stack publishes; else "".
        drift: how the registry differs from it, as `pulumi refresh` found; "" if it does not.
    """

    version: str
    checksums: str = ""
    digest: str = ""
    drift: str = ""

    @property
    def existing(self) -> bool:
        """Whether another stack publishes it, so that it is never changed."""
        return bool(self.digest)

    def properties(self) -> dict[str, str]:
        """Return the values as state stores them, without empty values."""
        return {name: value for name, value in vars(self).items() if value}


@dataclass(frozen=True)
class BundleInputs(Inputs):
    """The inputs of one `Bundle`, checked."""

    names: ClassVar[tuple[str, ...]] = BUNDLE_INPUTS
    required: ClassVar[tuple[str, ...]] = (*REQUIRED, "members")


@dataclass(frozen=True)
class SourceInput:
    """The input `source` of a promotion.

    Attributes:
        digest: of the version to promote.
        revision: of the source when it was verified; None if it was not read.
    """

    location: Location
    digest: str | None = None
    revision: str | None = None

    @classmethod
    def of(cls, props: Mapping[str, Any]) -> SourceInput:
        """Read the result of `properties`, and ignore other keys. Raises TypeError if a required one is missing."""
        digest, revision = (str(props.get(name) or "") or None for name in ("digest", "revision"))
        return cls(Location.from_properties(props), digest, revision)

    def properties(self) -> dict[str, str]:
        """Return the values as state stores them, without empty values."""
        more = {"digest": self.digest, "revision": self.revision}
        return {**self.location.properties(), **{name: value for name, value in more.items() if value}}


@dataclass(frozen=True)
class PromotionInputs(Inputs):
    """The inputs of one `Promotion`, checked.

    Attributes:
        soak: a duration as in the manifest, such as `24h`; "" for none.
    """

    source: SourceInput = field(kw_only=True)
    soak: str = ""

    names: ClassVar[tuple[str, ...]] = PROMOTION_INPUTS
    required: ClassVar[tuple[str, ...]] = (*REQUIRED, "source")

    def properties(self) -> dict[str, Any]:
        """Return the inputs as state stores them, without empty values."""
        return {**super().properties(), "source": self.source.properties()}


_FINISH = {"guarded": "status-update", "last-asset": "last-asset"}
"""In state of version 0.1.0, `finalize` was called `finish`: old value -> new value."""


def upgrade_state(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties from state in the current shape. In version 0.1.0, `assets` was name -> sha256 and size."""
    result = {name: value for name, value in properties.items() if name not in ("assets", "finish")}
    if finish := properties.get("finish"):
        result.setdefault("finalize", _FINISH.get(str(finish), str(finish)))
    if isinstance(assets := properties.get("assets"), Mapping):
        text = checksums(Asset(name, 0, str(value["sha256"])) for name, value in assets.items())
        result.setdefault("checksums", text)
    return result


def split_id(name: str) -> tuple[str, str]:
    """Return namespace and package of `namespace/package`."""
    namespace, _, package = name.partition("/")
    return namespace, package


def outputs(
    inputs: Inputs,
    state: VersionState,
    audit: Mapping[str, Any] | None = None,
    revisions: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return a resource's outputs: its inputs, the status and revision of the registry, and the audit record.

    `revisions` are those of the members of a bundle, by `namespace/package`.
    """
    record: dict[str, Any] = {"audit": dict(audit)} if audit else {}
    if revisions:
        record["revisions"] = dict(revisions)
    return {**inputs.properties(), "status": str(state.status), "revision": state.revision, **record}


def member_outputs(props: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the outputs of the members that a bundle publishes, as those of resources of their own."""
    revisions = props.get("revisions") or {}
    members = BundleInputs.of(props).member_inputs()
    return [{**inputs.properties(), "revision": revisions.get(name, "")} for name, inputs in members.items()]


_AnyInputs = TypeVar("_AnyInputs", bound=Inputs)


def inputs_from_remote(inputs: _AnyInputs, remote: RemoteVersion) -> _AnyInputs:
    """Return the inputs with the checksums and the status of the version in the registry, to show drift."""
    return replace(inputs, checksums=checksums(remote.assets.values()), status=remote.state.status)


def same(left: Mapping[str, Any], right: Mapping[str, Any], names: tuple[str, ...] = INPUTS) -> bool:
    """Return whether two sets of properties are equal in all `names`. A missing value, None and "" are equal."""
    return all(_comparable(left.get(name)) == _comparable(right.get(name)) for name in names)


def _comparable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _comparable(inner) for key, inner in value.items()}
    return value or None
