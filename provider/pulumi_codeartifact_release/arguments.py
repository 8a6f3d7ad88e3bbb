"""Arguments of resources: `assets`, reduced to paths and texts before Pulumi sees it, and what a manifest says.

declaration_of(["dist/*.zip"], Path("/app"), Declaration(base="/app"))
declaration_of({"NOTES": pulumi.StringAsset("…")}, ...)
"""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pulumi

from .declaration import Declaration
from .manifest import AssetEntry, Environment, Folder, Package, declare

AssetSource: TypeAlias = "str | os.PathLike[str] | pulumi.FileAsset | pulumi.StringAsset"
"""A path, or content; a path in a list may be a glob (`dist/*.zip`, `build/**/app.zip`)."""

Assets: TypeAlias = "Sequence[str | os.PathLike[str] | pulumi.FileAsset] | Mapping[str, pulumi.Input[AssetSource]]"
"""What makes up a version: paths and globs, each file under its own name; or name -> path or content."""


def declaration_of(assets: Assets, base: Path, known: Declaration) -> pulumi.Output[Declaration] | Declaration:
    """Return what is declared by the argument `assets`; an output where a path is one."""
    dry_run = pulumi.runtime.is_dry_run()

    def declared(resolved: Any) -> Declaration:
        files, texts, problems = _files_of(resolved, base)
        problems += (
            [] if is_digest(known.replace_digest) else [f"replace is {known.replace_digest!r}; write sha256:DIGEST"]
        )
        return dataclasses.replace(known, files=files, texts=texts, problems=tuple(problems), dry_run=dry_run)

    if isinstance(assets, Mapping):
        # Reduced before an Output sees them: an Asset object among the inputs would be state for ever.
        reduced = {name: _reduced(source) for name, source in assets.items()}
        if any(isinstance(source, pulumi.Output) for source in reduced.values()):
            return pulumi.Output.from_input(reduced).apply(declared)
        return declared(reduced)
    return declared([_reduced(source) for source in assets])


def is_digest(text: str) -> bool:
    """Return whether this is a digest, or nothing."""
    return not text or re.fullmatch("sha256:[0-9a-f]{64}", text) is not None


def _reduced(source: Any) -> Any:
    if isinstance(source, pulumi.Output):
        return source.apply(_reduced)
    if isinstance(source, pulumi.FileAsset):
        return str(source.path)
    if isinstance(source, pulumi.StringAsset):
        return {"text": source.text}
    return os.fspath(source)


def _files_of(assets: Any, base: Path) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Return name -> path, name -> content, and what is wrong."""
    if isinstance(assets, Mapping):
        texts = {name: source["text"] for name, source in assets.items() if isinstance(source, Mapping)}
        entries = [AssetEntry(path, name=name, count=1) for name, path in assets.items() if name not in texts]
    else:
        texts = {}
        entries = [AssetEntry(path) for path in assets]
    files, problems, _ = declare(Folder(base, outside=True), entries)
    told = [f"{entries[problem.entry].path}: {problem.message}" for problem in problems]
    if not entries and not texts:
        told.append("no assets are declared; a version needs at least one")
    return {file.name: str(file.path) for file in files}, texts, told


def place_of(environment: Environment) -> dict[str, Any]:
    """Return where an environment is, as arguments."""
    return {
        "domain": environment.domain,
        "domain_owner": environment.domain_owner,
        "repository": environment.repository,
        "region": environment.region,
        "profile": environment.profile,
        "endpoint": environment.endpoint,
    }


def package_of(package: Package, environment: Environment) -> dict[str, Any]:
    """Return what is declared of a package in an environment, as arguments; but for its version."""
    return {
        "namespace": package.namespace,
        "package": package.package,
        "status": package.status,
        "finalize": environment.finalize,
        "on_destroy": environment.on_destroy,
        "on_supersede": environment.on_supersede,
    }


def secret_names(inputs: Mapping[str, Any]) -> pulumi.Output[list[str]] | None:
    """Return the names of the inputs that are secret, which only the program knows; None where none can be."""
    outputs = [(name, value) for name, value in inputs.items() if isinstance(value, pulumi.Output)]
    for name, value in inputs.items():
        nested = value.items() if isinstance(value, Mapping) else ()
        outputs += [(f"{name}.{inner}", output) for inner, output in nested if isinstance(output, pulumi.Output)]

    async def names() -> list[str]:
        return sorted({name for name, output in outputs if await output.is_secret()})

    async def known() -> bool:
        return True

    return pulumi.Output(set(), names(), known()) if outputs else None
