"""Requests that no engine sends: each method answers with one error, and the process goes on."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.empty_pb2 import Empty
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pulumi.runtime.proto import provider_pb2 as pb
from pulumi.runtime.rpc import UNKNOWN, wrap_rpc_secret

from pulumi_codeartifact_release.native.server import KINDS, Provider, service
from pulumi_codeartifact_release.native.values import encode

from .conftest import World, native

ARGUMENTS = (
    *("namespace", "package", "version", "domain", "repository", "assets", "members", "source", "digest", "base"),
    *("domainOwner", "region", "profile", "endpoint", "status", "finalize", "onDestroy", "onSupersede", "soak"),
    *("replace", "force", "reason", "declaration", "checksums", "audit", "allow", "revision", "__provider"),
)
texts = st.sampled_from(
    ["", "acme", "1.0", "dist/*", "/", "..", "file:.registry", UNKNOWN, "sha256:" + "0" * 64, "\x00"]
)
leaves = st.none() | st.booleans() | st.floats(allow_nan=False) | texts | st.text(max_size=5)
values = st.recursive(
    leaves | texts.map(wrap_rpc_secret),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(ARGUMENTS) | st.text(), inner, max_size=3)
    ),
    max_leaves=8,
)
properties = st.dictionaries(st.sampled_from(ARGUMENTS), values).map(encode)
urns = st.sampled_from([f"urn:pulumi:dev::project::{token}::app" for token in KINDS]) | st.text()
ids = st.sampled_from(["acme/app", "acme/dev/acme/app/1.0", "acme/dev", ""]) | st.text()


class AbortedError(Exception):
    """The answer of a call that failed."""


class Context:
    """What gRPC passes to a method."""

    def abort(self, _code: object, details: str) -> None:
        raise AbortedError(details)


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, Any]:
    olds, news, urn, id_ = draw(properties), draw(properties), draw(urns), draw(ids)
    preview = draw(st.booleans())
    return draw(
        st.sampled_from(
            [
                ("CheckConfig", pb.CheckRequest(urn=urn, olds=olds, news=news)),
                ("DiffConfig", pb.DiffRequest(urn=urn, olds=olds, news=news)),
                ("Configure", pb.ConfigureRequest(args=news, variables={"a": "b"})),
                ("Check", pb.CheckRequest(urn=urn, news=news)),
                ("Diff", pb.DiffRequest(id=id_, urn=urn, olds=olds, news=news)),
                ("Create", pb.CreateRequest(urn=urn, properties=news, preview=preview)),
                ("Update", pb.UpdateRequest(id=id_, urn=urn, olds=olds, news=news, preview=preview)),
                ("Read", pb.ReadRequest(id=id_, urn=urn, properties=olds)),
                ("Delete", pb.DeleteRequest(id=id_, urn=urn, properties=olds)),
                ("Invoke", pb.InvokeRequest(tok=draw(st.sampled_from(["", "a:b:c", *FUNCTIONS])), args=news)),
                ("Construct", pb.ConstructRequest(type=urn, name=id_, inputs=news)),
            ]
        )
    )


FUNCTIONS = [
    f"codeartifact-release:index:{name}" for name in ("getPackageVersion", "getPackageVersionFiles", "getBundle")
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None)
@given(requests())
def test_a_malformed_request_is_answered_with_one_error(world: World, request_: tuple[str, Any]) -> None:
    method, request = request_
    server: Any = service(native())
    text = "none"
    try:
        getattr(server, method)(request, Context())
    except AbortedError as error:
        text = str(error)
    assert text.strip()
    assert "Traceback" not in text
    # What a program in any language may pass to Check is a mistake with words of ours.
    assert method != "Check" or "internal error" not in text
    # The process goes on.
    assert server.GetPluginInfo(Empty(), Context()).version == "1.0.0"
    assert world.writes == []


@pytest.mark.parametrize(
    ("method", "request_", "message"),
    [
        (
            "Check",
            pb.CheckRequest(urn="urn:pulumi:dev::p::aws:s3:Bucket::a"),
            "usage: 'aws:s3:Bucket' is not a resource of codeartifact-release: expected one of "
            "codeartifact-release:index:PackageVersion, codeartifact-release:index:Promotion, "
            "codeartifact-release:index:Bundle",
        ),
        (
            "Invoke",
            pb.InvokeRequest(tok="a:b:c"),
            "usage: 'a:b:c' is not a function: expected one of codeartifact-release:index:getPackageVersion, "
            "codeartifact-release:index:getBundle, codeartifact-release:index:getPackageVersionFiles",
        ),
    ],
)
def test_an_error_is_one_line(method: str, request_: Any, message: str) -> None:
    with pytest.raises(AbortedError) as raised:
        getattr(service(native()), method)(request_, Context())
    assert str(raised.value) == message


def test_a_configuration_of_another_package_is_accepted_and_never_replaces() -> None:
    provider: Provider = native()
    config = encode({"manifest": "release.yaml", "variables": '{"a":1}', "allow": '["delete"]', "region": "eu-west-1"})
    assert not provider.check_config(pb.CheckRequest(news=config)).failures
    other = encode({"region": "us-east-1"})
    answer = provider.diff_config(pb.DiffRequest(olds=config, news=other))
    assert answer.changes == pb.DiffResponse.DIFF_SOME
    assert not answer.replaces
    [failure] = provider.check_config(pb.CheckRequest(news=encode({"allow": "{}", "reason": 3.5}))).failures
    assert failure.reason == "usage: the provider's reason is 3.5: expected a text"
