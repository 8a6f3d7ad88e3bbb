"""What is remembered of versions: unchanged, each takes one request; and it never leads to anything but "unchanged"."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from embedded import Gate, Package, opened
from pulumi_codeartifact_release import endpoints
from pulumi_codeartifact_release.cli import memory, plans

from .conftest import Run

WORDS = ("release.yaml", "-e", "dev")
DESCRIBE, LIST = "GET /v1/package/version", "POST /v1/package/version/assets"


@pytest.fixture
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("CODEARTIFACT_RELEASE_CACHE", str(folder))
    return folder


@pytest.fixture
def published(cache: Path, run: Run, gate: Gate) -> Gate:
    """Published through the gate, by another registry's rules: nobody knows whether its revisions are unique."""
    assert run("apply", *WORDS, "--yes").code == 0
    gate.requests.clear()
    return gate


def asked(gate: Gate) -> Counter[str]:
    found = Counter(request.split("?")[0] for request in gate.requests)
    gate.requests.clear()
    return found


def package_of(outcome_text: str) -> dict[str, object]:
    (package,) = json.loads(outcome_text)["packages"]
    assert isinstance(package, dict)
    return package


def test_unchanged_each_version_takes_one_request_from_the_second_run_on(run: Run, published: Gate) -> None:
    for words in (("apply", *WORDS, "--yes"), ("plan", *WORDS), ("apply", *WORDS, "--yes")):
        assert "Nothing to do" in run(*words).out
        assert asked(published) == {DESCRIBE: 1}
    package = package_of(run("plan", *WORDS, "--json").out)
    assert (package["action"], package["requests"]) == ("keep", asked(published).total())


def test_what_somebody_else_published_is_listed_once(
    run: Run, published: Gate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CODEARTIFACT_RELEASE_CACHE", str(tmp_path / "another machine's"))
    for expected in ({DESCRIBE: 1, LIST: 1}, {DESCRIBE: 1}):
        package = package_of(run("plan", *WORDS, "--json").out)
        assert asked(published) == expected
        assert package["requests"] == sum(expected.values())


def test_an_embedded_registry_knows_its_versions_again_at_another_port(cache: Path, run: Run, project: Path) -> None:
    assert run("apply", *WORDS, "--yes").code == 0
    endpoints.close_embedded()
    assert package_of(run("plan", *WORDS, "--json").out)["requests"] == 1


def test_a_file_that_changed_is_compared_with_what_is_listed(run: Run, published: Gate) -> None:
    Path("dist/a.txt").write_text("HELLO\n")
    outcome = run("apply", *WORDS, "--yes")
    assert outcome.code == 4
    assert "1 asset differs" in outcome.err
    assert asked(published) == {DESCRIBE: 1, LIST: 1}


@pytest.mark.parametrize(
    ("change", "action", "expected"),
    [
        ("unlisted", "set-status", {DESCRIBE: 1, LIST: 1}),
        ("there and back", "keep", {DESCRIBE: 1, LIST: 1}),
        ("deleted", "publish", {DESCRIBE: 1}),
        ("begun anew", "resume", {DESCRIBE: 1, LIST: 1}),
        ("published anew", "refuse", {DESCRIBE: 1, LIST: 1}),
    ],
)
def test_what_others_change_in_the_registry_is_seen(
    run: Run, published: Gate, project: Path, change: str, action: str, expected: dict[str, int]
) -> None:
    with opened(project / ".registry") as client:
        there = Package(client)
        match change:
            case "unlisted":
                there.set_status("1.0", "Unlisted")
            case "there and back":
                there.set_status("1.0", "Unlisted")
                there.set_status("1.0", "Published")
            case _:
                there.delete("1.0")
        if change == "begun anew":
            there.begin("1.0", "a.txt", b"hello\n")
        elif change == "published anew":
            there.begin("1.0", "a.txt", b"other\n")
            there.set_status("1.0", "Published")
    assert package_of(run("plan", *WORDS, "--json").out)["action"] == action
    assert asked(published) == expected


@pytest.mark.parametrize("damage", ["garbage", "layout", "empty", "others"])
def test_a_memory_that_is_damaged_costs_a_request_and_nothing_else(
    run: Run, published: Gate, cache: Path, damage: str
) -> None:
    (path,) = cache.glob("versions-*.sqlite3")
    match damage:
        case "garbage":
            path.write_bytes(b"no database, but long enough to be taken for one " * 50)
        case "empty":
            path.write_bytes(b"")
        case "others":
            path.chmod(0o666)
        case "layout":
            with sqlite3.connect(path) as db:
                db.execute("DROP TABLE versions")
                db.execute("CREATE TABLE versions (place TEXT)")
            db.close()
    outcome = run("plan", *WORDS)
    assert ("Nothing to do" in outcome.out, outcome.err.count("sqlite")) == (True, 0)
    assert asked(published) == {DESCRIBE: 1, LIST: 1}
    if damage != "others":
        run("plan", *WORDS)
        assert asked(published) == {DESCRIBE: 1}


def test_an_approved_plan_is_held_against_what_the_registry_lists(run: Run, published: Gate) -> None:
    assert run("plan", *WORDS, "-o", "plan.json").code == 0
    assert asked(published) == {DESCRIBE: 1}
    assert run("apply", "--plan", "plan.json").code == 0
    assert asked(published) == {DESCRIBE: 1, LIST: 1}


def test_verify_takes_nothing_for_granted(run: Run, published: Gate) -> None:
    assert run("verify", *WORDS).code == 0
    assert asked(published)[LIST] >= 1


def test_what_was_answered_before_a_long_hashing_is_asked_for_again(
    run: Run, published: Gate, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody archives the version while the files, touched since, are hashed."""
    hashed = plans._hashed

    def slowly(*arguments: Any) -> Any:
        made = hashed(*arguments)
        with opened(project / ".registry") as client:
            Package(client).set_status("1.0", "Archived")
        return made

    (project / "dist" / "a.txt").touch()
    monkeypatch.setattr(memory, "_FRESH_S", 0.0)
    monkeypatch.setattr(plans, "_hashed", slowly)
    outcome = run("apply", *WORDS, "--yes")
    assert "unchanged" not in outcome.out
    assert "Archived" in outcome.out or "status" in outcome.out


def test_the_second_question_is_counted(
    run: Run, published: Gate, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "dist" / "a.txt").touch()
    monkeypatch.setattr(memory, "_FRESH_S", 0.0)
    outcome = run("apply", *WORDS, "--yes")
    assert asked(published) == {DESCRIBE: 2}
    assert outcome.out.splitlines()[3].split()[-1] == "2"
