"""Fault injection: effects, selection of requests, and reproducibility by a seed."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, HTTPClientError, ReadTimeoutError
from botocore.model import ServiceModel
from mypy_boto3_codeartifact import CodeArtifactClient

from pulumi_codeartifact_release.local_registry import start
from pulumi_codeartifact_release.local_registry.faults import Faults, FaultsError, load, parse
from pulumi_codeartifact_release.local_registry.server import LocalRegistry
from support.command_line import Run
from support.local_registry import PACKAGE, Request, client_of, publish, publish_request, sha256

VERSION: dict[str, Any] = {**PACKAGE, "packageVersion": "1.0"}
DOCS = Path(__file__).parents[3] / "docs" / "embedded-registry.md"

Misbehaving = Callable[..., LocalRegistry]


def rules(*entries: dict[str, Any], seed: int = 0) -> Faults:
    return parse({"seed": seed, "rules": list(entries)})


@pytest.fixture
def misbehaving(client: CodeArtifactClient, folder: Path) -> Iterator[Misbehaving]:
    """A second server on the folder, which injects faults; the first one does not."""
    running: list[LocalRegistry] = []

    def begin(*entries: dict[str, Any], **options: Any) -> LocalRegistry:
        running.append(start(folder, faults=rules(*entries), **options))
        return running[-1]

    yield begin
    for server in running:
        server.close()


@contextlib.contextmanager
def asking(server: LocalRegistry, **config: Any) -> Iterator[CodeArtifactClient]:
    with contextlib.closing(client_of(server, **config)) as client:
        yield client


def code_of(call: Callable[[], object]) -> str:
    """The result of a call: "ok", an error code, or the kind of a broken connection."""
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    except HTTPClientError as error:
        return type(error).__name__
    return "ok"


def names(client: CodeArtifactClient) -> list[str]:
    return [asset["name"] for asset in client.list_package_version_assets(**VERSION)["assets"]]


# --- what happens -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("throttle", "header"), [(True, None), ({"retryAfter": 3}, "3")])
def test_throttled_requests_are_429_and_do_nothing(
    throttle: object, header: str | None, misbehaving: Misbehaving, client: CodeArtifactClient
) -> None:
    with asking(misbehaving({"throttle": throttle})) as throttled, pytest.raises(ClientError) as caught:
        publish(throttled)
    answer = caught.value.response
    assert answer["Error"]["Code"] == "ThrottlingException"
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert answer["ResponseMetadata"]["HTTPHeaders"].get("retry-after") == header
    assert client.list_packages(domain="acme", repository="dev")["packages"] == []


def test_a_rate_allows_the_burst_and_then_the_rate_per_second() -> None:
    now = [100.0]
    faults = parse({"rules": [{"throttle": {"rate": 10, "burst": 3}}]}, clock=lambda: now[0])

    def passed(requests: int) -> int:
        return sum(faults.decide("ListDomains").response is None for _ in range(requests))

    assert passed(10) == 3
    now[0] += 0.2
    assert passed(10) == 2
    now[0] += 60
    assert passed(10) == 3
    assert faults.applied["throttle"] == 22


def test_a_rate_applies_over_http(misbehaving: Misbehaving) -> None:
    with asking(misbehaving({"throttle": {"rate": 0.001, "burst": 2}, "operations": ["ListDomains"]})) as client:
        assert [code_of(client.list_domains) for _ in range(3)] == ["ok", "ok", "ThrottlingException"]
        assert code_of(lambda: publish(client)) == "ok"


@pytest.mark.parametrize(
    ("fault", "code", "status"),
    [
        ("ConflictException", "ConflictException", 409),
        ("InternalServerException", "InternalServerException", 500),
        ("ExpiredTokenException", "ExpiredTokenException", 403),
        ("ServiceUnavailableException", "ServiceUnavailableException", 503),
        (502, "502", 502),
    ],
)
def test_any_error_can_be_injected(
    fault: object, code: str, status: int, misbehaving: Misbehaving, client: CodeArtifactClient
) -> None:
    with asking(misbehaving({"fail": fault})) as failing:
        for call in (lambda: publish(failing), failing.list_domains):
            with pytest.raises(ClientError) as caught:
                call()
            assert caught.value.response["Error"]["Code"] == code
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status
    assert client.list_packages(domain="acme", repository="dev")["packages"] == []


def test_a_stalled_response_is_late_and_the_operation_runs(
    misbehaving: Misbehaving, client: CodeArtifactClient
) -> None:
    server = misbehaving({"stall": 0.4})
    with asking(server) as patient:
        began = time.perf_counter()
        patient.list_domains()
        assert time.perf_counter() - began >= 0.4
    with asking(server, read_timeout=0.2) as impatient, pytest.raises(ReadTimeoutError):
        publish(impatient)
    assert names(client) == ["a.txt"]


def test_a_connection_cut_before_or_in_the_body_stores_nothing(
    misbehaving: Misbehaving, client: CodeArtifactClient, folder: Path
) -> None:
    for cut in ("before", "request"):
        with asking(misbehaving({"cut": cut})) as failing:
            for data in (b"small", b"x" * 3_000_000):
                code = code_of(lambda data=data: publish(failing, data))  # type: ignore[misc]
                assert code in ("ConnectionClosedError", "EndpointConnectionError", "HTTPClientError"), code
            assert code_of(failing.list_domains) == "ConnectionClosedError"
    assert client.list_packages(domain="acme", repository="dev")["packages"] == []
    assert list((folder / "uploads").glob("*")) == []


def test_a_connection_is_cut_after_half_of_the_body(misbehaving: Misbehaving, model: ServiceModel) -> None:
    server = misbehaving({"cut": "request"})
    request = publish_request(model.operation_model("PublishPackageVersion"), b"x" * 1000).sign(server)
    with socket.create_connection((server.host, server.port), timeout=10) as connection:
        connection.sendall(request.head(server, **{"Content-Length": "1000"}) + b"x" * 499)
        connection.settimeout(0.3)
        with pytest.raises(TimeoutError):
            connection.recv(1)
        connection.settimeout(10)
        connection.sendall(b"x")
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""


@pytest.mark.parametrize("size", [10, 3_000_000])
def test_a_connection_is_cut_after_half_of_the_response(
    size: int, misbehaving: Misbehaving, client: CodeArtifactClient, model: ServiceModel
) -> None:
    publish(client, b"x" * size)
    server = misbehaving({"cut": "response"})
    operation = model.operation_model("GetPackageVersionAsset")
    request = Request.of(operation, {**VERSION, "asset": "a.txt"}).sign(server)
    with pytest.raises(http.client.IncompleteRead) as caught:
        request.send(server)
    assert len(caught.value.partial) == size // 2
    # The same for a JSON response; its operation ran. (boto3 parses half of one as an empty one.)
    publishing = publish_request(model.operation_model("PublishPackageVersion"), b"more", version="2.0")
    with pytest.raises(http.client.IncompleteRead):
        publishing.sign(server).send(server)
    state = client.describe_package_version(**{**VERSION, "packageVersion": "2.0"})["packageVersion"]
    assert state["status"] == "Published"


def test_a_lost_response_closes_the_connection_after_the_operation(
    misbehaving: Misbehaving, client: CodeArtifactClient
) -> None:
    lines: list[str] = []
    with asking(misbehaving({"lose": True}, log=lines.append)) as losing, pytest.raises(ConnectionClosedError):
        publish(losing)
    assert names(client) == ["a.txt"]
    assert "-> 200, not sent, fault: lose (rule 1) (" in lines[0]


def test_stale_reads_return_old_data_and_writes_use_current_data(misbehaving: Misbehaving) -> None:
    age = 0.5
    with asking(misbehaving({"stale": age})) as client:
        publish(client, b"1", "a.txt", unfinished=True)
        assert code_of(lambda: names(client)) == "ResourceNotFoundException"
        assert code_of(lambda: publish(client, b"2", "a.txt", unfinished=True)) == "ConflictException"
        time.sleep(age)
        assert names(client) == ["a.txt"]
        publish(client, b"2", "b.txt", unfinished=True)
        assert names(client) == ["a.txt"]
        client.update_package_versions_status(**PACKAGE, versions=["1.0"], targetStatus="Published")
        assert client.describe_package_version(**VERSION)["packageVersion"]["status"] == "Unfinished"
        time.sleep(age)
        assert names(client) == ["a.txt", "b.txt"]
        assert client.describe_package_version(**VERSION)["packageVersion"]["status"] == "Published"
        client.delete_package_versions(**PACKAGE, versions=["1.0"])
        assert names(client) == ["a.txt", "b.txt"]
        # The stale row exists but its blob does not, so the current state is returned.
        assert code_of(lambda: client.get_package_version_asset(**VERSION, asset="a.txt")) != "ok"
        time.sleep(age)
        assert code_of(lambda: names(client)) == "ResourceNotFoundException"


# --- to which requests ------------------------------------------------------------------------------------------------


def hits(faults: Faults, requests: int, operation: str = "ListDomains") -> list[int]:
    return [number for number in range(1, requests + 1) if faults.decide(operation).response]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        ({"first": 2}, [1, 2]),
        ({"after": 7}, [8, 9, 10]),
        ({"every": 3}, [3, 6, 9]),
        ({"after": 2, "every": 2, "first": 5}, [4, 6]),
        ({"probability": 0}, []),
        ({"operations": ["ListPackages"]}, []),
        ({"operations": ["ListPackages", "ListDomains"], "first": 1}, [1]),
    ],
)
def test_conditions_select_requests(conditions: dict[str, Any], expected: list[int]) -> None:
    assert hits(rules({"throttle": True, **conditions}), 10) == expected


def test_a_probability_holds_and_the_same_seed_hits_the_same_requests() -> None:
    def drawn(seed: int, *more: dict[str, Any]) -> list[int]:
        return hits(rules({"throttle": True, "probability": 0.3}, *more, seed=seed), 1000)

    assert drawn(1) == drawn(1) == drawn(1, {"stall": 0, "probability": 0.5})
    assert drawn(1) != drawn(2)
    assert 250 < len(drawn(1)) < 350


def test_the_first_rule_wins_and_delays_add_up() -> None:
    faults = rules(
        {"stall": 1},
        {"stale": 2, "every": 2},
        {"throttle": {"rate": 0.001, "burst": 2}},
        {"lose": True, "first": 2},
        {"cut": "before"},
        {"fail": 503},
    )
    first, second, third = (faults.decide("ListDomains") for _ in range(3))
    assert (first.stall, first.age, first.lose, first.response) == (1, 0, True, None)
    assert (second.stall, second.age, second.lose, second.cut) == (1, 2, True, "")
    assert third.response
    assert third.response.status == 429
    assert not third.cut
    assert third.rules == ["stall (rule 1)", "throttle (rule 3)"]
    assert faults.applied == {"stall": 3, "stale": 1, "lose": 2, "throttle": 1}


def test_without_rules_nothing_changes(misbehaving: Misbehaving) -> None:
    with asking(misbehaving()) as client:
        assert publish(client)["asset"]["hashes"]["SHA-256"] == sha256(b"data")
        assert names(client) == ["a.txt"]


# --- the document -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ([], "must be an object"),
        ({}, "rules: must be a list"),
        ({"rules": {}}, "rules: must be a list"),
        ({"rules": [], "sead": 1}, 'unknown key "sead"'),
        ({"rules": [], "seed": "1"}, 'seed: must be an integer, not "1"'),
        ({"rules": ["throttle"]}, "rules[0]: must be an object"),
        ({"rules": [{}]}, "rules[0]: must have exactly one of throttle, fail, stall, cut, lose, stale"),
        ({"rules": [{"lose": True, "stall": 1}]}, "exactly one"),
        ({"rules": [{"lose": True}, {"lose": True, "evry": 2}]}, 'rules[1]: unknown key "evry"'),
        ({"rules": [{"lose": False}]}, "rules[0].lose: must be true"),
        ({"rules": [{"lose": True, "every": 0}]}, "rules[0].every: must be an integer of at least 1, not 0"),
        ({"rules": [{"lose": True, "first": 1.5}]}, "rules[0].first"),
        ({"rules": [{"lose": True, "after": -1}]}, "rules[0].after"),
        ({"rules": [{"lose": True, "after": True}]}, "rules[0].after"),
        ({"rules": [{"lose": True, "probability": 30}]}, "rules[0].probability: must be a number of at least 0, at"),
        ({"rules": [{"lose": True, "operations": "ListDomains"}]}, "rules[0].operations: must be a list"),
        ({"rules": [{"lose": True, "operations": []}]}, "rules[0].operations: must be a list"),
        ({"rules": [{"lose": True, "operations": ["Publish"]}]}, 'the embedded registry has no operation "Publish"'),
        ({"rules": [{"throttle": 5}]}, "rules[0].throttle: must be true, or an object"),
        ({"rules": [{"throttle": {"rate": 0}}]}, "rules[0].throttle.rate: must be greater than 0"),
        ({"rules": [{"throttle": {"rate": "10"}}]}, "rules[0].throttle.rate"),
        ({"rules": [{"throttle": {"burst": 5}}]}, "rules[0].throttle.burst: requires a rate"),
        ({"rules": [{"throttle": {"retryAfter": 0.5}}]}, "rules[0].throttle.retryAfter: must be an integer"),
        ({"rules": [{"fail": 404}]}, "rules[0].fail: must be a status from 500 to 599, or one of AccessDenied"),
        ({"rules": [{"fail": "Conflict"}]}, "rules[0].fail"),
        ({"rules": [{"cut": "after"}]}, 'rules[0].cut: must be one of "before", "request", "response"'),
        ({"rules": [{"cut": ["before"]}]}, "rules[0].cut"),
        ({"rules": [{"stall": -1}]}, "rules[0].stall"),
        ({"rules": [{"stall": float("nan")}]}, "rules[0].stall"),
        ({"rules": [{"stale": float("inf")}]}, "rules[0].stale"),
    ],
)
def test_a_mistake_is_reported_in_one_line_that_names_it(document: object, words: str) -> None:
    with pytest.raises(FaultsError) as caught:
        parse(document)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"{", "not a JSON document"),
        (b"\xff\xfe\xff", "not a JSON document"),
        (b"[" * 100_000, "not a JSON document"),
        (b'{"rules": [{"cut": 1}]}', "rules[0].cut"),
    ],
)
def test_a_bad_file_ends_serve_with_one_line_and_exit_code_2(
    content: bytes | None, words: str, tmp_path: Path, run: Run
) -> None:
    path = tmp_path / "faults.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(FaultsError, match=r"faults\.json: "):
        load(path)
    outcome = run("serve", str(tmp_path / "registry"), "--faults", str(path))
    assert (outcome.code, outcome.out) == (2, "")
    assert len(outcome.err.splitlines()) == 1
    assert f"{path}: " in outcome.err
    assert words in outcome.err


@pytest.mark.slow
def test_serve_injects_the_faults_of_the_documented_file(tmp_path: Path) -> None:
    example = DOCS.read_text(encoding="utf-8").split("```json\n")[1].split("```")[0]
    document = json.loads(example)
    document["rules"][0] |= {"first": 1, "probability": 1}
    (tmp_path / "faults.json").write_text(json.dumps(document))
    command = "from pulumi_codeartifact_release.cli import main; main()"
    words: list[str | Path] = [
        "serve",
        tmp_path / "registry",
        "--env-file",
        tmp_path / "env",
        "--faults",
        tmp_path / "faults.json",
    ]
    code = (
        "import boto3\nfrom botocore.config import Config\n"
        "client = boto3.client('codeartifact', config=Config(retries={'total_max_attempts': 1}))\n"
        "try:\n    client.list_domains()\nexcept Exception as error:\n    print(type(error).__name__)\n"
        "print(client.list_domains()['domains'])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", command, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout
            assert "Serving" in process.stdout.readline()
            script = f". {shlex.quote(str(tmp_path / 'env'))}; {shlex.quote(sys.executable)} -c {shlex.quote(code)}"
            clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
            shown = subprocess.run(
                ["sh", "-c", script], env=clean, capture_output=True, text=True, timeout=30, check=True
            )
            process.send_signal(signal.SIGTERM)
            _, log = process.communicate(timeout=20)
        finally:
            process.kill()
    assert shown.stdout.split() == ["ThrottlingException", "[]"]
    assert "-> 429 ThrottlingException, fault: throttle (rule 1) (" in log


def test_the_documentation_names_every_key() -> None:
    section = DOCS.read_text(encoding="utf-8").split("## Making it misbehave")[1].split("\n## ")[0]
    for key in ("throttle", "fail", "stall", "cut", "lose", "stale", "operations", "after", "first", "every"):
        assert f"| `{key}` |" in section
    for key in ("retryAfter", "rate", "burst", "seed", "probability"):
        assert key in section
