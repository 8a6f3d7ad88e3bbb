"""A preview that follows three policies, and previews that violate them. See README.md."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from examples.steps import ROOT, Example, main, step

PACK = "../.."


def story() -> None:
    example = Example("policy/project", ROOT / "examples" / "policy" / ".run")
    if not example.cli:
        sys.exit("this example needs the Pulumi CLI: https://www.pulumi.com/docs/install/")
    for stack in ("dev", "prod"):
        example.run("pulumi", "stack", "init", stack)

    step("A release that follows all policies")
    example.run("pulumi", "preview", "-s", "dev", "--policy-pack", PACK)

    step("A version named latest, without an SBOM, violates two policies")
    example.write("VERSION", "Latest")
    example.run("mv", "files/payments-api.cdx.json", ".")
    refused(example, "pulumi", "preview", "-s", "dev", "--policy-pack", PACK)

    step("1.4.2 with its SBOM, in dev and staging: prod may promote it from staging")
    example.write("VERSION", "1.4.2")
    example.run("mv", "payments-api.cdx.json", "files")
    for environment in ("dev", "staging"):
        example.run("codeartifact-release", "apply", "release.yaml", "-e", environment, "--yes")
    example.run("pulumi", "preview", "-s", "prod", "--policy-pack", PACK)

    step("prod may not promote it from dev")
    example.run("sed", "-i.bak", "s/promoteFrom: staging/promoteFrom: dev/", "release.yaml")
    refused(example, "pulumi", "preview", "-s", "prod", "--policy-pack", PACK)


def refused(example: Example, *words: str) -> None:
    """Run a command that a policy must refuse."""
    try:
        example.run(*words)
    except subprocess.CalledProcessError:
        return
    sys.exit("this violates a policy, but was not refused")


if __name__ == "__main__":
    main(story)
