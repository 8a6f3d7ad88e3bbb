"""Your own program with two stacks: dev publishes, prod promotes the version in dev's outputs. See README.md."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from examples.steps import Example, main, step


def story() -> None:
    example = Example("own-program")
    if not example.cli:
        sys.exit("this example needs the Pulumi CLI: https://www.pulumi.com/docs/install/")
    step("dev publishes, and promotes to staging in the same run")
    example.release("dev")

    step("prod promotes the version in the outputs of dev, to another domain")
    example.release("prod")

    step("The same bytes in both: one hash over all assets")
    for stack in ("dev", "prod"):
        example.run("pulumi", "stack", "output", "digest", "-s", stack)


if __name__ == "__main__":
    main(story)
