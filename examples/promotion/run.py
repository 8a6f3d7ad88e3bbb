"""Dev, staging and prod, each a stack of one manifest: promoted, approved in git, rolled back. See README.md."""

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
        sys.exit("git is needed: prod is approved by a commit")
    example = Example("promotion")
    # Nobody in particular, and nobody's settings: a user's might ask for a signature.
    someone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_PAGER": "cat"}
    for role in ("AUTHOR", "COMMITTER"):
        someone |= {f"GIT_{role}_NAME": "Somebody", f"GIT_{role}_EMAIL": "somebody@example.com"}
    example.environ |= someone
    git(example)

    step("1.0.0 to dev; to staging, copied; to prod, downloaded and published")
    example.run("python", "build.py")
    for stack in ("dev", "staging", "prod"):
        example.release(stack)

    step("1.1.0 to dev and staging; prod is pinned and stays where it is")
    example.write("VERSION", "1.1.0")
    example.run("git", "commit", "-qam", "payments-api 1.1.0")
    example.run("python", "build.py")
    for stack in ("dev", "staging"):
        example.release(stack)
    example.run("codeartifact-release", "status", "release.yaml")

    step("1.1.0 is approved for prod: by a commit that names version and digest")
    example.run("python", "pin.py", "prod")
    example.run("git", "diff", "-U0")
    example.run("git", "commit", "-qam", "prod: payments-api 1.1.0")
    example.release("prod")

    step("Prod is rolled back: the commit is reverted")
    example.run("git", "revert", "--no-edit", "HEAD")
    example.release("prod")
    example.run("codeartifact-release", "status", "release.yaml")


def git(example: Example) -> None:
    """A repository of its own, as the folder of a project is one."""
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "payments-api 1.0.0"]):
        subprocess.run(["git", *words], cwd=example.folder, env=example.environ, check=True)


if __name__ == "__main__":
    main(story)
