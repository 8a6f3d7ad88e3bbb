"""The one transient input: what the program tells check() about this machine, and check() never returns.

    declaration = Declaration(files={"app.zip": "/build/app.zip"}, urn=urn, dry_run=True)
    props["declaration"] = declaration.properties()
    Declaration.of(news.pop("declaration")).hash(cache)

Paths and contents are in it, which is why it must not reach state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .hashing import HashCache, HashedBytes, hash_files
from .publishing import Source, refuse_oversized
from .registry.interface import Asset

KEY = "declaration"


@dataclass(frozen=True)
class Declaration:
    """What is declared, on the machine where the program runs.

    Attributes:
        files: asset name -> absolute path.
        texts: asset name -> content, for content that is in no file.
        problems: what is wrong with the declaration of files; one line each.
        base: the folder that `file:` endpoints are relative to.
        allow: what the operator permits.
        give_up: the digest of a published version that the operator permits to replace; "" for none.
        urn: the resource's, for messages beside it; "" where it is not known.
        dry_run: whether this is a preview: only the program is told.
        repository_exists: whether a missing repository is an error in a preview. In a program that makes it,
            it is only not there yet.
        commit: of the manifest or the program, for the trail; "" where it is not known.
        pin: the digest that was approved for a promotion; "" where the source decides.
        pinned_by: who says so.
        force: the digest whose soak the operator permits to skip; "" for none.
        reason: why.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    base: str = "."
    allow: frozenset[str] = frozenset()
    give_up: str = ""
    urn: str = ""
    dry_run: bool = False
    repository_exists: bool = False
    commit: str = ""
    pin: str = ""
    pinned_by: str = ""
    force: str = ""
    reason: str = ""

    def properties(self) -> dict[str, Any]:
        """Return plain values, as an engine transports them."""
        return {
            "files": dict(self.files),
            "texts": dict(self.texts),
            "problems": list(self.problems),
            "base": self.base,
            "allow": sorted(self.allow),
            "give_up": self.give_up,
            "urn": self.urn,
            "dry_run": self.dry_run,
            "repository_exists": self.repository_exists,
            "commit": self.commit,
            "pin": self.pin,
            "pinned_by": self.pinned_by,
            "force": self.force,
            "reason": self.reason,
        }

    @classmethod
    def of(cls, properties: Mapping[str, Any]) -> Declaration:
        """Read what `properties` returned."""
        return cls(
            files=dict(properties.get("files") or {}),
            texts=dict(properties.get("texts") or {}),
            problems=tuple(properties.get("problems") or ()),
            base=str(properties.get("base") or "."),
            allow=frozenset(properties.get("allow") or ()),
            give_up=str(properties.get("give_up") or ""),
            urn=str(properties.get("urn") or ""),
            dry_run=bool(properties.get("dry_run")),
            repository_exists=bool(properties.get("repository_exists")),
            **{name: str(properties.get(name) or "") for name in ("commit", "pin", "pinned_by", "force", "reason")},
        )

    def hash(self, cache: HashCache) -> dict[str, Source]:
        """Return the content of every declared asset, hashed. Raises FileError or QuotaExceededError."""
        refuse_oversized({name: Path(path) for name, path in self.files.items()})
        hashed = hash_files((Path(path) for path in self.files.values()), cache=cache)
        sources: dict[str, Source] = {name: hashed[Path(path)] for name, path in self.files.items()}
        for name, text in self.texts.items():
            sources[name] = HashedBytes(text.encode())
        return sources


def assets_from(sources: Mapping[str, Source]) -> dict[str, Asset]:
    """Return the assets that these sources declare, by name."""
    return {name: Asset(name, source.size, source.sha256) for name, source in sources.items()}
