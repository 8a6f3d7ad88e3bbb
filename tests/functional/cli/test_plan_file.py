"""`plan -o PLAN` and `apply --plan PLAN`: what was approved is what is done, or nothing is."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from pulumi_codeartifact_release import connections
from pulumi_codeartifact_release.cli.plan_file import MAX_BYTES, MAX_LIFETIME, ApprovedPlan, read_plan
from pulumi_codeartifact_release.cli.schema import schema_text
from pulumi_codeartifact_release.errors import StalePlanError, UsageError
from support.command_line import Outcome, Run
from support.embedded import Gate, Package, client_of, opened
from system.cli.test_release import tree

WORDS = ("release.yaml", "-e", "dev")


@pytest.fixture
def planned(run: Run, project: Path) -> Path:
    """A plan of two new assets, approved."""
    assert run("plan", *WORDS, "-o", "plan.json").code == 0
    return project / "plan.json"


def document(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def changed(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    plan = document(path)
    change(plan)
    path.write_text(json.dumps(plan))


def stale(outcome: Outcome, *said: str) -> None:
    assert outcome.code == 4, outcome
    assert outcome.err.startswith("error[stale-plan]: plan.json "), outcome.err
    for text in said:
        assert text in outcome.err, outcome.err
    assert outcome.out == ""


def held(project: Path, repository: str = "dev") -> dict[str, str]:
    with opened(project / ".registry") as client:
        return Package(client, repository=repository).statuses()


# --- what is approved is done -----------------------------------------------------------------------------------------


def test_a_plan_file_has_the_json_output_and_follows_its_schema(run: Run, project: Path) -> None:
    before = tree(project)
    outcome = run("plan", *WORDS, "-o", "plan.json")
    plan = document(project / "plan.json")
    assert outcome.out.splitlines()[-1] == f"plan.json: plan written, valid until {plan['expiresAt']}"
    after = tree(project)
    assert set(after) - set(before) == {"plan.json"}
    printed = json.loads(run("plan", *WORDS, "--json").out)
    for each in (plan, printed):
        Draft202012Validator(json.loads(schema_text("plan"))).validate(each)
        del each["createdAt"], each["expiresAt"]
    assert plan == printed


def test_the_published_schema_is_valid(run: Run) -> None:
    outcome = run("schema", "plan")
    schema = json.loads(outcome.out)
    Draft202012Validator.check_schema(schema)
    assert outcome.out == schema_text("plan")
    everything = [schema, *schema["$defs"].values(), *schema["properties"].values()]
    assert all(each.get("additionalProperties") is False for each in everything if each.get("type") == "object")


def test_an_approved_plan_is_applied_without_a_question(run: Run, planned: Path) -> None:
    outcome = run("apply", "--plan", "plan.json")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out.splitlines()[-2:] == [
        "acme/app: Published: sent 2 assets, 97.7 KiB; 0 already there",
        "Next: codeartifact-release apply -e staging",
    ]
    assert held(planned.parent) == {"1.0": "Published"}


def test_applying_a_plan_again_does_nothing(run: Run, planned: Path) -> None:
    assert run("apply", "--plan", "plan.json").code == 0
    before = tree(planned.parent)
    outcome = run("apply", "--plan", "plan.json")
    assert outcome.code == 0
    assert "Nothing to do" in outcome.out
    assert tree(planned.parent) == before


def test_an_interrupted_plan_is_completed_by_the_next_run(run: Run, planned: Path) -> None:
    with opened(planned.parent / ".registry") as client:
        client.create_domain(domain="acme")
        client.create_repository(domain="acme", repository="dev")
        Package(client).begin("1.0", "a.txt", b"hello\n")
    outcome = run("apply", "--plan", "plan.json")
    assert outcome.code == 0, outcome.err
    assert outcome.out.splitlines()[-2] == "acme/app: Published: sent 1 asset, 97.7 KiB; 1 already there"


@pytest.mark.parametrize("shell", [True, False])
def test_a_plan_contains_the_values_of_variables(
    run: Run, project: Path, monkeypatch: pytest.MonkeyPatch, shell: bool
) -> None:
    if shell:
        monkeypatch.setenv("RELEASE_VAR_VERSION", "2.0")
    assert run("plan", *WORDS, *([] if shell else ["--var", "version=2.0"]), "-o", "plan.json").code == 0
    assert document(project / "plan.json")["variables"] == ["version=2.0"]
    monkeypatch.delenv("RELEASE_VAR_VERSION", raising=False)
    assert run("apply", "--plan", "plan.json").code == 0
    assert held(project) == {"2.0": "Published"}


@pytest.mark.parametrize("environment", ["dev", "minimal", "staging", "far"])
def test_apply_makes_exactly_the_requests_of_the_plan(run: Run, gate: Gate, environment: str) -> None:
    if environment in ("staging", "far"):
        assert run("apply", *WORDS, "--yes").code == 0
    assert run("plan", "release.yaml", "-e", environment, "-o", "plan.json").code == 0
    plan = document(Path("plan.json"))
    gate.requests.clear()
    outcome = run("apply", "--plan", "plan.json")
    assert outcome.code == 0, outcome.err
    assert len(gate.requests) == plan["packages"][0]["requests"] == plan["summary"]["requests"], gate.requests
    assert gate.uploads == (0 if environment == "staging" else len(plan["packages"][0]["upload"]))
    # And unchanged: what it says too.
    gate.requests.clear()
    again = json.loads(run("plan", "release.yaml", "-e", environment, "--json").out)
    assert len(gate.requests) == again["packages"][0]["requests"]


def test_a_changed_endpoint_is_refused(run: Run, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("plan", *WORDS, "-o", "plan.json").code == 0
    gate.requests.clear()
    monkeypatch.setenv("AWS_ENDPOINT_URL_CODEARTIFACT", gate.url.replace("127.0.0.1", "localhost"))
    outcome = run("apply", "--plan", "plan.json")
    assert outcome.code == 4
    now = gate.url.replace("127.0.0.1", "localhost")
    assert f"the endpoint of dev has changed since the approval: {gate.url}, now {now}" in outcome.err
    assert gate.uploads == 0


def test_a_changed_region_is_refused(run: Run, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("plan", *WORDS, "-o", "plan.json").code == 0
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    outcome = run("apply", "--plan", "plan.json")
    assert (outcome.code, gate.uploads) == (4, 0)
    assert "the region of dev has changed since the approval: us-east-1, now eu-west-1" in outcome.err


def test_a_changed_account_is_refused(run: Run, planned: Path) -> None:
    changed(planned, lambda plan: plan.update(account="111122223333"))
    stale(
        run("apply", "--plan", "plan.json"),
        "the account of dev has changed since the approval: 111122223333, now 000000000000",
    )
    assert not (planned.parent / ".registry").exists()


def test_a_changed_account_is_refused_if_only_the_access_key_names_it(
    run: Run, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The domain of the other account has the same name, and everything that could be released there, too."""
    assert run("plan", *WORDS, "-o", "plan.json").code == 0
    assert document(Path("plan.json"))["account"] == "000000000000"
    other = gate.registry.credentials("111122223333")
    with closing(client_of(gate.registry, account="111122223333")) as client:
        client.create_domain(domain="acme")
        client.create_repository(domain="acme", repository="dev")
    # As another process would: clients are made once a process.
    connections.close()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", other.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", other.secret_access_key)
    outcome = run("apply", "--plan", "plan.json")
    assert (outcome.code, gate.uploads) == (4, 0)
    assert "the account of dev has changed since the approval: 000000000000, now 111122223333" in outcome.err


# --- what moved is refused --------------------------------------------------------------------------------------------


def test_a_changed_file_is_refused_with_both_hashes(run: Run, planned: Path) -> None:
    (planned.parent / "dist" / "a.txt").write_text("HELLO\n")
    outcome = run("apply", "--plan", "plan.json")
    stale(outcome, "acme/app@1.0: its assets changed:\n    a.txt\n      approved   sha256:", "      now        sha256:")
    assert not (planned.parent / ".registry").exists()


def test_an_additional_or_a_missing_file_is_refused(run: Run, planned: Path) -> None:
    (planned.parent / "dist" / "a.txt").rename(planned.parent / "dist" / "c.txt")
    stale(run("apply", "--plan", "plan.json"), "    a.txt\n", "now        nothing", "    c.txt\n", "approved   nothing")


def test_any_change_of_the_manifest_is_refused(run: Run, planned: Path) -> None:
    with (planned.parent / "release.yaml").open("a") as file:
        file.write("# reviewed\n")
    stale(run("apply", "--plan", "plan.json"), "release.yaml has changed")


def test_a_changed_variable_is_refused(run: Run, planned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RELEASE_VAR_VERSION", "1.1")
    stale(
        run("apply", "--plan", "plan.json"),
        "acme/app@1.1 is declared but not in the plan",
        "acme/app@1.0 is in the plan but not declared",
    )


def test_a_changed_status_is_refused(run: Run, project: Path) -> None:
    assert run("apply", *WORDS, "--yes").code == 0
    assert run("plan", *WORDS, "-o", "plan.json").code == 0
    with opened(project / ".registry") as client:
        Package(client).set_status("1.0", "Unlisted")
    stale(
        run("apply", "--plan", "plan.json"),
        "the registry changed:",
        "approved  Published, revision",
        "now       Unlisted",
    )
    assert held(project) == {"1.0": "Unlisted"}


def test_a_changed_revision_is_refused(run: Run, project: Path) -> None:
    assert run("apply", *WORDS, "--yes").code == 0
    assert run("plan", *WORDS, "-o", "plan.json").code == 0
    with opened(project / ".registry") as client:
        for status in ("Unlisted", "Published"):
            Package(client).set_status("1.0", status)
    stale(run("apply", "--plan", "plan.json"), "the registry changed:")


def test_different_bytes_published_since_the_plan_are_a_conflict(run: Run, planned: Path) -> None:
    project = planned.parent
    kept = (project / "dist" / "a.txt").read_text()
    (project / "dist" / "a.txt").write_text("HELLO\n")
    assert run("apply", *WORDS, "--yes").code == 0
    (project / "dist" / "a.txt").write_text(kept)
    before = tree(project)
    outcome = run("apply", "--plan", "plan.json")
    assert outcome.code == 4
    assert "refused[conflict]" in outcome.err
    assert tree(project) == before


def test_a_deleted_version_is_refused(run: Run, project: Path) -> None:
    assert run("apply", *WORDS, "--yes").code == 0
    assert run("plan", *WORDS, "-o", "plan.json").code == 0
    with opened(project / ".registry") as client:
        Package(client).delete("1.0")
    stale(run("apply", "--plan", "plan.json"), "now       no such version")
    assert held(project) == {}


def test_a_source_that_moved_is_refused(run: Run, project: Path) -> None:
    assert run("apply", *WORDS, "--yes").code == 0
    assert run("plan", "release.yaml", "-e", "staging", "-o", "plan.json").code == 0
    with opened(project / ".registry") as client:
        for status in ("Unlisted", "Published"):
            Package(client).set_status("1.0", status)
    stale(run("apply", "--plan", "plan.json"), "acme/app@1.0: its source changed: revision ")
    assert held(project, "staging") == {}


def test_a_plan_expires(run: Run, planned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = datetime.fromisoformat(document(planned)["createdAt"])
    assert read_plan(planned, made + timedelta(hours=24, seconds=-1)).document
    with pytest.raises(StalePlanError, match="expired at"):
        read_plan(planned, made + timedelta(hours=24))
    with pytest.raises(StalePlanError, match="cannot be from the future"):
        read_plan(planned, made - timedelta(hours=1))
    past = (datetime.now(UTC) - timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    changed(planned, lambda plan: plan.update(createdAt=past, expiresAt=past))
    stale(run("apply", "--plan", "plan.json"), f"expired at {past}; nothing was sent", "Make a new plan")


@pytest.mark.parametrize("text", ["0s", "31d", "1w", "", "9999999d", "999999d", "-1h", "1.5h"])
def test_a_plan_is_valid_until_its_expiry(run: Run, project: Path, text: str) -> None:
    outcome = run("plan", *WORDS, "-o", "plan.json", "--expires", text)
    assert (outcome.code, (project / "plan.json").exists()) == (2, False)
    assert "--expires" in outcome.err


def test_the_lifetime_of_a_plan_is_printed(run: Run, project: Path) -> None:
    assert run("plan", *WORDS, "-o", "plan.json", "--expires", "2d12h").code == 0
    plan = document(project / "plan.json")
    lasts = datetime.fromisoformat(plan["expiresAt"]) - datetime.fromisoformat(plan["createdAt"])
    assert lasts == timedelta(days=2, hours=12)


def test_a_refused_plan_is_not_written(run: Run, planned: Path) -> None:
    project = planned.parent
    assert run("apply", "--plan", "plan.json").code == 0
    planned.unlink()
    (project / "dist" / "a.txt").write_text("HELLO\n")
    assert run("plan", *WORDS, "-o", "plan.json").code == 4
    assert not planned.exists()


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], object]], None]:
    """Have something happen after the plan was compared with the registry, and before anything is written."""

    def happens(act: Callable[[], object]) -> None:
        verify = ApprovedPlan.verify

        def verify_and_act(self: ApprovedPlan, *words: Any) -> None:
            verify(self, *words)
            act()

        monkeypatch.setattr(ApprovedPlan, "verify", verify_and_act)

    return happens


def test_a_change_at_the_last_moment_is_refused(
    run: Run, project: Path, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    assert run("apply", *WORDS, "--yes").code == 0
    assert run("plan", "release.yaml", "-e", "staging", "-o", "plan.json").code == 0

    def rival() -> None:
        with opened(project / ".registry") as client:
            client.create_repository(domain="acme", repository="staging")
            Package(client, repository="staging").begin("1.0", "a.txt", b"hello\n")

    # The same bytes; but what was approved as a copy is not finished as a transfer.
    meanwhile(rival)
    outcome = run("apply", "--plan", "plan.json")
    assert outcome.code == 4, outcome
    assert "error[stale-plan]: plan.json no longer matches what would be done:" in outcome.err
    assert held(project, "staging") == {"1.0": "Unfinished"}


def test_a_version_that_the_plan_did_not_show_is_not_replaced(
    run: Run, project: Path, meanwhile: Callable[[Callable[[], object]], None]
) -> None:
    assert run("apply", *WORDS, "--yes").code == 0
    permit = ("--replace", f"acme/app@1.0={json.loads(run('plan', *WORDS, '--json').out)['packages'][0]['digest']}")
    shutil.rmtree(project / ".registry")
    (project / "dist" / "a.txt").write_text("HELLO\n")
    assert run("plan", *WORDS, *permit, "-o", "plan.json").code == 0

    def rival() -> None:
        with opened(project / ".registry") as client:
            client.create_domain(domain="acme")
            client.create_repository(domain="acme", repository="dev")
            package = Package(client)
            package.begin("1.0", "a.txt", b"hello\n")
            package.begin("1.0", "b.bin", bytes(100_000))
            package.set_status("1.0", "Published")

    meanwhile(rival)
    outcome = run("apply", "--plan", "plan.json", *permit)
    assert outcome.code == 4, outcome
    with opened(project / ".registry") as client:
        assert Package(client).contents("1.0")["a.txt"] == b"hello\n"


# --- what is permitted is said again ----------------------------------------------------------------------------------


def test_a_plan_file_grants_no_permission(run: Run, planned: Path) -> None:
    project = planned.parent
    assert run("apply", "--plan", "plan.json").code == 0
    permit = ("--replace", f"acme/app@1.0={document(planned)['packages'][0]['digest']}")
    (project / "dist" / "a.txt").write_text("HELLO\n")
    assert run("plan", *WORDS, *permit, "-o", "plan.json").code == 0
    before = tree(project)
    refused = run("apply", "--plan", "plan.json")
    assert refused.code == 4
    assert refused.err.startswith("error[not-permitted]: plan.json was made with other permissions than this apply:\n")
    assert f"    the plan    {' '.join(permit)}\n    this apply  none\n" in refused.err
    assert tree(project) == before
    # A forged one neither: whoever writes a plan cannot write what the operator says.
    changed(planned, lambda plan: plan["permissions"].update(replace=[]))
    before = tree(project)
    assert run("apply", "--plan", "plan.json").code == 4
    assert tree(project) == before
    assert run("plan", *WORDS, *permit, "-o", "plan.json").code == 0
    assert run("apply", "--plan", "plan.json", *permit).code == 0


def test_more_permissions_than_those_of_the_plan_are_refused(run: Run, planned: Path) -> None:
    outcome = run("apply", "--plan", "plan.json", "--allow", "outside")
    assert (outcome.code, "this apply  --allow outside" in outcome.err) == (4, True)


@pytest.mark.parametrize("words", [["release.yaml"], ["-e", "dev"], ["--var", "version=1"]])
def test_a_plan_contains_its_destination_and_assets(run: Run, planned: Path, words: list[str]) -> None:
    outcome = run("apply", "--plan", "plan.json", *words)
    assert outcome.code == 2
    assert " cannot be combined with --plan: the plan file already contains it" in outcome.err


# --- untrusted --------------------------------------------------------------------------------------------------------


def _forged(plan: dict[str, Any]) -> Iterator[tuple[str, Callable[[], object]]]:
    package = plan["packages"][0]
    digest = "sha256:" + "0" * 64
    yield "$.packages[0].action: 'dispose'", lambda: package.update(action="dispose")
    yield "Additional properties are not allowed ('more'", lambda: plan.update(more=1)
    yield "Additional properties are not allowed ('hooks'", lambda: package.update(hooks=["rm"])
    yield "'environment' is a required property", lambda: plan.pop("environment")
    yield "the digest of acme/app@1.0 is not that of its assets", lambda: package.update(digest=digest)
    yield "has schemaVersion 2, which", lambda: plan.update(schemaVersion=2)
    yield "it contains a package twice", lambda: plan["packages"].append(package)
    yield "contradict each other", lambda: package["upload"][0].update(size=7)
    yield "contradict each other", lambda: package["assets"].append(package["assets"][0])
    yield "$.createdAt", lambda: plan.update(createdAt="yesterday")
    yield "is not a time", lambda: plan.update(createdAt="2026-02-31T00:00:00Z")
    yield "$.packages", lambda: plan.update(packages={})
    yield "contains refused packages", lambda: package.update(action="refuse")


@pytest.mark.parametrize("number", range(13))
def test_an_invalid_plan_file_is_refused_with_the_reason(run: Run, planned: Path, number: int) -> None:
    plan = document(planned)
    forgeries = list(_forged(plan))
    assert len(forgeries) == 13
    said, forge = forgeries[number]
    forge()
    planned.write_text(json.dumps(plan))
    outcome = run("apply", "--plan", "plan.json")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err.startswith("error[usage]: plan.json ")
    assert said in outcome.err
    assert not (planned.parent / ".registry").exists()


def _shown() -> list[str]:
    schema = json.loads(schema_text("plan"))
    return sorted(schema["$defs"]["package"]["properties"])


@pytest.mark.parametrize("key", _shown())
def test_every_value_of_an_approved_package_is_compared(run: Run, planned: Path, key: str) -> None:
    forged: dict[str, Any] = {
        "namespace": "other",
        "package": "other",
        "version": "9.9",
        "action": "keep",
        "route": "copy",
        "status": "Unlisted",
        "finalize": "last-asset",
        "digest": "sha256:" + "0" * 64,
        "pin": {"digest": "sha256:" + "0" * 64, "approvedBy": "the boss"},
        "forced": True,
        "found": {"status": "Published", "revision": "r", "digest": "sha256:" + "0" * 64},
        "sourceRevision": "r",
        "assets": [],
        "upload": [],
        "bytes": 1,
        "present": ["a.txt"],
        "differences": [{"name": "a.txt", "declared": None, "found": None}],
        "requests": 1,
        "leastSeconds": 1.5,
        "refusal": {"code": "conflict", "message": "no"},
    }
    changed(planned, lambda plan: plan["packages"][0].update({key: forged[key]}))
    before = planned.parent / ".registry"
    outcome = run("apply", "--plan", "plan.json")
    # A soak that is over by now needs no force; and the time is an estimate, by the quota that this machine knows.
    excused = key in ("forced", "leastSeconds")
    assert outcome.code == (0 if excused else 2 if "is not a valid plan file" in outcome.err or key == "refusal" else 4)
    assert before.exists() is excused


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"null",
        b"\xff\xfe",
        b'{"schemaVersion": NaN}',
        b'{"schemaVersion": 1, "schemaVersion": 1}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 10_000,
        b" " * (MAX_BYTES + 1),
    ],
    ids=range(10),
)
def test_a_file_without_a_json_object_is_one_clear_line(run: Run, project: Path, content: bytes) -> None:
    (project / "plan.json").write_bytes(content)
    outcome = run("apply", "--plan", "plan.json")
    assert outcome.code == 2
    assert outcome.err.startswith("error[usage]: plan.json is not a valid plan file")
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize("manifest", ["a\0b", "pipe", "/dev/zero", "elsewhere/release.yaml"])
def test_a_manifest_that_is_a_pipe_does_not_block(run: Run, planned: Path, manifest: str) -> None:
    os.mkfifo(planned.with_name("pipe"))
    changed(planned, lambda plan: plan["manifest"].update(path=manifest))
    outcome = run("apply", "--plan", "plan.json")
    assert outcome.code == 2
    assert outcome.err.startswith("error[usage]: ")


def test_a_name_that_is_not_text_is_refused(run: Run, planned: Path) -> None:
    planned.write_text(planned.read_text().replace('"a.txt"', '"\\ud800"'))
    outcome = run("apply", "--plan", "plan.json")
    assert (outcome.code, "has an invalid name" in outcome.err) == (2, True)


@pytest.mark.parametrize("name", ["missing.json", "dist", "\x1b[31m.json"])
def test_an_unreadable_file_is_one_clear_line(run: Run, project: Path, name: str) -> None:
    outcome = run("apply", "--plan", name)
    assert outcome.code == 2
    assert "\x1b" not in outcome.err
    assert outcome.err


def test_names_of_a_plan_are_escaped_for_the_terminal(run: Run, planned: Path) -> None:
    changed(planned, lambda plan: plan.update(environment="\x1b[31m\n::error::dev"))
    outcome = run("apply", "--plan", "plan.json")
    assert outcome.code in (2, 4)
    assert "\x1b" not in outcome.err
    assert "\n::error::" not in outcome.err


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_plan_file_is_read_or_refused(planned: Path, data: st.DataObject) -> None:
    plan = document(planned)
    spots = list(_spots(plan))
    holder, key = data.draw(st.sampled_from(spots))
    values = st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(), st.just([]), st.just({})
    )
    holder[key] = data.draw(values)
    other = planned.with_name("forged.json")
    other.write_text(json.dumps(plan))
    # Anything else that is raised is a bug.
    with suppress(UsageError, StalePlanError):
        read_plan(other)


def _spots(value: Any) -> Iterator[tuple[Any, Any]]:
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(pairs):
        yield value, key
        yield from _spots(inner)


def test_the_lifetime_of_a_plan_is_limited(planned: Path) -> None:
    made = datetime.fromisoformat(document(planned)["createdAt"])
    until = (made + MAX_LIFETIME + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    changed(planned, lambda plan: plan.update(expiresAt=until))
    with pytest.raises(StalePlanError, match="at most 30 days"):
        read_plan(planned)


def test_a_plan_moves_with_its_checkout(
    run: Run, planned: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As from one job of a pipeline to the next: another folder, another machine.
    elsewhere = shutil.copytree(planned.parent, tmp_path_factory.mktemp("checkouts") / "elsewhere")
    monkeypatch.chdir(elsewhere)
    assert run("apply", "--plan", "plan.json").code == 0
    assert held(elsewhere) == {"1.0": "Published"}
