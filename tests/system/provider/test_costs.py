"""What an operation costs, counted and never timed: files opened, requests, imports, bytes of state and of messages."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.struct_pb2 import Struct

from pulumi_codeartifact_release.location import Location
from pulumi_codeartifact_release.plugin.declaration import Declaration
from pulumi_codeartifact_release.plugin.state import Inputs, outputs
from pulumi_codeartifact_release.providers import PackageVersionProvider
from pulumi_codeartifact_release.publishing import checksums
from pulumi_codeartifact_release.registry.interface import Asset, Status, VersionState

from .plugin import URN

HEAD = """\
import json, os, sys
from collections import Counter
from collections.abc import Callable
opened, connected = Counter(), []
def hook(event, args):
    if event == "open" and str(args[0]).endswith(".bin"):
        opened[os.path.basename(args[0])] += 1
    if event == "socket.connect":
        connected.append(args[1])
sys.addaudithook(hook)
from pulumi_codeartifact_release.plugin.declaration import Declaration
from pulumi_codeartifact_release.providers import PackageVersionProvider
provider = PackageVersionProvider()
told = json.load(sys.stdin)
def check(olds):
    found = provider.check(olds, {**told["given"], "declaration": told["declaration"]})
    assert not found.failures, [each.reason for each in found.failures]
    return found.inputs
"""
FILES = 5


def run(program: Path, script: str, told: dict[str, Any]) -> Any:
    """What a script prints, in a process of its own, as a plugin is one."""
    ran = subprocess.run(
        [sys.executable, "-c", HEAD + textwrap.dedent(script)],
        input=json.dumps(told),
        cwd=program,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout)


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What a program sends, for a few files of a few chunks each."""
    monkeypatch.setenv("CODEARTIFACT_RELEASE_CACHE", str(tmp_path / "cache"))
    for number in range(FILES):
        (tmp_path / f"{number}.bin").write_bytes(bytes([number]) * 3_000_000)
    files = {f"{number}.bin": str(tmp_path / f"{number}.bin") for number in range(FILES)}
    return {
        "given": {
            **{"namespace": "acme", "package": "app", "version": "1.0", "domain": "acme", "repository": "dev"},
            **{"endpoint": "file:.registry", "status": "Published", "finalize": "status-update"},
            **{"on_destroy": "retain", "on_supersede": "keep"},
        },
        "declaration": Declaration(files=files, base=str(tmp_path), urn=URN, repository_exists=True).text(),
    }


def test_a_new_version_is_read_once_to_hash_it_and_once_to_send_it(tmp_path: Path, told: dict[str, Any]) -> None:
    checked, again, created = run(
        tmp_path,
        """
        # As if the files had just been written, however slow this machine is.
        import pulumi_codeartifact_release.hashing.streaming as streaming
        streaming._SETTLED_NS = 1 << 60
        inputs = check({})
        first = dict(opened)
        inputs = check({})
        second = dict(opened)
        provider.create(inputs)
        print(json.dumps([first, second, opened]))
        """,
        told,
    )
    assert checked == {f"{number}.bin": 1 for number in range(FILES)}
    assert again == checked
    assert created == {f"{number}.bin": 2 for number in range(FILES)}


def test_what_is_unchanged_is_not_opened_and_nobody_is_asked(tmp_path: Path, told: dict[str, Any]) -> None:
    olds = run(
        tmp_path,
        """
        # As if the files were older than two seconds: no program can set a ctime.
        import pulumi_codeartifact_release.hashing.streaming as streaming
        streaming._SETTLED_NS = 0
        print(json.dumps(check({})))
        """,
        told,
    )
    files, asked, imported, changes = run(
        tmp_path,
        """
        olds = told["olds"]
        inputs = check(olds)
        heavy = {"boto3", "botocore", "jsonschema", "uvicorn", "click", "rich"} & sys.modules.keys()
        found = provider.diff("acme/app", {**olds, "revision": "r"}, inputs)
        print(json.dumps([opened, connected, sorted(heavy), found.changes]))
        """,
        {**told, "olds": olds},
    )
    assert (files, asked, imported, changes) == ({}, [], [], False)


def inputs_of(count: int) -> Inputs:
    text = checksums(Asset(f"asset-{number:03}.bin", 65536, "0" * 64) for number in range(count))
    return Inputs("acme", "app", "1.0", Location("acme", "dev", "111122223333", "eu-west-1"), text)


def compact(value: Any) -> int:
    return len(json.dumps(value, separators=(",", ":")))


def message(value: dict[str, Any]) -> int:
    struct = Struct()
    struct.update(value)
    return int(struct.ByteSize())


def per_asset(size: Callable[[Inputs], int]) -> float:
    return (size(inputs_of(350)) - size(inputs_of(50))) / 300


def test_state_has_the_name_and_the_hash_of_an_asset_and_all_assets_in_one_value() -> None:
    """In bytes: 64 of the hash, 13 of the name, two spaces, and a line feed, which JSON escapes."""
    state = VersionState(Status.PUBLISHED, "revision")
    assert per_asset(lambda inputs: compact(inputs.properties())) == 64 + 13 + 2 + 2
    assert per_asset(lambda inputs: compact(outputs(inputs, state))) == 64 + 13 + 2 + 2
    assert per_asset(lambda inputs: message(inputs.properties())) < 64 + 13 + 2 + 1 + 0.1
    assert len(inputs_of(350).properties()) == len(inputs_of(50).properties())
    # Where the digest and the coordinates are all that is beside them.
    assert compact(outputs(inputs_of(0), state)) < 400


def test_what_the_program_tells_of_a_file_is_its_name_and_its_path() -> None:
    def size(count: int) -> int:
        files = {f"asset-{number:03}.bin": f"/build/asset-{number:03}.bin" for number in range(count)}
        return message({"declaration": Declaration(files=files, base="/build", urn=URN).text()})

    assert (size(350) - size(50)) / 300 <= 13 + 20 + 7


def test_one_changed_asset_of_350_differs_in_its_line_and_the_digest_alone() -> None:
    """What a diff of the engine can show: the values that are not as they were, and lines of a text."""
    before = inputs_of(350).properties()
    lines = before["checksums"].splitlines()
    lines[200] = f"{'1' * 64}  asset-200.bin"
    after = Inputs.of({**before, "checksums": "".join(f"{line}\n" for line in lines)}).properties()
    assert [name for name in before if before[name] != after[name]] == ["checksums", "digest"]
    found = PackageVersionProvider().diff("acme/app", before, after)
    assert (found.changes, found.replaces) == (True, [])


def test_counters_of_the_tests_count(tmp_path: Path, told: dict[str, Any]) -> None:
    """A hook that saw nothing would hold everything above."""
    seen = run(tmp_path, "open('0.bin').close(); print(json.dumps(opened))", told)
    assert Counter(seen) == {"0.bin": 1}
