"""The baselines, scripts that a user would write: publish all files of a folder as one version, or download them.

    python benchmarks/baselines.py {aws-cli,boto3,boto3-pool,curl,curl-download} ENDPOINT FOLDER VERSION

aws-cli     one `aws codeartifact publish-package-version` a file, one after the other
boto3       every file is hashed, then eight threads send; the last file alone, since it publishes the version
boto3-pool  the same, but the eight threads hash too
curl        the floor: `openssl dgst -sha256` of all files, then one `curl --parallel` that sends them
curl-download   one `curl --parallel` that downloads what FOLDER/SHA256SUMS lists, then `sha256sum -c`

Each is as quick as its idea can be: modules are imported where they are needed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

THREADS = 8
_DOMAIN, _REPOSITORY, _NAMESPACE = "bench", "dev", "bench"
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/")


def _sha256(path: Path) -> str:
    import hashlib  # noqa: PLC0415 - the floor has no use for it

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def with_aws_cli(files: list[Path], _endpoint: str, version: str) -> None:
    """Publish with the `aws` command, which reads the endpoint from the environment."""
    where = ["--domain", _DOMAIN, "--repository", _REPOSITORY, "--format", "generic", "--namespace", _NAMESPACE]
    where += ["--package", "aws-cli", "--package-version", version]
    for path in files:
        asset = ["--asset-content", str(path), "--asset-name", path.name, "--asset-sha256", _sha256(path)]
        unfinished = [] if path is files[-1] else ["--unfinished"]
        command = ["aws", "codeartifact", "publish-package-version", *where, *asset, *unfinished]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def with_boto3(files: list[Path], endpoint: str, version: str, *, pool_hashes: bool = False) -> None:
    """Publish with eight threads and one client."""
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    import boto3  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

    config = Config(max_pool_connections=THREADS)
    client = boto3.client("codeartifact", region_name="us-east-1", endpoint_url=endpoint, config=config)

    def send(path: Path, sha256: str, *, unfinished: bool) -> str:
        with path.open("rb") as body:
            answer = client.publish_package_version(
                domain=_DOMAIN,
                repository=_REPOSITORY,
                format="generic",
                namespace=_NAMESPACE,
                package="boto3",
                packageVersion=version,
                assetName=path.name,
                assetContent=body,
                assetSHA256=sha256,
                unfinished=unfinished,
            )
        return answer["status"]

    with ThreadPoolExecutor(THREADS) as pool:
        hashes = list(pool.map(_sha256, files)) if pool_hashes else [_sha256(path) for path in files]
        rest = zip(files[:-1], hashes[:-1], strict=True)
        list(pool.map(lambda one: send(*one, unfinished=True), rest))
    if send(files[-1], hashes[-1], unfinished=False) != "Published":
        sys.exit("the version was not published")


def with_curl(files: list[Path], endpoint: str, version: str) -> None:
    """Publish with openssl and curl; file names must not need quotes in a shell."""
    command = ["openssl", "dgst", "-sha256", "-r", *map(str, files)]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    hashes = [line.split(" ", 1)[0] for line in lines]
    transfers = []
    for path, sha256 in zip(files, hashes, strict=True):
        words: dict[str, Any] = {
            "domain": _DOMAIN,
            "repository": _REPOSITORY,
            "format": "generic",
            "namespace": _NAMESPACE,
            "package": "curl",
            "version": version,
            "asset": path.name,
        }
        if path is not files[-1]:
            words["unfinished"] = "true"
        transfers.append(
            f'url = "{endpoint}/v1/package/version/publish?{urlencode(words)}"\nrequest = POST\n'
            f'upload-file = "{path}"\nheader = "x-amz-content-sha256: {sha256}"\nheader = "Expect:"\n'
            "output = /dev/null\nsilent\nshow-error\nfail\n"
        )
    command = ["curl", "--parallel", "--parallel-max", str(THREADS), "--no-progress-meter", "--config", "-"]
    subprocess.run(command, input="next\n".join(transfers), text=True, check=True)


def download_with_curl(folder: Path, endpoint: str, version: str) -> None:
    """Download with curl, and verify with sha256sum. FOLDER/SHA256SUMS lists the files."""
    names = [line.split("  ", 1)[1] for line in (folder / "SHA256SUMS").read_text().splitlines()]
    transfers = []
    for name in names:
        words = {
            "asset": name,
            "domain": _DOMAIN,
            "format": "generic",
            "namespace": _NAMESPACE,
            "package": "app",
            "repository": _REPOSITORY,
            "version": version,
        }
        transfers.append(
            f'url = "{endpoint}/v1/package/version/asset?{urlencode(words)}"\noutput = "{folder / name}"\n'
            'aws-sigv4 = "aws:amz:us-east-1:codeartifact"\n'
            f'user = "{os.environ["AWS_ACCESS_KEY_ID"]}:{os.environ["AWS_SECRET_ACCESS_KEY"]}"\n'
            "silent\nshow-error\nfail\n"
        )
    command = ["curl", "--parallel", "--parallel-max", str(THREADS), "--no-progress-meter", "--config", "-"]
    subprocess.run(command, input="next\n".join(transfers), text=True, check=True)
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder, check=True)


def main() -> None:
    """Publish or download; exit with a code other than 0 if that fails."""
    how, endpoint, folder, version = sys.argv[1:5]
    files = sorted(path for path in Path(folder).iterdir() if path.is_file())
    os.environ["AWS_ENDPOINT_URL_CODEARTIFACT"] = endpoint
    if how == "aws-cli":
        with_aws_cli(files, endpoint, version)
    elif how in ("boto3", "boto3-pool"):
        with_boto3(files, endpoint, version, pool_hashes=how == "boto3-pool")
    elif how == "curl-download" and not set(folder := str(Path(sys.argv[3]))) - _SAFE:
        download_with_curl(Path(folder), endpoint, version)
    elif how == "curl" and not set("".join(map(str, files))) - _SAFE:
        with_curl(files, endpoint, version)
    else:
        sys.exit(f"{how} is no way to publish {folder}")


if __name__ == "__main__":
    main()
