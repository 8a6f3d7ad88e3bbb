"""Demand 9: large assets. Memory stays bounded, credentials may rotate between assets, over the quota is told first.

The bound on memory for an asset of any size is held by tests/functional/registry/test_wire.py and tests/unit/hashing.
"""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path

import boto3

from pulumi_codeartifact_release.local_registry import start

COMMAND = str(Path(sys.executable).with_name("codeartifact-release"))

MANIFEST = """\
schemaVersion: 1
packages:
  - {namespace: acme, package: app, version: "1.0", assets: ["dist/*"]}
environments:
  dev: {domain: acme, domainOwner: "000000000000", repository: dev, region: us-east-1, profile: rotating}
  folder: {domain: acme, repository: dev, endpoint: "file:.registry"}
"""


def project(folder: Path) -> Path:
    (folder / "dist").mkdir()
    for number in range(12):
        (folder / "dist" / f"{number:02}.bin").write_bytes(bytes([number]) * 1000)
    (folder / "release.yaml").write_text(MANIFEST)
    return folder


def test_9_an_asset_over_the_quota_fails_in_the_plan_before_it_is_read(tmp_path: Path) -> None:
    project(tmp_path)
    with (tmp_path / "dist" / "huge.bin").open("wb") as file:
        file.truncate((5 << 30) + 1)
    words = [COMMAND, "plan", "release.yaml", "-e", "folder"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 4
    assert "dist/huge.bin: 5,368,709,121 bytes" in done.stderr
    assert not (tmp_path / ".registry").exists()


def test_9_credentials_may_rotate_between_assets(tmp_path: Path) -> None:
    folder = project(tmp_path)
    with start(tmp_path / "registry") as server:
        keys = [server.credentials(account) for account in ("000000000000", "111122223333")]
        client = boto3.client(
            "codeartifact",
            endpoint_url=server.url,
            region_name="us-east-1",
            aws_access_key_id=keys[0].access_key_id,
            aws_secret_access_key=keys[0].secret_access_key,
        )
        client.create_domain(domain="acme")
        client.create_repository(domain="acme", repository="dev")
        client.close()
        # Every set of credentials is about to expire, so boto3 asks for the next one before every request.
        program = tmp_path / "credentials.py"
        program.write_text(
            f"#!{sys.executable}\n"
            "import datetime, json, pathlib\n"
            f"keys = {[(key.access_key_id, key.secret_access_key) for key in keys]!r}\n"
            f"asked = pathlib.Path({str(tmp_path / 'asked')!r})\n"
            "with asked.open('a') as file:\n    file.write('x')\n"
            "key = keys[asked.stat().st_size % 2]\n"
            "soon = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=120)\n"
            "print(json.dumps({'Version': 1, 'AccessKeyId': key[0], 'SecretAccessKey': key[1],\n"
            "                  'SessionToken': 'session', 'Expiration': soon.isoformat()}))\n"
        )
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        (tmp_path / "config").write_text(f"[profile rotating]\ncredential_process = {program}\n")
        environ = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(tmp_path),
            "AWS_CONFIG_FILE": str(tmp_path / "config"),
            "AWS_ENDPOINT_URL_CODEARTIFACT": server.url,
        }
        words = [COMMAND, "apply", "release.yaml", "-e", "dev", "--yes"]
        done = subprocess.run(words, cwd=folder, env=environ, capture_output=True, text=True, timeout=50, check=False)
        assert done.returncode == 0, done.stderr
        plan = subprocess.run(
            [COMMAND, "plan", "release.yaml", "-e", "dev", "--json"],
            cwd=folder,
            env=environ,
            capture_output=True,
            text=True,
            timeout=50,
            check=True,
        )
    assert json.loads(plan.stdout)["packages"][0]["action"] == "keep"
    assert (tmp_path / "asked").stat().st_size > 2
    for key in keys:
        assert key.secret_access_key not in done.stdout + done.stderr
