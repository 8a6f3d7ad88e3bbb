"""A large asset, and many, from one registry to another: the memory and the disk that a promotion takes."""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import boto3
import pytest
from botocore.config import Config
from mypy_boto3_codeartifact import CodeArtifactClient

from pulumi_codeartifact_release.registry.retries_and_concurrency import PARALLEL_UPLOADS

from .stand import PROMOTIONS, RELEASES, Launcher, Place, Run, make_project, promotion

COMMAND = str(Path(sys.executable).with_name("codeartifact-release"))
MEBIBYTE = 1 << 20
LARGE = int(os.environ.get("LARGE_ASSET_MIB", "208")) * MEBIBYTE
SMALLER, COUNT = 2 * MEBIBYTE, 14
"""Large enough to be kept on disk on their way, and as many as are never there at once."""


class Zeros(io.RawIOBase):
    """So many bytes that nobody has to keep."""

    def __init__(self, size: int) -> None:
        self._size, self._at = size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:
        count = min(len(buffer), self._size - self._at)
        buffer[:count] = bytes(count)
        self._at += count
        return count


def sha256_of(body: Any) -> str:
    hashed = hashlib.sha256()
    while part := body.read(MEBIBYTE):
        hashed.update(part)
    return hashed.hexdigest()


@contextmanager
def serving(folder: Path, place: Place) -> Iterator[tuple[str, CodeArtifactClient, str]]:
    """A registry in a process of its own: its URL, a client of it, and its keys as a profile has them."""
    said = folder.with_suffix(".env")
    with subprocess.Popen(
        [COMMAND, "serve", str(folder), "--env-file", str(said)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            until = time.monotonic() + 20
            while not said.exists() and time.monotonic() < until:
                time.sleep(0.02)
            told = dict(re.findall(r"export (\w+)=(\S+)", said.read_text()))
            url, key, secret = (
                told[name] for name in ("AWS_ENDPOINT_URL_CODEARTIFACT", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
            )
            client: CodeArtifactClient = boto3.client(
                "codeartifact",
                endpoint_url=url,
                region_name="us-east-1",
                aws_access_key_id=key,
                aws_secret_access_key=secret,
                config=Config(proxies={}, retries={"total_max_attempts": 1}),
            )
            client.create_domain(domain=place.domain)
            client.create_repository(domain=place.domain, repository=place.repository)
            yield url, client, f"aws_access_key_id={key}\naws_secret_access_key={secret}\n"
            client.close()
        finally:
            process.terminate()


def key_of(version: str, at: Place) -> Any:
    place = {"domain": at.domain, "repository": at.repository, "format": "generic", "namespace": "acme"}
    return {**place, "package": "app", "packageVersion": version}


class Watch(threading.Thread):
    """Looks again and again how much a process has in files of a folder, named or not."""

    def __init__(self, run: Run, folder: Path) -> None:
        super().__init__(daemon=True)
        self.most = self.named = 0
        """Bytes at once; bytes of a file that has a name."""
        self._pid, self._folder = run.pid, folder
        self._over = threading.Event()
        self.start()

    def run(self) -> None:
        while not self._over.wait(0.003):
            with suppress(OSError):
                self.named = max([self.named, *(path.stat().st_size for path in self._folder.iterdir())])
            with suppress(OSError):
                self.most = max(self.most, sum(self._sizes()))

    def _sizes(self) -> Iterator[int]:
        for descriptor in Path(f"/proc/{self._pid}/fd").iterdir():
            with suppress(OSError):
                if str(descriptor.readlink()).startswith(str(self._folder)):
                    yield descriptor.stat().st_size

    def end(self) -> None:
        self._over.set()
        self.join()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to see the files of another process")
@pytest.mark.timeout(300)
def test_memory_and_disk_are_bounded_by_what_is_under_way(launchers: tuple[Launcher, Launcher], tmp_path: Path) -> None:
    """One large asset; then many, of which eight at most are under way."""
    spool = tmp_path / "spool"
    spool.mkdir()
    project = make_project(tmp_path / "checkout", {}, PROMOTIONS)
    source_place = Place("acme", "dev")
    with (
        serving(tmp_path / "source", source_place) as (source, from_client, from_keys),
        serving(tmp_path / "to", RELEASES) as (to, to_client, to_keys),
    ):
        (tmp_path / "credentials").write_text(f"[source]\n{from_keys}[to]\n{to_keys}")
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "TMPDIR": str(spool),
            "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_REGION": "us-east-1",
        }

        def put(version: str, name: str, body: BinaryIO, sha256: str, *, last: bool) -> None:
            from_client.publish_package_version(
                **key_of(version, source_place),
                assetName=name,
                assetContent=body,
                assetSHA256=sha256,
                unfinished=not last,
            )

        def promoted(version: str) -> tuple[Run, Watch, float]:
            began = time.monotonic()
            words = promotion(version, "transferred", source, to)
            run = launchers[0].start(project, environ, *words, output=tmp_path / version)
            watch = Watch(run, spool)
            assert run.wait(250) == 0, run.said
            watch.end()
            # What Python itself writes, once, to see that it can.
            assert watch.named <= len("blat")
            return run, watch, time.monotonic() - began

        put("large", "large.bin", Zeros(LARGE), large := sha256_of(Zeros(LARGE)), last=True)  # type: ignore[arg-type]
        run, watch, seconds = promoted("large")
        print(f"{LARGE / MEBIBYTE:.0f} MiB: {seconds:.1f} s, {run.peak_kib / 1024:.0f} MiB of memory at most")
        assert run.peak_kib < 200 * 1024
        assert MEBIBYTE < watch.most <= LARGE
        got = to_client.get_package_version_asset(**key_of("large", RELEASES), asset="large.bin")
        assert sha256_of(got["asset"]) == large

        hashes = {}
        for number in range(COUNT):
            content = os.urandom(SMALLER)
            name = f"{number:02}.bin"
            hashes[name] = hashlib.sha256(content).hexdigest()
            put("many", name, io.BytesIO(content), hashes[name], last=number == COUNT - 1)
        run, watch, _ = promoted("many")
        assert run.peak_kib < 200 * 1024
        assert SMALLER <= watch.most <= PARALLEL_UPLOADS * SMALLER
        for name, sha256 in hashes.items():
            got = to_client.get_package_version_asset(**key_of("many", RELEASES), asset=name)
            assert sha256_of(got["asset"]) == sha256
