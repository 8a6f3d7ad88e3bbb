"""A program at a terminal, and all that it prints there."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from fcntl import ioctl
from pathlib import Path
from typing import Any

from .launcher import Process, launcher


def at_a_terminal(
    words: Sequence[str | Path],
    folder: Path,
    environ: Mapping[str, str],
    *,
    columns: int,
    answer: bytes = b"",
    answers: Sequence[tuple[bytes, bytes | signal.Signals]] = (),
    seconds: float = 100,
) -> tuple[int, str]:
    """Run a program at a terminal of so many columns; returns its exit code and what it printed.

    `answer` is typed at once; each of `answers` (or the signal sent) when its question has been printed.
    """
    open_questions = list(answers)
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    kept = {name: value for name, value in environ.items() if name not in ("COLUMNS", "LINES", "CI")}
    printed = b""
    process = _start(words, folder, {**kept, "TERM": "xterm"}, theirs)
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
        if open_questions and open_questions[0][0] in printed:
            _, typed = open_questions.pop(0)
            # The question is there before what is typed is listened to.
            time.sleep(0.2)
            process.send_signal(typed) if isinstance(typed, signal.Signals) else os.write(ours, typed)
        if not part and process.poll() is not None:
            break
    else:
        process.kill()
    code = process.wait(timeout=20)
    os.close(ours)
    return code, printed.decode(errors="replace")


def _start(
    words: Sequence[str | Path], folder: Path, environ: Mapping[str, str], terminal: int
) -> Process | subprocess.Popen[bytes]:
    streams: dict[str, Any] = {"stdin": terminal, "stdout": terminal, "stderr": terminal}
    if Path(words[0]).name == "codeartifact-release":
        return launcher().start(words, cwd=folder, env=environ, terminal=True, **streams)
    return subprocess.Popen(
        [str(word) for word in words],
        cwd=folder,
        env=environ,
        **streams,
        start_new_session=True,
        # Its own terminal, so that /dev/tty is this one.
        preexec_fn=lambda: ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
    )


def unstyled(text: str) -> str:
    """Return text without colours and movements."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "")
