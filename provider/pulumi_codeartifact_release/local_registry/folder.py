"""The registry's folder, which anybody who changes a repository may have filled.

    DIR/.codeartifact-release   the mark: made first, and nothing is made or removed where it is missing
    DIR/registry.sqlite3        the tables, and SQLite's journal beside them
    DIR/blobs/                  contents, each named by 64 hex digits
    DIR/uploads/                what is being received, named by 32 hex digits

No link is followed, neither on the way to DIR nor in it. A folder that holds anything else is refused, and left as it
is. The mark proves nothing about what the files hold: it can be committed like any other.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from .failures import StoreError

MARK = ".codeartifact-release"
MARK_TEXT = b"A registry of codeartifact-release. Nothing else belongs in this folder.\n"
DATABASE = "registry.sqlite3"
JOURNAL = f"{DATABASE}-journal"
BLOBS = "blobs"
UPLOADS = "uploads"

_BLOB = re.compile(r"[0-9a-f]{64}")
_UPLOAD = re.compile(r"[0-9a-f]{32}")
_INSIDE = {BLOBS: _BLOB, UPLOADS: _UPLOAD}
_FILES = (MARK, DATABASE, JOURNAL)
_LEFT_ALONE = frozenset({".gitignore", ".gitkeep", ".DS_Store"})
"""What may lie in any folder, put there by git's users and by macOS."""

_WAY = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""A folder on the way needs no permission to be listed, where the system can tell the difference."""
_END = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""How a file of the folder is opened: not through a link, and without waiting for the other end of a pipe."""

_SQLITE_HEADER = b"SQLite format 3\0"
_ROLLBACK_MODE = b"\1\1"
_OTHER_MODE_IN_JOURNAL = re.compile(re.escape(_SQLITE_HEADER) + rb"..(?!\x01\x01)", re.DOTALL)
_JOURNAL_END = bytes.fromhex("d9d505f920a163d7")
"""SQLite's mark at the end of a journal that names another file, which SQLite would read, and may delete."""

_LARGEST_JOURNAL = 1024**3
_BLOCK = 1024**2

_vetted: set[tuple[int, int]] = set()
_vetting = threading.Lock()


def is_blob(name: object) -> bool:
    """Return whether this is the name of a blob: a SHA-256 in hex, and so no path."""
    return isinstance(name, str) and _BLOB.fullmatch(name) is not None


class Folder:
    """The folder of one registry. `path` is absolute."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextlib.contextmanager
    def opened(self, part: str = "", *, create: bool = False) -> Iterator[int]:
        """Give a descriptor of the folder, or of one of the two in it.

        Raises:
            FileNotFoundError: it is not there, and not to be made.
            NotADirectoryError: something else is in its place.
            StoreError: a link is on the way.
        """
        descriptor = self.open(part, create=create)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def open(self, part: str = "", *, create: bool = False) -> int:
        """Return a descriptor as `opened` does; the caller closes it."""
        path = self.path / part
        at = os.open(path.anchor, _WAY)
        try:
            for number, name in enumerate(path.parts[1:], 2):
                flags = _END if number == len(path.parts) else _WAY
                inner = _enter(at, name, flags, path, create=create)
                os.close(at)
                at = inner
        except BaseException:
            os.close(at)
            raise
        return at

    def check(self) -> None:
        """Raise StoreError where the folder holds what no registry has put there. A missing one is in order."""
        try:
            with self.opened() as here:
                for name in _names(here):
                    self._check_entry(here, name)
                marked = self._is_marked(here)
                tables = _look(here, DATABASE)
            inside = {part: list(self._check_inside(part)) for part in _INSIDE}
        except (FileNotFoundError, NotADirectoryError):
            return
        if not marked and not (tables and tables.st_size):
            for part, names in inside.items():
                if names:
                    raise self.foreign(f"{part}/{names[0]}")

    def check_database(self) -> bool:
        """Look at the files that SQLite is about to open; return whether there are tables.

        Raises:
            StoreError: opening them would reach, or make, another file.
        """
        try:
            with self.opened() as here:
                found = _look(here, DATABASE)
                if found is None:
                    return False
                for name in (DATABASE, JOURNAL):
                    self._check_entry(here, name)
                self._check_header(here, found)
                self._check_journal(here)
                return True
        except (FileNotFoundError, NotADirectoryError):
            return False

    def prepare(self, adopt: Callable[[], None]) -> None:
        """Make what is missing of the folder, its mark first; `adopt` raises StoreError for tables that are foreign."""
        with self.opened(create=True) as here:
            if not self._is_marked(here):
                self.check()
                adopt()
                self._make_file(here, MARK, MARK_TEXT)
            for part in _INSIDE:
                _make_folder(here, part)
            if _look(here, DATABASE) is None:
                self._make_file(here, DATABASE, b"")

    def names(self, part: str) -> list[str]:
        """Return the names in `blobs` or `uploads` that are such as only we give them; [] where it is not there."""
        try:
            with self.opened(part) as inside:
                return [name for name in _names(inside) if _INSIDE[part].fullmatch(name)]
        except FileNotFoundError:
            return []

    def foreign(self, what: str) -> StoreError:
        """Return the error for something that is not a registry's."""
        return StoreError(
            f"{self.path} holds {what!r}, which is not a registry's: nothing was touched. "
            "A registry needs a folder of its own; name another."
        )

    def _check_entry(self, here: int, name: str) -> None:
        if name in _LEFT_ALONE:
            return
        if name not in _FILES and name not in _INSIDE:
            raise self.foreign(name)
        found = _look(here, name)
        if found is None:
            return
        if name in _INSIDE:
            if not stat.S_ISDIR(found.st_mode):
                raise self.foreign(name)
        elif not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            # These are written in place, so that another name of the same file would be written, too.
            raise self.foreign(name)

    def _check_inside(self, part: str) -> Iterator[str]:
        """Yield the names in one of the two folders, all of them ours."""
        with contextlib.suppress(FileNotFoundError), self.opened(part) as inside:
            for name in _names(inside):
                found = _look(inside, name)
                if found is None or name in _LEFT_ALONE:
                    continue
                if not _INSIDE[part].fullmatch(name) or not stat.S_ISREG(found.st_mode):
                    raise self.foreign(f"{part}/{name}")
                yield name

    def _is_marked(self, here: int) -> bool:
        found = _look(here, MARK)
        if found is None:
            return False
        self._check_entry(here, MARK)
        content = _read(here, MARK, 0, len(MARK_TEXT) + 1)
        if not MARK_TEXT.startswith(content):  # whoever made it may have been killed before it was whole
            raise self.foreign(MARK)
        return True

    def _check_header(self, here: int, found: os.stat_result) -> None:
        """See that SQLite will use a rollback journal: in the other mode, reading makes files."""
        identity = found.st_dev, found.st_ino
        with _vetting:
            # Once a process, before SQLite has it open: closing a file gives up the locks that SQLite holds on it.
            if identity in _vetted:
                return
            header = _read(here, DATABASE, 0, 100)
            if header and (not header.startswith(_SQLITE_HEADER) or header[18:20] != _ROLLBACK_MODE):
                raise StoreError(f"{self.path / DATABASE} is not the file of an embedded registry.")
            _vetted.add(identity)

    def _check_journal(self, here: int) -> None:
        """See that rolling a killed writer's journal back reaches nothing but the tables."""
        found = _look(here, JOURNAL)
        if found is None or not _read(here, JOURNAL, 0, 1).strip(b"\0"):
            return
        strange = found.st_size > _LARGEST_JOURNAL
        strange = strange or _read(here, JOURNAL, max(0, found.st_size - 8), 8) == _JOURNAL_END
        for offset in range(0, 0 if strange else found.st_size, _BLOCK):
            # A little more than a block: what is looked for may lie across two.
            strange = strange or bool(_OTHER_MODE_IN_JOURNAL.search(_read(here, JOURNAL, offset, _BLOCK + 100)))
        if strange:
            raise StoreError(f"{self.path / JOURNAL} was not written by an embedded registry.")

    @staticmethod
    def _make_file(here: int, name: str, content: bytes) -> None:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with contextlib.suppress(FileExistsError):  # another process was faster
            descriptor = os.open(name, flags, 0o644, dir_fd=here)
            try:
                os.write(descriptor, content)
                if name == DATABASE:
                    made = os.fstat(descriptor)
                    with _vetting:
                        _vetted.add((made.st_dev, made.st_ino))
            finally:
                os.close(descriptor)


def _enter(at: int, name: str, flags: int, path: Path, *, create: bool) -> int:
    try:
        return os.open(name, flags, dir_fd=at)
    except FileNotFoundError:
        if not create:
            raise
        _make_folder(at, name)
        return os.open(name, flags, dir_fd=at)
    except OSError:
        found = _look(at, name)
        if found is not None and stat.S_ISLNK(found.st_mode):
            raise StoreError(f"{path} leads through a symbolic link, {name!r}: name the folder itself.") from None
        raise


def _make_folder(at: int, name: str) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, dir_fd=at)


def _names(at: int) -> list[str]:
    with os.scandir(at) as entries:
        return [entry.name for entry in entries]


def _look(at: int, name: str) -> os.stat_result | None:
    try:
        return os.stat(name, dir_fd=at, follow_symlinks=False)
    except FileNotFoundError:
        return None


def _read(at: int, name: str, offset: int, size: int) -> bytes:
    try:
        descriptor = os.open(name, READ, dir_fd=at)
    except FileNotFoundError:
        return b""
    try:
        return os.pread(descriptor, size, offset)
    finally:
        os.close(descriptor)
