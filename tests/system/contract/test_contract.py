"""The behavior of the service that this project relies on."""

from __future__ import annotations

import hashlib
import time
from datetime import datetime
from typing import Any

import pytest

from .drivers import CallFailed, Driver

PLUS_AND_SPACE = "app-1.0+build (x86_64).tar.gz"


def publish(
    driver: Driver, package: dict[str, Any], data: bytes, name: str = "a.txt", version: str = "1.0", **params: Any
) -> dict[str, Any]:
    params = {"assetSHA256": hashlib.sha256(data).hexdigest(), **params}
    where = {**package, "packageVersion": version, "assetName": name}
    return driver.call("PublishPackageVersion", **where, assetContent=data, **params)


def describe(driver: Driver, package: dict[str, Any], version: str = "1.0") -> Any:
    return driver.call("DescribePackageVersion", **package, packageVersion=version)["packageVersion"]


def assets(driver: Driver, package: dict[str, Any], version: str = "1.0", **params: Any) -> Any:
    return driver.call("ListPackageVersionAssets", **package, packageVersion=version, **params)


def download(driver: Driver, package: dict[str, Any], name: str = "a.txt", version: str = "1.0") -> Any:
    return driver.call("GetPackageVersionAsset", **package, packageVersion=version, asset=name)


def update(driver: Driver, package: dict[str, Any], versions: list[str], target: str, **params: Any) -> Any:
    return driver.call("UpdatePackageVersionsStatus", **package, versions=versions, targetStatus=target, **params)


def codes(answer: dict[str, Any]) -> dict[str, str]:
    return {version: failed["errorCode"] for version, failed in answer["failedVersions"].items()}


def test_a_version_is_unfinished_until_the_last_asset(driver: Driver, package: dict[str, Any]) -> None:
    first = publish(driver, package, b"one", unfinished=True)
    assert first["status"] == "Unfinished"
    last = publish(driver, package, b"two", PLUS_AND_SPACE)
    assert last["status"] == "Published"
    assert last["asset"]["name"] == PLUS_AND_SPACE
    assert last["asset"]["size"] == 3
    assert last["asset"]["hashes"] == {
        "MD5": hashlib.md5(b"two").hexdigest(),
        "SHA-1": hashlib.sha1(b"two").hexdigest(),
        "SHA-256": hashlib.sha256(b"two").hexdigest(),
        "SHA-512": hashlib.sha512(b"two").hexdigest(),
    }
    described = describe(driver, package)
    assert (described["status"], described["revision"]) == ("Published", last["versionRevision"])
    assert described["packageName"] == package["package"]
    assert described["publishedTime"]
    answer = download(driver, package, PLUS_AND_SPACE)
    assert answer["asset"] == b"two"
    assert (answer["assetName"], answer["packageVersion"]) == (PLUS_AND_SPACE, "1.0")
    assert answer["packageVersionRevision"] == last["versionRevision"]


def test_the_same_bytes_again_succeed_and_other_bytes_conflict(driver: Driver, package: dict[str, Any]) -> None:
    published = publish(driver, package, b"one")
    again = publish(driver, package, b"one")
    assert (again["status"], again["versionRevision"]) == ("Published", published["versionRevision"])
    for data, name in ((b"other", "a.txt"), (b"new", "b.txt")):
        with pytest.raises(CallFailed, match="ConflictException"):
            publish(driver, package, data, name)


def test_a_body_that_does_not_match_its_hash_is_refused_and_not_stored(driver: Driver, package: dict[str, Any]) -> None:
    with pytest.raises(CallFailed, match="ValidationException"):
        publish(driver, package, b"evil", assetSHA256=hashlib.sha256(b"good").hexdigest())
    with pytest.raises(CallFailed, match="ResourceNotFoundException"):
        describe(driver, package)


def test_assets_are_listed_with_their_hashes_page_by_page(driver: Driver, package: dict[str, Any]) -> None:
    for name in ("c.txt", "a.txt", "b.txt"):
        publish(driver, package, name.encode(), name, unfinished=True)
    first = assets(driver, package, maxResults=2)
    assert len(first["assets"]) == 2
    second = assets(driver, package, maxResults=2, nextToken=first["nextToken"])
    assert "nextToken" not in second
    listed = {each["name"]: each["hashes"]["SHA-256"] for each in first["assets"] + second["assets"]}
    assert listed == {name: hashlib.sha256(name.encode()).hexdigest() for name in ("a.txt", "b.txt", "c.txt")}


def test_publishing_by_status_is_guarded_by_status_and_revision(driver: Driver, package: dict[str, Any]) -> None:
    revision = publish(driver, package, b"one", unfinished=True)["versionRevision"]
    moved = publish(driver, package, b"two", "b.txt", unfinished=True)["versionRevision"]
    assert moved != revision
    guarded = {"expectedStatus": "Unfinished", "versionRevisions": {"1.0": revision}}
    assert codes(update(driver, package, ["1.0"], "Published", **guarded)) == {"1.0": "MISMATCHED_REVISION"}
    guarded["versionRevisions"] = {"1.0": moved}
    done = update(driver, package, ["1.0"], "Published", **guarded)
    assert done["successfulVersions"]["1.0"]["status"] == "Published"
    assert codes(update(driver, package, ["1.0"], "Archived", expectedStatus="Unfinished")) == {
        "1.0": "MISMATCHED_STATUS"
    }
    assert describe(driver, package)["status"] == "Published"


def test_an_archived_version_cannot_be_downloaded_and_comes_back(driver: Driver, package: dict[str, Any]) -> None:
    publish(driver, package, b"one")
    update(driver, package, ["1.0"], "Archived")
    with pytest.raises(CallFailed):
        download(driver, package)
    assert codes(update(driver, package, ["1.0", "9.9"], "Published"))["9.9"] == "NOT_FOUND"
    update(driver, package, ["1.0"], "Unlisted")
    assert download(driver, package)["asset"] == b"one"


def test_a_deleted_version_can_be_published_with_other_bytes(driver: Driver, package: dict[str, Any]) -> None:
    publish(driver, package, b"one")
    gone = driver.call("DeletePackageVersions", **package, versions=["1.0"], expectedStatus="Published")
    assert gone["successfulVersions"]["1.0"]["status"] == "Deleted"
    assert publish(driver, package, b"two")["status"] == "Published"
    assert download(driver, package)["asset"] == b"two"


def test_a_copy_is_the_source_asset_by_asset(driver: Driver, package: dict[str, Any]) -> None:
    source = publish(driver, package, b"one")
    there = {**package, "repository": driver.place.other_repository}
    copy = {key: value for key, value in package.items() if key != "repository"} | {
        "sourceRepository": driver.place.repository,
        "destinationRepository": driver.place.other_repository,
    }
    moved = driver.call("CopyPackageVersions", **copy, versionRevisions={"1.0": "someotherrevision"})
    assert codes(moved) == {"1.0": "MISMATCHED_REVISION"}
    done = driver.call("CopyPackageVersions", **copy, versionRevisions={"1.0": source["versionRevision"]})
    assert done["successfulVersions"]["1.0"] == {"revision": source["versionRevision"], "status": "Published"}
    assert assets(driver, there)["assets"] == [source["asset"]]
    driver.call("DeletePackageVersions", **package, versions=["1.0"])
    publish(driver, package, b"other")
    kept = driver.call("CopyPackageVersions", **copy, versions=["1.0"])
    assert codes(kept) == {"1.0": "ALREADY_EXISTS"}


def copies(driver: Driver, package: dict[str, Any], revision: str, **params: Any) -> Any:
    where = {key: value for key, value in package.items() if key != "repository"}
    repositories = {
        "sourceRepository": driver.place.repository,
        "destinationRepository": driver.place.other_repository,
    }
    return driver.call("CopyPackageVersions", **where, **repositories, versionRevisions={"1.0": revision}, **params)


def since(described: Any) -> float:
    """`publishedTime` in seconds; the command line writes it as a number, or as text."""
    published = described["publishedTime"]
    if isinstance(published, str):
        published = datetime.fromisoformat(published)
    return published.timestamp() if isinstance(published, datetime) else float(published)


def test_a_copy_has_its_sources_revision_and_its_own_published_time(driver: Driver, package: dict[str, Any]) -> None:
    revision = publish(driver, package, b"one")["versionRevision"]
    time.sleep(0.1)
    assert codes(copies(driver, package, revision)) == {}
    there = {**package, "repository": driver.place.other_repository}
    copy = describe(driver, there)
    assert (copy["status"], copy["revision"]) == ("Published", revision)
    assert assets(driver, there)["versionRevision"] == revision
    # A soak starts with the copy.
    assert since(copy) > since(describe(driver, package))
    assert download(driver, there)["asset"] == b"one"


def test_a_copy_replaces_an_archived_version_only_after_its_deletion(driver: Driver, package: dict[str, Any]) -> None:
    there = {**package, "repository": driver.place.other_repository}
    publish(driver, there, b"old")
    before = describe(driver, there)
    revision = publish(driver, package, b"new")["versionRevision"]
    update(driver, there, ["1.0"], "Archived")
    assert codes(copies(driver, package, revision)) == {"1.0": "ALREADY_EXISTS"}
    assert describe(driver, there)["status"] == "Archived"
    driver.call("DeletePackageVersions", **there, versions=["1.0"], expectedStatus="Archived")
    done = copies(driver, package, revision)
    assert done["successfulVersions"]["1.0"] == {"revision": revision, "status": "Published"}
    # A soak starts again for the replacement.
    assert since(describe(driver, there)) > since(before)
    assert download(driver, there)["asset"] == b"new"


def test_the_published_time_does_not_change_with_the_status(driver: Driver, package: dict[str, Any]) -> None:
    publish(driver, package, b"one")
    first = describe(driver, package)
    time.sleep(0.1)
    for status in ("Archived", "Published"):
        update(driver, package, ["1.0"], status)
    again = describe(driver, package)
    assert again["revision"] != first["revision"]
    assert since(again) == since(first)


def test_the_version_that_was_published_last_is_listed_first(driver: Driver, package: dict[str, Any]) -> None:
    for version in ("2.0", "1.0", "3.0"):
        publish(driver, package, b"one", version=version, unfinished=version == "3.0")
        time.sleep(0.1)
    found = driver.call("ListPackageVersions", **package, status="Published", sortBy="PUBLISHED_TIME", maxResults=1)
    assert [each["version"] for each in found["versions"]] == ["1.0"]


def test_versions_are_listed_with_their_status(driver: Driver, package: dict[str, Any]) -> None:
    publish(driver, package, b"one")
    publish(driver, package, b"two", version="2.0", unfinished=True)
    listed = driver.call("ListPackageVersions", **package)["versions"]
    assert {each["version"]: each["status"] for each in listed} == {"1.0": "Published", "2.0": "Unfinished"}
    only = driver.call("ListPackageVersions", **package, status="Published")["versions"]
    assert [each["version"] for each in only] == ["1.0"]


def test_missing_and_invalid_are_different_errors(driver: Driver, package: dict[str, Any]) -> None:
    with pytest.raises(CallFailed, match="ResourceNotFoundException"):
        describe(driver, {**package, "repository": "no-such-repository"})
    with pytest.raises(CallFailed, match="ValidationException"):
        publish(driver, package, b"one", "a/b.txt")
