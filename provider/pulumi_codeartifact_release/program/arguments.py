"""Converts the arguments of the resources: assets, values of a manifest, options, and outputs.

declaration_of(["dist/*.zip"], Path("/app"), Declaration(base="/app"))
declaration_of({"NOTES": pulumi.StringAsset("…")}, ...)
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias, cast

import pulumi
from pulumi.resource import create_urn

from ..location import Location
from ..manifest import Environment, Package
from ..plugin.assets import DeclaredAssets, files_of
from ..plugin.declaration import Declaration, conflicting_member_keys, digest_problems, unknown_member_keys

AssetSource: TypeAlias = "str | os.PathLike[str] | pulumi.FileAsset | pulumi.StringAsset"
"""A path or a content. A path in a list may be a glob (`dist/*.zip`, `build/**/app.zip`)."""

Assets: TypeAlias = "Sequence[str | os.PathLike[str] | pulumi.FileAsset] | Mapping[str, pulumi.Input[AssetSource]]"
"""The assets of a version: paths and globs, each file under its own name; or asset name -> path or content."""


def declaration_of(assets: Assets, base: Path, declaration: Declaration) -> pulumi.Output[Declaration] | Declaration:
    """Return the declaration with the files and texts of `assets`; an output if an asset is an output."""
    dry_run = pulumi.runtime.is_dry_run()

    def with_assets(resolved: Any) -> Declaration:
        declared = _files_of(resolved, base)
        for warning in declared.warnings:
            pulumi.log.warn(warning)
        problems = (*declared.problems, *digest_problems(replace=declaration.replace_digest))
        return dataclasses.replace(
            declaration, files=declared.files, texts=declared.texts, problems=problems, dry_run=dry_run
        )

    if isinstance(assets, Mapping):
        # Convert Asset objects first: Pulumi would store them in state.
        sources = {name: _path_or_text(source) for name, source in assets.items()}
        if any(isinstance(source, pulumi.Output) for source in sources.values()):
            return pulumi.Output.from_input(sources).apply(with_assets)
        return with_assets(sources)
    return with_assets([_path_or_text(source) for source in assets])


def declaration_of_members(
    members: Mapping[str, Mapping[str, Any]], base: Path, declaration: Declaration
) -> pulumi.Output[Declaration] | Declaration:
    """Return the declaration with the members of a bundle; an output if one of their values is an output."""
    dry_run = pulumi.runtime.is_dry_run()

    def with_members(resolved: Mapping[str, Mapping[str, Any]]) -> Declaration:
        declared, problems = {}, []
        for name, member in resolved.items():
            declared[name], wrong = _member_of(member, base)
            problems += [f"members[{name!r}]: {problem}" for problem in wrong]
        return dataclasses.replace(declaration, members=declared, problems=tuple(problems), dry_run=dry_run)

    sources = {name: _with_sources(member) for name, member in members.items()}
    return pulumi.Output.from_input(sources).apply(with_members) if _has_output(sources) else with_members(sources)


def _member_of(member: Mapping[str, Any], base: Path) -> tuple[dict[str, Any], list[str]]:
    """Return a member as `Declaration` has it, and one line for each mistake."""
    problems = unknown_member_keys(member)
    declared = {key: member[key] for key in ("version", "digest") if member.get(key)}
    if "digest" in member:
        return declared, [*problems, *conflicting_member_keys(member), *digest_problems(digest=member["digest"])]
    assets = _files_of(member.get("assets") or (), base)
    for warning in assets.warnings:
        pulumi.log.warn(warning)
    declared |= {"files": assets.files, "texts": assets.texts, "after": tuple(member.get("after") or ())}
    declared["replace_digest"] = member.get("replace") or ""
    return declared, [*problems, *assets.problems, *digest_problems(replace=member.get("replace"))]


def _with_sources(member: Mapping[str, Any]) -> dict[str, Any]:
    """Return a member with paths and texts in place of Asset objects."""
    assets = member.get("assets")
    if assets is None or isinstance(assets, pulumi.Output):
        return dict(member)
    sources: Any = (
        {name: _path_or_text(source) for name, source in assets.items()}
        if isinstance(assets, Mapping)
        else [_path_or_text(source) for source in assets]
    )
    return {**member, "assets": sources}


def _has_output(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(_has_output(inner) for inner in value.values())
    if isinstance(value, list | tuple):
        return any(_has_output(inner) for inner in value)
    return isinstance(value, pulumi.Output)


def _path_or_text(source: Any) -> Any:
    if isinstance(source, pulumi.Output):
        return source.apply(_path_or_text)
    if isinstance(source, pulumi.FileAsset):
        return str(source.path)
    if isinstance(source, pulumi.StringAsset):
        return {"text": source.text}
    return os.fspath(source)


def _files_of(assets: Any, base: Path) -> DeclaredAssets:
    if not isinstance(assets, Mapping):
        return files_of(assets, base)
    texts = {name: source["text"] for name, source in assets.items() if isinstance(source, Mapping)}
    return files_of({name: path for name, path in assets.items() if name not in texts}, base, texts)


def arguments_of(package: Package, environment: Environment) -> dict[str, Any]:
    """Return the arguments of a package in an environment, without its version. The SDK needs all, even empty ones."""
    return {
        **dict.fromkeys(Location.names),
        **environment.location.properties(),
        "namespace": package.namespace,
        "package": package.package,
        "status": package.status,
        "finalize": environment.finalize,
        "on_destroy": environment.on_destroy,
        "on_supersede": environment.on_supersede,
    }


def options_of(resource_name: str, on_destroy: str, opts: pulumi.ResourceOptions | None) -> pulumi.ResourceOptions:
    """Return the options of a resource. Raises ValueError for `ignore_changes=["assets"]`, which has no effect."""
    if opts and "assets" in (opts.ignore_changes or ()):
        raise ValueError(f'{resource_name}: `assets` is not in the state; write ignore_changes=["checksums"]')
    if on_destroy == "retain":
        # The engine shows `[retain]` and does not call delete() when the resource leaves the program.
        return pulumi.ResourceOptions.merge(pulumi.ResourceOptions(retain_on_delete=True), opts)
    return opts or pulumi.ResourceOptions()


def secret_names(inputs: Mapping[str, Any]) -> pulumi.Output[list[str]] | None:
    """Return the names of the secret inputs, which only the program knows; None if no input is an output."""
    outputs = [(name, value) for name, value in inputs.items() if isinstance(value, pulumi.Output)]
    for name, value in inputs.items():
        nested = value.items() if isinstance(value, Mapping) else ()
        outputs += [(f"{name}.{inner}", output) for inner, output in nested if isinstance(output, pulumi.Output)]

    async def names() -> list[str]:
        return sorted({name for name, output in outputs if await output.is_secret()})

    async def is_known() -> bool:
        return True

    return pulumi.Output(set(), names(), is_known()) if outputs else None


def known_if(other: pulumi.Output[Any], output: pulumi.Output[Any]) -> pulumi.Output[Any]:
    """Return an output that is known if `other` is.

    In a preview, the SDK treats a missing property as unknown. But check() resolves it together with the region.
    """
    return pulumi.Output(output.resources(), output.future(), other.is_known(), output.is_secret())


def value_of(values: Mapping[str, Any] | pulumi.Output[Mapping[str, Any]], name: str) -> Any:
    """Return a value of a mapping, or an output of it; None if it is absent."""
    if isinstance(values, pulumi.Output):
        return values.apply(lambda resolved: (resolved or {}).get(name))
    return values.get(name)


def relative_endpoint(endpoint: str | None, folder: Path) -> str | None:
    """Return a `file:` endpoint relative to a folder instead of the program's; any other endpoint unchanged."""
    if not endpoint or not endpoint.startswith("file:"):
        return endpoint
    # Resolve both paths, because they may contain symbolic links.
    registry = Path(endpoint.removeprefix("file:")).resolve()
    return "file:" + Path(os.path.relpath(registry, folder.resolve())).as_posix()


def urn_of(type_name: str, resource_name: str, opts: pulumi.ResourceOptions) -> pulumi.Output[str] | str:
    """Return the URN of a resource."""
    if opts.parent is None:
        # create_urn would create six outputs to join these four texts.
        return f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}::pulumi-python:{type_name}::{resource_name}"
    urn = create_urn(resource_name, f"pulumi-python:{type_name}", opts.parent)
    # The URN depends on the parent, and a component depends on its children: drop that circular dependency.
    return pulumi.Output(set(), cast(Any, urn.future()), urn.is_known())
