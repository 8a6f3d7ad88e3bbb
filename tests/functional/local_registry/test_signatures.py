"""Signature Version 4: who may call, and what a signature covers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.auth
import pytest
from botocore.model import ServiceModel
from mypy_boto3_codeartifact import CodeArtifactClient

from pulumi_codeartifact_release.local_registry import Credentials, start
from pulumi_codeartifact_release.local_registry.server import LocalRegistry
from support.local_registry import PACKAGE, Reply, Request, client_of, publish, publish_request, sha256


def _refused(reply: Reply, *, status: int = 403) -> str:
    assert reply.status == status, reply.body
    assert reply.document["message"]
    return reply.error


def _describe(model: ServiceModel, **params: Any) -> Request:
    return Request.of(model.operation_model("DescribeDomain"), {"domain": "acme", **params})


def test_an_unsigned_request_is_refused(server: LocalRegistry, model: ServiceModel) -> None:
    assert _refused(_describe(model).send(server)) == "MissingAuthenticationTokenException"


def test_an_unknown_key_is_refused(server: LocalRegistry, model: ServiceModel) -> None:
    stranger = Credentials("AKIASTRANGER00000000", "secret", "000000000000")
    assert _refused(_describe(model).sign(server, stranger).send(server)) == "UnrecognizedClientException"


def test_a_wrong_secret_is_refused(server: LocalRegistry, model: ServiceModel) -> None:
    forged = replace(server.credentials(), secret_access_key="guess")
    assert _refused(_describe(model).sign(server, forged).send(server)) == "InvalidSignatureException"


def test_the_key_of_another_server_is_refused(server: LocalRegistry, model: ServiceModel, folder: Any) -> None:
    with start(folder) as other:
        key = other.credentials()
    assert _refused(_describe(model).sign(server, key).send(server)) == "UnrecognizedClientException"


def test_the_scope_must_be_the_service(server: LocalRegistry, model: ServiceModel) -> None:
    assert _refused(_describe(model).sign(server, service="s3").send(server)) == "InvalidSignatureException"


def test_a_query_changed_after_signing_is_refused(server: LocalRegistry, model: ServiceModel) -> None:
    for query in ("domain=evil", "domain=acme&domain-owner=111122223333", ""):
        request = _describe(model).sign(server)
        request.query = query
        assert _refused(request.send(server)) == "InvalidSignatureException"


def test_a_signature_is_valid_for_one_operation_only(server: LocalRegistry, model: ServiceModel) -> None:
    request = _describe(model).sign(server)
    request.method = "DELETE"
    assert _refused(request.send(server)) == "InvalidSignatureException"


def test_a_document_changed_after_signing_is_refused(
    client: CodeArtifactClient, server: LocalRegistry, model: ServiceModel
) -> None:
    params = {"domain": "acme", "repository": "new", "description": "good"}
    request = Request.of(model.operation_model("CreateRepository"), params).sign(server)
    request.body = request.body.replace(b"good", b"evil")
    assert _refused(request.send(server)) == "InvalidSignatureException"
    assert [each["name"] for each in client.list_repositories()["repositories"]] == ["dev", "prod"]


def test_a_wrong_content_hash_header_is_refused(server: LocalRegistry, model: ServiceModel) -> None:
    request = Request.of(model.operation_model("ListDomains"), {})
    request.headers["X-Amz-Content-SHA256"] = "UNSIGNED-PAYLOAD"
    assert _refused(request.sign(server).send(server)) == "InvalidSignatureException"


def test_the_declared_hash_of_an_asset_is_signed(
    client: CodeArtifactClient, server: LocalRegistry, model: ServiceModel
) -> None:
    request = publish_request(model.operation_model("PublishPackageVersion"), b"good").sign(server)
    request.body = b"evil"
    request.headers["X-Amz-Content-SHA256"] = sha256(b"evil")
    assert _refused(request.send(server)) == "InvalidSignatureException"
    assert client.list_packages(domain="acme", repository="dev")["packages"] == []


def test_a_changed_or_missing_signed_header_is_refused(server: LocalRegistry, model: ServiceModel) -> None:
    def signed() -> Request:
        request = _describe(model)
        request.headers["x-custom"] = "one"
        return request.sign(server)

    assert signed().send(server).status == 404  # signed and sent as it is, only the domain is missing
    changed = signed()
    changed.headers["x-custom"] = "two"
    assert _refused(changed.send(server)) == "InvalidSignatureException"
    gone = signed()
    del gone.headers["x-custom"]
    assert _refused(gone.send(server), status=400) == "IncompleteSignatureException"


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_clock_that_is_off_by_more_than_a_quarter_of_an_hour_is_refused(
    minutes: int, server: LocalRegistry, model: ServiceModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = (datetime.now(UTC) + timedelta(minutes=minutes)).replace(tzinfo=None)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: moment)
    assert _refused(_describe(model).sign(server).send(server)) == "InvalidSignatureException"


@pytest.mark.parametrize("minutes", [-14, 14])
def test_a_clock_that_is_off_by_less_is_accepted(
    minutes: int, server: LocalRegistry, model: ServiceModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    moment = (datetime.now(UTC) + timedelta(minutes=minutes)).replace(tzinfo=None)
    monkeypatch.setattr(botocore.auth, "get_current_datetime", lambda: moment)
    assert _describe(model).sign(server).send(server).status == 404


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: "Basic dXNlcjpwYXNz",
        lambda text: text.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
        lambda text: text.replace("host;", ""),
        lambda text: text.replace(";x-amz-date", ""),
        lambda text: text[:-1],
        lambda text: "",
    ],
)
def test_an_invalid_authorization_header_is_refused(
    spoil: Callable[[str], str], server: LocalRegistry, model: ServiceModel
) -> None:
    request = _describe(model).sign(server)
    request.headers["Authorization"] = spoil(request.headers["Authorization"])
    assert _refused(request.send(server), status=400) == "IncompleteSignatureException"


def test_an_invalid_time_or_another_date_in_the_scope_is_refused(server: LocalRegistry, model: ServiceModel) -> None:
    request = _describe(model).sign(server)
    request.headers["X-Amz-Date"] = "yesterday"
    assert _refused(request.send(server), status=400) == "IncompleteSignatureException"
    request.headers["X-Amz-Date"] = "20010101T000000Z"
    assert _refused(request.send(server)) == "InvalidSignatureException"


def test_each_account_has_one_key_which_is_random_per_server(server: LocalRegistry, folder: Any) -> None:
    assert server.credentials("111122223333") is server.credentials("111122223333")
    assert server.credentials("111122223333").account == "111122223333"
    assert server.credentials().access_key_id != server.credentials("111122223333").access_key_id
    assert server.credentials().secret_access_key not in repr(server.credentials())
    with start(folder) as other:
        assert other.credentials().secret_access_key != server.credentials().secret_access_key
    for wrong in ("", "acme", "1234567890123", "\u0661" * 12):
        with pytest.raises(ValueError, match="12 digits"):
            server.credentials(wrong)


def test_the_default_domain_owner_is_the_keys_account(server: LocalRegistry) -> None:
    ours, theirs = client_of(server), client_of(server, "111122223333", region="us-west-2")
    ours.create_domain(domain="acme")
    with pytest.raises(theirs.exceptions.ResourceNotFoundException):
        theirs.describe_domain(domain="acme")
    assert theirs.describe_domain(domain="acme", domainOwner="000000000000")["domain"]["owner"] == "000000000000"
    created = theirs.create_domain(domain="acme")["domain"]
    assert created["arn"] == "arn:aws:codeartifact:us-west-2:111122223333:domain/acme"
    theirs.create_repository(domain="acme", repository="dev")
    ours.create_repository(domain="acme", repository="dev")
    publish(ours)
    assert theirs.list_packages(domain="acme", repository="dev")["packages"] == []
    publish(theirs, b"different bytes")
    publish(theirs, b"more", version="2.0", domainOwner="000000000000")
    versions = ours.list_package_versions(**PACKAGE)["versions"]
    assert [each["version"] for each in versions] == ["1.0", "2.0"]
    ours.close()
    theirs.close()
