"""What the tests of the registry room share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pulumi_codeartifact_release import connections


@pytest.fixture(autouse=True)
def _no_session_of_another_test() -> Iterator[None]:
    """Forget what a process keeps: a session of one test would hold its settings for the next."""
    yield
    connections.close()
