"""`verify`: both of its forms, what it prints, how it exits, and that it never writes, nor believes anybody."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from mypy_boto3_codeartifact import CodeArtifactClient

from functional.security.test_hostile_source import Source, endless, listed
from pulumi_codeartifact_release import connections
from pulumi_codeartifact_release.cli import verify_check, verify_read
from pulumi_codeartifact_release.errors import AccessDeniedError, UnreachableError
from pulumi_codeartifact_release.hashing import SqliteCache, default_folder
from pulumi_codeartifact_release.hashing.interface import FileIdentity
from pulumi_codeartifact_release.location import Location, resolve
from pulumi_codeartifact_release.publishing import digest
from pulumi_codeartifact_release.publishing.verify import Expectation, VerifyOutcome, VerifyResult
from pulumi_codeartifact_release.publishing.verify import verify as verify_version
from pulumi_codeartifact_release.registry import Asset, Coordinates, retries_and_concurrency
from pulumi_codeartifact_release.registry.client import ClientSettings
from support.command_line import MANIFEST, Outcome, Run
from support.embedded import opened
from support.fakes import PEAK_MEMORY
from system.cli.test_release import tree

HEADER = "dev: file:.registry, account 000000000000, us-east-1, repository acme/dev\n"
COMMAND = str(Path(sys.executable).with_name("codeartifact-release"))
ROOT = Path(__file__).parents[3]
PUBLISHED: dict[str, Any] = json.loads(
    (Path(verify_check.__file__).parent / "schemas" / "verify.schema.json").read_text()
)


def closed(node: Any) -> Any:
    """The published schema takes keys that are added later; what is printed today has none that is not in it."""
    if isinstance(node, list):
        return [closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    inner = {key: closed(each) for key, each in node.items()}
    return {**inner, "additionalProperties": False} if isinstance(node.get("required"), list) else inner


SCHEMA = closed(PUBLISHED)
FILES = {"a.txt": b"hello\n", "b.bin": bytes(100_000)}
IN_DEV = ("--domain", "acme", "--repository", "dev", "--endpoint", "file:.registry")


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def digest_of(contents: dict[str, bytes]) -> str:
    return digest(Asset(name, len(content), sha256(content)) for name, content in contents.items())


def named(contents: dict[str, bytes], package: str = "acme/app", version: str = "1.0") -> str:
    return f"{package}@{version}={digest_of(contents)}"


class Stock:
    """What is put into a registry, by somebody else."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def put(self, contents: dict[str, bytes], repository: str = "dev", package: str = "app", **more: Any) -> None:
        for number, (name, content) in enumerate(contents.items(), 1):
            self.client.publish_package_version(
                **self.key(repository, package),
                packageVersion="1.0",
                assetName=name,
                assetContent=content,
                assetSHA256=sha256(content),
                **({"unfinished": True} if number < len(contents) else {}) | more,
            )

    def key(self, repository: str = "dev", package: str = "app") -> dict[str, Any]:
        return {
            "domain": "acme",
            "repository": repository,
            "format": "generic",
            "namespace": "acme",
            "package": package,
        }

    def set_status(self, status: Any, repository: str = "dev") -> None:
        answer = self.client.update_package_versions_status(
            **self.key(repository), versions=["1.0"], targetStatus=status
        )
        assert not answer.get("failedVersions"), answer

    def dispose(self) -> None:
        self.client.dispose_package_versions(**self.key(), versions=["1.0"])


@pytest.fixture
def stock(project: Path, run: Run) -> Stock:
    """Through the client that the commands of this process use, too: it is made once. `run` closes it."""
    connection = connections.connect(resolve(Location("acme", "dev", endpoint="file:.registry"), base=project))
    connection.prepare()
    connection._client.create_repository(domain="acme", repository="staging")
    return Stock(connection._client)


Told = Callable[..., dict[str, Any]]


@pytest.fixture
def told(run: Run) -> Told:
    """Run `verify … --json`; whatever it says is what the schema says."""

    def tell(*words: str, code: int | None = 0) -> dict[str, Any]:
        outcome = run("verify", *words, "--json")
        assert outcome.code == code or code is None, outcome.out + outcome.err
        answer: dict[str, Any] = json.loads(outcome.out)
        jsonschema.Draft202012Validator(SCHEMA).validate(answer)
        assert [each["result"] == "verified" for each in answer["packages"]].count(True) == answer["summary"][
            "verified"
        ]
        assert (answer["summary"]["verified"] == answer["summary"]["packages"]) is (outcome.code == 0)
        return answer if code is not None else {"code": outcome.code}

    return tell


def rewrite(folder: Path, *changes: tuple[str, str]) -> None:
    text = (folder / "release.yaml").read_text()
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    (folder / "release.yaml").write_text(text)


# --- a manifest whose files are published -----------------------------------------------------------------------------


def test_the_declared_release_is_verified(run: Run, stock: Stock) -> None:
    stock.put(FILES)
    for words, how in (([], "as the registry lists them"), (["--download"], "downloaded and hashed")):
        outcome = run("verify", "release.yaml", "-e", "dev", *words)
        assert outcome == Outcome(
            0,
            HEADER
            + "  = acme/app@1.0  ok: Published, 2 assets, 97.7 KiB\n"
            + f"Verified: 1 package, 2 assets, 97.7 KiB {how}.\n",
            "",
        )


def test_differences_are_shown_with_both_hashes_within_80_columns(run: Run, stock: Stock) -> None:
    stock.put({"a.txt": b"HELLO\n", "c.txt": b"c"})
    stock.set_status("Unlisted")
    outcome = run("verify", "release.yaml", "-e", "dev")
    there = {"a.txt": b"HELLO\n", "c.txt": b"c"}
    assert outcome.code == 4
    assert outcome.out == HEADER + "\n".join(
        [
            "  ! acme/app@1.0  differs: status, 3 assets",
            "",
            "  acme/app@1.0",
            "    status: declared Published, registry Unlisted",
            "    a.txt: different bytes (6 bytes)",
            f"      declared  {sha256(FILES['a.txt'])}",
            f"      registry  {sha256(there['a.txt'])}",
            "    b.bin: missing (97.7 KiB)",
            f"      declared  {sha256(FILES['b.bin'])}",
            "    c.txt: not declared (1 byte)",
            f"      registry  {sha256(there['c.txt'])}",
            "    digest (sha256)",
            f"      declared  {digest_of(FILES)[7:]}",
            f"      registry  {digest_of(there)[7:]}",
            "",
        ]
    )
    assert outcome.err == "error[mismatch]: acme/app@1.0 differs\n"
    assert max(map(len, (outcome.out + outcome.err).splitlines())) <= 80


def test_the_json_is_complete(told: Told, stock: Stock) -> None:
    stock.put({"a.txt": b"HELLO\n", "b.bin": FILES["b.bin"]})
    answer = told("release.yaml", "-e", "dev", "--download", code=4)
    other = {"size": 6, "sha256": sha256(b"HELLO\n")}
    there = digest_of({"a.txt": b"HELLO\n", "b.bin": FILES["b.bin"]})
    (package,) = answer.pop("packages")
    assert answer == {
        "schemaVersion": 1,
        "manifest": "release.yaml",
        "environment": "dev",
        "endpoint": "file:.registry",
        "account": "000000000000",
        "region": "us-east-1",
        "domain": "acme",
        "repository": "dev",
        "comparedWith": None,
        "download": True,
        "summary": {
            "packages": 1,
            "verified": 0,
            "differs": 1,
            "missing": 0,
            "unknown": 0,
            "assets": 2,
            "bytes": 100_006,
        },
    }
    assert package["found"].pop("revision")
    assert package == {
        "namespace": "acme",
        "package": "app",
        "version": "1.0",
        "bundle": None,
        "complete": None,
        "result": "differs",
        "expected": {"from": "files", "status": "Published", "digest": digest_of(FILES), "assets": 2},
        "found": {"status": "Published", "digest": there, "assets": 2, "bytes": 100_006},
        "received": {"assets": 2, "bytes": 100_006},
        "differences": [
            {"what": "digest", "expected": digest_of(FILES), "found": there},
            {
                "what": "asset",
                "name": "a.txt",
                "declared": {"size": 6, "sha256": sha256(FILES["a.txt"])},
                "listed": other,
                "received": other,
            },
        ],
        "problem": None,
    }


def test_the_text_shortens_many_differences_and_the_json_has_all(
    run: Run, told: Told, stock: Stock, project: Path
) -> None:
    stock.put({f"{number:03}": b"x" for number in range(40)})
    outcome = run("verify", "release.yaml", "-e", "dev")
    assert outcome.out.count("not declared") + outcome.out.count("missing") == 5
    assert "    and 37 more assets; --json has all of them\n" in outcome.out
    assert len(outcome.out.splitlines()) < 40
    assert len(told("release.yaml", "-e", "dev", code=4)["packages"][0]["differences"]) == 1 + 42


@pytest.mark.parametrize("download", [(), ("--download",)])
def test_verify_writes_nothing(run: Run, project: Path, download: tuple[str, ...]) -> None:
    before = tree(project)
    for environment in ("dev", "staging"):
        assert run("verify", "release.yaml", "-e", environment, *download).code == 4
    assert run("verify", named(FILES), *IN_DEV, *download).code == 4
    assert tree(project) == before
    with opened(project / ".registry") as client:
        client.create_domain(domain="acme")
        client.create_repository(domain="acme", repository="dev")
        Stock(client).put(FILES)
    before = tree(project)
    for environment in ("dev", "staging"):
        run("verify", "release.yaml", "-e", environment, *download)
        run("verify", "release.yaml", "-e", environment, "--var", "version=2.0", *download)
    assert run("verify", named(FILES), *IN_DEV, *download).code == 0
    assert tree(project) == before


def test_a_missing_version_is_a_mismatch(run: Run, told: Told, project: Path) -> None:
    outcome = run("verify", "release.yaml", "-e", "dev")
    assert outcome == Outcome(4, HEADER + "  ! acme/app@1.0  missing\n", "error[mismatch]: acme/app@1.0 is missing\n")
    (package,) = told("release.yaml", "-e", "dev", "--download", code=4)["packages"]
    assert (package["result"], package["found"], package["differences"]) == ("missing", None, [])


@pytest.mark.parametrize("download", [(), ("--download",)])
def test_unfinished_and_disposed_are_a_mismatch_in_both_forms(
    run: Run, told: Told, stock: Stock, download: tuple[str, ...]
) -> None:
    stock.put(FILES, unfinished=True)
    for target in (("release.yaml", "-e", "dev"), (named(FILES), *IN_DEV)):
        outcome = run("verify", *target, *download)
        assert (outcome.code, "registry Unfinished" in outcome.out) == (4, True)
    assert told("release.yaml", "-e", "dev", code=4)["packages"][0]["found"]["digest"] is None
    stock.put(FILES)
    stock.dispose()
    for target in (("release.yaml", "-e", "dev"), (named(FILES), *IN_DEV)):
        outcome = run("verify", *target, *download)
        assert (outcome.code, "registry Disposed" in outcome.out) == (4, True)


def test_cached_hashes_are_not_used(run: Run, stock: Stock, project: Path) -> None:
    """The cache says of a file that was changed that it is the published one."""
    stock.put(FILES)
    changed = project / "dist" / "a.txt"
    changed.write_bytes(b"HELLO\n")
    identity = FileIdentity.of(changed.stat())
    cache = SqliteCache(default_folder())
    cache.put_many({identity: sha256(FILES["a.txt"])})
    assert cache.get_many([identity])
    assert run("verify", "release.yaml", "-e", "dev").code == 4
    assert cache.get_many([identity]) == {identity: sha256(FILES["a.txt"])}


def test_all_packages_are_listed_with_a_total(run: Run, told: Told, stock: Stock, project: Path) -> None:
    more = "".join(f"  - {{package: {name}, version: '1.0', assets: [dist/*]}}\n" for name in ("lib", "missing"))
    rewrite(project, ("environments:\n", f"{more}environments:\n"))
    stock.put(FILES)
    stock.put({"a.txt": FILES["a.txt"]}, package="lib")
    outcome = run("verify", "release.yaml", "-e", "dev")
    assert [line for line in outcome.out.splitlines() if line.startswith(("  =", "  !"))] == [
        "  = acme/app@1.0      ok: Published, 2 assets, 97.7 KiB",
        "  ! acme/lib@1.0      differs: 1 asset",
        "  ! acme/missing@1.0  missing",
    ]
    assert outcome.err == "error[mismatch]: 3 packages: 1 differs, 1 is missing, 1 is verified\n"
    quiet = run("verify", "release.yaml", "-e", "dev", "--quiet")
    assert "acme/app" not in quiet.out
    assert quiet.out.startswith(HEADER + "  ! acme/lib@1.0      differs")
    assert (quiet.code, quiet.err) == (4, outcome.err)
    summary = told("release.yaml", "-e", "dev", code=4)["summary"]
    assert summary == {
        "packages": 3,
        "verified": 1,
        "differs": 1,
        "missing": 1,
        "unknown": 0,
        "assets": 3,
        "bytes": 100_012,
    }


def test_quiet_prints_nothing_without_a_mismatch(run: Run, stock: Stock) -> None:
    stock.put(FILES)
    for target in (("release.yaml", "-e", "dev"), (named(FILES), *IN_DEV)):
        assert run("verify", *target, "-q", "--download") == Outcome(0, "", "")
        # A program reads all of it.
        assert json.loads(run("verify", *target, "-q", "--json").out)["packages"][0]["result"] == "verified"


# --- a manifest whose environment promotes ----------------------------------------------------------------------------


@pytest.fixture
def no_files(project: Path) -> Path:
    for file in (project / "dist").iterdir():
        file.unlink()
    return project


def test_without_a_pin_the_source_environment_is_the_expectation(
    run: Run, told: Told, stock: Stock, no_files: Path
) -> None:
    stock.put(FILES)
    stock.put(FILES, "staging")
    outcome = run("verify", "release.yaml", "-e", "staging", "--download")
    staging = HEADER.replace("dev", "staging")
    assert outcome.out == (
        f"{staging}  compared with {HEADER}"
        "  = acme/app@1.0  ok: Published, 2 assets, 97.7 KiB\n"
        "Verified: 1 package, 2 assets, 97.7 KiB downloaded and hashed.\n"
    )
    answer = told("release.yaml", "-e", "staging")
    assert answer["comparedWith"]["environment"] == "dev"
    assert answer["packages"][0]["expected"] == {
        "from": "environment",
        "status": "Published",
        "digest": digest_of(FILES),
        "assets": 2,
    }


def test_a_difference_from_the_source_environment(run: Run, stock: Stock, no_files: Path) -> None:
    stock.put(FILES)
    stock.put({**FILES, "a.txt": b"other"}, "staging")
    outcome = run("verify", "release.yaml", "-e", "staging")
    assert outcome.code == 4
    assert f"      expected  {sha256(FILES['a.txt'])}\n      registry  {sha256(b'other')}\n" in outcome.out


@pytest.mark.parametrize("source", ["nothing", "Unfinished", "Disposed"])
def test_a_package_without_an_expectation_is_not_verified(
    run: Run, told: Told, stock: Stock, no_files: Path, source: str
) -> None:
    stock.put(FILES, "staging")
    if source == "Unfinished":
        stock.put(FILES, unfinished=True)
    if source == "Disposed":
        stock.put(FILES)
        stock.dispose()
    outcome = run("verify", "release.yaml", "-e", "staging")
    assert (outcome.code, outcome.err) == (4, "error[pin]: acme/app@1.0 could not be checked\n")
    assert "    pin: acme/app@1.0 in acme/staging has no pin to compare it with, " in outcome.out
    (package,) = told("release.yaml", "-e", "staging", code=4)["packages"]
    assert (package["result"], package["problem"]["code"]) == ("unknown", "pin")


def pin(folder: Path, contents: dict[str, bytes], *more: str) -> None:
    text = f'promoteFrom: dev, pins: {{acme/app: {{version: "1.0", digest: "{digest_of(contents)}"}}}}'
    rewrite(folder, ("promoteFrom: dev", ", ".join((text, *more))))


def test_a_pin_is_the_expectation_and_the_source_is_not_read(
    run: Run, told: Told, stock: Stock, no_files: Path
) -> None:
    pin(no_files, FILES)
    stock.put(FILES, "staging")
    outcome = run("verify", "release.yaml", "-e", "staging", "--download")
    assert (outcome.code, "compared with" in outcome.out) == (0, False)
    answer = told("release.yaml", "-e", "staging")
    assert answer["comparedWith"] is None
    assert answer["packages"][0]["expected"] == {
        "from": "pins",
        "status": "Published",
        "digest": digest_of(FILES),
        "assets": None,
    }
    stock.set_status("Archived", "staging")
    assert "status: expected Published, registry Archived" in run("verify", "release.yaml", "-e", "staging").out


def test_with_pins_for_all_packages_the_source_needs_no_access(run: Run, stock: Stock, no_files: Path) -> None:
    pin(no_files, FILES)
    rewrite(
        no_files,
        (
            '{domain: acme, repository: dev, endpoint: "file:.registry"}',
            "{domain: a1, repository: dev, profile: none, region: us-east-1}",
        ),
    )
    stock.put(FILES, "staging")
    assert run("verify", "release.yaml", "-e", "staging").code == 0
    rewrite(no_files, (", pins: {acme/app: ", ", pinned: true, pins: {acme/lib: "))
    assert run("verify", "release.yaml", "-e", "staging").code == 4
    rewrite(no_files, (", pinned: true", ""))
    outcome = run("verify", "release.yaml", "-e", "staging")
    assert (outcome.code, "profile" in outcome.err) == (2, True), outcome.err


def test_an_unreachable_source_does_not_prevent_the_verification_of_pins(
    run: Run, told: Told, stock: Stock, no_files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("lib", "doc", "img")
    more = "".join(f"  - {{package: {name}, version: '1.0', assets: [dist/*]}}\n" for name in names)
    pins = f'pins: {{acme/img: {{version: "1.0", digest: "{digest_of(FILES)}"}}}}'
    rewrite(no_files, ("environments:\n", f"{more}environments:\n"), ("promoteFrom: dev", f"promoteFrom: dev, {pins}"))
    stock.put(FILES, "staging", "img")
    asked: list[str] = []

    def silent(_registry: Any, at: Coordinates, _scheduler: Any) -> None:
        asked.append(at.package)
        raise UnreachableError("no answer")

    monkeypatch.setattr(verify_read, "read_version", silent)
    monkeypatch.setattr(retries_and_concurrency, "PARALLEL_PACKAGES", 1)
    packages = told("release.yaml", "-e", "staging", code=1)["packages"]
    assert [each["result"] for each in packages] == ["unknown", "unknown", "unknown", "verified"]
    assert asked == ["app"]


def test_another_digest_than_the_pins_is_a_mismatch(run: Run, stock: Stock, no_files: Path) -> None:
    pin(no_files, {"a.txt": b"approved"})
    stock.put(FILES, "staging")
    outcome = run("verify", "release.yaml", "-e", "staging")
    assert outcome.code == 4
    assert "  ! acme/app@1.0  differs: digest\n\n  acme/app@1.0\n    digest (sha256)\n" in outcome.out
    assert digest_of(FILES)[7:] in outcome.out
    assert digest_of({"a.txt": b"approved"})[7:] in outcome.out


def test_only_pinned_packages_are_verified_if_pinned_is_true(
    run: Run, told: Told, stock: Stock, no_files: Path
) -> None:
    pin(no_files, FILES, "pinned: true")
    more = "".join(f"  - {{package: {name}, version: '1.0', assets: [dist/*]}}\n" for name in ("lib", "doc"))
    rewrite(no_files, ("environments:\n", f"{more}environments:\n"))
    stock.put(FILES, "staging")
    outcome = run("verify", "release.yaml", "-e", "staging")
    assert outcome.code == 4
    assert "  = acme/app@1.0  ok" in outcome.out
    assert outcome.out.count("has no pins for:") == 1
    assert "    pin: as above" in outcome.out
    results = [each["result"] for each in told("release.yaml", "-e", "staging", code=4)["packages"]]
    assert results == ["verified", "unknown", "unknown"]


def test_an_unused_pin_is_a_warning(run: Run, stock: Stock, no_files: Path) -> None:
    rewrite(
        no_files,
        ("promoteFrom: dev", f'promoteFrom: dev, pins: {{acme/ap: {{version: "1", digest: "{digest_of({})}"}}}}'),
    )
    assert "warning: pins of staging: acme/ap is not a package" in run("verify", "release.yaml", "-e", "staging").err


def test_a_stack_that_only_pulumi_can_read_is_an_error(run: Run, no_files: Path) -> None:
    rewrite(no_files, ("promoteFrom: dev", "promoteFrom: dev, stack: acme/releases/dev"))
    outcome = run("verify", "release.yaml", "-e", "staging")
    assert outcome.code == 2
    assert "which only Pulumi reads" in outcome.err


def test_a_repository_is_not_verified_against_itself(run: Run, stock: Stock, no_files: Path) -> None:
    rewrite(no_files, ("repository: staging", "repository: dev"))
    stock.put(FILES)
    outcome = run("verify", "release.yaml", "-e", "staging")
    assert (outcome.code, outcome.out) == (2, "")
    assert "is promoted to itself" in outcome.err


# --- versions and digests ---------------------------------------------------------------------------------------------


def test_a_version_with_its_digest(run: Run, told: Told, stock: Stock) -> None:
    stock.put(FILES)
    for words, how in (((), "as the registry lists them"), (("--download",), "downloaded and hashed")):
        outcome = run("verify", named(FILES), *IN_DEV, *words)
        assert outcome == Outcome(
            0,
            HEADER.replace("dev:", "registry:")
            + "  = acme/app@1.0  ok: Published, 2 assets, 97.7 KiB\n"
            + f"Verified: 1 package, 2 assets, 97.7 KiB {how}.\n",
            "",
        )
    answer = told(named(FILES), *IN_DEV)
    assert (answer["manifest"], answer["environment"], answer["comparedWith"]) == (None, None, None)
    assert answer["packages"][0]["expected"] == {
        "from": "digest",
        "status": None,
        "digest": digest_of(FILES),
        "assets": None,
    }


def test_the_status_of_a_version_is_shown(run: Run, stock: Stock) -> None:
    stock.put(FILES)
    for status in ("Unlisted", "Archived"):
        stock.set_status(status)
        assert f"ok: {status}, 2 assets" in run("verify", named(FILES), *IN_DEV).out
    outcome = run("verify", named(FILES), *IN_DEV, "--download")
    assert (outcome.code, outcome.err) == (1, "error[registry]: acme/app@1.0 could not be checked\n")
    assert "is Archived: its assets cannot be downloaded\n    Verify it without downloading." in outcome.out


def test_several_versions_are_checked_once_each(run: Run, told: Told, stock: Stock) -> None:
    stock.put(FILES)
    lib = {"x": b"x"}
    stock.put(lib, package="lib")
    targets = (named(FILES), named(lib, "acme/lib"), named(FILES), named(lib, "acme/none"))
    answer = told(*targets, *IN_DEV, code=4)
    assert [(each["package"], each["result"]) for each in answer["packages"]] == [
        ("app", "verified"),
        ("lib", "verified"),
        ("none", "missing"),
    ]
    assert run("verify", *targets[:2], *IN_DEV).code == 0


def test_another_digest_is_a_mismatch(run: Run, stock: Stock) -> None:
    stock.put(FILES)
    outcome = run("verify", named({}), *IN_DEV)
    assert (outcome.code, outcome.err) == (4, "error[mismatch]: acme/app@1.0 differs\n")
    assert outcome.out.endswith(
        f"    digest (sha256)\n      expected  {digest_of({})[7:]}\n      registry  {digest_of(FILES)[7:]}\n"
    )


def test_a_file_of_that_name_is_a_manifest(run: Run, stock: Stock, project: Path) -> None:
    stock.put(FILES)
    path = project / named(FILES)
    path.parent.mkdir()
    path.write_text(MANIFEST.replace("dist/*", "../dist/*"))
    outcome = run("verify", named(FILES), *IN_DEV)
    assert outcome.code == 2
    assert ", which is a manifest" in outcome.err
    assert run("verify", named(FILES), "-e", "dev", "--allow", "outside").code == 4
    # A folder is not.
    path.unlink()
    path.mkdir()
    assert run("verify", named(FILES), *IN_DEV).code == 0


A = "acme/app@1.0=sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["release.yaml", "-e", "nope"], "there is no environment `nope`|nope"),
        (
            ["release.yaml", "-e", "dev", "--domain", "acme"],
            "--domain cannot be used with release.yaml, which is",
        ),
        (
            ["release.yaml", "--region", "x", "--profile", "y"],
            "--region and --profile cannot be used with",
        ),
        (["release.yaml", "release.yaml", "-e", "dev"], "several manifests: verify either one manifest"),
        (["release.yaml", A, "-e", "dev"], "release.yaml is a manifest, other targets are versions"),
        (["missing.yaml", "-e", "dev"], "missing.yaml: there is no such file"),
        (["release.yaml", "-e", "dev", "--allow", "endpoints"], "did you mean `endpoint`?"),
        (["release.yaml", "-e", "dev", "--var", "version"], "--var version: write NAME=VALUE"),
        ([A], "--domain and --repository missing"),
        ([A, "--domain", "acme"], ": --repository missing"),
        ([A, *IN_DEV, "-e", "dev"], f"--environment cannot be used with {A}, which is a version"),
        ([A, *IN_DEV, "--var", "a=b"], f"--var cannot be used with {A}, which is a version"),
        (["acme/app@1.0", *IN_DEV], "acme/app@1.0 is neither a file nor a version"),
        (["acme/app=sha256:abc", *IN_DEV], "nor a version with its digest\nWrite NAMESPACE/PACKAGE@VERSION"),
        ([A.upper(), *IN_DEV], "|is neither a file"),
        ([A, *IN_DEV, "--allow", "outside"], "--allow outside: only `endpoint` can be permitted"),
        ([A, "--domain", "ACME!", "--repository", "dev"], "--domain: "),
        ([A, *IN_DEV, "--domain-owner", "me"], "--domain-owner: "),
        ([f"acme/{'p' * 300}@1=sha256:" + "a" * 64, *IN_DEV], "@1: package: "),
        ([A, "--domain", "acme", "--repository", "dev", "--endpoint", "file:../x"], "--endpoint file:../x is neither"),
        ([A, "--domain", "acme", "--repository", "dev", "--endpoint", "https://x.test"], "neither AWS nor a folder"),
        ([A, "--domain", "acme", "--repository", "dev", "--endpoint", "ftp://x"], "is not a URL"),
        ([A, "--domain", "acme", "--repository", "dev", "--endpoint", "http://x.test"], "is plain HTTP"),
    ],
)
def test_invalid_targets_and_options_are_clear_errors(run: Run, project: Path, words: list[str], said: str) -> None:
    before = tree(project)
    outcome = run("verify", *words)
    assert (outcome.code, outcome.out) == (2, "")
    assert any(phrase and phrase in outcome.err for phrase in said.split("|")), outcome.err
    assert len(outcome.err) < 1000
    assert tree(project) == before


def test_the_operator_may_permit_another_folder(run: Run, stock: Stock, project: Path) -> None:
    stock.put(FILES)
    (project / "elsewhere").mkdir()
    os.chdir(project / "elsewhere")
    words = ("verify", named(FILES), "--domain", "acme", "--repository", "dev", "--endpoint", "file:../.registry")
    assert run(*words).code == 2
    assert run(*words, "--allow", "endpoint").code == 0


# --- what cannot be read ----------------------------------------------------------------------------------------------


def refusing(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    def refuse(expected: Expectation, *args: Any, **more: Any) -> VerifyResult:
        if expected.at.package in packages:
            raise AccessDeniedError(f"access denied: {expected.at}", hint="Allow it.")
        return verify_version(expected, *args, **more)

    monkeypatch.setattr(verify_check, "verify", refuse)


def test_an_unreadable_version_has_its_own_exit_code_and_with_a_mismatch_4(
    run: Run, told: Told, stock: Stock, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rewrite(project, ("environments:\n", "  - {package: lib, version: '1.0', assets: [dist/*]}\nenvironments:\n"))
    stock.put(FILES)
    stock.put(FILES, package="lib")
    refusing(monkeypatch, "lib")
    outcome = run("verify", "release.yaml", "-e", "dev")
    assert (outcome.code, outcome.err) == (
        2,
        "error[access-denied]: 2 packages: 1 could not be checked, 1 is verified\n",
    )
    assert outcome.out.splitlines()[2:] == [
        "  ? acme/lib@1.0  could not be checked",
        "",
        "  acme/lib@1.0",
        "    access-denied: access denied: acme/lib@1.0 in acme/dev",
        "    Allow it.",
    ]
    problem = told("release.yaml", "-e", "dev", code=2)["packages"][1]["problem"]
    assert problem == {"code": "access-denied", "message": "access denied: acme/lib@1.0 in acme/dev\nAllow it."}
    (project / "dist" / "a.txt").write_text("changed")
    outcome = run("verify", "release.yaml", "-e", "dev")
    assert (outcome.code, outcome.err) == (4, "error[mismatch]: 2 packages: 1 differs, 1 could not be checked\n")
    told("release.yaml", "-e", "dev", code=4)


def test_an_unreachable_registry_is_reported_once_and_not_called_again(
    run: Run, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = "".join(f"  - {{package: p{number}, version: '1.0', assets: [dist/*]}}\n" for number in range(40))
    rewrite(project, ("environments:\n", f"{more}environments:\n"))
    asked: list[str] = []

    def silent(expected: Expectation, *_args: Any, **_more: Any) -> VerifyResult:
        asked.append(expected.at.package)
        raise UnreachableError("no answer", hint="Check the network.")

    monkeypatch.setattr(verify_check, "verify", silent)
    outcome = run("verify", "release.yaml", "-e", "dev")
    assert (outcome.code, outcome.err) == (1, "error[unreachable]: 41 packages: 41 could not be checked\n")
    assert outcome.out.count("no answer") == 1
    assert outcome.out.count("unreachable: as above") == 40
    assert len(asked) <= 8


def test_an_endpoint_from_the_shell_is_a_warning(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_ENDPOINT_URL_CODEARTIFACT": "http://127.0.0.1:9",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
        "AWS_REGION": "eu-west-1",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    outcome = run("verify", A, "--domain", "acme", "--repository", "dev")
    assert outcome.code == 1
    assert outcome.err.startswith("warning: the endpoint http://127.0.0.1:9 comes from AWS_ENDPOINT_URL_CODEARTIFACT")
    assert outcome.err.endswith("error[unreachable]: acme/app@1.0 could not be checked\n")


# --- a registry that lies ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def liar() -> Iterator[Source]:
    made = Source()
    yield made
    made.close()
    _clients.clear()


GOOD = {"a.txt": b"alpha", "b.txt": b"beta"}
_clients: dict[ClientSettings, CodeArtifactClient] = {}


class Lied:
    """Verifies what a registry says that it holds, in both forms."""

    def __init__(self, source: Source, run: Run, told: Told, folder: Path) -> None:
        self.source, self._run, self._told, self._folder = source, run, told, folder

    def codes(self, contents: dict[str, bytes] = GOOD) -> set[int]:
        where = ("--endpoint", self.source.url, "--allow", "endpoint", "--domain", "acme", "--repository", "dev")
        (self._folder / "dist").mkdir(exist_ok=True)
        for name, content in contents.items():
            (self._folder / "dist" / name).write_bytes(content)
        (self._folder / "release.yaml").write_text(MANIFEST.replace("file:.registry", self.source.url))
        manifest = ("release.yaml", "-e", "dev", "--allow", "endpoint")
        outcome = self._run("verify", named(contents), *where, "--download")
        printed = outcome.out + outcome.err
        assert "Traceback" not in printed
        assert all(character == "\n" or character.isprintable() for character in printed), ascii(printed)
        assert not any(line.lstrip().startswith(("::", "##")) for line in printed.splitlines())
        assert ("Verified" in printed) is (outcome.code == 0)
        return {outcome.code, self._told(*manifest, "--download", code=None)["code"]}


@pytest.fixture
def lied(liar: Source, run: Run, told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lied]:
    monkeypatch.chdir(tmp_path)
    for name, value in {
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
        "AWS_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(
        sys.modules["pulumi_codeartifact_release.publishing.download_asset"], "DOWNLOAD_WAITS", (0.001, 0.001)
    )
    monkeypatch.setattr(sys.modules["pulumi_codeartifact_release.publishing.apply"], "SETTLE_WAITS", (0.001,) * 3)
    honest = dict(vars(liar))
    # One client for all of them: it takes longer to make than a test.
    connections._cache.clients.values.update(_clients)
    yield Lied(liar, run, told, tmp_path)
    _clients.update(connections._cache.clients.values)
    vars(liar).update(honest)
    liar.requests.clear()


def test_an_honest_registry_is_verified(lied: Lied) -> None:
    """What every other test of this section changes one thing of."""
    assert lied.codes() == {0}


@pytest.mark.parametrize(
    ("headers", "content"),
    [
        ({}, b"ALPHA"),
        ({}, b"alpha and more"),
        ({}, b"alph"),
        ({}, b""),
        ({"Content-Length": "4"}, b"alpha"),
        ({"Content-Length": "50"}, b"alpha"),
    ],
)
def test_different_bytes_are_never_verified(lied: Lied, headers: dict[str, str], content: bytes) -> None:
    lied.source.body = lambda name: (200, headers, content if name == "a.txt" else b"beta")
    assert lied.codes() <= {1, 4}


def test_a_download_that_differs_from_its_listing_is_shown_with_all_hashes(lied: Lied, run: Run) -> None:
    lied.source.body = lambda name: (200, {}, b"ALPHA" if name == "a.txt" else b"beta and more")
    assert lied.codes() == {4}
    outcome = run("verify", "release.yaml", "-e", "dev", "--allow", "endpoint", "--download")
    assert outcome.out.splitlines()[1:] == [
        "  ! acme/app@1.0  differs: 2 assets",
        "",
        "  acme/app@1.0",
        "    a.txt: downloads as different bytes than listed (5 bytes)",
        f"      declared  {sha256(b'alpha')}",
        f"      listed    {sha256(b'alpha')}",
        f"      received  {sha256(b'ALPHA')}",
        "    b.txt: downloads as different bytes than listed (4 bytes declared, 4 bytes listed, more received)",
        f"      declared  {sha256(b'beta')}",
        f"      listed    {sha256(b'beta')}",
    ]


@pytest.mark.parametrize("status", [403, 404, 409, 500])
def test_an_asset_that_does_not_download_is_never_verified(lied: Lied, status: int) -> None:
    missing = {"x-amzn-ErrorType": "ResourceNotFoundException", "Content-Type": "application/json"}
    answer = json.dumps({"message": "\x1b[2J\n::error::x", "resourceType": "asset"}).encode()
    lied.source.body = lambda _name: (status, missing if status == 404 else {}, answer)
    assert lied.codes() == {{403: 2, 404: 4}.get(status, 1)}


def test_an_endless_body_ends(lied: Lied) -> None:
    taken: list[int] = []
    lied.source.body = lambda _name: (200, {}, endless(taken))
    assert lied.codes() == {4}
    # As much as fits into buffers on the way, of two assets in four runs.
    assert len(taken) < 200


@pytest.mark.parametrize(
    "listing",
    [
        [listed("a.txt", b"alpha")],
        [listed("a.txt", b"alpha"), listed("b.txt", b"beta"), listed("c.txt", b"")],
        [listed("a.txt", b"alpha"), listed("b.txt", b"beta", size=2**63)],
        [listed("a.txt", b"alpha"), listed("b.txt", b"beta", size=5)],
        [listed("a.txt", b"alpha"), listed("b.txt", b"beta"), listed("a.txt", b"other")],
        [listed("a.txt", b"alpha"), listed("b.txt", b"beta"), listed("\ud800", b"")],
        [listed("a.txt", b"alpha"), listed("\x1b[2J\n::error::x", b"beta")],
        [listed("a.txt", b"alpha"), listed("x" * 100_000, b"beta")],
        [],
        None,
        [None],
        ["a.txt"],
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_wrong_listings_are_never_verified(lied: Lied, listing: Any) -> None:
    lied.source.listing = listing
    assert lied.codes() <= {1, 4}


def test_names_are_escaped_for_the_terminal(lied: Lied, run: Run) -> None:
    lied.source.listing = [listed("a.txt", b"alpha"), listed("b.txt", b"beta"), listed("\x1b[2J\n::error::x", b"")]
    assert lied.codes() == {4}
    outcome = run("verify", "release.yaml", "-e", "dev", "--allow", "endpoint")
    assert r"    \x1b[2J\n::error::x: not declared (0 bytes)" in outcome.out.splitlines()


def test_a_lying_source_environment_is_one_clear_error(lied: Lied, told: Told) -> None:
    assert lied.codes() == {0}
    words = ("release.yaml", "-e", "staging", "--allow", "endpoint")
    assert told(*words)["packages"][0]["expected"]["from"] == "environment"
    lied.source.listing = [listed("a.txt", b"alpha"), listed("\ud800", b"")]
    (package,) = told(*words, code=1)["packages"]
    assert "has no usable name" in package["problem"]["message"]
    lied.source.listing = []
    (package,) = told(*words, code=4)["packages"]
    assert "has none of its assets (Published)" in package["problem"]["message"]


@pytest.mark.parametrize("status", ["Unfinished", "Disposed", "Archived", "Deleted", "published", "", None, 7])
def test_a_wrong_status_is_never_verified(lied: Lied, status: Any) -> None:
    lied.source.described = {"status": status}
    assert lied.codes() <= {1, 4}


def test_a_version_that_keeps_changing_is_reported(lied: Lied, run: Run) -> None:
    numbers = itertools.count()
    lied.source.body = lambda name: (
        lied.source.described.update(revision=f"another {next(numbers)}"),
        (200, {}, GOOD[name]),
    )[1]
    assert lied.codes() == {1}


# --- as a process -----------------------------------------------------------------------------------------------------

MEASURED = """
import sys
from pulumi_codeartifact_release.cli import main
sys.argv = ["codeartifact-release", *sys.argv[1:]]
try:
    main()
finally:
    print("PEAK", peak_memory_kib())
"""


@pytest.mark.slow
def test_a_large_asset_takes_little_memory_and_no_disk(lied: Lied, tmp_path: Path) -> None:
    size, part = 96 << 20, bytes(1 << 20)
    whole = hashlib.sha256()
    for _ in range(size >> 20):
        whole.update(part)
    names = ("a.bin", "b.bin")
    lied.source.listing = [{"name": name, "size": size, "hashes": {"SHA-256": whole.hexdigest()}} for name in names]
    lied.source.body = lambda _name: (200, {"Content-Length": str(size)}, (part for _ in range(size >> 20)))
    program = tmp_path / "measured.py"
    program.write_text(PEAK_MEMORY + MEASURED)
    sealed = digest(Asset(name, size, whole.hexdigest()) for name in names)
    where = ["--endpoint", lied.source.url, "--allow", "endpoint", "--domain", "acme", "--repository", "dev"]
    words = [sys.executable, str(program), "verify", f"acme/app@1.0={sealed}", *where, "--download"]
    spool = tmp_path / "tmp"
    spool.mkdir()
    done = subprocess.run(
        words, capture_output=True, text=True, timeout=60, check=False, env={**os.environ, "TMPDIR": str(spool)}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 assets, 192.0 MiB downloaded and hashed" in done.stdout
    assert int(done.stdout.split("PEAK ")[1].split()[0]) // 1024 < 130
    assert list(spool.iterdir()) == []


def test_an_interruption_ends_verify_at_once_with_130(lied: Lied) -> None:
    begun, ended = threading.Event(), threading.Event()

    def drip() -> Iterator[bytes]:
        begun.set()
        while not ended.wait(0.05):
            yield b"x"

    lied.source.listing = [listed("a.txt", b"alpha", size=1 << 30)]
    lied.source.body = lambda _name: (200, {}, drip())
    where = ["--endpoint", lied.source.url, "--allow", "endpoint", "--domain", "acme", "--repository", "dev"]
    verify = subprocess.Popen(
        [COMMAND, "verify", A, *where, "--download"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert begun.wait(50)
        verify.send_signal(signal.SIGINT)
        # The asset goes on for as long as this waits.
        out, err = verify.communicate(timeout=50)
    finally:
        ended.set()
    assert (verify.returncode, "Verified" in out) == (130, False), out + err
    assert "interrupted" in err


@pytest.mark.slow
def test_a_terminal_shows_progress_and_a_log_no_escape_codes(stock: Stock, project: Path) -> None:
    stock.put(FILES)
    words = [COMMAND, "verify", "release.yaml", "-e", "dev", "--download"]
    environ = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"TERM": "xterm"}
    log = subprocess.run(words, capture_output=True, text=True, check=True, env=environ)
    assert "\x1b" not in log.stdout + log.stderr
    script = shlex.join(["script", "-qec", shlex.join(words), "/dev/null"])
    shown = subprocess.run(script, shell=True, capture_output=True, text=True, check=True, env=environ).stdout
    assert "\x1b" in shown
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown).replace("\r", "")
    assert text.rstrip().endswith(log.stdout.rstrip())
    assert "97.7 of 97.7 KiB" in text


# --- what is written about it -----------------------------------------------------------------------------------------


def keys(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return {key for each in schema for key in keys(each)}
    if not isinstance(schema, dict):
        return set()
    return set(schema.get("properties", {})) | {key for each in schema.values() for key in keys(each)}


def test_every_key_and_value_of_the_schema_is_documented() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)

    def objects(node: Any) -> Iterator[dict[str, Any]]:
        for each in node.values() if isinstance(node, dict) else node if isinstance(node, list) else []:
            yield from objects(each)
        if isinstance(node, dict) and "properties" in node and isinstance(node.get("required"), list):
            yield node

    for node in objects(SCHEMA):
        assert set(node["required"]) == set(node["properties"])
    page = (ROOT / "docs" / "verify.md").read_text()
    words = keys(SCHEMA) | set(VerifyOutcome) | set(verify_check.Basis)
    assert len(words) > 30
    assert [word for word in sorted(words) if f"`{word}`" not in page] == []
