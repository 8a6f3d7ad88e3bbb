"""`make demo`: release real files with `pulumi up`, run it again to see that nothing changes, show what is where.

Everything that it makes is in .demo, which it empties first. Where the Pulumi CLI is missing and cannot be installed,
it does the same with `codeartifact-release apply`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from examples.quickstart.build import HERE, build  # noqa: E402
from scripts import pulumi_cli  # noqa: E402

DEMO = ROOT / ".demo"
PROGRAM = DEMO / "program"
BIN = Path(sys.executable).parent


def main() -> None:
    shutil.rmtree(DEMO, ignore_errors=True)
    say("Building what will be released: this project's own sdist, wheel and checksums")
    build(PROGRAM / "dist")
    shutil.copy(HERE / "release.yaml", PROGRAM)
    for path in sorted((PROGRAM / "dist").iterdir()):
        print(f"  {path.relative_to(ROOT)}  {path.stat().st_size:,} bytes")
    cli = pulumi_cli.find() or install_cli()
    release = release_with_pulumi(cli) if cli else release_without_engine
    release()
    show_registry()


def install_cli() -> Path | None:
    from pulumi.automation import PulumiCommand  # noqa: PLC0415 - only where there is no CLI

    say("The Pulumi CLI is not on this machine: installing it below ~/.pulumi")
    try:
        return Path(PulumiCommand.install().command)
    except Exception as error:  # noqa: BLE001 - whatever the reason, there is another way
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        print(f"  It cannot be installed here ({reason}): `codeartifact-release apply` does the same without it.")
        return None


def release_with_pulumi(cli: Path):
    environment = pulumi_cli.environment(cli, DEMO)
    # A copy of the program: stacks write their settings beside Pulumi.yaml, and the clone stays as it was.
    shutil.copy(ROOT / "__main__.py", PROGRAM)
    settings = (ROOT / "Pulumi.yaml").read_text().replace("virtualenv: .venv", f"virtualenv: {ROOT / '.venv'}")
    (PROGRAM / "Pulumi.yaml").write_text(settings)

    def pulumi(*words: str) -> None:
        print(f"\n$ pulumi {' '.join(words)}", flush=True)
        subprocess.run([cli, *words], cwd=PROGRAM, env=environment, check=True)

    def release() -> None:
        pulumi("stack", "init", "dev")
        pulumi("config", "set", "manifest", "release.yaml")
        say("First run: every file is sent as unfinished, then one last call publishes the version")
        pulumi("up", "--yes", "--skip-preview", "--suppress-outputs")
        say("Second run: nothing has changed, and the registry is not even asked")
        pulumi("up", "--yes", "--skip-preview", "--suppress-outputs", "--expect-no-changes")

    return release


def release_without_engine() -> None:
    def apply(*words: str) -> None:
        print(f"\n$ codeartifact-release {' '.join(words)}", flush=True)
        subprocess.run([BIN / "codeartifact-release", *words], cwd=PROGRAM, check=True)

    say("First run: every file is sent as unfinished, then one last call publishes the version")
    apply("apply", "release.yaml", "-e", "dev", "--yes")
    say("Second run: nothing has changed")
    apply("apply", "release.yaml", "-e", "dev", "--yes")
    apply("plan", "release.yaml", "-e", "dev", "--detailed-exitcode")


def show_registry() -> None:
    """Read with plain boto3, as any other program would, what the registry in the folder holds."""
    import boto3  # noqa: PLC0415 - nothing before needs it

    from pulumi_codeartifact_release.local_registry import start  # noqa: PLC0415

    say("What is where, as plain boto3 sees it")
    os.environ["NO_PROXY"] = "127.0.0.1"
    with start(PROGRAM / ".registry") as server:
        key = server.credentials()
        client = boto3.client(
            "codeartifact",
            region_name="us-east-1",
            endpoint_url=server.url,
            aws_access_key_id=key.access_key_id,
            aws_secret_access_key=key.secret_access_key,
        )
        place = {"domain": "quickstart", "repository": "dev", "format": "generic", "namespace": "quickstart"}
        for package in client.list_packages(domain="quickstart", repository="dev")["packages"]:
            name = package["package"]
            for version in client.list_package_versions(**place, package=name)["versions"]:
                print(f"  quickstart/dev: {name} {version['version']}  {version['status']}")
                assets = client.list_package_version_assets(**place, package=name, packageVersion=version["version"])
                for asset in assets["assets"]:
                    print(f"    {asset['hashes']['SHA-256'][:16]}…  {asset['size']:>9,} bytes  {asset['name']}")
                if version["status"] != "Published":
                    sys.exit("the demo's version is not Published")


def say(text: str) -> None:
    print(f"\n=== {text}", flush=True)


if __name__ == "__main__":
    try:
        main()
    except subprocess.CalledProcessError as error:
        sys.exit(f"the demo stopped: {Path(error.cmd[0]).name} exited with {error.returncode}")
