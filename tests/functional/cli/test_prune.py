"""`prune`: old versions of one environment are archived, later deleted; what anything protects stays."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pulumi_codeartifact_release.registry.boto import BotoRegistry
from support.command_line import Run

from .test_status import MANIFEST, Stock, digest_of, stock

__all__ = ["stock"]

DAY = 86_400.0
OPERATIONS_TIME = "pulumi_codeartifact_release.local_registry.operations.versions.time.time"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a manifest whose dev has a retention; the working folder."""
    dev = 'endpoint: "file:.registry", retention: {newerThan: 90d, keep: 2}}'
    text = MANIFEST.replace('endpoint: "file:.registry"}', dev, 1)
    text = text.replace(
        "promoteFrom: dev}", f'promoteFrom: dev, pins: {{acme/app: {{version: "0.3", digest: "{digest_of(b"x")}"}}}}}}'
    )
    (tmp_path / "release.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CODEARTIFACT_RELEASE_CACHE", str(tmp_path / "cache"))
    return tmp_path


Publish = Callable[..., str]


@pytest.fixture
def publish(stock: Stock, monkeypatch: pytest.MonkeyPatch) -> Publish:
    """Publish a version some days ago."""

    def put(repository: str, version: str, days: float, package: str = "app") -> str:
        with pytest.MonkeyPatch.context() as patch:
            now = time.time()
            patch.setattr(OPERATIONS_TIME, lambda: now - days * DAY)
            return stock.put(repository, version, b"x", package=package)

    return put


@pytest.fixture
def history(publish: Publish) -> None:
    """0.0 to 0.9 in dev, 200 to 191 days old, and one of each that must stay."""
    for number in range(10):
        publish("dev", f"0.{number}", 200 - number)
    publish("dev", "1.0", 100)
    publish("dev", "0.20", 10)
    publish("prod", "0.5", 50)


def statuses(stock: Stock, repository: str = "dev", package: str = "app") -> dict[str, str]:
    listed = stock.client.list_package_versions(**stock.key(repository, package))["versions"]
    return {each["version"]: each["status"] for each in listed}


def archived(stock: Stock) -> set[str]:
    return {version for version, status in statuses(stock).items() if status == "Archived"}


def decided(run: Run, *words: str, code: int = 0) -> dict[str, dict[str, Any]]:
    """Version -> decision about acme/app, from the JSON, which follows its schema."""
    outcome = run("prune", "release.yaml", "-e", "dev", *words, "--json")
    assert outcome.code == code, outcome.err
    answer = json.loads(outcome.out)
    jsonschema.Draft202012Validator(json.loads(run("schema", "prune").out)).validate(answer)
    return {each["version"]: each for each in answer["packages"][0]["versions"]}


def test_it_shows_what_would_go_and_why_the_others_stay(run: Run, stock: Stock, history: None) -> None:
    outcome = run("prune", "release.yaml", "-e", "dev")
    assert (outcome.code, outcome.err) == (0, "")
    lines = [re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", "TIME", line) for line in outcome.out.splitlines()]
    assert lines == [
        "dev: file:.registry, account 000000000000, us-east-1, repository acme/dev",
        "  retention: newerThan 90d, keep 2, match *",
        "",
        "acme/app: 8 to archive, 0 to delete, 4 kept",
        "  archive (older than `newerThan`, and not one of the newest, by `keep: 2`):",
        *[f"    0.{number}  Published, since TIME" for number in (9, 8, 7, 6, 4, 2, 1, 0)],
        "  keep (the newest in dev):",
        "    0.20  Published, since TIME",
        "  keep (declared in dev):",
        "    1.0  Published, since TIME",
        "  keep (the newest in prod):",
        "    0.5  Published, since TIME",
        "  keep (pinned in staging):",
        "    0.3  Published, since TIME",
        "",
        "acme/lib: 0 to archive, 0 to delete, 0 kept",
        "",
        "Archived versions cannot be downloaded, and keep their bytes.",
        "Nothing was changed. --yes does it.",
    ]
    assert archived(stock) == set()


def test_it_archives_and_after_the_grace_deletes(
    run: Run, stock: Stock, history: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = {f"0.{number}" for number in (0, 1, 2, 4, 6, 7, 8, 9)}
    outcome = run("prune", "release.yaml", "-e", "dev", "--yes")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.endswith("acme/app: 8 archived\n")
    assert archived(stock) == gone
    # Now nothing is left to archive, and the grace is not over.
    decisions = decided(run, "--allow", "delete", "--yes")
    assert {decision["action"] for decision in decisions.values()} == {"keep"}
    assert decisions["0.0"]["reason"] == "Archived for less than the grace, as far as this machine knows"
    outcome = run("prune", "release.yaml", "-e", "dev", "--allow", "delete", "--grace", "0s", "--yes")
    assert outcome.out.endswith("acme/app: 8 deleted\n")
    assert statuses(stock).keys() == {"0.3", "0.5", "1.0", "0.20"}


def test_a_grace_begins_again_with_another_revision(
    run: Run, stock: Stock, history: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("prune", "release.yaml", "-e", "dev", "--yes").code == 0
    # Somebody brings one back, and archives it again.
    stock.set_status("dev", "0.0", "Published")
    stock.set_status("dev", "0.0", "Archived")
    time.sleep(1.1)
    decisions = decided(run, "--allow", "delete", "--grace", "1s", "--yes")
    assert decisions["0.1"]["action"] == "delete"
    assert (decisions["0.0"]["action"], "0.0" in statuses(stock)) == ("keep", True)


def test_nothing_is_deleted_without_the_permission(run: Run, stock: Stock, history: None) -> None:
    stock.set_status("dev", "0.0", "Archived")
    decisions = decided(run, "--grace", "0s", "--yes")
    assert decisions["0.0"]["reason"] == "Archived already"
    assert "0.0" in statuses(stock)


def test_what_matches_and_what_does_not(run: Run, folder: Path, stock: Stock, history: None) -> None:
    path = folder / "release.yaml"
    path.write_text(path.read_text().replace("keep: 2", 'match: "0.[6-9]"'))
    decisions = decided(run)
    assert {version for version, each in decisions.items() if each["action"] == "archive"} == {
        "0.6",
        "0.7",
        "0.8",
        "0.9",
    }
    assert decisions["0.0"]["reason"] == "not matched by `match`"
    assert decisions["0.0"]["since"] is None


def test_a_file_protects_versions(run: Run, folder: Path, stock: Stock, history: None) -> None:
    (folder / "protect.txt").write_text(
        f"# These stay.\n\nacme/app@0.0\nacme/app@0.1=sha256:{'0' * 64}  # a customer has it\nacme/lib@0.2\n"
    )
    decisions = decided(run, "--protect", "protect.txt", "--yes")
    assert decisions["0.0"]["reason"] == decisions["0.1"]["reason"] == "named by --protect"
    assert decisions["0.2"]["done"]
    assert not {"0.0", "0.1"} & archived(stock)
    (folder / "protect.txt").write_text("acme/app\n")
    outcome = run("prune", "release.yaml", "-e", "dev", "--protect", "protect.txt")
    assert (outcome.code, outcome.err) == (
        2,
        "error[usage]: --protect protect.txt:1: acme/app is not NAMESPACE/PACKAGE@VERSION\n",
    )


def test_a_descriptor_protects_versions(run: Run, history: None) -> None:
    """As in `--protect <(command)`."""
    read, write = os.pipe()
    os.write(write, b"acme/app@0.0\n")
    os.close(write)
    assert decided(run, "--protect", f"/dev/fd/{read}")["0.0"]["reason"] == "named by --protect"
    os.close(read)


def test_a_protect_file_that_leads_out_of_the_checkout_is_refused(
    run: Run, folder: Path, stock: Stock, history: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    secret = tmp_path_factory.mktemp("outside") / "secret"
    secret.write_text("a secret\n")
    (folder / "protect.txt").symlink_to(secret)
    before = archived(stock)
    outcome = run("prune", "release.yaml", "-e", "dev", "--protect", "protect.txt", "--yes")
    assert outcome.code == 2
    assert "protect.txt is a symbolic link in a checkout" in outcome.err
    assert "a secret" not in outcome.err
    assert archived(stock) == before
    (folder / "protect.txt").unlink()
    os.mkfifo(folder / "protect.txt")
    outcome = run("prune", "release.yaml", "-e", "dev", "--protect", "protect.txt", "--yes")
    assert (outcome.code, outcome.err) == (
        2,
        "error[usage]: --protect protect.txt: cannot be read: it is not a regular file\n",
    )


def test_withdrawn_and_soaking_versions_stay(run: Run, folder: Path, stock: Stock, history: None) -> None:
    path = folder / "release.yaml"
    text = path.read_text().replace("promoteFrom: dev,", "promoteFrom: dev, soak: 194d12h,")
    entry = f"digest: '{digest_of(b'x')}', status: Archived, reason: x"
    path.write_text(f"{text}withdrawn: {{acme/app@0.0: {{{entry}}}}}\n")
    decisions = decided(run)
    assert decisions["0.0"]["reason"] == "withdrawn"
    assert [version for version, each in decisions.items() if each["reason"] == "soaks in dev"] == [
        "0.9",
        "0.8",
        "0.7",
        "0.6",
    ]


def test_other_packages_are_not_touched(run: Run, stock: Stock, history: None, publish: Publish) -> None:
    publish("dev", "0.1", 500, package="statements")
    assert run("prune", "release.yaml", "-e", "dev", "--yes").code == 0
    assert statuses(stock, package="statements") == {"0.1": "Published"}


def test_what_changes_after_it_was_shown_is_left_as_it_is(
    run: Run, stock: Stock, history: None, monkeypatch: pytest.MonkeyPatch, folder: Path, publish: Publish
) -> None:
    set_status = BotoRegistry.set_status
    path = folder / "release.yaml"

    def change_first(registry: BotoRegistry, at: Any, **more: Any) -> Any:
        if at.version == "0.8":
            stock.set_status("dev", "0.8", "Unlisted")
        return set_status(registry, at, **more)

    monkeypatch.setattr(BotoRegistry, "set_status", change_first)
    decisions = decided(run, "--yes")
    assert (decisions["0.8"]["action"], decisions["0.8"]["done"]) == ("archive", False)
    assert decisions["0.8"]["skipped"] == "it changed since it was shown"
    assert statuses(stock)["0.8"] == "Unlisted"
    assert path.exists()


def test_what_is_promoted_after_it_was_shown_stays(
    run: Run, stock: Stock, history: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pulumi_codeartifact_release.cli import prune

    confirm = prune._is_confirmed

    def promote_first(*arguments: Any, **more: Any) -> bool:
        stock.put("staging", "0.7", b"x")
        return confirm(*arguments, **more)

    monkeypatch.setattr(prune, "_is_confirmed", promote_first)
    decisions = decided(run, "--yes")
    assert decisions["0.7"]["skipped"] == "the newest in staging by now"
    assert statuses(stock)["0.7"] == "Published"


@pytest.mark.parametrize(
    ("change", "code", "message"),
    [
        (
            (
                'endpoint: "file:.registry", promoteFrom: staging',
                'endpoint: "http://127.0.0.1:9", promoteFrom: staging',
            ),
            2,
            "error[usage]: the endpoint http://127.0.0.1:9 is not AWS",
        ),
        (
            ("promoteFrom: staging}", "promoteFrom: staging, stack: prod}"),
            2,
            "error[usage]: release.yaml: prod promotes what the Pulumi stack prod says, and only Pulumi reads that: "
            "nothing is pruned\n",
        ),
        ((", retention: {newerThan: 90d, keep: 2}", ""), 2, "error[usage]: release.yaml: dev has no `retention`"),
    ],
)
def test_what_cannot_be_read_stops_the_run(
    run: Run, folder: Path, stock: Stock, history: None, change: tuple[str, str], code: int, message: str
) -> None:
    path = folder / "release.yaml"
    assert change[0] in path.read_text()
    path.write_text(path.read_text().replace(*change))
    outcome = run("prune", "release.yaml", "-e", "dev", "--yes")
    assert outcome.code == code
    assert outcome.err.startswith(message)
    assert archived(stock) == set()


# --- unfinished ---


def revision_of(stock: Stock, version: str) -> str:
    described = stock.client.describe_package_version(**stock.key("dev"), packageVersion=version)
    return str(described["packageVersion"]["revision"])


def test_an_unfinished_version_is_removed_by_name_only(run: Run, stock: Stock, history: None) -> None:
    stock.put("dev", "0.99", unfinished=True)
    assert run("prune", "release.yaml", "-e", "dev", "--allow", "delete", "--grace", "0s", "--yes").code == 0
    outcome = run("prune", "release.yaml", "-e", "dev")
    revision = revision_of(stock, "0.99")
    assert "  keep (Unfinished, removed only by name):\n    0.99  Unfinished\n" in outcome.out
    option = re.search(r"to remove it, stop its publishers, then: --unfinished (\S+)", outcome.out)
    assert option
    assert option[1].strip("'") == f"acme/app@0.99={revision}"
    outcome = run("prune", "release.yaml", "-e", "dev", "--unfinished", f"acme/app@0.99={revision}")
    assert (outcome.code, outcome.out) == (0, "acme/app@0.99 in acme/dev: deleted\n")
    assert "0.99" not in statuses(stock)


@pytest.mark.parametrize(
    ("version", "revision", "code", "message"),
    [
        ("0.99", "other", 4, "error[changed]: acme/app@0.99 in acme/dev changed: its revision is "),
        (
            "0.9",
            "other",
            4,
            "error[mismatch]: acme/app@0.9 in acme/dev is Published, not Unfinished: ",
        ),
        ("0.98", "other", 1, "error[version-not-found]: acme/app@0.98 in acme/dev does not exist\n"),
        ("1.0", "other", 4, "error[not-permitted]: acme/app@1.0 in acme/dev is protected: declared in dev\n"),
    ],
)
def test_another_version_is_not_removed(
    run: Run, stock: Stock, history: None, version: str, revision: str, code: int, message: str
) -> None:
    stock.put("dev", "0.99", unfinished=True)
    before = statuses(stock)
    outcome = run("prune", "release.yaml", "-e", "dev", "--unfinished", f"acme/app@{version}={revision}")
    assert (outcome.code, outcome.err[: len(message)]) == (code, message)
    assert statuses(stock) == before
