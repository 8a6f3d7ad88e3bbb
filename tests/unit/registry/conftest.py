"""Fixtures of the registry's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pulumi_codeartifact_release import connections


@pytest.fixture(autouse=True)
def _no_session_of_another_test() -> Iterator[None]:
    """Clear the caches of the process: a session keeps the settings of its test."""
    yield
    connections.close()
