"""`status` on an embedded registry: what it says of every package in every environment, and that it only reads."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import pytest
from rich.cells import cell_len

from pulumi_codeartifact_release.cli import status_read
from pulumi_codeartifact_release.cli.output_files import write_atomically
from pulumi_codeartifact_release.cli.status_read import Cell, EnvironmentReport, Report, Row
from pulumi_codeartifact_release.cli.views.status_table import status_lines
from pulumi_codeartifact_release.errors import AccessDeniedError, UsageError
from pulumi_codeartifact_release.local_registry import start
from pulumi_codeartifact_release.location import Location
from pulumi_codeartifact_release.manifest import Environment
from pulumi_codeartifact_release.publishing import drift
from pulumi_codeartifact_release.publishing.drift import (
    CurrentVersion,
    DesiredVersion,
    DriftState,
    PackageState,
    SyncState,
    Upstream,
    check_drift,
)
from pulumi_codeartifact_release.registry import Status
from support.command_line import Run
from support.embedded import Gate, client_of, create_registry, opened
from system.cli.test_release import tree

MANIFEST = """\
schemaVersion: 1
variables:
  version: {default: "1.0"}
defaults: {namespace: acme, version: "${version}"}
packages:
  - {package: app, assets: [dist/*]}
  - {package: lib, assets: [dist/*]}
environments:
  dev: {domain: acme, repository: dev, endpoint: "file:.registry"}
  staging: {domain: acme, repository: staging, endpoint: "file:.registry", promoteFrom: dev}
  prod: {domain: acme, repository: prod, endpoint: "file:.registry", promoteFrom: staging}
"""


class Stock:
    """What is put into a registry, by somebody else."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def put(self, repository: str, version: str, content: bytes = b"x", package: str = "app", **more: Any) -> str:
        self.client.publish_package_version(
            **self.key(repository, package),
            packageVersion=version,
            assetName="a",
            assetContent=content,
            assetSHA256=hashlib.sha256(content).hexdigest(),
            **more,
        )
        return digest_of(content)

    def key(self, repository: str, package: str = "app") -> dict[str, Any]:
        return {
            "domain": "acme",
            "repository": repository,
            "format": "generic",
            "namespace": "acme",
            "package": package,
        }

    def set_status(self, repository: str, version: str, status: Any) -> None:
        self.client.update_package_versions_status(**self.key(repository), versions=[version], targetStatus=status)


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(f"{hashlib.sha256(content).hexdigest()}  a\n".encode()).hexdigest()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a manifest, and none of its files; the working folder."""
    (tmp_path / "release.yaml").write_text(MANIFEST)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@contextmanager
def stocked(folder: Path) -> Iterator[Stock]:
    """What is in the registry `.registry` of a folder, which has three empty repositories at first."""
    create_registry(folder / ".registry", "acme/dev", "acme/staging", "acme/prod")
    with opened(folder / ".registry") as client:
        yield Stock(client)


@pytest.fixture
def stock(folder: Path) -> Iterator[Stock]:
    with stocked(folder) as stock:
        yield stock


def told(run: Run, *words: str, code: int = 0) -> dict[str, Any]:
    outcome = run("status", "release.yaml", "--json", *words)
    assert outcome.code == code, outcome.err
    answer: dict[str, Any] = json.loads(outcome.out)
    return answer


def cells(run: Run, *words: str, package: int = 0, code: int = 0) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = told(run, *words, code=code)["packages"][package]["environments"]
    return found


# --- what it says ---


def test_a_pending_version_is_not_in_sync(run: Run, folder: Path, stock: Stock) -> None:
    # An older version everywhere, and the declared one nowhere yet.
    for repository in ("dev", "staging", "prod"):
        for package in ("app", "lib"):
            stock.put(repository, "0.9", package=package)
    lines = run("status", "release.yaml").out.splitlines()
    [staging, _] = [line for line in lines if line.startswith("  staging  0.9")]
    assert re.search(r"\d\d:\d\d  pending$", staging)
    assert not any("in sync" in line for line in lines)


def test_everything_in_sync(run: Run, stock: Stock) -> None:
    for repository in ("dev", "staging", "prod"):
        for package in ("app", "lib"):
            stock.put(repository, "1.0", package=package)
    outcome = run("status", "release.yaml")
    assert (outcome.code, outcome.err) == (0, "")
    lines = outcome.out.splitlines()
    assert re.fullmatch(r"release\.yaml, as of \d{4}-\d\d-\d\d \d\d:\d\d UTC", lines[0])
    assert lines[1:5] == [
        "  dev      file:.registry, us-east-1, acme/dev",
        "  staging  file:.registry, us-east-1, acme/staging; from dev",
        "  prod     file:.registry, us-east-1, acme/prod; from staging",
        "",
    ]
    assert lines[6] == "acme/app"
    short = digest_of(b"x").removeprefix("sha256:")[:12]
    assert re.fullmatch(rf"  staging  1\.0      Published  {short}…  \d{{4}}-\d\d-\d\d \d\d:\d\d  in sync", lines[8])
    assert lines[-1] == "2 packages in 3 environments: everything is in sync."


def test_the_json_has_every_environment_and_every_cell(run: Run, stock: Stock) -> None:
    digest = stock.put("dev", "1.0")
    stock.put("staging", "0.9", b"old")
    answer = told(run)
    assert list(answer) == ["schemaVersion", "manifest", "asOf", "summary", "environments", "packages"]
    assert (answer["schemaVersion"], answer["manifest"]) == (1, "release.yaml")
    assert answer["summary"] == {"packages": 2, "problem": 0, "drifted": 0, "behind": 2, "pending": 2}
    assert answer["environments"][1] == {
        "name": "staging",
        "endpoint": "file:.registry",
        "region": "us-east-1",
        "domain": "acme",
        "repository": "staging",
        "promoteFrom": "dev",
        "problem": None,
    }
    (app, lib) = answer["packages"]
    assert (app["package"], lib["package"]) == ("acme/app", "acme/lib")
    dev, staging, prod = app["environments"].values()
    when = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
    assert when.fullmatch(dev.pop("since"))
    assert when.fullmatch(answer["asOf"])
    assert dev.pop("revision")
    assert dev == {
        "wanted": {"version": "1.0", "status": "Published", "digest": None, "from": "manifest"},
        "version": "1.0",
        "basis": "declared",
        "otherPublished": [],
        "moreOtherPublished": False,
        "status": "Published",
        "digest": digest,
        "declared": "as-declared",
        "sync": "in-sync",
        "behind": None,
        "reasons": [],
        "problem": None,
        "complete": None,
        "members": None,
    }
    assert (staging["version"], staging["declared"], staging["sync"]) == ("0.9", "pending", "behind")
    assert when.fullmatch(staging["behind"].pop("since"))
    assert staging["behind"] == {"environment": "dev", "version": "1.0", "digest": digest}
    assert (prod["version"], prod["status"], prod["digest"], prod["revision"], prod["since"]) == (None,) * 5
    assert lib["environments"]["dev"]["behind"] == {
        "environment": None,
        "version": "1.0",
        "digest": None,
        "since": None,
    }


def keys(value: Any) -> set[str]:
    if isinstance(value, list):
        return {key for each in value for key in keys(each)}
    if not isinstance(value, dict):
        return set()
    named = {key for key in value if key not in ("dev", "staging", "prod")}
    return named | {key for each in value.values() for key in keys(each)}


def test_every_key_and_value_of_the_json_is_documented(run: Run, stock: Stock, folder: Path) -> None:
    stock.put("dev", "1.0")
    elsewhere(folder, "prod", "https://registry.example.test")
    page = (Path(__file__).parents[3] / "docs" / "status.md").read_text()
    words = keys(told(run, code=2)) | set(DriftState) | set(SyncState)
    assert len(words) > 30
    assert [word for word in sorted(words) if f"`{word}`" not in page] == []


def test_different_bytes_under_the_same_version_are_drift(run: Run, stock: Stock) -> None:
    stock.put("dev", "1.0")
    digest = stock.put("staging", "1.0")
    stock.put("prod", "1.0", b"other")
    prod = cells(run)["prod"]
    assert (prod["declared"], prod["sync"]) == ("drifted", "behind")
    assert prod["reasons"] == [f"its digest differs from 1.0 in staging, {digest}"]
    assert "1 drifted" in run("status", "release.yaml").out


def test_another_status_is_drift(run: Run, stock: Stock) -> None:
    for repository in ("dev", "staging"):
        stock.put(repository, "1.0")
    stock.set_status("staging", "1.0", "Archived")
    staging = cells(run)["staging"]
    assert (staging["status"], staging["declared"], staging["sync"]) == ("Archived", "drifted", "in-sync")
    assert staging["reasons"] == ["Archived, declared Published"]


def test_an_upload_is_in_progress_and_the_published_version_is_current(run: Run, stock: Stock) -> None:
    stock.put("dev", "0.9", b"old")
    stock.put("staging", "0.9", b"old")
    stock.put("dev", "1.0", unfinished=True)
    dev, staging, _ = cells(run).values()
    assert (dev["version"], dev["declared"], dev["reasons"]) == ("0.9", "pending", ["1.0 is Unfinished here"])
    assert (staging["version"], staging["sync"]) == ("0.9", "in-sync")
    assert "in progress, behind" in run("status", "release.yaml").out


def test_a_single_unfinished_version_is_shown_as_unfinished(run: Run, stock: Stock) -> None:
    stock.put("dev", "1.0", unfinished=True)
    dev = cells(run)["dev"]
    assert (dev["version"], dev["status"], dev["digest"], dev["since"]) == ("1.0", "Unfinished", None, None)
    assert re.search(r"dev +1\.0 +Unfinished +in progress, behind", run("status", "release.yaml").out)


def pinned(folder: Path, pins: str, more: str = "") -> None:
    text = MANIFEST.replace("promoteFrom: staging}", f"promoteFrom: staging, {more}pins: {{{pins}}}}}")
    (folder / "release.yaml").write_text(text)


def test_pinned_at_an_older_version_is_as_declared_and_behind(run: Run, stock: Stock, folder: Path) -> None:
    for repository in ("dev", "staging"):
        stock.put(repository, "1.0")
    digest = stock.put("prod", "0.9", b"old")
    pinned(folder, f'acme/app: {{version: "0.9", digest: "{digest}"}}')
    prod = cells(run)["prod"]
    assert prod["wanted"] == {"version": "0.9", "status": "Published", "digest": digest, "from": "pins"}
    assert (prod["declared"], prod["sync"], prod["behind"]["version"]) == ("as-declared", "behind", "1.0")
    out = run("status", "release.yaml").out
    assert "pinned, behind" in out
    assert "staging holds 1.0" in out


def test_different_bytes_than_the_pin_are_drift(run: Run, stock: Stock, folder: Path) -> None:
    stock.put("prod", "0.9", b"old")
    pinned(folder, f'acme/app: {{version: "0.9", digest: "{digest_of(b"x")}"}}')
    assert cells(run)["prod"]["reasons"] == [f"its digest differs from its pin, {digest_of(b'x')}"]


def test_a_package_that_only_a_pin_names_is_shown(run: Run, stock: Stock, folder: Path) -> None:
    digest = stock.put("prod", "0.9", b"old", package="gone")
    pinned(folder, f'acme/gone: {{version: "0.9", digest: "{digest}"}}')
    answer = told(run)
    assert [row["package"] for row in answer["packages"]] == ["acme/app", "acme/lib", "acme/gone"]
    dev, _, prod = answer["packages"][2]["environments"].values()
    assert (prod["declared"], prod["sync"]) == ("as-declared", "none")
    assert (dev["wanted"], dev["declared"], dev["sync"]) == (None, "undeclared", "none")


def test_without_a_pin_nothing_is_wanted_if_pinned_is_true(run: Run, stock: Stock, folder: Path) -> None:
    for repository in ("dev", "staging"):
        stock.put(repository, "1.0")
    stock.put("prod", "0.9", b"old")
    pinned(folder, "", "pinned: true, ")
    prod = cells(run)["prod"]
    assert (prod["wanted"], prod["version"], prod["declared"], prod["sync"]) == (None, "0.9", "undeclared", "behind")
    assert "acme/prod; from staging, only pinned packages\n" in run("status", "release.yaml").out


def test_nothing_is_wanted_in_an_environment_with_a_stack(run: Run, stock: Stock, folder: Path) -> None:
    text = MANIFEST.replace("promoteFrom: staging}", "promoteFrom: staging, stack: acme/releases/staging}")
    (folder / "release.yaml").write_text(text)
    assert cells(run)["prod"]["wanted"] is None
    assert "acme/prod; from staging, outputs of the stack acme/releases/staging\n" in run("status", "release.yaml").out


def test_the_next_environment_inherits_the_version_of_a_pin_but_not_its_digest(
    run: Run, stock: Stock, folder: Path
) -> None:
    pins = f'promoteFrom: dev, pins: {{acme/app: {{version: "0.9", digest: "{digest_of(b"old")}"}}}}}}'
    (folder / "release.yaml").write_text(MANIFEST.replace("promoteFrom: dev}", pins))
    assert cells(run)["prod"]["wanted"] == {
        "version": "0.9",
        "status": "Published",
        "digest": None,
        "from": "manifest",
    }


def test_variables_select_the_version(run: Run, stock: Stock) -> None:
    stock.put("dev", "2.0")
    assert cells(run, "--var", "version=2.0")["dev"]["sync"] == "in-sync"
    assert cells(run)["dev"]["declared"] == "pending"


# --- which environments ---


def test_an_environment_is_compared_with_its_source_even_if_that_is_not_shown(run: Run, stock: Stock) -> None:
    stock.put("staging", "1.0")
    answer = told(run, "-e", "prod", "-e", "prod")
    assert [each["name"] for each in answer["environments"]] == ["prod"]
    (app, _) = answer["packages"]
    assert list(app["environments"]) == ["prod"]
    assert app["environments"]["prod"]["behind"]["environment"] == "staging"


def test_packages_and_environments_are_in_the_order_of_the_manifest(run: Run, stock: Stock) -> None:
    answer = told(run, "-e", "prod", "-e", "dev")
    assert [each["name"] for each in answer["environments"]] == ["dev", "prod"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["release.yaml", "-e", "prd"], "did you mean `prod`?"),
        (["missing.yaml"], "there is no such file"),
        (["release.yaml", "--var", "version"], "write NAME=VALUE"),
        (["release.yaml", "--allow", "everything"], "everything"),
    ],
)
def test_bad_usage_is_exit_code_2(run: Run, folder: Path, words: list[str], said: str) -> None:
    outcome = run("status", *words)
    assert outcome.code == 2
    assert said in outcome.err


# --- what cannot be read ---

SILENT = "http://127.0.0.1:9"


def elsewhere(folder: Path, name: str, endpoint: str) -> None:
    text = (folder / "release.yaml").read_text()
    line = next(line for line in text.splitlines() if line.startswith(f"  {name}:"))
    (folder / "release.yaml").write_text(text.replace(line, line.replace("file:.registry", endpoint)))


@pytest.fixture
def _keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")


@pytest.mark.usefixtures("_keys")
def test_an_unreachable_environment_is_reported_and_the_others_are_shown(run: Run, stock: Stock, folder: Path) -> None:
    stock.put("dev", "1.0")
    elsewhere(folder, "staging", SILENT)
    answer = told(run, "--allow", "endpoint", code=1)
    assert answer["environments"][1]["problem"]["code"] == "unreachable"
    dev, staging, prod = answer["packages"][0]["environments"].values()
    assert dev["sync"] == "in-sync"
    assert (staging["declared"], staging["sync"], staging["problem"]["code"]) == ("unknown", "unknown", "unreachable")
    assert "\n" not in staging["problem"]["message"]
    assert (prod["declared"], prod["sync"], prod["problem"]) == ("pending", "unknown", None)
    assert "staging could not be read" in prod["reasons"]
    outcome = run("status", "release.yaml", "--allow", "endpoint")
    assert outcome.code == 1
    assert "           not read: unreachable: " in outcome.out
    assert outcome.out.count("unreachable: ") == 1
    assert outcome.out.splitlines()[-1].startswith("2 packages in 3 environments: staging not read, ")


@pytest.mark.usefixtures("_keys")
def test_an_unreachable_source_that_is_not_shown_is_exit_code_1(run: Run, stock: Stock, folder: Path) -> None:
    elsewhere(folder, "staging", SILENT)
    assert run("status", "release.yaml", "-e", "prod", "--allow", "endpoint").code == 1
    assert run("status", "release.yaml", "-e", "dev", "--allow", "endpoint").code == 0


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("https://registry.example.test", "is not AWS: a manifest may not choose"),
        ("file:../elsewhere", "is outside the manifest's folder"),
    ],
)
def test_a_refused_endpoint_is_reported_and_gets_no_request(
    run: Run, stock: Stock, folder: Path, endpoint: str, said: str
) -> None:
    elsewhere(folder, "prod", endpoint)
    answer = told(run, code=2)
    prod = answer["environments"][2]
    assert prod["endpoint"] is None
    assert prod["problem"]["code"] == "usage"
    assert said in prod["problem"]["message"]
    assert answer["packages"][0]["environments"]["dev"]["problem"] is None
    assert not (folder.parent / "elsewhere").exists()


def test_a_denied_call_is_reported_with_its_package(run: Run, stock: Stock, monkeypatch: pytest.MonkeyPatch) -> None:
    stock.put("dev", "1.0")

    def denied(registry: Any, package: Any, *more: Any) -> PackageState:
        if package.package == "lib":
            raise AccessDeniedError("DescribePackageVersion: denied\nand more", hint="Allow it.")
        return drift.read_package(registry, package, *more)

    monkeypatch.setattr(status_read, "read_package", denied)
    assert cells(run, code=2)["dev"]["sync"] == "in-sync"
    lib = cells(run, package=1, code=2)["dev"]
    assert lib["problem"] == {"code": "access-denied", "message": "DescribePackageVersion: denied"}
    out = run("status", "release.yaml").out
    assert "access-denied: DescribePackageVersion: denied\n" in out
    assert "1 not read" in out


@pytest.mark.usefixtures("_keys")
def test_an_endpoint_from_the_shell_is_one_warning(
    run: Run, folder: Path, stock: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "release.yaml").write_text(MANIFEST.replace(', endpoint: "file:.registry"', ""))
    monkeypatch.setenv("AWS_ENDPOINT_URL_CODEARTIFACT", SILENT)
    outcome = run("status", "release.yaml")
    assert outcome.err == (
        f"warning: the endpoint {SILENT} comes from AWS_ENDPOINT_URL_CODEARTIFACT, not from the manifest\n"
    )
    assert outcome.code == 1


# --- it only reads ---


def test_nothing_is_written_to_a_registry_in_a_folder(run: Run, stock: Stock, folder: Path) -> None:
    stock.put("dev", "1.0")
    stock.put("staging", "1.0", unfinished=True)
    before = tree(folder)
    for words in ([], ["--json"], ["-e", "prod"]):
        run("status", "release.yaml", *words)
    assert tree(folder) == before


def test_a_missing_registry_reads_as_empty_and_is_not_created(run: Run, folder: Path) -> None:
    outcome = run("status", "release.yaml")
    assert (outcome.code, outcome.err) == (0, "")
    assert "1.0 does not exist here yet" in outcome.out
    assert [path.name for path in folder.iterdir()] == ["release.yaml"]


@pytest.mark.usefixtures("_keys")
def test_an_existing_version_takes_two_reads(run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with start(folder / "kept") as server, Gate(server) as gate:
        key = server.credentials()
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", key.access_key_id)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", key.secret_access_key)
        client = client_of(server)
        client.create_domain(domain="acme")
        for repository in ("dev", "staging", "prod"):
            client.create_repository(domain="acme", repository=repository)
            Stock(client).put(repository, "1.0")
            Stock(client).put(repository, "0.9", package="lib")
        client.close()
        (folder / "release.yaml").write_text(MANIFEST.replace("file:.registry", gate.url))
        assert run("status", "release.yaml", "--allow", "endpoint").code == 0
        asked = [request.split("?")[0] for request in gate.requests]
    assert set(asked) == {"GET /v1/package/version", "POST /v1/package/version/assets", "POST /v1/package/versions"}
    # app: describe, list and the versions; lib: describe, the versions, describe and list.
    assert len(asked) == 3 * (3 + 4)


def test_after_a_rollback_the_version_before_is_named(run: Run, folder: Path, stock: Stock) -> None:
    for version in ("3.0.0", "3.1.0"):
        stock.put("prod", version)
    pins = f'promoteFrom: staging, pins: {{acme/app: {{version: "3.0.0", digest: "{digest_of(b"x")}"}}}}'
    (folder / "release.yaml").write_text(MANIFEST.replace("promoteFrom: staging", pins))
    prod = cells(run)["prod"]
    assert {key: prod[key] for key in ("version", "basis", "declared", "otherPublished", "moreOtherPublished")} == {
        "version": "3.0.0",
        "basis": "pinned",
        "declared": "as-declared",
        "otherPublished": ["3.1.0"],
        "moreOtherPublished": False,
    }
    lines = run("status", "release.yaml").out.splitlines()
    assert "    prod: also Published: 3.1.0" in lines
    # Without the pin, and without 1.0, it is the newest that is shown, and it says so.
    (folder / "release.yaml").write_text(MANIFEST)
    prod = cells(run)["prod"]
    assert (prod["version"], prod["basis"], prod["otherPublished"]) == ("3.1.0", "newest", ["3.0.0"])
    assert "\n  prod     3.1.0 (newest)  Published" in run("status", "release.yaml").out


def test_a_withdrawn_version_is_shown_with_its_reason(run: Run, folder: Path, stock: Stock) -> None:
    digest = stock.put("dev", "1.0")
    stock.set_status("dev", "1.0", "Archived")
    entry = f"digest: '{digest}', status: Archived, reason: loses orders"
    (folder / "release.yaml").write_text(f"{MANIFEST}withdrawn: {{acme/app@1.0: {{{entry}}}}}\n")
    dev = cells(run, "-e", "dev")["dev"]
    assert (dev["declared"], dev["reasons"]) == ("as-declared", ["1.0 was withdrawn: loses orders"])
    outcome = run("status", "release.yaml", "-e", "dev")
    assert re.search(r"^  dev  1\.0 +Archived .* withdrawn, in sync$", outcome.out, re.MULTILINE)
    assert "    dev: 1.0 was withdrawn: loses orders" in outcome.out.splitlines()


# --- the page's file ---


def test_the_page_is_written_in_place_of_the_table(run: Run, stock: Stock, folder: Path) -> None:
    outcome = run("status", "release.yaml", "--html", "status.html")
    assert (outcome.code, outcome.out, outcome.err) == (0, "status.html: 2 behind, 2 pending\n", "")
    page = (folder / "status.html").read_text()
    assert page.startswith("<!doctype html>")
    assert "<title>2 behind, 2 pending · acme release status</title>" in page
    assert sorted(path.name for path in folder.iterdir()) == [".registry", "release.yaml", "status.html"]


def test_the_page_and_the_json_have_the_same_data(run: Run, stock: Stock, folder: Path) -> None:
    assert told(run, "--html", "status.html")["summary"]["behind"] == 2
    assert (folder / "status.html").exists()


def test_the_page_shows_everything_that_could_be_read(run: Run, stock: Stock, folder: Path) -> None:
    elsewhere(folder, "prod", "https://registry.example.test")
    outcome = run("status", "release.yaml", "--html", "status.html")
    assert outcome.code == 2
    assert outcome.out.startswith("status.html: prod not read, ")
    assert "a manifest may not choose" in (folder / "status.html").read_text()


def test_an_invalid_manifest_does_not_change_the_page(run: Run, folder: Path) -> None:
    (folder / "status.html").write_text("before")
    (folder / "release.yaml").write_text("schemaVersion: 1\n")
    assert run("status", "release.yaml", "--html", "status.html").code == 2
    assert (folder / "status.html").read_text() == "before"


def test_a_page_is_not_written_over_the_manifest(run: Run, folder: Path) -> None:
    before = (folder / "release.yaml").read_text()
    outcome = run("status", "release.yaml", "--html", "./release.yaml")
    assert (outcome.code, "--html release.yaml is the manifest" in outcome.err) == (2, True)
    assert (folder / "release.yaml").read_text() == before


def test_a_page_that_cannot_be_written_is_one_clear_message(run: Run, stock: Stock) -> None:
    outcome = run("status", "release.yaml", "--html", "no/such/status.html")
    assert outcome.code == 2
    assert outcome.err.startswith("error[usage]: no/such/status.html cannot be written: ")


def test_a_failed_write_leaves_the_previous_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "status.html"
    write_atomically(page, "before", "--html")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match="No space left on device"):
        write_atomically(page, "after", "--html")
    assert page.read_text() == "before"
    assert list(tmp_path.iterdir()) == [page]


def test_a_reader_keeps_the_page_that_it_has_opened(tmp_path: Path) -> None:
    page = tmp_path / "status.html"
    write_atomically(page, "before", "--html")
    with page.open() as reader:
        write_atomically(page, "after", "--html")
        assert reader.read() == "before"
    assert page.read_text() == "after"
    assert page.stat().st_mode & 0o777 == 0o666 & ~current_umask()


def current_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "www").mkdir()
    link = tmp_path / "status.html"
    link.symlink_to("www/status.html")
    write_atomically(link, "page", "--html")
    assert link.is_symlink()
    assert (tmp_path / "www" / "status.html").read_text() == "page"


# --- the table at a terminal ---

NOW = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)


def report(versions: dict[str, str], names: tuple[str, ...] = ("dev", "staging", "prod")) -> Report:
    environments = tuple(
        EnvironmentReport(Environment(name, location), location, location.endpoint, problem=None, last=False)
        for name in names
        for location in [Location("acme", name, region="us-east-1", endpoint="file:.registry")]
    )

    def cell(version: str) -> Cell:
        holding = CurrentVersion(version, Status.ARCHIVED, "r1", "sha256:" + "a" * 64, NOW - timedelta(days=200), NOW)
        wanted, found = DesiredVersion(version), PackageState(holding)
        return Cell(wanted, found, check_drift(wanted, found, None))

    rows = tuple(Row(package, {name: cell(version) for name in names}) for package, version in versions.items())
    return Report("release.yaml", NOW, environments, rows, 0)


@pytest.mark.parametrize("width", [50, 60, 72, 80, 100, 120])
@pytest.mark.parametrize("version", ["1.0", "2026.11.22-rc1", "1." + "0" * 38, "1." + "0" * 98, "版本一"])
def test_no_line_is_wider_than_the_terminal(width: int, version: str) -> None:
    lines = [click.unstyle(line) for line in status_lines(report({"acme/app": version, "acme/lib": "1.0"}), width)]
    assert max(cell_len(line) for line in lines) <= width
    assert sum("drifted" in line for line in lines) >= 6
    assert sum(line.startswith("  dev  ") for line in lines) == 3


@pytest.mark.parametrize("width", [80, 120, None])
def test_the_columns_are_the_same_at_any_width(width: int | None) -> None:
    lines = [click.unstyle(line) for line in status_lines(report({"acme/app": "1.0", "acme/lib": "1.0"}), width)]
    assert lines[5] == "           VERSION  STATUS    DIGEST         SINCE (UTC)       STATE"
    rows = [line for line in lines if line.startswith("  dev      1.0")]
    assert rows == ["  dev      1.0      Archived  aaaaaaaaaaaa…  2026-05-06 16:00  drifted, in sync"] * 2


def test_lines_in_a_file_are_not_broken() -> None:
    version = "1." + "0" * 98
    lines = status_lines(report({"acme/app": version}), None)
    assert any(f"  dev      {version}  Archived  aaaaaaaaaaaa…" in line for line in lines)


def test_texts_of_a_registry_are_escaped_for_the_terminal() -> None:
    lines = "\n".join(status_lines(report({"acme/\x1b[2Japp": "1\x1b]0;x\x07"}), None))
    assert "\x1b[2J" not in lines
    assert "\x1b]" not in lines
    assert "\\x1b[2Japp" in lines


def test_texts_of_the_source_environment_are_escaped_for_the_terminal() -> None:
    there = PackageState(CurrentVersion("1\x1b[2J", Status.PUBLISHED, "r1", "sha256:" + "a" * 64))
    (first, *_) = report({"acme/app": "1.0"}).rows
    dev = first.cells["dev"]
    behind = Cell(dev.desired, PackageState(), check_drift(dev.desired, PackageState(), Upstream("dev", there)))
    made = report({"acme/app": "1.0"})
    lines = "\n".join(status_lines(replace(made, rows=(Row("acme/app", {**first.cells, "staging": behind}),)), None))
    assert "dev holds 1\\x1b[2J" in lines


def test_piped_output_has_no_color(run: Run, stock: Stock) -> None:
    assert "\x1b" not in run("status", "release.yaml").out
