"""A program at a terminal, and all that it prints there."""

from __future__ import annotations

import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from fcntl import ioctl
from pathlib import Path


def at_a_terminal(
    words: Sequence[str | Path],
    folder: Path,
    environ: Mapping[str, str],
    *,
    columns: int,
    answer: bytes = b"",
    seconds: float = 100,
) -> tuple[int, str]:
    """Run a program at a terminal of so many columns; returns its exit code and what it printed."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    kept = {name: value for name, value in environ.items() if name not in ("COLUMNS", "LINES", "CI")}
    printed = b""
    with subprocess.Popen(
        [str(word) for word in words],
        cwd=folder,
        env={**kept, "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        if answer:
            os.write(ours, answer)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            ready, _, _ = select.select([ours], [], [], 0.5)
            try:
                part = os.read(ours, 65536) if ready else b""
            except OSError:
                # The other end is closed.
                break
            printed += part
            if not part and process.poll() is not None:
                break
        else:
            process.kill()
        code = process.wait(timeout=20)
    os.close(ours)
    return code, printed.decode(errors="replace")


def unstyled(text: str) -> str:
    """Return text without colours and movements."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "")
