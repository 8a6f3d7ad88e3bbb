"""Fixtures of the registry's tests."""

from __future__ import annotations

from unit.registry.conftest import _no_session_of_another_test

__all__ = ["_no_session_of_another_test"]
