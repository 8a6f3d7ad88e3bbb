"""A process that has imported everything, and forks for each command line that it is told to run.

What is forked is a process of its own that runs the command from its first line to its end, and that a SIGKILL ends
like any other; only the half second of imports is saved. Reads one JSON document a line; answers each with the
process id, and when that process has ended, with its exit code (negative: the signal that killed it) and the most
memory that it has used, in KiB.
"""

from __future__ import annotations

import gc
import json
import os
import sys


def load_all() -> None:
    import importlib.resources.readers  # noqa: F401

    import boto3  # noqa: F401
    import botocore.auth
    import botocore.httpsession  # noqa: F401
    import jsonschema  # noqa: F401
    import uvicorn.lifespan.off  # noqa: F401

    gc.collect()
    gc.freeze()


def run(task: dict[str, object]) -> None:
    """Become the command: its arguments, folder, environment and streams."""
    from pulumi_codeartifact_release.cli import main

    os.chdir(str(task["folder"]))
    environ = task["environ"]
    assert isinstance(environ, dict)
    os.environ.clear()
    os.environ.update(environ)
    for stream, path, flags in (
        (0, os.devnull, os.O_RDONLY),
        (1, str(task["out"]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
        (2, str(task["err"]), os.O_WRONLY | os.O_CREAT | os.O_TRUNC),
    ):
        descriptor = os.open(path, flags, 0o600)
        os.dup2(descriptor, stream)
        os.close(descriptor)
    words = task["words"]
    assert isinstance(words, list)
    sys.argv = ["codeartifact-release", *words]
    main()


if __name__ == "__main__":
    load_all()
    while line := sys.stdin.readline():
        child = os.fork()
        if child == 0:
            run(json.loads(line))
        print(child, flush=True)
        _, status, usage = os.wait4(child, 0)
        print(os.waitstatus_to_exitcode(status), usage.ru_maxrss, flush=True)
