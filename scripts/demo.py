"""`make demo`: release real files with `pulumi up`, run it again to see that nothing changes, promote them.

Everything that it makes is in .demo, which it empties first. Where the Pulumi CLI is missing and cannot be installed,
it does the same with `codeartifact-release apply`.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from examples.quickstart.build import build  # noqa: E402 - found now
from examples.steps import Example, main, step  # noqa: E402
from scripts import pulumi_cli  # noqa: E402

DEMO = ROOT / ".demo"


def story() -> None:
    example = Example("quickstart", into=DEMO, cli=pulumi_cli.find() or install_cli())
    step("Building what will be released: this project's own sdist, wheel, checksums")
    build(example.folder / "dist")
    for path in sorted((example.folder / "dist").iterdir()):
        print(f"{path.stat().st_size:>9,} bytes  {path.name}")

    step("First run: all is sent as unfinished, then one last call publishes it")
    example.release("dev")
    if example.cli:
        step("Second run: nothing has changed, and the registry is not even asked")
        example.release("dev", "--expect-no-changes")
    else:
        step("Second run: nothing has changed")
        example.release("dev")

    step("Promotion: staging takes over the very bytes that dev holds")
    example.release("staging")
    example.run("codeartifact-release", "status", "release.yaml")
    compare(example.folder / ".registry")


def install_cli() -> Path | None:
    from pulumi.automation import PulumiCommand  # noqa: PLC0415 - only where there is no CLI

    step("The Pulumi CLI is not on this machine: installing it below ~/.pulumi")
    try:
        return Path(PulumiCommand.install().command)
    except Exception as error:  # noqa: BLE001 - whatever the reason, there is another way
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        print(f"  It cannot be installed here ({reason}): `codeartifact-release apply` does the same without it.")
        return None


def compare(registry: Path) -> None:
    """Download all that both environments hold with plain boto3, as any other program would."""
    import boto3  # noqa: PLC0415 - nothing before needs it

    from pulumi_codeartifact_release.local_registry import start  # noqa: PLC0415
    from pulumi_codeartifact_release.registry.isolated import isolated_session  # noqa: PLC0415

    step("The same bytes in both, as plain boto3 downloads them (SHA-256)")
    os.environ["NO_PROXY"] = "127.0.0.1"
    with start(registry) as server:
        key = server.credentials()
        session = boto3.Session(botocore_session=isolated_session(key.access_key_id, key.secret_access_key))
        client = session.client("codeartifact", region_name="us-east-1", endpoint_url=server.url)
        dev, staging = (downloaded(client, repository) for repository in ("dev", "staging"))
    print(f"  {'dev':<12}  staging")
    for name in sorted({*dev, *staging}):
        print(f"  {dev.get(name, '-'):.12}  {staging.get(name, '-'):.12}  {name}")
    if not dev or dev != staging:
        sys.exit("dev and staging do not hold the same bytes")


def downloaded(client: Any, repository: str) -> dict[str, str]:
    """Asset name -> SHA-256 of what comes, for all that is Published in a repository."""
    place = {"domain": "quickstart", "repository": repository, "format": "generic", "namespace": "quickstart"}
    found = {}
    for package in client.list_packages(domain="quickstart", repository=repository)["packages"]:
        name = package["package"]
        for version in client.list_package_versions(**place, package=name, status="Published")["versions"]:
            one = {**place, "package": name, "packageVersion": version["version"]}
            for asset in client.list_package_version_assets(**one)["assets"]:
                with client.get_package_version_asset(**one, asset=asset["name"])["asset"] as body:
                    found[asset["name"]] = hashlib.sha256(body.read()).hexdigest()
    return found


if __name__ == "__main__":
    main(story)
