"""Twelve packages of one repository: released to dev, one changed service alone, then all to staging. See README.md."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from examples.steps import Example, main, step


def story() -> None:
    example = Example("monorepo")
    step("Twelve packages of four services go to dev")
    example.run("python", "build.py")
    example.release("dev")

    step("One service changed: two packages have a new version, ten are left alone")
    example.write("src/orders/VERSION", "2.1.0")
    example.run("python", "build.py")
    example.release("dev")

    step("What dev holds goes to staging: no file is needed any more")
    example.run("rm", "-r", "build")
    example.release("staging")
    example.run("codeartifact-release", "status", "release.yaml", "--html", "status.html")


if __name__ == "__main__":
    main(story)
