"""The content of a manifest as frozen values, for the other packages.

manifest = load(Path("release.yaml"), environment="dev")
for package in manifest.packages:
    print(package.id, package.version, [file.name for file in package.files])
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path

from ..errors import UsageError
from ..location import Location
from .messages import did_you_mean, quote_list

KeyPath = tuple[str | int, ...]
"""The place of a key in the document: `("packages", 0, "assets", 1, "count")`."""
Position = tuple[int, int]
"""Line and column, both from 1."""


@dataclass(frozen=True)
class DeclaredFile:
    """One file of a package version.

    Attributes:
        name: the asset's name in the registry, NFC-normalised.
        path: absolute, without symbolic links. Open the file only by this path.
        declared: the path relative to the manifest's folder, with `/`.
    """

    name: str
    path: Path
    declared: str


@dataclass(frozen=True)
class Package:
    """One package version to release.

    Attributes:
        namespace: the package's namespace.
        package: the package's name.
        version: the version.
        status: the status to keep: Published, Unlisted or Archived.
        files: its assets, sorted by the UTF-8 bytes of their names; empty if `load` was called without files.
        after: the packages of the bundle that are published before it, as `namespace/package`.
    """

    namespace: str
    package: str
    version: str
    status: str
    files: tuple[DeclaredFile, ...]
    after: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """The package's name in plans, pins and resources: `namespace/package`."""
        return f"{self.namespace}/{self.package}"


@dataclass(frozen=True)
class Bundle:
    """The version that makes all packages of the manifest one release. The packages are its members."""

    namespace: str
    package: str
    version: str

    @property
    def id(self) -> str:
        """The bundle's name in plans, pins and resources: `namespace/package`."""
        return f"{self.namespace}/{self.package}"


@dataclass(frozen=True)
class Pin:
    """The version that an environment must hold, and its digest (`sha256:` and 64 hex digits)."""

    version: str
    digest: str


@dataclass(frozen=True)
class Withdrawal:
    """Why a version was withdrawn, its digest (`sha256:` and 64 hex digits), and its status since.

    Attributes:
        bundle: the bundle that it was withdrawn with, as `namespace/package@version`; "" for none.
    """

    digest: str
    status: str
    reason: str
    bundle: str = ""


@dataclass(frozen=True)
class Retention:
    """What `prune` may archive in an environment. The attributes are the keys in `docs/manifest.md`."""

    newer_than: timedelta
    keep: int | None = None
    match: str = "*"


@dataclass(frozen=True)
class Environment:
    """A repository that a manifest releases to. The attributes are the keys in `docs/manifest.md`."""

    name: str
    location: Location
    promote_from: str | None = None
    soak: timedelta | None = None
    pinned: bool = False
    pins: Mapping[str, Pin] = field(default_factory=dict)
    on_destroy: str = "retain"
    on_supersede: str = "keep"
    finalize: str = "status-update"
    stack: str | None = None
    retention: Retention | None = None


@dataclass(frozen=True)
class Manifest:
    """A valid manifest.

    Attributes:
        path: the file, as the caller named it.
        base: the folder that its paths are relative to, absolute.
        packages: in the order of the file.
        environments: by name, in the order of the file.
        bundle: what makes the packages one release; None if each is a release of its own.
        withdrawn: by `namespace/package@version`.
        positions: the positions of its keys, for messages.
        external_variables: the used variables whose values are from outside the manifest.
        notes: remarks that are not errors: one line each, with its place.
        warnings: files that nobody may have meant: one line for each entry of `assets`, with its place.
        sha256: of the file's content, in lower-case hex.
    """

    path: Path
    base: Path
    packages: tuple[Package, ...]
    environments: Mapping[str, Environment]
    bundle: Bundle | None = None
    withdrawn: Mapping[str, Withdrawal] = field(default_factory=dict)
    positions: Mapping[KeyPath, Position] = field(default_factory=dict, repr=False, compare=False)
    external_variables: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    sha256: str = ""

    @cached_property
    def releases(self) -> tuple[Package, ...]:
        """What is approved, pinned and promoted as a whole: the bundle, or else every package."""
        bundle = self.bundle
        return (
            (Package(bundle.namespace, bundle.package, bundle.version, "Published", ()),) if bundle else self.packages
        )

    @cached_property
    def several(self) -> Mapping[str, tuple[str, ...]]:
        """The versions of each package with more than one version, by `namespace/package`."""
        versions: dict[str, list[str]] = {}
        for package in self.packages:
            versions.setdefault(package.id, []).append(package.version)
        return {name: tuple(declared) for name, declared in versions.items() if len(declared) > 1}

    @cached_property
    def after(self) -> Mapping[str, tuple[str, ...]]:
        """The packages that are published before each member of the bundle, by `namespace/package`."""
        return {package.id: package.after for package in self.packages}

    def name_of(self, package: Package) -> str:
        """Return `namespace/package`, with `@version` if the manifest has several versions of the package."""
        return f"{package.id}@{package.version}" if package.id in self.several else package.id

    def environment(self, name: str) -> Environment:
        """Return the environment with that name. Raises UsageError if there is none."""
        try:
            return self.environments[name]
        except KeyError:
            names = list(self.environments)
            suggestion = did_you_mean(name, names)
            raise UsageError(
                f"{self.path}: there is no environment `{name}`{suggestion} (there are {quote_list(names)})"
            ) from None
