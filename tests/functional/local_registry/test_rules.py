"""The service's rules: domains, repositories, publishing, statuses, copies, lists."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from mypy_boto3_codeartifact import CodeArtifactClient

from pulumi_codeartifact_release.local_registry import Quotas, start
from pulumi_codeartifact_release.local_registry.operations.assets import check_asset_name
from support.local_registry import PACKAGE, WHERE, client_of, publish, sha256

COPY = {key: value for key, value in PACKAGE.items() if key != "repository"} | {
    "sourceRepository": "dev",
    "destinationRepository": "prod",
}
IN_PROD = {**PACKAGE, "repository": "prod"}

MAY_BECOME = {
    "Unfinished": {"Published", "Deleted"},
    "Published": {"Unlisted", "Archived", "Disposed", "Deleted"},
    "Unlisted": {"Published", "Archived", "Disposed", "Deleted"},
    "Archived": {"Published", "Unlisted", "Disposed", "Deleted"},
    "Disposed": {"Deleted"},
}
"""The documented table, independent of the implementation."""

STATUSES = list(MAY_BECOME)


def _error(caught: pytest.ExceptionInfo[ClientError]) -> Any:
    return caught.value.response


def _status(client: CodeArtifactClient, version: str = "1.0", where: dict[str, Any] = PACKAGE) -> Any:
    return client.describe_package_version(**where, packageVersion=version)["packageVersion"]


def _bring_to(client: CodeArtifactClient, status: str, version: str = "1.0") -> str:
    """Publish a version, set its status, and return its revision."""
    publish(client, version=version, unfinished=True)
    if status != "Unfinished":
        client.update_package_versions_status(**PACKAGE, versions=[version], targetStatus="Published")
    if status in ("Unlisted", "Archived"):
        target: Any = status
        client.update_package_versions_status(**PACKAGE, versions=[version], targetStatus=target)
    if status == "Disposed":
        client.dispose_package_versions(**PACKAGE, versions=[version])
    revision: str = _status(client, version)["revision"]
    return revision


# --- domains and repositories --------------------------------------------------------------------------------


def test_a_domain_is_created_described_listed_and_deleted(empty: CodeArtifactClient) -> None:
    created = empty.create_domain(domain="acme")["domain"]
    assert created["status"] == "Active"
    assert empty.describe_domain(domain="acme")["domain"] == created
    assert [each["name"] for each in empty.list_domains()["domains"]] == ["acme"]
    with pytest.raises(empty.exceptions.ConflictException) as caught:
        empty.create_domain(domain="acme")
    assert _error(caught)["resourceType"] == "domain"
    empty.create_repository(domain="acme", repository="dev")
    with pytest.raises(empty.exceptions.ConflictException):
        empty.delete_domain(domain="acme")
    assert empty.delete_repository(domain="acme", repository="dev")["repository"]["name"] == "dev"
    assert empty.delete_domain(domain="acme")["domain"]["status"] == "Deleted"
    assert "domain" not in empty.delete_domain(domain="acme")
    with pytest.raises(empty.exceptions.ResourceNotFoundException) as missing:
        empty.describe_domain(domain="acme")
    assert (_error(missing)["resourceType"], _error(missing)["resourceId"]) == ("domain", "acme")


def test_a_domain_reports_its_repositories_and_the_size_of_distinct_contents(client: CodeArtifactClient) -> None:
    publish(client, b"12345", "a.txt", unfinished=True)
    publish(client, b"12345", "b.txt", unfinished=True)
    publish(client, b"123", "c.txt")
    client.copy_package_versions(**COPY, versions=["1.0"])
    domain = client.describe_domain(domain="acme")["domain"]
    assert (domain["repositoryCount"], domain["assetSizeBytes"]) == (2, 8)


def test_a_repository_keeps_its_description_and_upstreams(client: CodeArtifactClient) -> None:
    created = client.create_repository(
        domain="acme", repository="team", description="Ours", upstreams=[{"repositoryName": "dev"}]
    )["repository"]
    assert client.describe_repository(domain="acme", repository="team")["repository"] == created
    assert (created["description"], created["upstreams"]) == ("Ours", [{"repositoryName": "dev"}])
    assert created["arn"] == "arn:aws:codeartifact:eu-west-1:000000000000:repository/acme/team"
    with pytest.raises(client.exceptions.ConflictException):
        client.create_repository(domain="acme", repository="team")
    with pytest.raises(client.exceptions.ResourceNotFoundException) as caught:
        client.create_repository(domain="acme", repository="new", upstreams=[{"repositoryName": "nope"}])
    assert _error(caught)["resourceId"] == "nope"
    with pytest.raises(client.exceptions.ServiceQuotaExceededException):
        client.create_repository(domain="acme", repository="new", upstreams=[{"repositoryName": "dev"}] * 11)


def test_repositories_are_listed_by_prefix_domain_and_administrator(client: CodeArtifactClient) -> None:
    client.create_domain(domain="other")
    client.create_repository(domain="other", repository="develop")
    everywhere = client.list_repositories(repositoryPrefix="dev")["repositories"]
    assert [(each["domainName"], each["name"]) for each in everywhere] == [("acme", "dev"), ("other", "develop")]
    here = client.list_repositories_in_domain(domain="acme")["repositories"]
    assert [each["name"] for each in here] == ["dev", "prod"]
    nobody = client.list_repositories_in_domain(domain="acme", administratorAccount="111122223333")
    assert nobody["repositories"] == []


def test_generic_packages_are_not_taken_from_upstreams(client: CodeArtifactClient) -> None:
    client.create_repository(domain="acme", repository="team", upstreams=[{"repositoryName": "dev"}])
    publish(client)
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.describe_package_version(**{**PACKAGE, "repository": "team"}, packageVersion="1.0")


# --- what is missing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("params", "missing"),
    [
        ({"domain": "nope"}, "domain"),
        ({"domainOwner": "111122223333"}, "domain"),
        ({"repository": "nope"}, "repository"),
        ({"package": "nope"}, "package"),
        ({"namespace": "nope"}, "package"),
        ({"packageVersion": "9"}, "package-version"),
        ({"asset": "nope"}, "asset"),
        ({"packageVersionRevision": "other"}, "package-version"),
    ],
)
def test_a_404_says_what_is_missing(params: dict[str, Any], missing: str, client: CodeArtifactClient) -> None:
    publish(client)
    with pytest.raises(client.exceptions.ResourceNotFoundException) as caught:
        client.get_package_version_asset(**{**PACKAGE, "packageVersion": "1.0", "asset": "a.txt", **params})
    assert _error(caught)["resourceType"] == missing
    assert _error(caught)["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_a_namespace_is_required_wherever_generic_packages_are_named(client: CodeArtifactClient) -> None:
    publish(client)
    without = {key: value for key, value in PACKAGE.items() if key != "namespace"}
    copy = {key: value for key, value in COPY.items() if key != "namespace"}
    calls: list[Callable[[], Any]] = [
        lambda: client.describe_package_version(**without, packageVersion="1.0"),
        lambda: client.list_package_versions(**without),
        lambda: client.list_package_version_assets(**without, packageVersion="1.0"),
        lambda: client.get_package_version_asset(**without, packageVersion="1.0", asset="a.txt"),
        lambda: client.update_package_versions_status(**without, versions=["1.0"], targetStatus="Archived"),
        lambda: client.dispose_package_versions(**without, versions=["1.0"]),
        lambda: client.delete_package_versions(**without, versions=["1.0"]),
        lambda: client.copy_package_versions(**copy, versions=["1.0"]),
        lambda: client.publish_package_version(
            **without, packageVersion="2.0", assetName="a", assetContent=b"", assetSHA256=sha256(b"")
        ),
    ]
    for call in calls:
        with pytest.raises(client.exceptions.ValidationException, match="namespace"):
            call()


# --- publishing ----------------------------------------------------------------------------------------------


def test_the_call_without_unfinished_publishes(client: CodeArtifactClient) -> None:
    first = publish(client, b"one", "a.txt", unfinished=True)
    assert first["status"] == "Unfinished"
    assert "publishedTime" not in _status(client)
    last = publish(client, b"two", "b.txt")
    assert last["status"] == "Published"
    assert last["versionRevision"] != first["versionRevision"]
    described = _status(client)
    assert described["status"] == "Published"
    assert described["revision"] == last["versionRevision"]
    assert described["publishedTime"]
    assert described["origin"] == {"domainEntryPoint": {"repositoryName": "dev"}, "originType": "INTERNAL"}


def test_the_same_bytes_again_change_nothing(client: CodeArtifactClient) -> None:
    first = publish(client, unfinished=True)
    again = publish(client, unfinished=True)
    assert (again["versionRevision"], again["asset"]) == (first["versionRevision"], first["asset"])


def test_publishing_an_existing_asset_can_finish_the_version(client: CodeArtifactClient) -> None:
    first = publish(client, unfinished=True)
    last = publish(client)
    assert last["status"] == "Published"
    assert last["versionRevision"] != first["versionRevision"]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("unfinished", [True, False])
def test_other_bytes_under_a_name_conflict_in_every_status(
    status: str, unfinished: bool, client: CodeArtifactClient
) -> None:
    revision = _bring_to(client, status)
    with pytest.raises(client.exceptions.ConflictException) as caught:
        publish(client, b"other", unfinished=unfinished)
    assert _error(caught)["resourceType"] in ("asset", "package-version")
    assert _error(caught)["resourceId"]
    assert (_status(client)["status"], _status(client)["revision"]) == (status, revision)


@pytest.mark.parametrize("status", [status for status in STATUSES if status != "Unfinished"])
def test_no_asset_can_be_added_to_a_finished_version(status: str, client: CodeArtifactClient) -> None:
    revision = _bring_to(client, status)
    for unfinished in (True, False):
        with pytest.raises(client.exceptions.ConflictException):
            publish(client, b"new", "new.txt", unfinished=unfinished)
    assert (_status(client)["status"], _status(client)["revision"]) == (status, revision)


@pytest.mark.parametrize("status", ["Published", "Unlisted", "Archived"])
def test_the_same_bytes_in_a_finished_version_succeed_and_change_nothing(
    status: str, client: CodeArtifactClient
) -> None:
    revision = _bring_to(client, status)
    for unfinished in (True, False):
        answer = publish(client, unfinished=unfinished)
        assert (answer["status"], answer["versionRevision"]) == (status, revision)


def test_only_generic_packages_are_published(client: CodeArtifactClient) -> None:
    for wrong in ("npm", "maven"):
        with pytest.raises(client.exceptions.ValidationException, match="format"):
            publish(client, format=wrong)


@pytest.mark.parametrize(
    "name", ["a", "app-1.0_x86 (64).tar.gz", "~!@^&()-`_+[]{};,.", "größe", "日本語", "Ⅷ", "x" * 255, "...", "a b c"]
)
def test_a_valid_asset_name_is_accepted(name: str, client: CodeArtifactClient) -> None:
    assert publish(client, name=name)["asset"]["name"] == name


REFUSED_NAMES = [".", "..", " a", "a ", "a  b", "e\u0301", "a\u00a0b", "a\u2028b", "x" * 256, "²", "🎁"]
REFUSED_CHARACTERS = "/\\:*#%=$'\"<>|?"


@pytest.mark.parametrize("name", [*REFUSED_NAMES, *(f"a{character}b" for character in REFUSED_CHARACTERS)])
def test_an_invalid_asset_name_is_refused(name: str, client: CodeArtifactClient) -> None:
    with pytest.raises(client.exceptions.ValidationException, match="assetName"):
        publish(client, name=name)


def test_control_characters_in_a_name_are_refused_by_the_rule_itself() -> None:
    with pytest.raises(Exception, match=r"U\+0007"):
        check_asset_name("a\a")


def test_the_number_of_assets_is_limited_by_the_quota(folder: Path) -> None:
    with start(folder, quotas=Quotas(assets_per_version=3)) as server:
        client = client_of(server)
        client.create_domain(domain="acme")
        client.create_repository(domain="acme", repository="dev")
        for number in range(3):
            publish(client, name=f"{number}", unfinished=True)
        with pytest.raises(client.exceptions.ServiceQuotaExceededException) as caught:
            publish(client, name="3")
        assert _error(caught)["ResponseMetadata"]["HTTPStatusCode"] == 402
        assert publish(client, name="2")["status"] == "Published"  # one that is there is no further one
        client.close()


def test_the_default_quota_is_150_assets() -> None:
    assert Quotas().assets_per_version == 150


def test_publishing_can_be_blocked_for_a_package(client: CodeArtifactClient) -> None:
    publish(client)
    client.put_package_origin_configuration(**PACKAGE, restrictions={"publish": "BLOCK", "upstream": "BLOCK"})
    with pytest.raises(client.exceptions.ConflictException):
        publish(client, version="2.0")
    assert client.list_packages(**WHERE, publish="ALLOW")["packages"] == []
    assert len(client.list_packages(**WHERE, publish="BLOCK")["packages"]) == 1


# --- statuses ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("target", ["Published", "Unlisted", "Archived"])
def test_status_changes_follow_the_documented_table(status: str, target: Any, client: CodeArtifactClient) -> None:
    revision = _bring_to(client, status)
    published = _status(client).get("publishedTime")
    answer = client.update_package_versions_status(**PACKAGE, versions=["1.0"], targetStatus=target)
    after = _status(client)
    if target == status:
        assert answer["successfulVersions"]["1.0"] == {"revision": revision, "status": status}
        assert after["revision"] == revision
    elif target in MAY_BECOME[status]:
        assert answer["successfulVersions"]["1.0"] == {"revision": after["revision"], "status": target}
        assert after["status"] == target
        assert after["revision"] != revision
        assert published in (None, after["publishedTime"])
    else:
        assert answer["failedVersions"]["1.0"]["errorCode"] == "NOT_ALLOWED"
        assert (after["status"], after["revision"]) == (status, revision)


@pytest.mark.parametrize("status", STATUSES)
def test_disposal_follows_the_documented_table(status: str, client: CodeArtifactClient) -> None:
    _bring_to(client, status)
    answer = client.dispose_package_versions(**PACKAGE, versions=["1.0"])
    if "Disposed" in MAY_BECOME[status]:
        assert answer["successfulVersions"]["1.0"]["status"] == "Disposed"
        assert client.list_package_version_assets(**PACKAGE, packageVersion="1.0")["assets"] == []
    else:
        assert answer["failedVersions"]["1.0"]["errorCode"] == "NOT_ALLOWED"


@pytest.mark.parametrize("status", STATUSES)
def test_every_version_can_be_deleted_and_published_again(status: str, client: CodeArtifactClient) -> None:
    revision = _bring_to(client, status)
    answer = client.delete_package_versions(**PACKAGE, versions=["1.0"])
    assert answer["successfulVersions"]["1.0"]["status"] == "Deleted"
    assert client.list_package_versions(**PACKAGE)["versions"] == []
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        _status(client)
    anew = publish(client, b"different bytes")
    assert anew["status"] == "Published"
    assert anew["versionRevision"] != revision


@pytest.mark.parametrize("target", ["Unfinished", "Disposed", "Deleted"])
def test_other_statuses_cannot_be_set(target: Any, client: CodeArtifactClient) -> None:
    publish(client)
    with pytest.raises(client.exceptions.ValidationException, match="targetStatus"):
        client.update_package_versions_status(**PACKAGE, versions=["1.0"], targetStatus=target)


@pytest.mark.parametrize("status", STATUSES)
def test_downloads_follow_the_documented_table(status: str, client: CodeArtifactClient) -> None:
    _bring_to(client, status)
    get = {**PACKAGE, "packageVersion": "1.0", "asset": "a.txt"}
    if status in ("Unfinished", "Published", "Unlisted"):
        assert client.get_package_version_asset(**get)["asset"].read() == b"data"
    else:
        with pytest.raises(client.exceptions.ConflictException) as caught:
            client.get_package_version_asset(**get)
        assert _error(caught)["resourceType"] == "package-version"


def test_an_expected_status_and_revision_guard_a_change(client: CodeArtifactClient) -> None:
    revision = _bring_to(client, "Unfinished")
    guarded = {**PACKAGE, "versions": ["1.0"], "targetStatus": "Published"}
    wrong_status = client.update_package_versions_status(**guarded, expectedStatus="Published")
    assert wrong_status["failedVersions"]["1.0"]["errorCode"] == "MISMATCHED_STATUS"
    wrong_revision = client.update_package_versions_status(
        **guarded, expectedStatus="Unfinished", versionRevisions={"1.0": "other"}
    )
    assert wrong_revision["failedVersions"]["1.0"]["errorCode"] == "MISMATCHED_REVISION"
    assert _status(client)["revision"] == revision
    right = client.update_package_versions_status(
        **guarded, expectedStatus="Unfinished", versionRevisions={"1.0": revision}
    )
    assert right["successfulVersions"]["1.0"]["status"] == "Published"


def test_a_deletion_is_guarded_by_the_expected_status(client: CodeArtifactClient) -> None:
    publish(client)
    refused = client.delete_package_versions(**PACKAGE, versions=["1.0"], expectedStatus="Archived")
    assert refused["failedVersions"]["1.0"]["errorCode"] == "MISMATCHED_STATUS"
    assert _status(client)["status"] == "Published"


def test_a_status_is_set_for_all_versions_or_for_none(client: CodeArtifactClient) -> None:
    for version in ("1.0", "2.0"):
        publish(client, version=version)
    call: dict[str, Any] = {**PACKAGE, "targetStatus": "Archived"}
    answer = client.update_package_versions_status(**call, versions=["1.0", "2.0", "3.0"])
    assert answer["successfulVersions"] == {}
    assert {version: each["errorCode"] for version, each in answer["failedVersions"].items()} == {
        "1.0": "SKIPPED",
        "2.0": "SKIPPED",
        "3.0": "NOT_FOUND",
    }
    assert _status(client)["status"] == "Published"
    assert set(client.update_package_versions_status(**call, versions=["1.0", "2.0"])["successfulVersions"]) == {
        "1.0",
        "2.0",
    }


def test_versions_are_deleted_independently(client: CodeArtifactClient) -> None:
    publish(client)
    answer = client.delete_package_versions(**PACKAGE, versions=["1.0", "3.0"])
    assert set(answer["successfulVersions"]) == {"1.0"}
    assert answer["failedVersions"]["3.0"]["errorCode"] == "NOT_FOUND"


def test_a_call_has_1_to_100_versions_and_matching_revisions(client: CodeArtifactClient) -> None:
    publish(client)
    call: dict[str, Any] = {**PACKAGE, "targetStatus": "Archived"}
    for versions in ([], [f"{number}" for number in range(101)]):
        with pytest.raises(client.exceptions.ValidationException, match="versions"):
            client.update_package_versions_status(**call, versions=versions)
    with pytest.raises(client.exceptions.ValidationException, match="versionRevisions"):
        client.update_package_versions_status(**call, versions=["1.0"], versionRevisions={"2.0": "x"})
    many = client.delete_package_versions(**PACKAGE, versions=[f"{number}" for number in range(100)])
    assert len(many["failedVersions"]) == 100
    with pytest.raises(client.exceptions.ResourceNotFoundException) as caught:
        client.update_package_versions_status(**{**call, "package": "nope"}, versions=["1.0"])
    assert _error(caught)["resourceType"] == "package"


# --- copies --------------------------------------------------------------------------------------------------


def test_a_copy_is_the_source_with_its_revision(client: CodeArtifactClient) -> None:
    publish(client, b"one", "a.txt", unfinished=True)
    source = publish(client, b"two", "b.txt")
    answer = client.copy_package_versions(**COPY, versions=["1.0"])
    assert answer["successfulVersions"] == {"1.0": {"revision": source["versionRevision"], "status": "Published"}}
    assert answer["failedVersions"] == {}
    lists = [client.list_package_version_assets(**where, packageVersion="1.0") for where in (PACKAGE, IN_PROD)]
    assert lists[0]["assets"] == lists[1]["assets"]
    assert lists[0]["versionRevision"] == lists[1]["versionRevision"]
    assert client.get_package_version_asset(**IN_PROD, packageVersion="1.0", asset="b.txt")["asset"].read() == b"two"
    copied = _status(client, where=IN_PROD)
    assert copied["origin"]["domainEntryPoint"]["repositoryName"] == "dev"
    assert copied["publishedTime"] >= _status(client)["publishedTime"]
    client.delete_package_versions(**PACKAGE, versions=["1.0"])
    assert client.get_package_version_asset(**IN_PROD, packageVersion="1.0", asset="b.txt")["asset"].read() == b"two"


def test_a_copy_requires_the_specified_revision(client: CodeArtifactClient) -> None:
    revision = _bring_to(client, "Published")
    moved = client.copy_package_versions(**COPY, versionRevisions={"1.0": "other"})
    assert moved["failedVersions"]["1.0"]["errorCode"] == "MISMATCHED_REVISION"
    assert revision in moved["failedVersions"]["1.0"]["errorMessage"]
    assert client.copy_package_versions(**COPY, versionRevisions={"1.0": revision})["successfulVersions"]


def test_a_copy_overwrites_only_with_allow_overwrite(client: CodeArtifactClient) -> None:
    publish(client, b"old")
    client.copy_package_versions(**COPY, versions=["1.0"])
    client.delete_package_versions(**PACKAGE, versions=["1.0"])
    newer = publish(client, b"new")
    unless: list[dict[str, Any]] = [{}, {"allowOverwrite": False}]
    for params in unless:
        kept = client.copy_package_versions(**COPY, versions=["1.0"], **params)
        assert kept["failedVersions"]["1.0"]["errorCode"] == "ALREADY_EXISTS"
    get = {**IN_PROD, "packageVersion": "1.0", "asset": "a.txt"}
    assert client.get_package_version_asset(**get)["asset"].read() == b"old"
    client.copy_package_versions(**COPY, versions=["1.0"], allowOverwrite=True, includeFromUpstream=True)
    assert client.get_package_version_asset(**get)["asset"].read() == b"new"
    assert _status(client, where=IN_PROD)["revision"] == newer["versionRevision"]


@pytest.mark.parametrize("status", STATUSES)
def test_what_can_be_copied_depends_on_its_status(status: str, client: CodeArtifactClient) -> None:
    revision = _bring_to(client, status)
    answer = client.copy_package_versions(**COPY, versions=["1.0"])
    if status in ("Published", "Unlisted"):
        assert answer["successfulVersions"] == {"1.0": {"revision": revision, "status": status}}
    else:
        assert answer["failedVersions"]["1.0"]["errorCode"] == "NOT_ALLOWED"


def test_all_versions_are_copied_or_none(client: CodeArtifactClient) -> None:
    publish(client)
    answer = client.copy_package_versions(**COPY, versions=["1.0", "9.9"])
    codes = {version: each["errorCode"] for version, each in answer["failedVersions"].items()}
    assert codes == {"1.0": "SKIPPED", "9.9": "NOT_FOUND"}
    assert client.list_packages(domain="acme", repository="prod")["packages"] == []


def test_a_copy_names_versions_or_revisions_and_another_repository(client: CodeArtifactClient) -> None:
    publish(client)
    none_or_both: list[dict[str, Any]] = [{}, {"versions": ["1.0"], "versionRevisions": {"1.0": "x"}}]
    for params in none_or_both:
        with pytest.raises(client.exceptions.ValidationException, match="versionRevisions"):
            client.copy_package_versions(**COPY, **params)
    too_many = {f"{number}": "x" for number in range(101)}
    wrong_numbers: list[dict[str, Any]] = [{"versions": []}, {"versionRevisions": too_many}]
    for wrong in wrong_numbers:
        with pytest.raises(client.exceptions.ValidationException, match="1 to 100"):
            client.copy_package_versions(**COPY, **wrong)
    with pytest.raises(client.exceptions.ValidationException, match="destinationRepository"):
        client.copy_package_versions(**{**COPY, "destinationRepository": "dev"}, versions=["1.0"])
    for place, missing in (
        ({"sourceRepository": "nope"}, "repository"),
        ({"destinationRepository": "nope"}, "repository"),
        ({"package": "nope"}, "package"),
    ):
        with pytest.raises(client.exceptions.ResourceNotFoundException) as caught:
            client.copy_package_versions(**{**COPY, **place}, versions=["1.0"])
        assert _error(caught)["resourceType"] == missing


def test_a_disposed_destination_stays_disposed(client: CodeArtifactClient) -> None:
    publish(client)
    client.copy_package_versions(**COPY, versions=["1.0"])
    client.dispose_package_versions(**IN_PROD, versions=["1.0"])
    answer = client.copy_package_versions(**COPY, versions=["1.0"], allowOverwrite=True)
    assert answer["failedVersions"]["1.0"]["errorCode"] == "NOT_ALLOWED"


# --- lists ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_every_list_is_paginated_without_gaps(size: int, client: CodeArtifactClient) -> None:
    for number in range(3):
        publish(client, name=f"{number}", unfinished=True)
        publish(client, version=f"v{number}")
        publish(client, package=f"app{number}")
        with contextlib.suppress(client.exceptions.ConflictException):
            client.create_domain(domain=f"domain{number}")
        client.create_repository(domain="acme", repository=f"repo{number}")
    version = {**PACKAGE, "packageVersion": "1.0"}
    lists: list[tuple[Any, dict[str, Any], str, str, list[str]]] = [
        ("list_package_version_assets", version, "assets", "name", ["0", "1", "2"]),
        ("list_package_versions", PACKAGE, "versions", "version", ["1.0", "v0", "v1", "v2"]),
        ("list_packages", WHERE, "packages", "package", ["app", "app0", "app1", "app2"]),
        ("list_domains", {}, "domains", "name", ["acme", "domain0", "domain1", "domain2"]),
        ("list_repositories", {}, "repositories", "name", ["dev", "prod", "repo0", "repo1", "repo2"]),
        (
            "list_repositories_in_domain",
            {"domain": "acme"},
            "repositories",
            "name",
            ["dev", "prod", "repo0", "repo1", "repo2"],
        ),
    ]
    for operation, params, members, key, expected in lists:
        pages = list(client.get_paginator(operation).paginate(**params, PaginationConfig={"PageSize": size}))
        assert [each[key] for page in pages for each in page[members]] == expected
        assert len(pages) == -(-len(expected) // size)
    newest = client.get_paginator("list_package_versions").paginate(
        **PACKAGE, sortBy="PUBLISHED_TIME", PaginationConfig={"PageSize": size}
    )
    assert [each["version"] for page in newest for each in page["versions"]] == ["v2", "v1", "v0", "1.0"]


def test_an_invalid_page_token_is_refused(client: CodeArtifactClient) -> None:
    publish(client)
    for token in ("x", "WzFd", "W251bGxd", "e30="):
        with pytest.raises(client.exceptions.ValidationException, match="nextToken"):
            client.list_package_versions(**PACKAGE, nextToken=token)


def test_the_default_page_size_is_100(client: CodeArtifactClient) -> None:
    for number in range(101):
        client.create_repository(domain="acme", repository=f"r0{number:03}")
    first = client.list_repositories(repositoryPrefix="r0")
    assert len(first["repositories"]) == 100
    assert first["nextToken"]
    assert len(client.list_repositories(repositoryPrefix="r0", maxResults=1000)["repositories"]) == 101


def test_versions_are_listed_with_every_status_or_one(client: CodeArtifactClient) -> None:
    for status in STATUSES:
        _bring_to(client, status, status)
    everything = client.list_package_versions(**PACKAGE)
    assert {each["version"]: each["status"] for each in everything["versions"]} == dict(
        zip(STATUSES, STATUSES, strict=True)
    )
    assert everything["defaultDisplayVersion"] == "Published"
    for status in STATUSES:
        one: Any = status
        assert [each["version"] for each in client.list_package_versions(**PACKAGE, status=one)["versions"]] == [status]
    assert client.list_package_versions(**PACKAGE, status="Deleted")["versions"] == []
    assert len(client.list_package_versions(**PACKAGE, originType="INTERNAL")["versions"]) == len(STATUSES)
    assert client.list_package_versions(**PACKAGE, originType="EXTERNAL")["versions"] == []


def test_packages_are_listed_by_format_namespace_and_prefix(client: CodeArtifactClient) -> None:
    for namespace, package in (("ns", "app"), ("ns", "apple"), ("nsx", "app"), ("other", "zoo")):
        publish(client, namespace=namespace, package=package)

    def found(**params: Any) -> list[tuple[str, str]]:
        packages = client.list_packages(**WHERE, **params)["packages"]
        return [(each["namespace"], each["package"]) for each in packages]

    assert found() == [("ns", "app"), ("nsx", "app"), ("ns", "apple"), ("other", "zoo")]
    assert found(packagePrefix="app", namespace="nsx") == [("nsx", "app")]
    assert found(namespace="ns") == [("ns", "app"), ("nsx", "app"), ("ns", "apple")]
    assert found(packagePrefix="appl") == [("ns", "apple")]
    assert found(format="generic") == found()
    assert found(format="npm") == []


def test_an_empty_package_exists_until_it_is_deleted(client: CodeArtifactClient) -> None:
    publish(client)
    client.delete_package_versions(**PACKAGE, versions=["1.0"])
    assert client.list_package_versions(**PACKAGE)["versions"] == []
    assert len(client.list_packages(**WHERE)["packages"]) == 1
    client.delete_package(**PACKAGE)
    assert client.list_packages(**WHERE)["packages"] == []
    with pytest.raises(client.exceptions.ResourceNotFoundException) as caught:
        client.list_package_versions(**PACKAGE)
    assert _error(caught)["resourceType"] == "package"
