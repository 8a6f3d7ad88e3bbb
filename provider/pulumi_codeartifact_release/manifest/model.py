"""What a manifest says, as frozen values: the only thing that other rooms see of one.

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
from .words import did_you_mean, listed

KeyPath = tuple[str | int, ...]
"""Where a key is in the document: `("packages", 0, "assets", 1, "count")`."""
Position = tuple[int, int]
"""Line and column, both from 1."""


@dataclass(frozen=True)
class DeclaredFile:
    """One file of a package version.

    Attributes:
        name: the asset's name in the registry, NFC-normalised.
        path: where the file is, absolute, without symbolic links: it may be opened by this path alone.
        declared: the same, relative to the manifest's folder, with `/`.
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
        files: its assets, sorted by the UTF-8 bytes of their names; empty where files were not asked for.
    """

    namespace: str
    package: str
    version: str
    status: str
    files: tuple[DeclaredFile, ...]

    @property
    def id(self) -> str:
        """The package's name in plans, pins and resources: `namespace/package`."""
        return f"{self.namespace}/{self.package}"


@dataclass(frozen=True)
class Pin:
    """What an environment must hold: a version and the release's digest (`sha256:` and 64 hex digits)."""

    version: str
    digest: str


@dataclass(frozen=True)
class Environment:
    """Where a manifest is released to, and how; attributes as the keys that `docs/manifest.md` explains."""

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


@dataclass(frozen=True)
class Manifest:
    """A manifest without mistakes.

    Attributes:
        path: the manifest's file, as it was named.
        base: the folder that its paths are relative to, absolute.
        packages: what it releases, in its order.
        environments: where to, by name, in its order.
        positions: where its keys are, for messages.
        given: the values of variables that came from outside, of those that it uses.
        notes: what is no mistake, and worth knowing: one line each, with its place.
        sha256: of the bytes that all this was read from, in lower-case hex.
    """

    path: Path
    base: Path
    packages: tuple[Package, ...]
    environments: Mapping[str, Environment]
    positions: Mapping[KeyPath, Position] = field(default_factory=dict, repr=False, compare=False)
    given: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    sha256: str = ""

    @cached_property
    def several(self) -> Mapping[str, tuple[str, ...]]:
        """The versions of each package that is declared with more than one, by `namespace/package`."""
        versions: dict[str, list[str]] = {}
        for package in self.packages:
            versions.setdefault(package.id, []).append(package.version)
        return {name: tuple(declared) for name, declared in versions.items() if len(declared) > 1}

    def name_of(self, package: Package) -> str:
        """Return what tells a package version from the others: `namespace/package`, `@version` only where it has to."""
        return f"{package.id}@{package.version}" if package.id in self.several else package.id

    def environment(self, name: str) -> Environment:
        """Return the environment of that name; UsageError where there is none."""
        try:
            return self.environments[name]
        except KeyError:
            known = list(self.environments)
            raise UsageError(
                f"{self.path}: there is no environment `{name}`{did_you_mean(name, known)} (there are {listed(known)})"
            ) from None
