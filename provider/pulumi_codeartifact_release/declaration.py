"""The one transient input: what the program tells check() about this machine, and check() never returns.

    declaration = Declaration(files={"app.zip": "/build/app.zip"}, urn=urn, dry_run=True)
    props["declaration"] = declaration.text()
    Declaration.of(news.pop("declaration")).hash(cache)

Paths and contents are in it, which is why it must not reach state. It travels as one text: the SDK and the engine
handle, copy and log every value of a mapping by itself, which costs more than all else for a release of many files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from .hashing import HashCache, HashedBytes, hash_files
from .publishing import AssetContent, refuse_oversized

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
        replace_digest: the digest of a published version that the operator permits to replace; "" for none.
        urn: the resource's, for messages beside it; "" where it is not known.
        dry_run: whether this is a preview: only the program is told.
        repository_exists: whether a missing repository is an error in a preview. In a program that makes it,
            it is only not there yet.
        commit: of the manifest or the program, for the audit record; "" where it is not known.
        pin: the digest that was approved for a promotion; "" where the source decides.
        pinned_by: who says so.
        force: the digest whose soak the operator permits to skip; "" for none.
        reason: why.
        front: where the program says what errors ask for: what `remedies.front_to_json` returned.
        secret: the names of the arguments that the program calls secret; of a nested one `source.NAME`.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    base: str = "."
    allow: frozenset[str] = frozenset()
    replace_digest: str = ""
    urn: str = ""
    dry_run: bool = False
    repository_exists: bool = False
    commit: str = ""
    pin: str = ""
    pinned_by: str = ""
    force: str = ""
    reason: str = ""
    front: Mapping[str, Any] = field(default_factory=dict)
    secret: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the declaration as the engine transports it: JSON, without what is empty."""
        told = {each.name: value for each in fields(self) if (value := getattr(self, each.name))}
        if self.allow:
            told["allow"] = sorted(self.allow)
        # As ASCII also a path that is not UTF-8 passes.
        return json.dumps(told, separators=(",", ":"))

    @classmethod
    def of(cls, text: str) -> Declaration:
        """Read what `text` returned. Raises ValueError, TypeError for anything else."""
        told: dict[str, Any] = json.loads(text)
        lists = {name: tuple(told.get(name, ())) for name in ("problems", "secret")}
        return cls(**{**told, **lists, "allow": frozenset(told.get("allow", ()))})

    def hash(self, cache: HashCache) -> dict[str, AssetContent]:
        """Return the content of every declared asset, hashed. Raises FileError or QuotaExceededError."""
        paths = {name: Path(path) for name, path in self.files.items()}
        refuse_oversized(paths)
        hashed = hash_files(paths.values(), cache=cache)
        sources: dict[str, AssetContent] = {name: hashed[path] for name, path in paths.items()}
        for name, text in self.texts.items():
            sources[name] = HashedBytes(text.encode())
        return sources
