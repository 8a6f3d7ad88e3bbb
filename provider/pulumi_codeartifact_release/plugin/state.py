"""What our resources keep in users' state: names, hashes, coordinates. Knows the shapes, not Pulumi.

    inputs = Inputs.of(props)               # what check() returned: declared
    inputs.digest
    outputs(inputs, finished.state)         # what create(), read() and update() return

No absolute path, credential or file content has a place here.
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
"""The names of all inputs in state. Adding one is fine; a renamed or removed one is a diff for every user."""

PROMOTION_INPUTS = (*INPUTS, "source", "soak")
"""The names of all inputs of a `Promotion`; what was said of INPUTS holds here too."""

SOURCE = (*Location.names, "digest", "revision")
"""The names of what the input `source` of a `Promotion` holds."""

REQUIRED = (*_PACKAGE, "domain", "repository")
"""The inputs without which nothing can be looked up."""

PLACE = (*(name for name in Location.names if name != "profile"), *_PACKAGE)
"""The inputs that say which version it is: a change in any of them leaves the version before behind."""

DECISIVE = tuple(name for name in INPUTS if name not in ("profile", "finalize", "on_destroy", "on_supersede"))
"""The inputs that decide what the registry must hold, and where: a change in any other needs no call."""


@dataclass(frozen=True)
class Inputs:
    """The inputs of one resource, checked.

    Attributes:
        checksums: SHA-256 and name of every asset, as `publishing.checksums` returns them.
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

    names: ClassVar[tuple[str, ...]] = INPUTS
    """The names of the inputs of this kind of resource."""
    required: ClassVar[tuple[str, ...]] = REQUIRED
    """Those without which it says nothing."""

    @classmethod
    def of(cls, props: Mapping[str, Any]) -> Self:
        """Read inputs or outputs of a resource; keys that are not inputs are left out. Raises KeyError, ValueError."""
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
        return cls(**plain)

    @property
    def id(self) -> str:
        """The id in state: `namespace/package`."""
        return f"{self.namespace}/{self.package}"

    @property
    def coordinates(self) -> Coordinates:
        """The version's coordinates."""
        return self.location.coordinates(self.namespace, self.package, self.version)

    @property
    def digest(self) -> str:
        """The digest over all assets."""
        return digest_of(self.checksums)

    def release(self, sizes: Mapping[str, int] | None = None) -> Release:
        """Return what is declared, for the core. State has no sizes: those that are not in `sizes` are 0."""
        hashes = parse_checksums(self.checksums)
        assets = tuple(Asset(name, (sizes or {}).get(name, 0), sha256) for name, sha256 in hashes.items())
        return Release(self.coordinates, assets, self.status, self.finalize)

    def properties(self) -> dict[str, Any]:
        """Return the inputs as they are stored: nothing that is None or empty."""
        others = {*Location.names, "source"}
        plain = (name for name in self.names if name not in others)
        values: dict[str, Any] = {name: str(value) for name in plain if (value := getattr(self, name))}
        values.update(self.location.properties())
        # Even if it is empty: a version without assets.
        values["checksums"] = self.checksums
        return values


@dataclass(frozen=True)
class SourceInput:
    """The input `source` of a promotion: where its version is taken from, and what was approved.

    Attributes:
        digest: of what is promoted.
        revision: of the source, when it was judged; None where it did not have to be.
    """

    location: Location
    digest: str | None = None
    revision: str | None = None

    @classmethod
    def of(cls, props: Mapping[str, Any]) -> SourceInput:
        """Read what `properties` returned; other keys are left out. Raises TypeError without a required one."""
        digest, revision = (str(props.get(name) or "") or None for name in ("digest", "revision"))
        return cls(Location.from_properties(props), digest, revision)

    def properties(self) -> dict[str, str]:
        """Return the values as they are stored: nothing that is None or empty."""
        more = {"digest": self.digest, "revision": self.revision}
        return {**self.location.properties(), **{name: value for name, value in more.items() if value}}


@dataclass(frozen=True)
class PromotionInputs(Inputs):
    """The inputs of one `Promotion`, checked.

    Attributes:
        soak: as the manifest writes a duration; "" for none.
    """

    source: SourceInput = field(kw_only=True)
    soak: str = ""

    names: ClassVar[tuple[str, ...]] = PROMOTION_INPUTS
    required: ClassVar[tuple[str, ...]] = (*REQUIRED, "source")

    def properties(self) -> dict[str, Any]:
        """Return the inputs as they are stored: nothing that is None or empty."""
        return {**super().properties(), "source": self.source.properties()}


_FINISH = {"guarded": "status-update", "last-asset": "last-asset"}
"""The values of `finish`, which is the name of `finalize` in state of version 0.1.0, and what they are now."""


def renewed(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return properties from state under the names of today; in version 0.1.0 `assets` were name -> sha256, size."""
    renewed = {name: value for name, value in properties.items() if name not in ("assets", "finish")}
    if finish := properties.get("finish"):
        renewed.setdefault("finalize", _FINISH.get(str(finish), str(finish)))
    if isinstance(assets := properties.get("assets"), Mapping):
        text = checksums(Asset(name, 0, str(value["sha256"])) for name, value in assets.items())
        renewed.setdefault("checksums", text)
    return renewed


def outputs(inputs: Inputs, state: VersionState, audit: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a resource's outputs: its inputs, the status and revision of the registry, and the audit record."""
    record = {"audit": dict(audit)} if audit else {}
    return {**inputs.properties(), "status": str(state.status), "revision": state.revision, **record}


_AnyInputs = TypeVar("_AnyInputs", bound=Inputs)


def found(inputs: _AnyInputs, remote: RemoteVersion) -> _AnyInputs:
    """Return the inputs as if what the registry holds had been declared: how drift becomes visible."""
    return replace(inputs, checksums=checksums(remote.assets.values()), status=remote.state.status)


def same(left: Mapping[str, Any], right: Mapping[str, Any], names: tuple[str, ...] = INPUTS) -> bool:
    """Return whether two sets of properties agree in all of `names`; missing, None and "" are one."""
    return all(_comparable(left.get(name)) == _comparable(right.get(name)) for name in names)


def _comparable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _comparable(inner) for key, inner in value.items()}
    return value or None
