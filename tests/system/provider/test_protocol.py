"""The provider over its real protocol: the plugin process, called in the order in which the engine was recorded."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dill
import grpc
import pulumi
import pytest
from pulumi.dynamic import ResourceProvider
from pulumi.runtime.proto import engine_pb2
from pulumi.runtime.rpc import UNKNOWN

from pulumi_codeartifact_release.local_registry import start
from pulumi_codeartifact_release.plugin.declaration import Declaration
from pulumi_codeartifact_release.plugin.state import BUNDLE_INPUTS, PROMOTION_INPUTS, SOURCE
from pulumi_codeartifact_release.program.resources import PackageVersion, Promotion
from pulumi_codeartifact_release.providers import PackageVersionProvider, PromotionProvider
from pulumi_codeartifact_release.publishing import parse_checksums
from support.embedded import Gate, Package, client_of

from .plugin import PICKLE, PROMOTION_PICKLE, URN, Engine, Plugin, pickled
from .scenario import STEPS, Step, write

SECRET = "wJalrXUtnFEMI/K7MDENG+the+secret"
"""A secret key that no answer may hold."""


# --- replay -----------------------------------------------------------------------------------------------------------


@dataclass
class Replayed:
    """What one recorded call was answered with then and now."""

    method: str
    recorded: dict[str, Any]
    answered: dict[str, Any]


@dataclass
class Replay:
    """Replays recordings, one after the other, in a program's folder."""

    program: Path
    placeholders: dict[str, str] = field(default_factory=dict)
    module: str = "pulumi.dynamic"

    def run(self, step: Step) -> list[Replayed]:
        step.prepare(self.program)
        calls = [json.loads(line) for line in step.recording.read_text(encoding="utf-8").splitlines()]
        with Engine() as engine, Plugin(self.program, engine, module=self.module) as plugin:
            return [self._call(plugin, call) for call in calls]

    def _call(self, plugin: Plugin, call: dict[str, Any]) -> Replayed:
        recorded = {key: self._here(call[key]) for key in ("response", "errors") if key in call}
        try:
            answered: dict[str, Any] = {"response": plugin.call(call["method"], self._here(call["request"]))}
        except grpc.RpcError as error:
            code = "".join(word.title() for word in error.code().name.split("_"))
            answered = {"errors": [f"rpc error: code = {code} desc = {error.details()}"]}
        self._learn(recorded, answered)
        return Replayed(call["method"], self._here(recorded), answered)

    def _here(self, value: Any) -> Any:
        text = json.dumps(value).replace("{{program}}", str(self.program))
        for placeholder, ours in self.placeholders.items():
            text = text.replace(json.dumps(placeholder), json.dumps(ours))
        return json.loads(text)

    def _learn(self, recorded: Any, answered: Any) -> None:
        """Take note of what a placeholder stands for: it may be anything at first, and from then on that alone."""
        if isinstance(recorded, dict) and isinstance(answered, dict):
            for key, value in recorded.items():
                self._learn(value, answered.get(key))
        elif isinstance(recorded, list) and isinstance(answered, list):
            for one_recorded, one_answered in zip(recorded, answered, strict=False):
                self._learn(one_recorded, one_answered)
        elif isinstance(recorded, str) and recorded.startswith("{{") and isinstance(answered, str) and answered:
            self.placeholders[recorded] = answered


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Replayed]]:
    """All steps, replayed once: each begins where the one before has ended."""
    program = tmp_path_factory.mktemp("replay") / "program"
    program.mkdir()
    replay = Replay(program)
    return {step.name: replay.run(step) for step in STEPS}


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.name)
def test_the_plugin_answers_as_it_was_recorded_to(step: Step, replayed: dict[str, list[Replayed]]) -> None:
    for call in replayed[step.name]:
        assert (call.method, call.answered) == (call.method, call.recorded)


def test_the_recordings_hold_what_they_are_for(replayed: dict[str, list[Replayed]]) -> None:
    """What a new recording must still show, or it has recorded something else."""
    assert [call.method for call in replayed["2-create"]][-3:] == ["Check", "Create", "Cancel"]
    assert one(replayed["3-unchanged"], "Diff") == {"changes": "DIFF_NONE"}
    [failure] = one(replayed["4-preview-of-a-conflict"], "Check")["failures"]
    assert failure["property"] == "version"
    assert failure["reason"].count("sha256:") >= 2
    assert one(replayed["5-new-version"], "Diff") == {"changes": "DIFF_SOME"}
    assert one(replayed["6-refresh"], "Diff") == {"changes": "DIFF_NONE"}
    assert one(replayed["7-refresh-of-drift"], "Read")["inputs"]["status"] == "Archived"
    assert one(replayed["8-repair"], "Update")["properties"]["status"] == "Published"
    assert "Delete" not in [call.method for call in replayed["9-destroy"]]


def test_the_recordings_of_a_promotion_hold_what_they_are_for(replayed: dict[str, list[Replayed]]) -> None:
    for name in ("10-preview-of-a-promotion", "11-promote"):
        promoted = one(replayed[name], "Check")["inputs"]
        assert promoted["digest"] == promoted["source"]["digest"]
        # Everything that stands in users' state: only what this release does not have is left out.
        assert set(promoted) == {"__provider", *PROMOTION_INPUTS} - {"profile", "soak", "members"}
        assert set(promoted["source"]) == set(SOURCE) - {"profile"}
    assert one(replayed["11-promote"], "Create")["properties"]["audit"]["how"] == "copied"
    assert one(replayed["12-unchanged-promotion"], "Diff") == {"changes": "DIFF_NONE"}
    assert one(replayed["13-new-version-promoted"], "Update")["properties"]["version"] == "1.1"
    assert one(replayed["14-refresh-of-a-promotions-drift"], "Read")["inputs"]["status"] == "Archived"
    repaired = one(replayed["15-repair-of-a-promotion"], "Update")["properties"]
    assert (repaired["status"], repaired["audit"]["changed"]["status"]) == ("Published", "Published")
    [gone] = one(replayed["16-preview-without-a-source"], "Check")["failures"]
    assert "there is nothing to promote" in gone["reason"]
    [moved] = one(replayed["17-preview-of-a-moved-source"], "Check")["failures"]
    assert moved["reason"].count("sha256:") == 2
    assert "Delete" not in [call.method for call in replayed["18-destroy-of-a-promotion"]]


def one(calls: list[Replayed], method: str) -> dict[str, Any]:
    [answered] = [call.answered["response"] for call in calls if call.method == method]
    assert isinstance(answered, dict)
    return answered


def test_recordings_name_no_machine() -> None:
    for step in STEPS:
        text = step.recording.read_text(encoding="utf-8")
        assert "{{program}}" in text or "Check" not in text
        assert set(re.findall(r'"(/[^"]*)"', text)) <= {"/plugin"}


# --- a world to behave in ---------------------------------------------------------------------------------------------


@dataclass
class World:
    """A program's folder, and a registry behind a gate that the plugin's environment names."""

    program: Path
    gate: Gate
    package: Package
    environ: dict[str, str]
    engine: Engine

    def plugin(self, **environ: str) -> Plugin:
        return Plugin(self.program, self.engine, {**self.environ, **environ})

    def news(self, contents: dict[str, str] | None = None, **inputs: Any) -> dict[str, Any]:
        """Inputs as a program sends them."""
        contents = {"a.txt": "alpha", "b.txt": "beta", "c.txt": "gamma"} if contents is None else contents
        for name, text in contents.items():
            write(self.program, f"dist/{name}", text)
        declared: dict[str, Any] = {
            "files": {name: str(self.program / "dist" / name) for name in contents},
            "base": str(self.program),
            "allow": frozenset(("endpoint",)),
            "urn": URN,
            "repository_exists": True,
            **inputs.pop("declared", {}),
        }
        return {
            "namespace": "acme",
            "package": "app",
            "version": "1.0",
            "domain": "acme",
            "repository": "dev",
            "status": "Published",
            "declaration": Declaration(**declared).text(),
            **inputs,
        }

    def published(self, contents: dict[str, str] | None = None, **inputs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Publish in a process of its own; returns inputs and outputs."""
        with self.plugin() as plugin:
            plugin.configure()
            checked = plugin.checked({}, self.news(contents, **inputs))
            return checked, plugin.create(checked)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    program = tmp_path / "program"
    program.mkdir()
    with start(tmp_path / "registry") as server, Gate(server) as gate, Engine() as engine:
        client = client_of(server)
        client.create_domain(domain="acme")
        client.create_repository(domain="acme", repository="dev")
        key = server.credentials()
        environ = {
            "AWS_ENDPOINT_URL_CODEARTIFACT": gate.url,
            "AWS_ACCESS_KEY_ID": key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
            "AWS_REGION": "us-east-1",
            "AWS_MAX_ATTEMPTS": "1",
        }
        yield World(program, gate, Package(client), environ, engine)
        client.close()


def failed(error: grpc.RpcError, code: str) -> str:
    """The message of an error of ours, which must be that alone; returns it."""
    text = str(error.details()).strip()
    assert error.code() is grpc.StatusCode.UNKNOWN
    assert "Traceback" not in text
    assert 'File "' not in text
    assert "During handling" not in text
    assert text.startswith(f"{code}: ")
    return text


# --- a registry that is not asked -------------------------------------------------------------------------------------


@pytest.mark.parametrize("contents", [None, {"a.txt": "alpha", "empty.txt": ""}], ids=["three", "an empty one"])
def test_an_unchanged_up_makes_no_call_to_the_registry(world: World, contents: dict[str, str] | None) -> None:
    inputs, outputs = world.published(contents)
    before = list(world.gate.requests)
    assert before
    for dry_run in (True, False):
        with world.plugin() as plugin:
            plugin.configure()
            again = plugin.checked(inputs, world.news(contents, declared={"dry_run": dry_run}))
            assert again == inputs
            assert plugin.diff(outputs, again) == {"changes": "DIFF_NONE"}
    assert world.gate.requests == before


def test_an_update_looks_in_create_alone_and_a_preview_never_writes(world: World) -> None:
    with world.plugin() as plugin:
        plugin.configure()
        plugin.checked({}, world.news())
        assert world.gate.requests == []
        plugin.checked({}, world.news(declared={"dry_run": True}))
    assert [request.split("?")[0] for request in world.gate.requests] == ["GET /v1/package/version"]
    assert world.package.statuses() == {}


def test_what_the_registry_does_not_need_to_know_is_an_update_without_a_call(world: World) -> None:
    inputs, outputs = world.published()
    before = list(world.gate.requests)
    with world.plugin() as plugin:
        plugin.configure()
        news = plugin.checked(inputs, world.news(finalize="last-asset"))
        assert plugin.diff(outputs, news) == {"changes": "DIFF_SOME"}
        updated = plugin.update(outputs, news)
    assert updated == {**outputs, "finalize": "last-asset"}
    assert world.gate.requests == before


def test_unknown_inputs_in_a_preview_stay_unknown_and_ask_nothing(world: World) -> None:
    with world.plugin() as plugin:
        plugin.configure()
        later = plugin.checked({}, world.news(declared={"dry_run": True}, namespace=UNKNOWN))
        assert later["namespace"] == UNKNOWN
        assert list(parse_checksums(later["checksums"])) == ["a.txt", "b.txt", "c.txt"]
        place = plugin.checked({}, world.news(declared={"dry_run": True}, domain=UNKNOWN, endpoint=UNKNOWN))
        assert (place["domain"], place["package"]) == (UNKNOWN, "app")
        files = plugin.checked({}, {**world.news(), "declaration": UNKNOWN})
        assert (files["checksums"], files["digest"]) == (UNKNOWN, UNKNOWN)
        assert plugin.diff(later, {**later, "namespace": "acme"}) == {"changes": "DIFF_SOME"}
        assert plugin.diff({**later, "namespace": "acme"}, later) == {"changes": "DIFF_SOME"}
    assert world.gate.requests == []


# --- what the engine is told ------------------------------------------------------------------------------------------


def test_check_keeps_paths_to_itself(world: World) -> None:
    with world.plugin() as plugin:
        plugin.configure()
        checked = plugin.checked({}, world.news(declared={"texts": {"note.txt": "the content"}}))
    assert list(parse_checksums(checked["checksums"])) == ["a.txt", "b.txt", "c.txt", "note.txt"]
    assert "declaration" not in checked
    assert str(world.program) not in json.dumps(checked)
    assert "the content" not in json.dumps(checked)


@pytest.mark.parametrize(
    "change",
    [
        {"version": "2.0"},
        {"package": "other"},
        {"namespace": "other"},
        {"domain": "other"},
        {"repository": "other"},
        {"domain_owner": "111122223333"},
        {"region": "eu-west-1"},
        {"endpoint": "https://codeartifact.eu-west-1.amazonaws.com"},
        {"status": "Unlisted"},
        {"profile": "release"},
        {"checksums": f"{'0' * 64}  a.txt\n"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_no_change_asks_for_a_replacement(change: dict[str, Any]) -> None:
    """In this process: diff needs nothing of the plugin's, and the recordings have it over the wire."""
    olds = {"namespace": "acme", "package": "app", "version": "1.0", "domain": "acme", "repository": "dev"}
    result = PackageVersionProvider().diff("acme/app", olds, {**olds, **change})
    assert result.changes is True
    assert not result.replaces
    assert not result.delete_before_replace


def test_state_has_all_assets_in_one_text_whose_sha256_is_the_digest(world: World) -> None:
    inputs, outputs = world.published()
    names = "abc"
    hashes = [hashlib.sha256(text.encode()).hexdigest() for text in ("alpha", "beta", "gamma")]
    text = "".join(f"{sha256}  {name}.txt\n" for sha256, name in zip(hashes, names, strict=True))
    assert inputs["checksums"] == outputs["checksums"] == text
    assert inputs["digest"] == outputs["digest"] == f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    assert all(isinstance(value, str) for value in inputs.values())


def test_a_conflict_shows_the_sizes_that_state_does_not_have(world: World) -> None:
    inputs, _outputs = world.published()
    with world.plugin() as plugin:
        plugin.configure()
        news = world.news({"a.txt": "other"}, declared={"dry_run": True})
        [failure] = plugin.check(inputs, news)["failures"]
    assert failure["reason"].count("(5 bytes)") == 3


def test_ignored_changes_of_the_assets_keep_the_old_hashes(world: World) -> None:
    inputs, outputs = world.published()
    before = list(world.gate.requests)
    with world.plugin() as plugin:
        plugin.configure()
        # The engine puts the old value among the new inputs.
        news = {**world.news({"a.txt": "rebuilt"}, declared={"dry_run": True}), "checksums": inputs["checksums"]}
        again = plugin.checked(inputs, news)
        assert again == inputs
        assert plugin.diff(outputs, again) == {"changes": "DIFF_NONE"}
    assert world.gate.requests == before


def test_a_closing_line_stays_beside_the_resource_and_a_log_gets_no_line_that_changes(world: World) -> None:
    world.published()
    assert world.engine.lines(ephemeral=False) == ["Published: sent 3 assets, 14 bytes; 0 already there\n"]
    # What moves is for terminals: in a log the engine keeps every line of it.
    assert not any(world.engine.lines(ephemeral=True))
    assert {message.urn for message in world.engine.messages} == {URN}
    assert {message.severity for message in world.engine.messages} == {engine_pb2.INFO}


def test_an_unreachable_registry_is_a_warning_in_a_preview(world: World) -> None:
    with world.plugin(AWS_ENDPOINT_URL_CODEARTIFACT="http://127.0.0.1:1") as plugin:
        plugin.configure()
        plugin.checked({}, world.news(declared={"dry_run": True}))
    *locations, warning = world.engine.messages
    assert (warning.severity, warning.urn, warning.ephemeral) == (engine_pb2.WARNING, URN, False)
    assert "127.0.0.1:1" in warning.message
    # As for a manifest, the row of the stack names the destination, and an endpoint that comes from the shell.
    assert [(each.severity, each.urn, each.ephemeral, each.message) for each in locations] == [
        (
            engine_pb2.WARNING,
            "",
            False,
            "the endpoint http://127.0.0.1:1 comes from AWS_ENDPOINT_URL_CODEARTIFACT, not from the program\n",
        ),
        (engine_pb2.INFO, "", False, "http://127.0.0.1:1, account of the caller, us-east-1, repository acme/dev\n"),
    ]


def test_a_preview_names_a_destination_once_and_an_update_does_not(world: World) -> None:
    text = "account of the caller, us-east-1, repository acme/dev\n"
    for dry_run, count in ((True, 1), (False, 0)):
        world.engine.messages.clear()
        with world.plugin() as plugin:
            plugin.configure()
            for _ in range(2):
                plugin.checked({}, world.news(declared={"dry_run": dry_run}))
        assert sum(message.endswith(text) for message in world.engine.lines(ephemeral=False)) == count


def test_the_program_names_the_destination_of_a_manifest(world: World) -> None:
    with world.plugin() as plugin:
        plugin.configure()
        plugin.checked({}, world.news(declared={"dry_run": True, "front": {"call": "publish_manifest"}}))
    assert {message.urn for message in world.engine.messages} == {URN}


def test_credentials_are_in_no_answer_and_in_no_message(world: World) -> None:
    with world.plugin() as plugin:
        plugin.configure(**{"aws:region": "us-east-1"})
        checked = plugin.checked({}, world.news())
        outputs = plugin.create(checked)
        plugin.read(outputs)
        answers = list(plugin.answers)
    with world.plugin(AWS_SECRET_ACCESS_KEY=SECRET) as plugin:
        plugin.configure()
        with pytest.raises(grpc.RpcError) as denied:
            plugin.read(outputs)
    told = json.dumps(answers) + "".join(engine.message for engine in world.engine.messages)
    told += str(denied.value.details())
    for secret in (world.environ["AWS_ACCESS_KEY_ID"], world.environ["AWS_SECRET_ACCESS_KEY"], SECRET):
        assert secret not in told


# --- errors -----------------------------------------------------------------------------------------------------------


def test_an_error_is_its_message_alone(world: World) -> None:
    world.published()
    with world.plugin() as plugin:
        plugin.configure()
        checked = plugin.checked({}, world.news({"a.txt": "alpha", "b.txt": "other", "c.txt": "gamma"}))
        with pytest.raises(grpc.RpcError) as conflict:
            plugin.create(checked)
    first, *others, hint = failed(conflict.value, "conflict").splitlines()
    assert first == "conflict: acme/app@1.0 in acme/dev is already Published, and 1 asset differs:"
    assert "b.txt" in "".join(others)
    assert "".join(others).count("sha256:") == 2
    assert "new version" in hint


def test_others_in_the_process_keep_their_tracebacks(world: World) -> None:
    write(
        world.program,
        "others.py",
        "from pulumi.dynamic import ResourceProvider\n"
        "class Other(ResourceProvider):\n"
        "    def create(self, props):\n"
        "        raise ValueError('a bug of theirs')\n",
    )
    world.published()
    with world.plugin() as plugin:
        plugin.configure()
        checked = plugin.checked({}, world.news({"a.txt": "other"}))
        with pytest.raises(grpc.RpcError):
            plugin.create(checked)
        with pytest.raises(grpc.RpcError) as theirs:
            plugin.call("Create", {"properties": {"__provider": pickled("others", "Other")}})
    text = str(theirs.value.details())
    assert text.startswith("Traceback (most recent call last):")
    assert "others.py" in text


def test_a_bug_of_ours_keeps_its_traceback(world: World) -> None:
    with world.plugin() as plugin:
        plugin.configure()
        with pytest.raises(grpc.RpcError) as bug:
            plugin.create({"__provider": PICKLE, "namespace": "acme"})
    assert str(bug.value.details()).startswith("Traceback")


@pytest.mark.parametrize(
    ("inputs", "says"),
    [
        ({"status": "Disposed"}, "`Unlisted`"),
        ({"status": "published"}, "did you mean `Published`?"),
        ({"finalize": "sometime"}, "`last-asset`"),
        ({"namespace": ""}, "namespace"),
        ({"on_destroy": "keep"}, "`retain`"),
        ({"on_supersede": "delete"}, "`archive`"),
    ],
    ids=str,
)
def test_a_wrong_argument_is_said_in_check(world: World, inputs: dict[str, Any], says: str) -> None:
    with world.plugin() as plugin:
        plugin.configure()
        [failure] = plugin.check({}, world.news(declared={"dry_run": True}, **inputs))["failures"]
    assert failure["property"] == next(iter(inputs))
    assert says in failure["reason"]
    assert world.gate.requests == []


def test_problems_of_the_files_are_told_all_at_once(world: World) -> None:
    with world.plugin() as plugin:
        plugin.configure()
        problems = ("dist/*.zip: no file", "dist/*.deb: no file")
        failures = plugin.check({}, world.news(declared={"problems": problems}))["failures"]
    assert [(each["property"], each["reason"]) for each in failures] == [
        ("assets", f"usage: {text}") for text in problems
    ]


def test_a_file_that_is_gone_is_told_in_check(world: World) -> None:
    news = world.news()
    (world.program / "dist" / "b.txt").unlink()
    with world.plugin() as plugin:
        plugin.configure()
        [failure] = plugin.check({}, news)["failures"]
    assert "b.txt" in failure["reason"]


# --- read -------------------------------------------------------------------------------------------------------------


def test_a_missing_version_leaves_the_state(world: World) -> None:
    _inputs, outputs = world.published()
    world.package.delete("1.0")
    with world.plugin() as plugin:
        plugin.configure()
        answer = plugin.read(outputs)
    assert "id" not in answer
    assert "inputs" not in answer


@pytest.mark.parametrize(
    ("stored", "environ", "error"),
    [
        ({"repository": "nowhere"}, {}, "missing-repository"),
        ({"domain": "nowhere"}, {}, "missing-domain"),
        ({}, {"AWS_SECRET_ACCESS_KEY": SECRET}, "access-denied"),
        ({"endpoint": "http://127.0.0.1:1"}, {}, "unreachable"),
        ({}, {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}, "no-credentials"),
    ],
    ids=["repository", "domain", "denied", "unreachable", "no credentials"],
)
def test_what_is_not_a_missing_version_never_leaves_the_state(
    world: World, stored: dict[str, str], environ: dict[str, str], error: str
) -> None:
    _inputs, outputs = world.published()
    with world.plugin(**environ) as plugin:
        plugin.configure()
        with pytest.raises(grpc.RpcError) as raised:
            plugin.read({**outputs, **stored})
    failed(raised.value, error)


def test_read_uses_what_is_stored_and_not_the_shell(world: World) -> None:
    _inputs, outputs = world.published()
    with world.plugin(AWS_ENDPOINT_URL_CODEARTIFACT="http://127.0.0.1:1", AWS_REGION="eu-west-1") as plugin:
        plugin.configure(**{"aws:region": "eu-west-3"})
        answer = plugin.read(outputs)
    assert (answer["id"], answer["properties"]) == ("acme/app", outputs)


def test_an_import_by_id_is_refused(world: World) -> None:
    with world.plugin() as plugin:
        plugin.configure()
        with pytest.raises(grpc.RpcError) as raised:
            plugin.read({"__provider": PICKLE})
    assert "pulumi up" in failed(raised.value, "usage")


# --- delete -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "environ", "left"),
    [
        ("retain", {}, {"1.0": "Published"}),
        ("archive", {}, {"1.0": "Archived"}),
        ("unlist", {}, {"1.0": "Unlisted"}),
        ("dispose", {"CODEARTIFACT_RELEASE_ALLOW": "delete"}, {"1.0": "Disposed"}),
        ("delete", {"CODEARTIFACT_RELEASE_ALLOW": "delete"}, {}),
    ],
    ids=["retain", "archive", "unlist", "dispose", "delete"],
)
def test_a_delete_does_what_is_stored(world: World, policy: str, environ: dict[str, str], left: dict[str, str]) -> None:
    _inputs, outputs = world.published(on_destroy=policy, declared={"allow": frozenset(("endpoint", "delete"))})
    with world.plugin(**environ) as plugin:
        plugin.configure()
        plugin.call("Delete", {"id": "acme/app", "urn": URN, "properties": outputs})
    assert world.package.statuses() == left


def test_a_delete_loses_nothing_without_a_permission_of_that_very_run(world: World) -> None:
    _inputs, outputs = world.published(on_destroy="delete", declared={"allow": frozenset(("endpoint", "delete"))})
    before = list(world.gate.requests)
    with world.plugin() as plugin:
        plugin.configure()
        with pytest.raises(grpc.RpcError) as raised:
            plugin.call("Delete", {"id": "acme/app", "urn": URN, "properties": outputs})
    assert "CODEARTIFACT_RELEASE_ALLOW=delete" in failed(raised.value, "not-permitted")
    assert not [request for request in world.gate.requests[len(before) :] if request.startswith("POST /v1/package/v")]
    assert world.package.statuses() == {"1.0": "Published"}


# --- an end in the middle ---------------------------------------------------------------------------------------------


def creating(world: World, plugin: Plugin) -> grpc.RpcError:
    """Publish, and return the error that it ends with."""
    plugin.configure()
    checked = plugin.checked({}, world.news())
    with pytest.raises(grpc.RpcError) as raised:
        plugin.create(checked)
    error = raised.value
    assert isinstance(error, grpc.RpcError)
    return error


def test_an_engine_that_is_gone_stops_the_plugin_before_the_next_asset(world: World) -> None:
    world.gate.after = lambda path: world.engine.die() if "/publish" in path else None
    with world.plugin() as plugin:
        text = failed(creating(world, plugin), "interrupted")
    assert "the Pulumi engine is gone" in text
    assert world.gate.uploads == 1
    assert world.package.statuses() == {"1.0": "Unfinished"}
    assert world.package.contents("1.0") == {"a.txt": b"alpha"}


def test_an_engine_that_is_gone_keeps_the_plugin_from_publishing(world: World) -> None:
    world.gate.after = lambda path: world.engine.die() if "/version/assets" in path else None
    with world.plugin() as plugin:
        failed(creating(world, plugin), "interrupted")
    assert world.gate.uploads == 3
    assert world.package.statuses() == {"1.0": "Unfinished"}


def test_the_last_asset_is_not_sent_for_an_engine_that_is_gone(world: World) -> None:
    world.gate.after = lambda path: world.engine.die() if "/version/assets" in path else None
    with world.plugin() as plugin:
        plugin.configure()
        checked = plugin.checked({}, world.news(finalize="last-asset"))
        with pytest.raises(grpc.RpcError) as raised:
            plugin.create(checked)
    failed(raised.value, "interrupted")
    assert world.package.statuses() == {"1.0": "Unfinished"}


def test_the_next_run_sends_what_is_missing(world: World) -> None:
    world.gate.after = lambda path: world.engine.die() if "/publish" in path else None
    with world.plugin() as plugin:
        creating(world, plugin)
    world.gate.after = lambda _path: None
    with Engine() as world.engine:
        world.published()
    assert world.gate.uploads == 3
    assert world.package.statuses() == {"1.0": "Published"}
    assert world.engine.lines(ephemeral=False) == ["Published: sent 2 assets, 9 bytes; 1 already there\n"]


@pytest.mark.parametrize(("at", "uploads"), [("/version/publish", 1), ("/version/assets", 3)], ids=["asset", "finish"])
def test_a_cancelled_plugin_stops_before_the_next_write(world: World, at: str, uploads: int) -> None:
    plugin = world.plugin()
    asked = threading.Event()

    def cancel(path: str) -> None:
        if at in path and not asked.is_set():
            asked.set()
            plugin.process.send_signal(signal.SIGINT)
            # The main thread is on its way out while this answer is still awaited.
            time.sleep(1)

    world.gate.after = cancel
    creating(world, plugin)
    plugin.wait(within=15)
    assert asked.is_set()
    assert world.gate.uploads == uploads
    assert world.package.statuses() == {"1.0": "Unfinished"}


def test_a_plugin_ends_by_itself_when_its_engine_is_gone(world: World) -> None:
    with world.plugin() as plugin:
        plugin.configure()
        checked = plugin.checked({}, world.news())
        plugin.create(checked)
        # An engine that is slow, or stopped for a while, is not gone.
        time.sleep(5)
        assert plugin.process.poll() is None
        world.engine.die()
        assert plugin.wait(within=20) == ""


def test_a_plugin_whose_request_hangs_ends_when_its_engine_is_gone(world: World) -> None:
    ended = threading.Event()

    def hang(path: str) -> None:
        if "/version/publish" in path:
            world.engine.die()
            ended.wait(40)

    world.gate.before = hang
    with world.plugin() as plugin:
        plugin.configure()
        checked = plugin.checked({}, world.news())
        with pytest.raises(grpc.RpcError):
            plugin.create(checked)
        try:
            plugin.wait(within=25)
        finally:
            ended.set()


# --- what stands in users' state for ever -----------------------------------------------------------------------------

KINDS = pytest.mark.parametrize(
    ("provider", "pickle"),
    [(PackageVersionProvider, PICKLE), (PromotionProvider, PROMOTION_PICKLE)],
    ids=["PackageVersion", "Promotion"],
)


@pytest.mark.skipif(
    sys.version_info >= (3, 14), reason="another pickle protocol; what is stored must load all the same"
)
@KINDS
def test_the_pickle_in_state_is_pinned(provider: type[ResourceProvider], pickle: str) -> None:
    assert base64.b64encode(dill.dumps(provider())).decode() == pickle


@KINDS
def test_the_pickle_in_state_loads(provider: type[ResourceProvider], pickle: str) -> None:
    assert type(dill.loads(base64.b64decode(pickle))) is provider


@pytest.mark.parametrize(
    ("provider", "resource", "name"),
    [(PackageVersionProvider, PackageVersion, "PackageVersion"), (PromotionProvider, Promotion, "Promotion")],
    ids=["PackageVersion", "Promotion"],
)
def test_the_dotted_path_and_the_type_token_are_pinned(
    provider: type[ResourceProvider], resource: type[pulumi.dynamic.Resource], name: str
) -> None:
    path = f"{provider.__module__}.{provider.__qualname__}"
    assert path == f"pulumi_codeartifact_release.providers.{name}Provider"
    assert f"pulumi-python:{resource._resource_type_name}" == f"pulumi-python:dynamic/codeartifact:{name}"


@KINDS
def test_the_provider_holds_no_secret_and_no_state(provider: type[ResourceProvider], pickle: str) -> None:
    instance = provider()
    assert instance.serialize_as_secret_always is False
    assert vars(instance) == {}


def test_the_names_of_the_inputs_of_promotions_and_bundles_are_pinned() -> None:
    """Adding one is fine; a renamed or removed one is a diff for every user."""
    place = ["domain", "domain_owner", "repository", "region", "profile", "endpoint"]
    package = ["namespace", "package", "version", *place, "status", "finalize", "on_destroy", "on_supersede"]
    assert list(PROMOTION_INPUTS) == [*package, "checksums", "digest", "source", "soak", "members"]
    bundle = [name for name in package if name != "finalize"]
    assert list(BUNDLE_INPUTS) == [*bundle, "checksums", "digest", "members"]
    assert list(SOURCE) == [*place, "digest", "revision"]
