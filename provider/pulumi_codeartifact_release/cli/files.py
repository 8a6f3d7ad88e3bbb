"""Files that the command line writes: whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from ..errors import UsageError


def refuse_unwritable(path: Path, option: str, manifest: Path | None = None) -> None:
    """Raise UsageError if a file cannot be written, or is the manifest: said before anything is done."""
    if manifest and path.exists() and manifest.exists() and path.samefile(manifest):
        raise UsageError(f"{option} {path} is the manifest", hint=f"Choose another file for {option}.")
    if path.is_dir() or not os.access(path.resolve().parent, os.W_OK | os.X_OK):
        reason = "it is a folder" if path.is_dir() else "its folder is not there, or may not be written to"
        raise UsageError(f"{path} cannot be written: {reason}", hint=f"Choose another file for {option}.")


def write_whole(path: Path, text: str, option: str) -> None:
    """Write a file whole or not at all: whoever has the old one open keeps reading that.

    Raises UsageError, naming the `option` that says where.
    """
    # Through a link, so that what it points to is the file, and the link stays.
    target = path.resolve()
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}")
    try:
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
