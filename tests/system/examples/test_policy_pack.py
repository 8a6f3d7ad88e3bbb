"""The policy pack of examples/policy without the Pulumi CLI: its policies, and the process that the engine asks."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format, struct_pb2
from google.protobuf.empty_pb2 import Empty
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc
from pulumi_policy import PolicyResourceOptions, ResourceValidationArgs
from pulumi_policy.policy import PolicyCustomTimeouts
from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, UnknownValueError, unknown_checking_proxy

PACK = Path(__file__).parents[3] / "examples" / "policy"
README = (PACK / "README.md").read_text(encoding="utf-8")
UNKNOWN = UNKNOWN_STRING_VALUE
NAMES = ("version-not-latest", "promoted-only-from-staging", "sbom-among-the-assets")


@pytest.fixture(scope="module")
def policies() -> dict[str, Any]:
    """The policies by name."""
    return {policy.name: policy for policy in runpy.run_path(str(PACK / "policies.py"))["POLICIES"]}


def release(**changed: Any) -> dict[str, Any]:
    """The inputs of a `PackageVersion` that obeys, as check() returns them, and the engine hands on."""
    return {
        "namespace": "acme",
        "package": "payments-api",
        "version": "1.4.2",
        "domain": "acme",
        "repository": "dev",
        **assets("payments-api.cdx.json", "payments-api.py"),
        **changed,
    }


def promotion(**changed: Any) -> dict[str, Any]:
    source = {"domain": "acme", "repository": "staging", "revision": UNKNOWN}
    return release(domain="acme-prod", repository="releases", source=source, **changed)


def assets(*names: str) -> dict[str, Any]:
    return {"checksums": "".join(f"{'0' * 64}  {name}\n" for name in sorted(names))}


def violations(
    policy: Any, props: Mapping[str, Any], config: Mapping[str, Any] | None = None, kind: str | None = None
) -> list[str]:
    """What a policy reports of a resource: a `Promotion` where the inputs have a source."""
    kind = kind or f"pulumi-python:dynamic/codeartifact:{'Promotion' if 'source' in props else 'PackageVersion'}"
    options = PolicyResourceOptions(False, [], None, [], PolicyCustomTimeouts(0, 0, 0), [])
    args = ResourceValidationArgs(kind, unknown_checking_proxy(dict(props)), "urn", "name", options, None, config)
    found: list[str] = []
    policy.validate(args, lambda message, _urn=None: found.append(message))
    return found


def source(place: str) -> dict[str, Any]:
    domain, repository = place.split("/")
    return {"domain": domain, "repository": repository}


OTHERS = {"into": ["acme-prod/live"], "from": ["acme/checked"]}
NO_NAME = "does not identify its content, and cannot be published again; use a version such as 1.4.2."
SBOMS = "*.spdx.json or *.cdx.json or *.cyclonedx.json or sbom.json or bom.json"


@pytest.mark.parametrize(
    ("name", "props", "config", "expected"),
    [
        ("version-not-latest", release(), {}, []),
        ("version-not-latest", release(version="latest-2"), {}, []),
        (
            "version-not-latest",
            release(version="LaTest"),
            {},
            [f'acme/payments-api@LaTest in acme/dev: the version "LaTest" {NO_NAME}'],
        ),
        (
            "version-not-latest",
            promotion(version="latest"),
            {},
            [f'acme/payments-api@latest in acme-prod/releases: the version "latest" {NO_NAME}'],
        ),
        ("version-not-latest", release(version="latest"), {"names": ["Main"]}, []),
        (
            "version-not-latest",
            release(version="main"),
            {"names": ["Main"]},
            [f'acme/payments-api@main in acme/dev: the version "main" {NO_NAME}'],
        ),
        ("promoted-only-from-staging", release(), {}, []),
        ("promoted-only-from-staging", promotion(), {}, []),
        ("promoted-only-from-staging", {**promotion(), "repository": "staging", "source": source("acme/dev")}, {}, []),
        (
            "promoted-only-from-staging",
            {**promotion(), "source": source("acme/dev")},
            {},
            ["acme/payments-api@1.4.2 in acme-prod/releases: it is promoted from acme/dev; promote it from staging."],
        ),
        (
            "promoted-only-from-staging",
            release(repository="prod"),
            {},
            ["acme/payments-api@1.4.2 in acme/prod: it is published there from files; promote it from staging."],
        ),
        ("promoted-only-from-staging", {**promotion(), "source": source("acme/dev")}, OTHERS, []),
        (
            "promoted-only-from-staging",
            {**promotion(), "repository": "live", "source": source("elsewhere/checked")},
            OTHERS,
            [
                "acme/payments-api@1.4.2 in acme-prod/live: "
                "it is promoted from elsewhere/checked; promote it from acme/checked."
            ],
        ),
        (
            "promoted-only-from-staging",
            {**promotion(), "repository": "live", "source": source("acme/checked")},
            OTHERS,
            [],
        ),
        *(
            ("sbom-among-the-assets", release(**assets("app", name)), {}, [])
            for name in ("app.spdx.json", "APP.CDX.JSON", "app-1.0.cyclonedx.json", "sbom.json", "bom.json")
        ),
        (
            "sbom-among-the-assets",
            promotion(**assets("d", "c", "not-an-sbom.json", "a")),
            {},
            [
                "acme/payments-api@1.4.2 in acme-prod/releases: no SBOM among its assets (a, c, d, …); "
                f"add one, named {SBOMS}."
            ],
        ),
        ("sbom-among-the-assets", release(**assets("app.materials")), {"names": ["*.materials"]}, []),
        (
            "sbom-among-the-assets",
            release(**assets("bom.json"), version=UNKNOWN),
            {"names": ["*.materials"]},
            [
                "acme/payments-api@[version] in acme/dev: no SBOM among its assets (bom.json); "
                "add one, named *.materials."
            ],
        ),
    ],
)
def test_a_policy_says_what_where_and_what_to_do(
    policies: dict[str, Any], name: str, props: dict[str, Any], config: dict[str, Any], expected: list[str]
) -> None:
    assert violations(policies[name], props, config) == expected


@pytest.mark.parametrize("name", NAMES)
def test_resources_of_others_are_none_of_its_business(policies: dict[str, Any], name: str) -> None:
    assert violations(policies[name], {}, kind="aws:s3/bucket:Bucket") == []


@pytest.mark.parametrize(
    ("name", "props"),
    [
        ("version-not-latest", release(version=UNKNOWN)),
        ("promoted-only-from-staging", {**promotion(), "source": UNKNOWN}),
        ("promoted-only-from-staging", {**promotion(), "source": {UNKNOWN: UNKNOWN, "repository": UNKNOWN}}),
        ("promoted-only-from-staging", release(repository=UNKNOWN)),
        ("promoted-only-from-staging", release(domain=UNKNOWN)),
        ("sbom-among-the-assets", promotion(checksums=UNKNOWN)),
    ],
)
def test_what_is_not_known_yet_is_neither_refused_nor_passed(
    policies: dict[str, Any], name: str, props: dict[str, Any]
) -> None:
    # pulumi_policy takes this for "cannot run in a preview"; see below.
    with pytest.raises(UnknownValueError):
        violations(policies[name], props)


@pytest.mark.parametrize("name", NAMES)
def test_a_policy_needs_no_more_than_it_judges(policies: dict[str, Any], name: str) -> None:
    needed = {
        "version-not-latest": {"version"},
        "promoted-only-from-staging": {"domain", "repository", "source"},
        "sbom-among-the-assets": {"checksums"},
    }[name]
    props = {key: value if key in needed else UNKNOWN for key, value in promotion().items()}
    assert violations(policies[name], props) == []


# --- the process that the engine asks ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def analyzer() -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    """The pack, started as the language host starts it; the first line that it prints is its port."""
    with ExitStack() as stack:
        command = [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:9", str(PACK)]
        process = stack.enter_context(subprocess.Popen(command, cwd=PACK, stdout=subprocess.PIPE, text=True))
        stack.callback(process.kill)
        assert process.stdout
        channel = grpc.insecure_channel(f"127.0.0.1:{process.stdout.readline().strip()}")
        stack.enter_context(channel)
        yield analyzer_pb2_grpc.AnalyzerStub(channel)


def analyze(analyzer: analyzer_pb2_grpc.AnalyzerStub, props: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Policy, enforcement level and message of each diagnosis."""
    kind = "Promotion" if "source" in props else "PackageVersion"
    request = analyzer_pb2.AnalyzeRequest(
        urn="urn:pulumi:dev::project::type::name",
        name="name",
        type=f"pulumi-python:dynamic/codeartifact:{kind}",
        properties=json_format.ParseDict(props, struct_pb2.Struct()),
    )
    level = analyzer_pb2.EnforcementLevel
    return [
        (each.policyName, level.Name(each.enforcementLevel), each.message)
        for each in analyzer.Analyze(request).diagnostics
    ]


def test_the_pack_answers_the_engine(analyzer: analyzer_pb2_grpc.AnalyzerStub) -> None:
    info = analyzer.GetAnalyzerInfo(Empty())
    assert tuple(policy.name for policy in info.policies) == NAMES
    levels = {analyzer_pb2.EnforcementLevel.Name(policy.enforcementLevel) for policy in info.policies}
    assert levels == {"MANDATORY"}
    assert analyze(analyzer, release()) == []
    broken = analyze(analyzer, release(version="latest", repository="prod", **assets("app")))
    assert [(name, level) for name, level, _ in broken] == [(name, "MANDATORY") for name in NAMES]
    assert all("\n" not in message.split(": ", 1)[1] for _, _, message in broken)
    # Before a resource is known the engine is told so, and goes on.
    unknown = analyze(analyzer, {**promotion(version=UNKNOWN), "source": UNKNOWN, "checksums": UNKNOWN})
    assert [(name, level) for name, level, _ in unknown] == [(name, "ADVISORY") for name in NAMES]
    assert all("during preview" in message for _, _, message in unknown)


def test_the_pack_is_configured_as_its_readme_says(analyzer: analyzer_pb2_grpc.AnalyzerStub) -> None:
    [document] = re.findall(r"```json\n(.*?)```", README, flags=re.DOTALL)
    config = json.loads(document)
    schemas = {policy.name: policy.configSchema for policy in analyzer.GetAnalyzerInfo(Empty()).policies}
    request = analyzer_pb2.ConfigureAnalyzerRequest()
    for name, values in config.items():
        level = values.pop("enforcementLevel", "mandatory").upper()
        request.policyConfig[name].enforcementLevel = analyzer_pb2.EnforcementLevel.Value(level)
        json_format.ParseDict(values, request.policyConfig[name].properties)
        assert values.keys() <= schemas[name].properties.fields.keys()
    try:
        analyzer.Configure(request)
        assert analyze(analyzer, {**promotion(), "source": source("other/staging")})[0][1] == "MANDATORY"
        assert analyze(analyzer, release(version="Nightly", repository="prod"))[0][0] == "version-not-latest"
        [(name, level, _)] = analyze(analyzer, release(**assets("app")))
        assert (name, level) == ("sbom-among-the-assets", "ADVISORY")
    finally:
        analyzer.Configure(analyzer_pb2.ConfigureAnalyzerRequest())


def test_the_readme_has_every_policy_with_its_defaults_and_settings(policies: dict[str, Any]) -> None:
    rows = {found[1]: found[0] for found in re.finditer(r"^\| `([a-z-]+)` \|.*$", README, flags=re.MULTILINE)}
    assert tuple(rows) == NAMES == tuple(policies)
    for name, policy in policies.items():
        for setting, schema in policy.config_schema.properties.items():
            assert all(f"`{word}`" in rows[name] for word in (setting, *schema["default"]))
