"""Three packages as one release: published, promoted, downloaded and rolled back together. See README.md."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from examples.steps import Example, main, step


def story() -> None:
    example = Example("bundle")
    step("Release three packages to dev as one bundle, and promote it")
    example.run("python", "build.py")
    for stack in ("dev", "staging", "prod"):
        example.release(stack)

    step("Release 1.1.0 to dev and staging; approve it for prod with one pin")
    pinned = (example.folder / "release.yaml").read_text()
    example.write("VERSION", "1.1.0")
    example.run("python", "build.py")
    for stack in ("dev", "staging"):
        example.release(stack)
    example.run("codeartifact-release", "pin", "release.yaml", "-e", "prod")
    example.release("prod")

    step("Roll prod back: restore the pin, as a revert in git does")
    (example.folder / "release.yaml").write_text(pinned)
    example.release("prod")

    step("Download all packages of the bundle from prod")
    example.run("codeartifact-release", "download", "release.yaml", "-e", "prod", "--to", "installed")
    example.run("python", "installed/shop/api/api.pyz")


if __name__ == "__main__":
    main(story)
