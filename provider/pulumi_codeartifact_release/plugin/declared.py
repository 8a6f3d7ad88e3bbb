"""The versions that the resources of one run declare, so that no resource retires what another one declares.

declared = DeclaredVersions("127.0.0.1:40001")
declared.add(urn, inputs)
declared.with_same_names(inputs)        # those of all processes of the run

The engine starts a process per provider. They share a file in a private folder, named after the engine's address. Each
process holds a lock on it until it ends, so the first process of a run finds no lock and empties the file.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import stat
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ..hashing import default_folder
from .state import Inputs

_MAX_AGE_S = 24 * 3600


class DeclaredVersions:
    """The inputs of resources, by domain, repository, package and version. Never raises. Thread-safe."""

    def __init__(self, engine_address: str | None, folder: Path | None = None) -> None:
        """Open the file of the engine in `folder`. Without an engine, or without a file, only this process is known."""
        self._lock = threading.Lock()
        self._inputs: dict[object, dict[str, Inputs]] = {}
        self._ignored: list[Inputs] = []
        self._file: int | None = None
        if engine_address:
            with contextlib.suppress(OSError):
                self._file = _open(folder or default_folder() / "runs", engine_address)

    def add(self, urn: str, inputs: Inputs) -> Mapping[str, Inputs]:
        """Record the inputs of a resource. Return those of others in this process with the same names, by URN."""
        with self._lock:
            same_names = self._inputs.setdefault(_names(inputs), {})
            others = {name: other for name, other in same_names.items() if name != urn}
            is_new = same_names.get(urn) != inputs
            same_names[urn] = inputs
            if is_new:
                self._write(inputs)
        return others

    def add_ignored(self, inputs: Inputs) -> None:
        """Record a resource that `ignore_changes` keeps as it is in state. Its URN is unknown."""
        with self._lock:
            self._ignored.append(inputs)
            self._write(inputs)

    def with_same_names(self, inputs: Inputs) -> list[Inputs]:
        """Return the inputs with the same domain, repository, package and version, in any registry."""
        names = _names(inputs)
        with self._lock:
            own = [*self._inputs.get(names, {}).values(), *(each for each in self._ignored if _names(each) == names)]
            lines = _lines(self._file) if self._file is not None else []
        return own + [other for line in lines if (other := _parse(line)) and _names(other) == names]

    def _write(self, inputs: Inputs) -> None:
        if self._file is not None:
            line = json.dumps(inputs.properties(), separators=(",", ":")) + "\n"
            with contextlib.suppress(OSError):
                os.write(self._file, line.encode())


def _names(inputs: Inputs) -> object:
    # Without owner, region and endpoint, which have many names.
    return replace(inputs.coordinates, domain_owner=None)


def _open(folder: Path, engine_address: str) -> int:
    """Return the descriptor of the run's file, locked. Raises OSError if somebody else could write to it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    info = folder.lstat()
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid() or info.st_mode & 0o077:
        raise PermissionError(folder)
    _remove_old(folder)
    name = hashlib.sha256(engine_address.encode()).hexdigest()[:32]
    file = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # No other process has it, so it is from an earlier run of an engine with the same address.
        os.ftruncate(file, 0)
    except BlockingIOError:
        pass
    fcntl.flock(file, fcntl.LOCK_SH)
    return file


def _remove_old(folder: Path) -> None:
    for path in folder.iterdir():
        with contextlib.suppress(OSError):
            if path.lstat().st_mtime < time.time() - _MAX_AGE_S:
                path.unlink()


def _lines(file: int) -> list[bytes]:
    with contextlib.suppress(OSError):
        return os.pread(file, os.fstat(file).st_size, 0).splitlines()
    return []


def _parse(line: bytes) -> Inputs | None:
    # Another process may be writing the last line.
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return Inputs.of(json.loads(line))
    return None
