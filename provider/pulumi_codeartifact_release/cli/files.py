"""Files that the command line writes: whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError

if TYPE_CHECKING:
    from ..manifest import Manifest


def released_files(manifest: Manifest) -> dict[str, Path | None]:
    """Return the files of a release, for `refuse_unwritable`."""
    return {
        f"a file of the release ({file.declared})": file.path for package in manifest.packages for file in package.files
    }


def refuse_unwritable(path: Path, option: str, others: Mapping[str, Path | None]) -> None:
    """Raise UsageError if a file cannot be written, or is one of the `others` (what it is -> its path).

    Asked before anything is done: what would be lost is not lost then.
    """
    hint = f"Choose another file for {option}."
    if str(path) == "-":
        raise UsageError(f"{option} - names no file", hint=hint)
    try:
        # A release may have thousands of files: what is asked of this one is asked once.
        there, target = path.exists(), path.resolve()
        for what, other in others.items():
            if other and (path.samefile(other) if there and other.exists() else target == other.resolve()):
                raise UsageError(f"{option} {path} is {what}", hint=hint)
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}", hint=hint) from error
    if path.is_dir() or not os.access(target.parent, os.W_OK | os.X_OK):
        reason = "it is a folder" if path.is_dir() else "its folder is not there, or may not be written to"
        raise UsageError(f"{path} cannot be written: {reason}", hint=hint)


def write_whole(path: Path, text: str, option: str) -> None:
    """Write a file whole or not at all: whoever has the old one open keeps reading that.

    What is no file, such as /dev/null or a pipe, is written to and stays what it is. Raises UsageError, naming the
    `option` that says where.
    """
    # Through a link, so that what it points to is the file, and the link stays.
    target = path.resolve()
    import secrets  # noqa: PLC0415 - few runs write a file

    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
        if path.exists() and not target.is_file():
            with path.open("w", encoding="utf-8", newline="\n") as file:
                file.write(text)
            return
        try:
            with temporary.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror or error}", hint=f"Choose another file for {option}."
        ) from error
