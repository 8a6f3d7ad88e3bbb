"""The body of an upload: exactly as long as declared, and seekable."""

from __future__ import annotations

import io

import pytest

from pulumi_codeartifact_release.errors import FileChangedError
from pulumi_codeartifact_release.publishing.progress_reader import ProgressReader

MIB = 1 << 20


def test_it_yields_the_content_and_tells_the_position() -> None:
    told: list[int] = []
    content = bytes(range(256)) * 4096 * 3
    body = ProgressReader(io.BytesIO(content), len(content), told.append)
    assert body.read() == content
    assert told == sorted(told)
    assert told[-1] == 3 * MIB


def test_seeking_for_the_length_reports_no_progress() -> None:
    told: list[int] = []
    body = ProgressReader(io.BytesIO(b"abc"), 3, told.append)
    assert body.seek(0, io.SEEK_END) == 3
    assert body.seek(0) == 0
    assert body.read() == b"abc"
    assert told == []


def test_sent_again_it_starts_over_and_tells_so() -> None:
    told: list[int] = []
    body = ProgressReader(io.BytesIO(b"x" * 2 * MIB), 2 * MIB, told.append)
    body.read(2 * MIB)
    body.seek(0)
    assert told[-1] == 0
    assert len(body.read()) == 2 * MIB


def test_content_that_ends_early_is_an_error_and_not_a_wait() -> None:
    body = ProgressReader(io.BytesIO(b"ab"), 3, lambda _count: None)
    with pytest.raises(FileChangedError, match="ended after 2 of 3 bytes"):
        body.read()


def test_content_that_grew_is_cut_at_the_declared_size() -> None:
    assert ProgressReader(io.BytesIO(b"abcdef"), 3, lambda _count: None).read() == b"abc"


class Watched(io.BytesIO):
    """Notes what is done with it; answers at most `most` bytes at a time."""

    def __init__(self, content: bytes, most: int = 1 << 30) -> None:
        super().__init__(content)
        self.done: list[tuple[str, int]] = []
        self._most = most

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.done.append(("seek", offset))
        return super().seek(offset, whence)

    def read(self, size: int | None = -1) -> bytes:
        assert size is not None
        self.done.append(("read", size))
        return super().read(min(size, self._most))


def test_finding_the_length_reads_nothing_and_each_block_is_read_once() -> None:
    file = Watched(b"x" * 5)
    body = ProgressReader(file, 5, lambda _count: None)
    for _ in range(2):
        assert body.seek(0, io.SEEK_END) == 5
        assert body.tell() == 5
        assert body.seek(0) == 0
    assert [body.read(2) for _ in range(4)] == [b"xx", b"xx", b"x", b""]
    assert file.done == [("seek", 0), ("read", 2), ("read", 2), ("read", 1)]


def test_a_step_back_reads_again_from_there() -> None:
    file = Watched(b"abcdef")
    body = ProgressReader(file, 6, lambda _count: None)
    body.read(4)
    body.seek(1)
    assert body.read(2) == b"bc"
    body.seek(-1, io.SEEK_CUR)
    assert body.read(1) == b"c"
    body.seek(9)
    assert (body.tell(), body.read()) == (9, b"")


@pytest.mark.parametrize("most", [1, 3, 100])
def test_read_returns_all_remaining_bytes_even_after_short_reads(most: int) -> None:
    content = bytes(range(10))
    assert ProgressReader(Watched(content, most), 10, lambda _count: None).read() == content
    assert ProgressReader(Watched(content, most), 10, lambda _count: None).readall() == content
    assert ProgressReader(Watched(content, most), 10, lambda _count: None).read(None) == content
    buffered = io.BufferedReader(ProgressReader(Watched(content, most), 10, lambda _count: None), 4)
    assert buffered.read() == content


def test_it_reads_into_a_buffer_as_well() -> None:
    body = ProgressReader(io.BytesIO(b"abcdef"), 5, lambda _count: None)
    buffer = bytearray(4)
    assert body.readinto(memoryview(buffer)) == 4
    assert buffer == b"abcd"
    assert body.readinto(memoryview(buffer)) == 1
    assert buffer == b"ebcd"
    assert body.readinto(memoryview(buffer)) == 0
