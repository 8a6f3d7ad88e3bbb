"""The registry's folder. It may be part of an untrusted checkout, so its content is checked before it is used.

    DIR/.codeartifact-release   the marker; created first, and without it nothing is created or removed
    DIR/registry.sqlite3        the database, and SQLite's journal beside it
    DIR/blobs/                  asset contents, each named by 64 hex digits
    DIR/uploads/                uploads in progress, each named by 32 hex digits

No symbolic link is followed, neither in the path of DIR nor inside it. A folder that contains anything else is refused
and not changed. The marker does not make the content trusted, because a checkout can contain it too.
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
_SUBFOLDERS = {BLOBS: _BLOB, UPLOADS: _UPLOAD}
_FILES = (MARK, DATABASE, JOURNAL)
_IGNORED = frozenset({".gitignore", ".gitkeep", ".DS_Store"})
"""Files that users of Git, or macOS, put into folders."""

_PARENT_FLAGS = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
"""With O_PATH, parent folders need no read permission."""
_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Flags to open a file: do not follow a link, and do not block on a named pipe."""

_SQLITE_HEADER = b"SQLite format 3\0"
_ROLLBACK_MODE = b"\1\1"
_OTHER_MODE_IN_JOURNAL = re.compile(re.escape(_SQLITE_HEADER) + rb"..(?!\x01\x01)", re.DOTALL)
_JOURNAL_FOLDER_FLAGS = bytes.fromhex("d9d505f920a163d7")
"""The end of a journal that names another file (a super-journal), which SQLite would read and may delete."""

_MAX_JOURNAL_BYTES = 1024**3
_BLOCK = 1024**2

_checked_files: set[tuple[int, int]] = set()
_check_lock = threading.Lock()


def is_blob(name: object) -> bool:
    """Return whether this is the name of a blob: a SHA-256 in hex, which cannot be a path."""
    return isinstance(name, str) and _BLOB.fullmatch(name) is not None


class Folder:
    """The folder of one registry. `path` is absolute."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextlib.contextmanager
    def descriptor(self, part: str = "", *, create: bool = False) -> Iterator[int]:
        """Return a context manager for a descriptor of the folder, or of the subfolder `part`.

        Raises:
            FileNotFoundError: it does not exist, and `create` is False.
            NotADirectoryError: it is not a folder.
            StoreError: a part of the path is a symbolic link.
        """
        descriptor = self.open(part, create=create)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def open(self, part: str = "", *, create: bool = False) -> int:
        """Return a descriptor as `descriptor` does; the caller closes it."""
        path = self.path / part
        at = os.open(path.anchor, _PARENT_FLAGS)
        try:
            for number, name in enumerate(path.parts[1:], 2):
                flags = _FOLDER_FLAGS if number == len(path.parts) else _PARENT_FLAGS
                inner = _enter(at, name, flags, path, create=create)
                os.close(at)
                at = inner
        except BaseException:
            os.close(at)
            raise
        return at

    def check(self) -> None:
        """Raise StoreError if the folder contains anything that is not a registry's. A missing folder is accepted."""
        try:
            with self.descriptor() as here:
                for name in _names(here):
                    self._check_entry(here, name)
                marked = self._is_marked(here)
                tables = _stat(here, DATABASE)
            inside = {part: list(self._check_inside(part)) for part in _SUBFOLDERS}
        except (FileNotFoundError, NotADirectoryError):
            return
        if not marked and not (tables and tables.st_size):
            for part, names in inside.items():
                if names:
                    raise self.foreign_file(f"{part}/{names[0]}")

    def check_database(self) -> bool:
        """Check the files that SQLite is about to open; return whether there is a database.

        Raises:
            StoreError: with these files, SQLite would read or create files elsewhere.
        """
        try:
            with self.descriptor() as here:
                found = _stat(here, DATABASE)
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
        """Create what is missing in the folder, its marker first. `adopt` raises StoreError for a foreign database."""
        with self.descriptor(create=True) as here:
            if not self._is_marked(here):
                self.check()
                adopt()
                self._make_file(here, MARK, MARK_TEXT)
            for part in _SUBFOLDERS:
                _make_folder(here, part)
            if _stat(here, DATABASE) is None:
                self._make_file(here, DATABASE, b"")

    def names(self, part: str) -> list[str]:
        """Return the valid names in `blobs` or `uploads`; [] if the subfolder does not exist."""
        try:
            with self.descriptor(part) as inside:
                return [name for name in _names(inside) if _SUBFOLDERS[part].fullmatch(name)]
        except FileNotFoundError:
            return []

    def foreign_file(self, what: str) -> StoreError:
        """Return the error for a file that is not a registry's."""
        return StoreError(
            f"{self.path} contains {what!r}, which is not part of an embedded registry. Nothing was changed. "
            "Use another folder, with nothing else in it."
        )

    def _check_entry(self, here: int, name: str) -> None:
        if name in _IGNORED:
            return
        if name not in _FILES and name not in _SUBFOLDERS:
            raise self.foreign_file(name)
        found = _stat(here, name)
        if found is None:
            return
        if name in _SUBFOLDERS:
            if not stat.S_ISDIR(found.st_mode):
                raise self.foreign_file(name)
        elif not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
            # These files are written in place, so a write would also change a hard link elsewhere.
            raise self.foreign_file(name)

    def _check_inside(self, part: str) -> Iterator[str]:
        """Yield the names in a subfolder. Raises StoreError for a foreign one."""
        with contextlib.suppress(FileNotFoundError), self.descriptor(part) as inside:
            for name in _names(inside):
                found = _stat(inside, name)
                if found is None or name in _IGNORED:
                    continue
                if not _SUBFOLDERS[part].fullmatch(name) or not stat.S_ISREG(found.st_mode):
                    raise self.foreign_file(f"{part}/{name}")
                yield name

    def _is_marked(self, here: int) -> bool:
        found = _stat(here, MARK)
        if found is None:
            return False
        self._check_entry(here, MARK)
        content = _read(here, MARK, 0, len(MARK_TEXT) + 1)
        if not MARK_TEXT.startswith(content):  # shorter: its writer was killed
            raise self.foreign_file(MARK)
        return True

    def _check_header(self, here: int, found: os.stat_result) -> None:
        """Check that SQLite will use a rollback journal: in WAL mode, even reading creates files."""
        identity = found.st_dev, found.st_ino
        with _check_lock:
            # Once per process, before SQLite opens it: closing a file releases the locks that SQLite holds on it.
            if identity in _checked_files:
                return
            header = _read(here, DATABASE, 0, 100)
            if header and (not header.startswith(_SQLITE_HEADER) or header[18:20] != _ROLLBACK_MODE):
                raise StoreError(f"{self.path / DATABASE} is not the database of an embedded registry.")
            _checked_files.add(identity)

    def _check_journal(self, here: int) -> None:
        """Check that rolling back the journal of a killed writer changes only the database."""
        found = _stat(here, JOURNAL)
        if found is None or not _read(here, JOURNAL, 0, 1).strip(b"\0"):
            return
        suspicious = found.st_size > _MAX_JOURNAL_BYTES
        suspicious = suspicious or _read(here, JOURNAL, max(0, found.st_size - 8), 8) == _JOURNAL_FOLDER_FLAGS
        for offset in range(0, 0 if suspicious else found.st_size, _BLOCK):
            # Overlapping blocks, because a match may extend into the next one.
            suspicious = suspicious or bool(_OTHER_MODE_IN_JOURNAL.search(_read(here, JOURNAL, offset, _BLOCK + 100)))
        if suspicious:
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
                    with _check_lock:
                        _checked_files.add((made.st_dev, made.st_ino))
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
        found = _stat(at, name)
        if found is not None and stat.S_ISLNK(found.st_mode):
            raise StoreError(f"{path} contains the symbolic link {name!r}. Use the real path of the folder.") from None
        raise


def _make_folder(at: int, name: str) -> None:
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, dir_fd=at)


def _names(at: int) -> list[str]:
    with os.scandir(at) as entries:
        return [entry.name for entry in entries]


def _stat(at: int, name: str) -> os.stat_result | None:
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
