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
    origin: tuple[tuple[str, str], ...] = (),
    upload: tuple[tuple[str, str], ...] = (),
    **names: Any,
) -> Core:
    """Return the core from a copy of `apply`: every text in `changes` replaced, then `names` set.

    So it is with `origin` and `upload` and the modules of those names.
    """
    applying = _copied("apply", changes)
    for name, value in names.items():
        assert hasattr(applying, name), f"apply has no {name}"
        setattr(applying, name, value)
    originating: Any = _copied("origin", origin)
    originating.look = applying.look
    applying.Uploader = _copied("upload", upload).Uploader
    return Core(applying.apply, applying.look, originating.Origin, originating.choose)


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
