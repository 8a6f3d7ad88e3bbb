"""The body of an upload: as long as declared, and seekable."""

from __future__ import annotations

import io

import pytest

from pulumi_codeartifact_release.errors import FileChangedError
from pulumi_codeartifact_release.publishing.counted import CountedBody

MIB = 1 << 20


def test_it_yields_the_content_and_tells_the_position() -> None:
    told: list[int] = []
    content = bytes(range(256)) * 4096 * 3
    body = CountedBody(io.BytesIO(content), len(content), told.append)
    assert body.read() == content
    assert told == sorted(told)
    assert told[-1] == 3 * MIB


def test_the_length_is_found_by_seeking_without_telling_anything() -> None:
    told: list[int] = []
    body = CountedBody(io.BytesIO(b"abc"), 3, told.append)
    assert body.seek(0, io.SEEK_END) == 3
    assert body.seek(0) == 0
    assert body.read() == b"abc"
    assert told == []


def test_sent_again_it_starts_over_and_tells_so() -> None:
    told: list[int] = []
    body = CountedBody(io.BytesIO(b"x" * 2 * MIB), 2 * MIB, told.append)
    body.read(2 * MIB)
    body.seek(0)
    assert told[-1] == 0
    assert len(body.read()) == 2 * MIB


def test_content_that_ends_early_is_an_error_and_not_a_wait() -> None:
    body = CountedBody(io.BytesIO(b"ab"), 3, lambda _count: None)
    with pytest.raises(FileChangedError, match="ended after 2 of 3 bytes"):
        body.read()


def test_content_that_grew_is_cut_at_the_declared_size() -> None:
    assert CountedBody(io.BytesIO(b"abcdef"), 3, lambda _count: None).read() == b"abc"
