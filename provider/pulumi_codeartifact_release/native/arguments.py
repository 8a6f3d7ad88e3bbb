"""Converts the arguments of a program in any language to inputs and a `Declaration`.

arguments = arguments_of(PACKAGE_VERSION, values, secret, urn, config)
Operations(PACKAGE_VERSION, context).check(olds, arguments.inputs, arguments.declaration)
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulumi.runtime.rpc import UNKNOWN

from ..errors import UsageError
from ..git import commit_of
from ..plugin.assets import DeclaredAssets, files_of
from ..plugin.declaration import (
    KEY,
    PROGRAM_PERMISSIONS,
    Declaration,
    conflicting_member_keys,
    digest_problems,
    unknown_member_keys,
)
from ..plugin.operations import BUNDLE, PROMOTION, Kind
from ..plugin.spelling import hash_of, snake
from .config import Config
from .values import Asset, has_unknown

_TRANSIENT = ("members", "assets", "base", "replace", "force", "reason")
_FROM_SOURCE = ("namespace", "package", "version")


@dataclass(frozen=True)
class Arguments:
    """The arguments of a resource.

    Attributes:
        inputs: as `plugin.state` names them.
        declaration: None if an argument that it contains is not known yet.
        warnings: files that may not be meant for a release.
    """

    inputs: dict[str, Any]
    declaration: Declaration | None
    warnings: tuple[str, ...] = ()


def arguments_of(kind: Kind, values: Mapping[str, Any], secret: Set[str], urn: str, config: Config) -> Arguments:
    """Return the arguments of a resource. Raises UsageError."""
    if KEY in values:
        return _of_component(values, urn)
    arguments = {snake(name): value for name, value in values.items() if value is not None and name[:2] != "__"}
    declared = {name: arguments.pop(name, None) for name in _TRANSIENT}
    arguments.pop("checksums", None)  # computed from `assets`
    inputs = _with_defaults(arguments, config)
    if kind is PROMOTION:
        inputs = _promotion(inputs)
    elif "digest" in inputs:
        del inputs["digest"]
    pin = inputs.get("digest")
    if has_unknown([*declared.values(), pin]):
        return Arguments(inputs, None)
    base = Path(_text("base", declared["base"]) or ".").absolute()
    members: dict[str, Any] = {}
    assets = DeclaredAssets()
    if kind is BUNDLE:
        members, assets = declared_members(declared["members"], base)
    elif kind is not PROMOTION:
        assets = declared_assets(declared["assets"], base)
    permission = f"{inputs.get('namespace')}/{inputs.get('package')}", str(inputs.get("version"))
    replace = _text("replace", declared["replace"]) or config.replace_digest(*permission)
    force = _text("force", declared["force"]) or config.force_digest(*permission)
    reason = _text("reason", declared["reason"]) or config.reason
    problems = [*assets.problems, *digest_problems(replace=replace, force=force)]
    if force and not reason.strip():
        problems.append("force requires a reason; it is recorded in `audit`")
    declaration = Declaration(
        files=assets.files,
        texts=assets.texts,
        hashes=assets.hashes,
        members=members,
        problems=tuple(problems),
        base=str(base),
        allow=PROGRAM_PERMISSIONS,
        replace_digest=replace,
        urn=urn,
        commit=commit_of(base),
        pin=_text("digest", pin),
        pinned_by="the program" if pin else "",
        force=force,
        reason=reason,
        secret=tuple(sorted({_secret_name(name) for name in secret})),
    )
    return Arguments(inputs, declaration, assets.warnings)


def _of_component(values: Mapping[str, Any], urn: str) -> Arguments:
    """Return what the component `Release` has declared: it knows files and permissions by the manifest."""
    try:
        declaration = dataclasses.replace(Declaration.of(values[KEY]), urn=urn)
    except (TypeError, ValueError):
        raise UsageError(f"`{KEY}` is an input of the component Release alone", hint="Remove it.") from None
    inputs = {snake(name): value for name, value in values.items() if name != KEY and value is not None}
    if isinstance(source := inputs.get("source"), Mapping):
        inputs["source"] = {snake(name): value for name, value in source.items()}
    return Arguments(inputs, declaration)


def _with_defaults(arguments: Mapping[str, Any], config: Config) -> dict[str, Any]:
    defaults = {"region": config.region, "profile": config.profile, "endpoint": config.endpoint}
    return {**{name: value for name, value in defaults.items() if value}, **arguments}


def _promotion(inputs: dict[str, Any]) -> dict[str, Any]:
    """Take what the destination does not set from the source."""
    source = inputs.get("source")
    if source == UNKNOWN:
        return {**dict.fromkeys((*_FROM_SOURCE, "digest"), UNKNOWN), **inputs}
    if not isinstance(source, Mapping):
        return inputs
    source = {snake(name): value for name, value in source.items() if value is not None}
    from_source = {name: source.pop(name) for name in (*_FROM_SOURCE, "digest") if name in source}
    return {**from_source, **inputs, "source": source}


def declared_assets(assets: Any, base: Path) -> DeclaredAssets:
    """Return the files of the argument `assets`: a list of paths and globs, or asset name -> path, hash or asset."""
    if isinstance(assets, str | Asset):
        assets = [assets]
    if isinstance(assets, list):
        if problems := tuple(
            f"assets[{index}]: {_problem(item)}" for index, item in enumerate(assets) if _problem(item)
        ):
            return DeclaredAssets(problems=problems)
        return files_of([_path(item) for item in assets], base)
    if not isinstance(assets, Mapping):
        problem = "assets is missing" if assets is None else "assets is not a list of paths, nor a mapping of names"
        return DeclaredAssets(problems=(problem,))
    if problems := tuple(
        f"assets[{name}]: {_problem(item, named=True)}" for name, item in assets.items() if _problem(item, named=True)
    ):
        return DeclaredAssets(problems=problems)
    texts = {name: item.text for name, item in assets.items() if isinstance(item, Asset) and item.text is not None}
    hashes = {name: sha256 for name, item in assets.items() if (sha256 := hash_of(item))}
    paths = {name: _path(item) for name, item in assets.items() if name not in texts and name not in hashes}
    return files_of(paths, base, texts, hashes)


def declared_members(members: Any, base: Path) -> tuple[dict[str, Any], DeclaredAssets]:
    """Return the members of a bundle as `Declaration` has them, and all problems and warnings of their assets."""
    if not isinstance(members, Mapping):
        return {}, DeclaredAssets(problems=("members is missing: expected namespace/package -> member",))
    declared: dict[str, Any] = {}
    problems: list[str] = []
    warnings: list[str] = []
    for name, member in members.items():
        declared[name], assets = _member(member, base)
        problems += [f"members[{name!r}]: {problem}" for problem in assets.problems]
        warnings += assets.warnings
    return declared, DeclaredAssets(problems=tuple(problems), warnings=tuple(warnings))


def _member(member: Any, base: Path) -> tuple[dict[str, Any], DeclaredAssets]:
    if not isinstance(member, Mapping):
        return {}, DeclaredAssets(problems=(f"{member!r} is not a member",))
    member = {key: value for key, value in member.items() if value is not None}
    problems = unknown_member_keys(member)
    texts = {key: member[key] for key in ("version", "digest", "replace") if key in member}
    problems += [
        f"{key} is {text!r}: quote it to make it text" for key, text in texts.items() if not isinstance(text, str)
    ]
    if problems:
        return {}, DeclaredAssets(problems=tuple(problems))
    problems = digest_problems(digest=member.get("digest"), replace=member.get("replace"))
    declared = {key: member[key] for key in ("version", "digest") if key in member}
    if "digest" in member:
        return declared, DeclaredAssets(problems=(*problems, *conflicting_member_keys(member)))
    assets = declared_assets(member.get("assets"), base)
    if assets.hashes:
        problems.append("the assets of a member need their files: a hash alone is not enough")
    after = member.get("after") or []
    if not isinstance(after, list) or not all(isinstance(other, str) for other in after):
        problems.append(f"after is {after!r}: expected a list of namespace/package")
        after = []
    declared |= {"files": assets.files, "texts": assets.texts, "after": tuple(after)}
    declared["replace_digest"] = member.get("replace") or ""
    return declared, DeclaredAssets(problems=(*problems, *assets.problems), warnings=assets.warnings)


def _path(item: Any) -> str:
    return item.path if isinstance(item, Asset) else str(item)


def _problem(item: Any, *, named: bool = False) -> str | None:
    if isinstance(item, Asset):
        if item.kind == "archive":
            return "an archive is not one file: build it first and name its path"
        if item.path or (named and item.text is not None):
            return None
        return "name the asset: write `assets` as a mapping" if item.text is not None else "it is not a file"
    return None if isinstance(item, str) and item else f"{item!r} is not a path"


def _text(name: str, value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    raise UsageError(f"{name} is {value!r}: quote it to make it text")


def _secret_name(name: str) -> str:
    first, _, nested = name.partition(".")
    return f"source.{snake(nested)}" if first == "source" and nested else snake(first)
