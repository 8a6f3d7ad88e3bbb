"""Run a program by the launcher, in the place of this process: launch.py ADDRESS WORDS. It imports little."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import tempfile


def main() -> None:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(sys.argv[1])
        folder = os.getcwd()  # noqa: PTH109 - to import pathlib takes longer than all else
        task = {"words": sys.argv[2:], "cwd": folder, "env": dict(os.environ), "terminal": False}
        with tempfile.TemporaryFile() as file:
            file.write(json.dumps(task).encode())
            file.flush()
            socket.send_fds(connection, [b"start"], [0, 1, 2, file.fileno()])
        connection.recv(20, socket.MSG_WAITALL)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda number, _frame: connection.send(b"%d " % number))
        # The other end of a stream has to see when the program closes it.
        for stream in (0, 1):
            os.close(stream)
        answer = connection.recv(100)
    code = int(answer.split()[0]) if answer else 1
    os._exit(code if code >= 0 else 128 - code)


main()
