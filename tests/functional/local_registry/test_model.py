"""Every route, parameter, pattern, error and status code, compared with botocore's model."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.awsrequest import HeadersDict
from botocore.model import ListShape, MapShape, OperationModel, ServiceModel, Shape, StringShape, StructureShape
from botocore.parsers import create_parser
from mypy_boto3_codeartifact import CodeArtifactClient

from pulumi_codeartifact_release.local_registry import start
from pulumi_codeartifact_release.local_registry.failures import ServiceError
from pulumi_codeartifact_release.local_registry.operations import OPERATIONS
from pulumi_codeartifact_release.local_registry.protocol import route, serialise_error, service_model
from pulumi_codeartifact_release.local_registry.server import LocalRegistry
from support.local_registry import PACKAGE, WHERE, Reply, Request, publish, sha256

IMPLEMENTED = sorted(OPERATIONS)
WANTED = """
    CreateDomain DescribeDomain ListDomains DeleteDomain CreateRepository DescribeRepository ListRepositories
    DeleteRepository ListRepositoriesInDomain PublishPackageVersion DescribePackageVersion ListPackageVersions
    ListPackages ListPackageVersionAssets GetPackageVersionAsset UpdatePackageVersionsStatus DeletePackageVersions
    CopyPackageVersions
"""
ERROR_SHAPES = [shape.name for shape in service_model().error_shapes]
SAMPLES = ["generic", "acme", "000000000000", "a" * 64, "1.0", "arn:aws:kms:x", "token"]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalRegistry]:
    """A server on an empty folder, for requests that change nothing."""
    with start(tmp_path_factory.mktemp("shared") / "registry") as running:
        yield running


def _matches(shape: Shape, text: str) -> bool:
    """Return whether the model accepts a text."""
    meta = shape.metadata
    if isinstance(shape, StringShape) and shape.enum:
        return text in shape.enum
    if not meta.get("min", 0) <= len(text) <= meta.get("max", 10**6):
        return False
    pattern = meta.get("pattern")
    if pattern is None:
        return True
    if r"\P{C}" in pattern:
        return not any(unicodedata.category(each).startswith("C") for each in text)
    return re.fullmatch(pattern, text) is not None


def _sample(shape: Shape) -> Any:
    """Return a valid value."""
    if isinstance(shape, ListShape):
        return [_sample(shape.member)]
    if isinstance(shape, MapShape):
        return {_sample(shape.key): _sample(shape.value)}
    if isinstance(shape, StructureShape):
        return {name: _sample(shape.members[name]) for name in shape.required_members}
    if isinstance(shape, StringShape):
        if shape.enum:
            return "generic" if "generic" in shape.enum else shape.enum[0]
        return next(text for text in SAMPLES if _matches(shape, text))
    return {"boolean": True, "integer": 1, "long": 1, "blob": b"data"}[shape.type_name]


def _illegal(shape: Shape) -> Iterator[Any]:
    """Yield values that the model forbids."""
    meta = shape.metadata
    if isinstance(shape, StringShape):
        candidates = ["", "x" * (meta.get("max", 300) + 1), "a" * (meta.get("min", 1) - 1)]
        filler = (_sample(shape) * 300)[: meta.get("max", 300) - 1]
        candidates += [filler[: max(meta.get("min", 1) - 1, 0)] + bad for bad in "#/ \t\n\x00\u200b_é"]
        yield from (text for text in candidates if not _matches(shape, text))
    elif isinstance(shape, ListShape):
        yield "text"
        yield [1]
        if "max" in meta:
            yield [_sample(shape.member)] * (meta["max"] + 1)
        yield from ([_sample(shape.member), each] for each in _illegal(shape.member))
    elif isinstance(shape, MapShape):
        yield ["text"]
        yield from ({_sample(shape.key): each} for each in _illegal(shape.value))
        yield from ({each: _sample(shape.value)} for each in _illegal(shape.key))
    elif isinstance(shape, StructureShape):
        yield "text"
        for name in shape.required_members:
            yield {key: value for key, value in _sample(shape).items() if key != name}
            yield from ({**_sample(shape), name: each} for each in _illegal(shape.members[name]))
    elif shape.type_name == "boolean":
        yield "maybe"
    elif shape.type_name in ("integer", "long"):
        yield "many"
        yield from (meta[bound] + step for bound, step in (("min", -1), ("max", 1)) if bound in meta)


def _legal_params(operation: OperationModel) -> dict[str, Any]:
    shape = operation.input_shape
    assert shape is not None
    wanted = [*shape.required_members, *(["namespace"] if "namespace" in shape.members else [])]
    payload = shape.serialization.get("payload")
    return {name: _sample(shape.members[name]) for name in wanted if name != payload}


def _send(server: LocalRegistry, operation: OperationModel, params: dict[str, Any], **bent: Any) -> Reply:
    """Send the parameters, `bent` among them: those may be values that botocore would not even serialise."""
    streamed = operation.has_streaming_input
    shape = operation.input_shape
    assert shape is not None
    in_body = {name for name in bent if "location" not in shape.members[name].serialization}
    request = Request.of(
        operation,
        {**params, **{name: value for name, value in bent.items() if name not in in_body}},
        b"data" if streamed else None,
    )
    if in_body:
        wire = {shape.members[name].serialization.get("name", name): bent[name] for name in in_body}
        request.body = json.dumps({**json.loads(request.body or b"{}"), **wire}).encode()
    return request.sign(server).send(server)


def test_every_required_operation_is_implemented() -> None:
    assert set(WANTED.split()) <= set(OPERATIONS)


@pytest.mark.parametrize("name", service_model().operation_names)
def test_every_operation_of_the_model_is_routed_by_its_method_and_path(name: str, model: ServiceModel) -> None:
    operation = model.operation_model(name)
    assert route(operation.http["method"], operation.http["requestUri"]).name == name


@pytest.mark.parametrize("name", sorted(set(service_model().operation_names) - set(OPERATIONS)))
def test_an_unsupported_operation_is_a_clear_error(name: str, shared: LocalRegistry, model: ServiceModel) -> None:
    operation = model.operation_model(name)
    reply = Request(operation.http["method"], operation.http["requestUri"], "", {}, b"{}").sign(shared).send(shared)
    assert (reply.status, reply.error) == (400, "ValidationException")
    assert reply.document["reason"] == "UNKNOWN_OPERATION"
    assert name in reply.document["message"]


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("PUT", "/v1/domain"), ("POST", "/v1/domain/"), ("GET", "/x")]
)
def test_an_unknown_route_is_an_error_that_a_client_can_parse(method: str, path: str, shared: LocalRegistry) -> None:
    reply = Request(method, path, "", {}).sign(shared).send(shared)
    assert (reply.status, reply.error) == (404, "UnknownOperationException")
    assert reply.document["message"]
    assert reply.headers["x-amzn-requestid"]
    assert reply.headers["date"]


@pytest.mark.parametrize("name", IMPLEMENTED)
def test_every_required_parameter_is_required(name: str, shared: LocalRegistry, model: ServiceModel) -> None:
    operation = model.operation_model(name)
    shape = operation.input_shape
    assert shape is not None
    legal = _legal_params(operation)
    for missing in set(shape.required_members) - {shape.serialization.get("payload")}:
        reply = _send(shared, operation, {key: value for key, value in legal.items() if key != missing})
        assert (reply.status, reply.error) == (400, "ValidationException"), missing
        assert f"'{missing}" in reply.document["message"]
        assert reply.document["reason"] == "FIELD_VALIDATION_FAILED"


@pytest.mark.slow
@pytest.mark.parametrize("name", IMPLEMENTED)
def test_every_value_that_the_model_forbids_is_refused_with_the_parameters_name(
    name: str, shared: LocalRegistry, model: ServiceModel
) -> None:
    operation = model.operation_model(name)
    shape = operation.input_shape
    assert shape is not None
    legal = _legal_params(operation)
    tried = 0
    for parameter, member in shape.members.items():
        if member.type_name == "blob" or member.serialization.get("location") == "header":
            continue
        for value in _illegal(member):
            reply = _send(shared, operation, legal, **{parameter: value})
            assert (reply.status, reply.error) == (400, "ValidationException"), (parameter, value)
            assert f"'{parameter}" in reply.document["message"], (parameter, value)
            assert reply.document["reason"] == "FIELD_VALIDATION_FAILED"
            tried += 1
    assert tried


@pytest.mark.parametrize("name", IMPLEMENTED)
def test_the_longest_legal_values_are_accepted(name: str, shared: LocalRegistry, model: ServiceModel) -> None:
    operation = model.operation_model(name)
    shape = operation.input_shape
    assert shape is not None
    legal = _legal_params(operation)
    for parameter, member in shape.members.items():
        size = member.metadata.get("max")
        if not isinstance(member, StringShape) or member.enum or not size or parameter in ("assetSHA256", "nextToken"):
            continue
        text = next(each * size for each in "a0" if _matches(member, each * size))
        reply = _send(shared, operation, legal, **{parameter: text})
        assert f"Value at '{parameter}" not in reply.body.decode(), parameter


@pytest.mark.parametrize("name", ERROR_SHAPES)
def test_every_modelled_error_has_its_status_and_members(name: str, model: ServiceModel) -> None:
    shape = model.shape_for(name)
    assert isinstance(shape, StructureShape)
    members = {key: _sample(each) for key, each in shape.members.items() if key != "message"}
    answer = serialise_error(ServiceError(name, "what happened", **members))
    assert answer.status == shape.metadata["error"]["httpStatusCode"]
    response = {"status_code": answer.status, "headers": HeadersDict(answer.headers), "body": answer.body}
    any_answer = model.operation_model("DescribeDomain").output_shape
    assert any_answer is not None
    parsed = create_parser("rest-json").parse(response, any_answer)
    assert parsed["Error"]["Code"] == name
    assert parsed["Error"]["Message"] == "what happened"
    modelled = create_parser("rest-json").parse(response, shape)
    assert {key: modelled[key] for key in members} == members


def _conform(shape: Shape, value: Any, where: str) -> None:
    """Check a complete JSON response against the model."""
    if isinstance(shape, StructureShape):
        assert set(value) <= set(shape.members), where
        assert set(shape.required_members) <= set(value), where
        for name, each in value.items():
            _conform(shape.members[name], each, f"{where}.{name}")
    elif isinstance(shape, ListShape):
        for each in value:
            _conform(shape.member, each, f"{where}[]")
    elif isinstance(shape, MapShape):
        for key, each in value.items():
            _conform(shape.key, key, where)
            _conform(shape.value, each, f"{where}.{key}")
    elif isinstance(shape, StringShape):
        assert isinstance(value, str), where
        assert _matches(shape, value), (where, value)
    elif shape.type_name in ("integer", "long"):
        assert type(value) is int, where
    else:
        assert shape.type_name == "timestamp", where
        assert isinstance(value, float), where


def test_every_response_conforms_to_the_model(client: CodeArtifactClient, model: ServiceModel) -> None:
    seen: set[str] = set()
    optional = {"nextToken", "defaultDisplayVersion"}

    def check(http_response: Any, model: OperationModel, **_kwargs: Any) -> None:
        seen.add(model.name)
        shape = model.output_shape
        assert shape is not None
        payload = shape.serialization.get("payload")
        for name, member in shape.members.items():
            if member.serialization.get("location") == "header":
                _conform(member, http_response.headers[member.serialization["name"]], f"{model.name}.{name}")
        if payload is None:
            document = json.loads(http_response.content)
            _conform(shape, document, model.name)
            assert set(document) >= set(shape.members) - optional, model.name

    original = client._make_request  # type: ignore[attr-defined]

    def request(operation_model: OperationModel, request_dict: Any, context: Any) -> Any:
        http_response, parsed = original(operation_model, request_dict, context)
        if http_response.status_code == 200:
            check(http_response, operation_model)
        return http_response, parsed

    client._make_request = request  # type: ignore[attr-defined]
    copy = {key: value for key, value in PACKAGE.items() if key != "repository"}
    client.create_domain(
        domain="other", encryptionKey="arn:aws:kms:eu-west-1:1:key/k", tags=[{"key": "k", "value": "v"}]
    )
    client.create_repository(
        domain="other", repository="one", description="Façade", tags=[{"key": "k", "value": "v"}], upstreams=[]
    )
    client.describe_domain(domain="other")
    client.describe_repository(**WHERE)
    client.list_domains()
    client.list_repositories()
    client.list_repositories_in_domain(domain="acme")
    publish(client, unfinished=True)
    publish(client, b"more", "b.txt")
    client.describe_package_version(**PACKAGE, packageVersion="1.0")
    client.list_package_versions(**PACKAGE)
    client.list_packages(**WHERE)
    client.list_package_version_assets(**PACKAGE, packageVersion="1.0")
    client.get_package_version_asset(**PACKAGE, packageVersion="1.0", asset="b.txt")["asset"].close()
    client.copy_package_versions(**copy, sourceRepository="dev", destinationRepository="prod", versions=["1.0"])
    client.update_package_versions_status(**PACKAGE, versions=["1.0"], targetStatus="Unlisted")
    client.dispose_package_versions(**PACKAGE, versions=["1.0"])
    client.describe_package(**PACKAGE)
    client.put_package_origin_configuration(**PACKAGE, restrictions={"publish": "ALLOW", "upstream": "BLOCK"})
    client.get_repository_endpoint(**WHERE, format="generic", endpointType="dualstack")
    client.get_authorization_token(domain="acme", durationSeconds=900)
    client.delete_package_versions(**PACKAGE, versions=["1.0", "2.0"])
    client.delete_package(**PACKAGE)
    client.delete_repository(domain="other", repository="one")
    client.delete_domain(domain="other")
    assert seen == set(OPERATIONS)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "CANNOT_PARSE"),
        (b"[]", "CANNOT_PARSE"),
        (b"\xff\xfe", "CANNOT_PARSE"),
        (b"[" * 100_000, "CANNOT_PARSE"),
        (b'{"description": 3}', "FIELD_VALIDATION_FAILED"),
        (b'{"upstreams": "dev"}', "FIELD_VALIDATION_FAILED"),
        (b'{"upstreams": [{"repositoryName": null}]}', "FIELD_VALIDATION_FAILED"),
    ],
)
def test_an_invalid_json_body_is_refused(
    body: bytes, reason: str, client: CodeArtifactClient, server: LocalRegistry, model: ServiceModel
) -> None:
    operation = model.operation_model("CreateRepository")
    reply = Request.of(operation, {"domain": "acme", "repository": "new"}, body).sign(server).send(server)
    assert (reply.status, reply.document["reason"]) == (400, reason)


def test_null_and_unknown_members_are_ignored(
    client: CodeArtifactClient, server: LocalRegistry, model: ServiceModel
) -> None:
    operation = model.operation_model("CreateRepository")
    body = b'{"description": null, "colour": "green"}'
    reply = Request.of(operation, {"domain": "acme", "repository": "new"}, body).sign(server).send(server)
    assert reply.status == 200


@pytest.mark.parametrize("query", ["domain=acme&domain=acme", "domain=%FF", "domain=%C3%28"])
def test_an_ambiguous_or_undecodable_query_is_refused(query: str, shared: LocalRegistry) -> None:
    reply = Request("GET", "/v1/domain", query, {}).sign(shared).send(shared)
    assert (reply.status, reply.error) == (400, "ValidationException")


def test_the_content_hash_must_be_a_sha256(shared: LocalRegistry, model: ServiceModel) -> None:
    params = {**PACKAGE, "packageVersion": "1.0", "assetName": "a.txt"}
    for wrong in ("UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", sha256(b"data").upper(), "ab"):
        request = Request.of(model.operation_model("PublishPackageVersion"), {**params, "assetSHA256": wrong}, b"data")
        reply = request.sign(shared).send(shared)
        assert (reply.status, reply.error) == (400, "ValidationException")
        assert "assetSHA256" in reply.document["message"]
