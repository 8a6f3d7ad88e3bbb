"""Dev, staging and prod as stacks of one manifest: promotion, approval in git, rollback. See README.md."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from examples.steps import Example, main, step


def story() -> None:
    if not shutil.which("git"):
        sys.exit("this example needs git: a commit approves prod")
    example = Example("promotion")
    # Ignore the user's settings of git, which may require a signature.
    someone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_PAGER": "cat"}
    for role in ("AUTHOR", "COMMITTER"):
        someone |= {f"GIT_{role}_NAME": "Somebody", f"GIT_{role}_EMAIL": "somebody@example.com"}
    example.environ |= someone
    git(example)

    step("Release 1.0.0 to dev; copy it to staging; download and publish it to prod")
    example.run("python", "build.py")
    for stack in ("dev", "staging", "prod"):
        example.release(stack)

    step("Release 1.1.0 to dev and staging; prod is pinned to 1.0.0")
    example.write("VERSION", "1.1.0")
    example.run("git", "commit", "-qam", "payments-api 1.1.0")
    example.run("python", "build.py")
    for stack in ("dev", "staging"):
        example.release(stack)
    example.run("codeartifact-release", "status", "release.yaml")

    step("Approve 1.1.0 for prod: commit its version and digest")
    example.run("python", "pin.py", "prod")
    example.run("git", "diff", "-U0")
    example.run("git", "commit", "-qam", "prod: payments-api 1.1.0")
    example.release("prod")

    step("Roll prod back: revert the commit")
    example.run("git", "revert", "--no-edit", "HEAD")
    example.release("prod")
    example.run("codeartifact-release", "status", "release.yaml")


def git(example: Example) -> None:
    """Make the folder a git repository."""
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "payments-api 1.0.0"]):
        subprocess.run(["git", *words], cwd=example.folder, env=example.environ, check=True)


if __name__ == "__main__":
    main(story)
