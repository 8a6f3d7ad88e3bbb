"""The only transient input: it passes facts about this machine from the program to check(), which removes it.

    declaration = Declaration(files={"app.zip": "/build/app.zip"}, urn=urn, dry_run=True)
    props["declaration"] = declaration.text()
    Declaration.of(news.pop("declaration")).hash(cache)

It contains paths and contents, so it must not reach state. It is one text, because the SDK and the engine handle, copy
and log every value of a mapping separately, which is slow for a release with many files.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, BinaryIO

from ..errors import FileError
from ..hashing import HashCache, HashedBytes, hash_files
from ..publishing import AssetContent, refuse_oversized

KEY = "declaration"
PROGRAM_PERMISSIONS = frozenset(("outside", "endpoint", "delete", "local-source"))
"""The permissions of a program: the operator runs it, so unlike a manifest it needs no further ones."""
MEMBER_KEYS = ("version", "assets", "after", "replace", "digest")
"""The keys of a member of a bundle, as programs declare it."""


@dataclass(frozen=True)
class Declaration:
    """Facts about a resource that only the program knows.

    Attributes:
        files: asset name -> absolute path.
        texts: asset name -> content, for content that is not in a file.
        hashes: asset name -> SHA-256 in hex, for content that is not on this machine, as after an import.
        problems: errors in the declaration of files; one line each.
        base: the folder that `file:` endpoints are relative to.
        allow: the operator's permissions.
        replace_digest: the digest of a published version that the operator permits to replace; "" for none.
        urn: of the resource, to show messages beside it; "" if unknown.
        dry_run: whether this is a preview. Only the program knows.
        repository_exists: whether a missing repository is an error in a preview. It is not in a program that creates
            the repository.
        commit: of the manifest or the program, for the audit record; "" if unknown.
        pin: the approved digest of a promotion; "" if the source decides.
        pinned_by: where the digest was approved.
        force: the digest whose soak the operator permits to skip; "" for none.
        reason: the reason for `force`.
        members: of a bundle: `namespace/package` -> `version`, `files`, `texts`, `after`, `replace_digest` and
            `withdrawal`, like the attributes of these names. A member that another stack publishes has only `version`
            and `digest`.
        replace: the digests that the operator permits to replace in a promoted bundle, by `namespace/package@version`.
        withdrawn: the fields of a `publishing.Withdrawal` of each withdrawn version, by `namespace/package@version`.
        withdrawal: the fields of a `publishing.Withdrawal` of this version; empty if it was not withdrawn.
        front: how to word remedies in errors: the result of `remedies.front_to_json`.
        secret: the names of secret arguments; `source.NAME` for a nested one.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
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
    withdrawal: Mapping[str, str] = field(default_factory=dict)
    members: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    replace: Mapping[str, str] = field(default_factory=dict)
    withdrawn: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    front: Mapping[str, Any] = field(default_factory=dict)
    secret: tuple[str, ...] = ()

    def text(self) -> str:
        """Return the declaration as JSON, without empty values."""
        values = {item.name: value for item in fields(self) if (value := getattr(self, item.name))}
        if self.allow:
            values["allow"] = sorted(self.allow)
        # JSON in ASCII can also contain paths that are not valid Unicode.
        return json.dumps(values, separators=(",", ":"))

    @classmethod
    def of(cls, text: str) -> Declaration:
        """Parse the result of `text`. Raises ValueError or TypeError for any other text."""
        values: dict[str, Any] = json.loads(text)
        lists = {name: tuple(values.get(name, ())) for name in ("problems", "secret")}
        return cls(**{**values, **lists, "allow": frozenset(values.get("allow", ()))})

    def hash(self, cache: HashCache) -> dict[str, AssetContent]:
        """Return the content of every declared asset, hashed. Raises FileError or QuotaExceededError."""
        contents = _hash({"": (self.files, self.texts)}, cache)[""]
        return {**contents, **{name: AbsentContent(name, sha256) for name, sha256 in self.hashes.items()}}

    def hash_members(self, cache: HashCache) -> dict[str, dict[str, AssetContent]]:
        """Return the content of every asset of every member, by `namespace/package`. Raises like `hash`."""
        declared = {
            name: (member["files"], member.get("texts") or {})
            for name, member in self.members.items()
            if "files" in member
        }
        return _hash(declared, cache)


def _hash(
    declared: Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]], cache: HashCache
) -> dict[str, dict[str, AssetContent]]:
    """Hash the files of all versions in parallel."""
    paths = {key: {name: Path(path) for name, path in files.items()} for key, (files, _) in declared.items()}
    for files in paths.values():
        refuse_oversized(files)
    hashes = hash_files({path for files in paths.values() for path in files.values()}, cache=cache)
    contents: dict[str, dict[str, AssetContent]] = {}
    for key, (_, texts) in declared.items():
        contents[key] = {name: hashes[path] for name, path in paths[key].items()}
        contents[key] |= {name: HashedBytes(text.encode()) for name, text in texts.items()}
    return contents


@dataclass(frozen=True)
class AbsentContent:
    """An asset that is declared by its hash alone. It is enough while the published version has these bytes."""

    name: str
    sha256: str
    size = 0
    cached = False

    def open(self) -> AbstractContextManager[BinaryIO]:
        """Raise FileError."""
        raise FileError(
            f"{self.name} must be sent, but it is declared by its hash alone",
            hint="Name its file in `assets`.",
        )

    def verify_unchanged(self) -> None:
        """Do nothing: there is no file."""

    def rehash(self) -> None:
        """Do nothing: there is no file."""


def unknown_member_keys(member: Mapping[str, Any]) -> list[str]:
    """Return one line per key that a member of a bundle does not have."""
    expected = ", ".join(MEMBER_KEYS)
    return [f"there is no key {key!r}: expected one of {expected}" for key in member if key not in MEMBER_KEYS]


def conflicting_member_keys(member: Mapping[str, Any]) -> list[str]:
    """Return one line per key that a member of another stack, which has a `digest`, must not have."""
    others = sorted(member.keys() & {"assets", "replace"})
    return [f"`digest` names a version of another stack: remove `{key}`" for key in others]


def digest_problems(**digests: str | None) -> list[str]:
    """Return one line per argument that is neither a digest (`sha256:HEX`) nor empty."""
    wrong = {name: text for name, text in digests.items() if text and not re.fullmatch("sha256:[0-9a-f]{64}", text)}
    return [f"{name} is {text!r}; write sha256:DIGEST" for name, text in wrong.items()]
