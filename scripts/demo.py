"""`make demo`: releases real files with `pulumi up`, runs it again to show that nothing changes, and promotes them.

It works in the folder .demo, which it empties first. Without the Pulumi CLI, and if that cannot be installed, it uses
`codeartifact-release apply`.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from examples.quickstart.build import build  # noqa: E402 - importable after the line above
from examples.steps import Example, main, step  # noqa: E402
from scripts import pulumi_cli  # noqa: E402

DEMO = ROOT / ".demo"


def story() -> None:
    example = Example("quickstart", into=DEMO, cli=pulumi_cli.find() or install_cli())
    step("Build the files to release: this project's sdist, wheel and checksums")
    build(example.folder / "dist")
    for path in sorted((example.folder / "dist").iterdir()):
        print(f"{path.stat().st_size:>9,} bytes  {path.name}")

    step("First run: upload all assets as unfinished, then publish in one call")
    example.release("dev")
    if example.cli:
        step("Second run: nothing changed, so there is no request to the registry")
        example.release("dev", "--expect-no-changes")
    else:
        step("Second run: nothing changed")
        example.release("dev")

    step("Promotion: staging gets the same bytes as dev")
    example.release("staging")
    example.run("codeartifact-release", "status", "release.yaml")
    compare(example.folder / ".registry")
    step("Next: release your own files")
    print(f"  cd YOUR-FOLDER && {Path(sys.executable).with_name('codeartifact-release')} init")


def install_cli() -> Path | None:
    from pulumi.automation import PulumiCommand  # noqa: PLC0415 - only without a CLI

    step("The Pulumi CLI is not installed: installing it in ~/.pulumi")
    try:
        return Path(PulumiCommand.install().command)
    except Exception as error:  # noqa: BLE001 - for any reason, the demo continues without it
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        print(f"  It cannot be installed ({reason}). Using `codeartifact-release apply` instead.")
        return None


def compare(registry: Path) -> None:
    """Download the packages of both environments with plain boto3, and compare them."""
    import boto3  # noqa: PLC0415 - only needed here

    from pulumi_codeartifact_release.local_registry import start  # noqa: PLC0415
    from pulumi_codeartifact_release.registry.isolated_session import isolated_session  # noqa: PLC0415

    step("The same bytes in both environments, downloaded with boto3 (SHA-256)")
    os.environ["NO_PROXY"] = "127.0.0.1"
    with start(registry) as server:
        key = server.credentials()
        session = boto3.Session(botocore_session=isolated_session(key.access_key_id, key.secret_access_key))
        client = session.client("codeartifact", region_name="us-east-1", endpoint_url=server.url)
        dev, staging = (download(client, repository) for repository in ("dev", "staging"))
    print(f"  {'dev':<12}  staging")
    for name in sorted({*dev, *staging}):
        print(f"  {dev.get(name, '-'):.12}  {staging.get(name, '-'):.12}  {name}")
    if not dev or dev != staging:
        sys.exit("dev and staging do not have the same bytes")


def download(client: Any, repository: str) -> dict[str, str]:
    """Return asset name -> SHA-256 of the download, for all Published versions in a repository."""
    place = {"domain": "quickstart", "repository": repository, "format": "generic", "namespace": "quickstart"}
    hashes = {}
    for package in client.list_packages(domain="quickstart", repository=repository)["packages"]:
        name = package["package"]
        for version in client.list_package_versions(**place, package=name, status="Published")["versions"]:
            one = {**place, "package": name, "packageVersion": version["version"]}
            for asset in client.list_package_version_assets(**one)["assets"]:
                with client.get_package_version_asset(**one, asset=asset["name"])["asset"] as body:
                    hashes[asset["name"]] = hashlib.sha256(body.read()).hexdigest()
    return hashes


if __name__ == "__main__":
    main(story)
