"""`withdraw`: a version is taken back in an environment, and the manifest refuses it from then on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from pulumi_codeartifact_release.errors import StatusRefusedError
from pulumi_codeartifact_release.registry.boto import BotoRegistry
from support.command_line import Outcome, Run

from .test_status import MANIFEST, Stock, digest_of, stocked

X = digest_of(b"x")
WITHDRAW = ("withdraw", "release.yaml", "acme/app@1.0", "-e", "prod", "--reason", "loses orders")
RESTORE = ("withdraw", "acme/app@1.0", "-e", "prod", "--restore")
PLACE = ("--domain", "acme", "--repository", "prod", "--endpoint", "file:.registry")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a manifest, and none of its files; the working folder."""
    (tmp_path / "release.yaml").write_text(f"# The releases of acme.\n{MANIFEST}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def stock(folder: Path) -> Iterator[Stock]:
    """1.0 of acme/app is in every environment."""
    with stocked(folder) as stock:
        for repository in ("dev", "staging", "prod"):
            stock.put(repository, "1.0")
        yield stock


def status(stock: Stock, repository: str = "prod") -> str:
    listed = stock.client.list_package_versions(**stock.key(repository))["versions"]
    return str(listed[0]["status"])


def withdrawn(folder: Path) -> Any:
    return yaml.safe_load((folder / "release.yaml").read_text()).get("withdrawn")


def refused(outcome: Outcome) -> bool:
    return outcome.code == 4 and "[withdrawn]: acme/app@1.0 in acme/" in outcome.err + outcome.out


def test_a_version_is_archived_and_refused_from_then_on(run: Run, folder: Path, stock: Stock) -> None:
    outcome = run(*WITHDRAW)
    assert (outcome.code, outcome.err) == (0, "")
    revision = r"revision \S+"
    assert re.fullmatch(
        rf"""prod: file:\.registry, account 000000000000, us-east-1, repository acme/prod

  acme/app@1\.0 in acme/prod: Published -> Archived, since \d{{4}}-\d\d-\d\d \d\d:\d\d UTC
    {X}
    {revision}

Other environments hold it, and stay as they are:
  dev: acme/app@1\.0 is Published
  staging: acme/app@1\.0 is Published

--- a/release\.yaml
\+\+\+ b/release\.yaml
(?:.*\n)+
acme/app@1\.0 in acme/prod: Archived
release\.yaml refuses it: commit the file, so that this holds for every run
""",
        outcome.out,
    )
    assert [status(stock, name) for name in ("dev", "staging", "prod")] == ["Published", "Published", "Archived"]
    assert withdrawn(folder) == {"acme/app@1.0": {"digest": X, "status": "Archived", "reason": "loses orders"}}
    assert (folder / "release.yaml").read_text().startswith("# The releases of acme.\n")
    assert refused(run("apply", "release.yaml", "-e", "prod", "--yes"))
    assert status(stock) == "Archived"


def test_a_restored_version_restores_the_manifest(run: Run, folder: Path, stock: Stock) -> None:
    before = (folder / "release.yaml").read_text()
    assert run(*WITHDRAW).code == 0
    outcome = run(*RESTORE)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.endswith(
        "acme/app@1.0 in acme/prod: Published\n"
        "release.yaml no longer refuses it: commit the file, so that this holds for every run\n"
    )
    assert status(stock) == "Published"
    assert (folder / "release.yaml").read_text() == before


def test_it_is_unlisted(run: Run, folder: Path, stock: Stock) -> None:
    assert run(*WITHDRAW, "--unlist").code == 0
    assert status(stock) == "Unlisted"
    assert withdrawn(folder)["acme/app@1.0"]["status"] == "Unlisted"
    # Now it is archived, which --unlist does not take back.
    assert run(*WITHDRAW).code == 0
    assert (status(stock), withdrawn(folder)["acme/app@1.0"]["status"]) == ("Archived", "Archived")
    outcome = run(*WITHDRAW, "--unlist")
    assert (outcome.code, outcome.err) == (
        4,
        "error[mismatch]: acme/app@1.0 in acme/prod is Archived: --unlist would permit downloads again\n"
        "Leave --unlist out, or --restore it.\n",
    )


def test_several_environments_at_once(run: Run, folder: Path, stock: Stock) -> None:
    outcome = run(*WITHDRAW, "-e", "dev", "-e", "staging", "--json")
    assert [status(stock, name) for name in ("dev", "staging", "prod")] == ["Archived"] * 3
    answer = json.loads(outcome.out)
    jsonschema.Draft202012Validator(json.loads(run("schema", "withdraw").out)).validate(answer)
    assert [(each["environment"], each["previousStatus"], each["status"]) for each in answer["versions"]] == [
        (name, "Published", "Archived") for name in ("prod", "dev", "staging")
    ]
    assert (answer["written"], answer["others"]) == (True, [])
    assert answer["withdrawn"] == withdrawn(folder)


def test_without_a_manifest_the_entry_is_printed(run: Run, folder: Path, stock: Stock) -> None:
    (folder / "release.yaml").unlink()
    outcome = run("withdraw", "acme/app@1.0", *PLACE, "--reason", 'it\'s $5 off: "no"')
    assert (outcome.code, outcome.err) == (0, "")
    assert status(stock) == "Archived"
    text = outcome.out.partition("Add to the manifest, or the next release publishes it again:\n\n")[2]
    assert yaml.safe_load(text)["withdrawn"]["acme/app@1.0"] == {
        "digest": X,
        "status": "Archived",
        "reason": 'it\'s $$5 off: "no"',
    }
    outcome = run("withdraw", "acme/app@1.0", *PLACE, "--restore")
    assert outcome.out.endswith("Remove from `withdrawn` in the manifest: acme/app@1.0\n")
    assert status(stock) == "Published"


def test_print_does_not_change_the_manifest(run: Run, folder: Path, stock: Stock) -> None:
    before = (folder / "release.yaml").read_text()
    outcome = run(*WITHDRAW, "--print")
    assert "Add to release.yaml, or the next release publishes it again:\n\nwithdrawn:\n" in outcome.out
    assert (folder / "release.yaml").read_text() == before
    assert status(stock) == "Archived"


def test_an_environment_that_cannot_be_read_is_named(run: Run, folder: Path, stock: Stock) -> None:
    path = folder / "release.yaml"
    path.write_text(path.read_text() + '  far: {domain: acme, repository: far, endpoint: "http://127.0.0.1:1"}\n')
    outcome = run(*WITHDRAW)
    assert outcome.code == 0
    assert (
        "warning: far may hold acme/app@1.0, but was not read: usage: the endpoint http://127.0.0.1:1 is not AWS"
    ) in outcome.out


def test_only_the_shown_revision_is_changed(
    run: Run, folder: Path, stock: Stock, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_status = BotoRegistry.set_status

    def change_first(registry: BotoRegistry, *arguments: Any, **more: Any) -> Any:
        stock.set_status("prod", "1.0", "Unlisted")
        return set_status(registry, *arguments, **more)

    monkeypatch.setattr(BotoRegistry, "set_status", change_first)
    outcome = run(*WITHDRAW)
    assert outcome.code == 4
    assert outcome.err.startswith("error[changed]: acme/app@1.0 in acme/prod changed since it was shown: it was ")
    assert status(stock) == "Unlisted"
    # The manifest refuses it already, so the same command does the rest.
    monkeypatch.undo()
    monkeypatch.chdir(folder)
    assert refused(run("plan", "release.yaml", "-e", "prod"))
    assert run(*WITHDRAW).code == 0
    assert status(stock) == "Archived"


def test_a_lost_response_is_settled_by_reading(
    run: Run, stock: Stock, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_status = BotoRegistry.set_status

    def lose(registry: BotoRegistry, *arguments: Any, **more: Any) -> Any:
        set_status(registry, *arguments, **more)
        # As a second attempt of the same request would be answered.
        raise StatusRefusedError("moved", reason="MISMATCHED_STATUS")

    monkeypatch.setattr(BotoRegistry, "set_status", lose)
    assert run(*WITHDRAW).code == 0
    assert (status(stock), withdrawn(folder) is None) == ("Archived", False)


def test_different_bytes_are_not_restored(run: Run, folder: Path, stock: Stock) -> None:
    assert run(*WITHDRAW).code == 0
    stock.client.delete_package_versions(**stock.key("prod"), versions=["1.0"])
    other = stock.put("prod", "1.0", b"other")
    outcome = run(*RESTORE)
    assert (outcome.code, outcome.err) == (
        4,
        f"error[mismatch]: acme/app@1.0 in acme/prod has the digest {other}, and {X} is the one in `withdrawn` of "
        "release.yaml\nThey are different releases under one name. Check which one you mean.\n",
    )


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ((), 2, "error[usage]: --reason is missing: every refusal of the version shows it\nWrite --reason TEXT.\n"),
        (("--reason", "two\nlines"), 2, "error[usage]: --reason must be one line of at most 1,000 characters\n"),
        (("--restore", "--unlist"), 2, "error[usage]: --restore takes neither --unlist nor --reason\n"),
        (
            ("--restore",),
            2,
            "error[usage]: release.yaml: `withdrawn` has no acme/app@1.0, so there is nothing to restore\n",
        ),
        (
            ("--reason", "x", "--domain", "acme"),
            2,
            "error[usage]: withdraw: name either a manifest with -e, or a repository with --domain and --repository\n",
        ),
    ],
)
def test_wrong_options(run: Run, folder: Path, stock: Stock, words: tuple[str, ...], code: int, message: str) -> None:
    outcome = run("withdraw", "release.yaml", "acme/app@1.0", "-e", "prod", *words)
    assert (outcome.code, outcome.err) == (code, message)
    assert status(stock) == "Published"


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (("release.yaml",), "error[usage]: no version is named\n"),
        (("acme/app@1.0", "acme/lib"), "error[usage]: acme/lib is not a version\n"),
        (("acme/app@2.0",), "error[version-not-found]: acme/app@2.0 in acme/prod does not exist\n"),
    ],
)
def test_wrong_versions(run: Run, stock: Stock, targets: tuple[str, ...], message: str) -> None:
    outcome = run("withdraw", *targets, "-e", "prod", "--reason", "x")
    assert outcome.code in (1, 2)
    assert outcome.err.startswith(message)
    assert status(stock) == "Published"


def test_without_an_environment_they_are_listed(run: Run, stock: Stock) -> None:
    outcome = run("withdraw", "acme/app@1.0", "--reason", "x")
    assert outcome.code == 2
    assert outcome.err.startswith("error[usage]: release.yaml: choose an environment with -e:\n")


def test_an_unfinished_version_is_not_withdrawn(run: Run, stock: Stock) -> None:
    stock.put("prod", "2.0", unfinished=True)
    outcome = run("withdraw", "acme/app@2.0", "-e", "prod", "--reason", "x")
    assert (outcome.code, outcome.err) == (
        4,
        "error[mismatch]: acme/app@2.0 in acme/prod is Unfinished: only a version that was published can be withdrawn "
        "or restored\n",
    )


def test_list_marks_withdrawn_versions(run: Run, stock: Stock) -> None:
    assert run(*WITHDRAW).code == 0
    [line] = [line for line in run("list", "-e", "prod", "acme/app").out.splitlines() if line.startswith("  1.0")]
    assert line.endswith("declared, withdrawn")
