"""Twelve packages of one repository: all to dev, then one changed service, then all to staging. See README.md."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from examples.steps import Example, main, step


def story() -> None:
    example = Example("monorepo")
    step("Release twelve packages of four services to dev")
    example.run("python", "build.py")
    example.release("dev")

    step("Release one changed service: two new versions, ten packages unchanged")
    example.write("src/orders/VERSION", "2.1.0")
    example.run("python", "build.py")
    example.release("dev")

    step("Promote dev to staging, without the files")
    example.run("rm", "-r", "build")
    example.release("staging")
    example.run("codeartifact-release", "status", "release.yaml", "--html", "status.html")


if __name__ == "__main__":
    main(story)
