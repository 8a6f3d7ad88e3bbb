"""The executor as it is, with shorter patience, or broken on purpose."""

from __future__ import annotations

import sys
from importlib import import_module
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

from .spec import Core

_NUMBERS = count()

SHORT = (0.1, 0.2, 0.4)
"""Waits before a run gives up: three, not seven. The same code, far fewer states."""


def variant(
    *changes: tuple[str, str],
    promotion_source: tuple[tuple[str, str], ...] = (),
    read_version: tuple[tuple[str, str], ...] = (),
    upload: tuple[tuple[str, str], ...] = (),
    **names: Any,
) -> Core:
    """Return the core from a copy of `apply`: every text in `changes` replaced, then `names` set.

    The other parameters do the same for the modules of their names.
    """
    apply_copy = _copied("apply", changes)
    reader_copy = _copied("read_version", read_version)
    for name, value in names.items():
        assert hasattr(apply_copy, name), f"apply has no {name}"
        setattr(apply_copy, name, value)
    reader_copy.SETTLE_WAITS = names.get("SETTLE_WAITS", reader_copy.SETTLE_WAITS)
    source_copy = _copied("promotion_source", promotion_source)
    source_copy.read_version = apply_copy.read_version = reader_copy.read_version
    apply_copy.Uploader = _copied("upload", upload).Uploader
    return Core(apply_copy.apply, reader_copy.read_version, source_copy.PromotionSource, source_copy.choose_candidate)


def _copied(name: str, changes: tuple[tuple[str, str], ...]) -> Any:
    """Return a copy of a module, changed.

    A text that is not there exactly once is an error: a mutant that mutates nothing proves nothing.
    """
    original = import_module(f"pulumi_codeartifact_release.publishing.{name}")
    path = Path(str(original.__file__))
    source = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert source.count(old) == 1, f"{path.name} has {source.count(old)} times: {old}"
        source = source.replace(old, new)
    module = ModuleType(f"{original.__package__}.{name}_variant_{next(_NUMBERS)}")
    module.__package__ = original.__package__
    module.__file__ = original.__file__
    sys.modules[module.__name__] = module
    exec(compile(source, str(path), "exec"), module.__dict__)
    return module


def impatient() -> Core:
    """Return the core with short patience."""
    return variant(SETTLE_WAITS=SHORT)
