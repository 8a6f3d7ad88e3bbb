"""Oversized assets are refused before anything is hashed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulumi_codeartifact_release.errors import QuotaExceededError, UsageError
from pulumi_codeartifact_release.publishing import refuse_oversized

SETTING = "CODEARTIFACT_RELEASE_MAX_ASSET_SIZE"


def sparse(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
    return path


def test_every_asset_over_the_quota_is_named(tmp_path: Path) -> None:
    files = {
        "small": sparse(tmp_path / "small", 100),
        "just.bin": sparse(tmp_path / "just", 5 << 30),
        "over.bin": sparse(tmp_path / "over", (5 << 30) + 1),
        "more.bin": sparse(tmp_path / "more", 6 << 30),
    }
    with pytest.raises(QuotaExceededError) as caught:
        refuse_oversized(files, {})
    assert str(caught.value).startswith(
        "2 assets are over the quota of 5,368,709,120 bytes:\n"
        "  over.bin: 5,368,709,121 bytes\n  more.bin: 6,442,450,944 bytes\n"
    )
    assert caught.value.exit_code == 4


def test_the_quota_can_be_overridden(tmp_path: Path) -> None:
    files = {"a": sparse(tmp_path / "a", 1000)}
    refuse_oversized(files, {SETTING: "1000"})
    with pytest.raises(QuotaExceededError, match="1 asset is over the quota of 999 bytes"):
        refuse_oversized(files, {SETTING: "999"})
    for text in ("0", "-1", "5GB"):
        with pytest.raises(UsageError, match=SETTING):
            refuse_oversized(files, {SETTING: text})


def test_a_missing_file_is_not_reported_here(tmp_path: Path) -> None:
    refuse_oversized({"a": tmp_path / "missing"}, {})
