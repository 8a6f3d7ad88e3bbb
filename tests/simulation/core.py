"""The executor as it is, with shorter patience, or broken on purpose."""

from __future__ import annotations

import sys
from importlib import import_module
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any, cast

from .publisher import Apply

_NUMBERS = count()

SHORT = (0.1, 0.2, 0.4)
"""Waits before a run gives up: three, not seven. The same code, far fewer states."""


def variant(*changes: tuple[str, str], **names: Any) -> Apply:
    """Return `apply` from a copy of its module: every text in `changes` replaced, then `names` set.

    A text that is not there exactly once is an error: a mutant that mutates nothing proves nothing.
    """
    original = import_module("pulumi_codeartifact_release.publishing.apply")
    path = Path(str(original.__file__))
    source = path.read_text(encoding="utf-8")
    for old, new in changes:
        assert source.count(old) == 1, f"{path.name} has {source.count(old)} times: {old}"
        source = source.replace(old, new)
    module = ModuleType(f"{original.__package__}.apply_variant_{next(_NUMBERS)}")
    module.__package__ = original.__package__
    module.__file__ = original.__file__
    sys.modules[module.__name__] = module
    exec(compile(source, str(path), "exec"), module.__dict__)
    for name, value in names.items():
        assert hasattr(module, name), f"{path.name} has no {name}"
        setattr(module, name, value)
    return cast(Apply, module.apply)


def impatient() -> Apply:
    """Return `apply` with short patience."""
    return variant(SETTLE_WAITS=SHORT)
