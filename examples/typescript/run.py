"""A TypeScript program that publishes, promotes, and downloads what it promoted. See README.md."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from examples.steps import Example, main, step


def story() -> None:
    example = Example("typescript")
    if not example.cli:
        sys.exit("this example needs the Pulumi CLI: https://www.pulumi.com/docs/install/")
    path = example.environ["PATH"]
    for program in ("node", "npm", "pulumi-language-nodejs"):
        if not shutil.which(program, path=path):
            sys.exit(f"this example needs {program}, which is not on PATH")
    plugin = Path(sys.executable).with_name("pulumi-resource-codeartifact-release")
    if not plugin.exists():
        sys.exit(f"this example needs {plugin}: run `make demo` first")

    step("An SDK for TypeScript, generated from the provider")
    example.run("pulumi", "package", "gen-sdk", str(plugin), "--language", "nodejs", "--out", "sdk")
    example.run("npm", "install", "--no-audit", "--no-fund", "--loglevel=error")

    step("Publish a zip, promote it, and download it verified")
    example.run("python", "build.py")
    example.run("pulumi", "stack", "init", "dev")
    example.run("pulumi", "preview", "-s", "dev")
    example.release("dev")

    step("Nothing changes in the second run")
    example.release("dev", "--expect-no-changes")

    step("The zip that was downloaded")
    example.run("pulumi", "stack", "output", "zip", "-s", "dev")


if __name__ == "__main__":
    main(story)
