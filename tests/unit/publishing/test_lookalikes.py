"""Names with the same NFC form: a registry may hold both, and the declared one must not hide the other."""

from __future__ import annotations

import pytest

from pulumi_codeartifact_release.errors import ConflictError, LeftoverAssetsError
from pulumi_codeartifact_release.publishing import apply, digest
from pulumi_codeartifact_release.registry import Status
from support.fakes import AT, FakeRegistry, InlineScheduler, asset, asset_contents, release

COMPOSED, DECOMPOSED = "\uac00.zip", "\u1100\u1161.zip"
DECLARED = {COMPOSED: b"ours", "b.zip": b"b"}


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(
    ("status", "error"), [(Status.UNFINISHED, LeftoverAssetsError), (Status.PUBLISHED, ConflictError)]
)
def test_an_undeclared_asset_is_not_hidden_by_a_lookalike_name(
    status: Status, error: type[Exception], order: int
) -> None:
    registry = FakeRegistry()
    both = [(COMPOSED, b"ours"), (DECOMPOSED, b"theirs")][::order]
    registry.holds({**dict(both), "b.zip": b"b"}, status)
    with pytest.raises(error):
        list(apply(release(DECLARED), asset_contents(DECLARED), registry, InlineScheduler()))
    assert registry.writes == []
    assert registry.versions[AT].status is status


def test_an_asset_in_another_unicode_form_is_the_declared_one() -> None:
    registry = FakeRegistry()
    registry.holds({DECOMPOSED: b"ours", "b.zip": b"b"}, Status.PUBLISHED)
    list(apply(release(DECLARED), asset_contents(DECLARED), registry, InlineScheduler()))
    assert registry.writes == []


def test_lookalike_names_are_distinct_in_the_digest() -> None:
    one = [asset(COMPOSED, b"x")]
    assert digest(one) != digest([*one, asset(DECOMPOSED, b"x")])
