"""The publishing core with shorter waits, or broken on purpose."""

from __future__ import annotations

import sys
from importlib import import_module
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

from .spec import Core

_NUMBERS = count()

SHORT_WAITS = (0.1, 0.2, 0.4)
"""Waits before a run fails: three instead of seven. The code is the same, with far fewer states."""


def variant(
    *changes: tuple[str, str],
    promotion_source: tuple[tuple[str, str], ...] = (),
    read_version: tuple[tuple[str, str], ...] = (),
    upload: tuple[tuple[str, str], ...] = (),
    bundle_workflow: tuple[tuple[str, str], ...] = (),
    **names: Any,
) -> Core:
    """Return the core with a copy of `apply` in which every text of `changes` is replaced, and then `names` are set.

    The other parameters do the same for the modules of their names.
    """
    apply_copy = _changed_module("apply", changes)
    reader_copy = _changed_module("read_version", read_version)
    for name, value in names.items():
        assert hasattr(apply_copy, name), f"apply has no {name}"
        setattr(apply_copy, name, value)
    reader_copy.SETTLE_WAITS = names.get("SETTLE_WAITS", reader_copy.SETTLE_WAITS)
    source_copy = _changed_module("promotion_source", promotion_source)
    source_copy.read_version = apply_copy.read_version = reader_copy.read_version
    apply_copy.Uploader = _changed_module("upload", upload).Uploader
    version_copy = _changed_module("version_workflow", ())
    version_copy.apply = apply_copy.apply
    version_copy.PromotionSource = source_copy.PromotionSource
    version_copy.choose_candidate = source_copy.choose_candidate
    prepare_copy = _changed_module("bundle_prepare", ())
    bundle_copy = _changed_module("bundle_workflow", bundle_workflow)
    version_copy.read_version = prepare_copy.read_version = reader_copy.read_version
    workflow_copy = _changed_module("workflow", ())
    for module in (prepare_copy, bundle_copy, workflow_copy):
        module.execute_version, module.prepare_version = version_copy.execute_version, version_copy.prepare_version
    bundle_copy.prepare_existing = prepare_copy.prepare_existing
    workflow_copy.execute_bundle = bundle_copy.execute_bundle
    for name in ("prepare_bundle", "prepare_members"):
        setattr(workflow_copy, name, getattr(prepare_copy, name))
    return Core(
        apply_copy.apply,
        reader_copy.read_version,
        source_copy.PromotionSource,
        source_copy.choose_candidate,
        workflow_copy.prepare,
        workflow_copy.execute,
    )


def _changed_module(name: str, changes: tuple[tuple[str, str], ...]) -> Any:
    """Return a changed copy of a module.

    A text that does not occur exactly once is an error: a mutant without a change proves nothing.
    """
    original = import_module(f"pulumi_codeartifact_release.publishing.{name}")
    path = Path(str(original.__file__))
    source = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert source.count(old) == 1, f"{path.name} has this text {source.count(old)} times: {old}"
        source = source.replace(old, new)
    module = ModuleType(f"{original.__package__}.{name}_variant_{next(_NUMBERS)}")
    module.__package__ = original.__package__
    module.__file__ = original.__file__
    sys.modules[module.__name__] = module
    exec(compile(source, str(path), "exec"), module.__dict__)
    return module


def short_waits() -> Core:
    """Return the core with short waits."""
    return variant(SETTLE_WAITS=SHORT_WAITS)
