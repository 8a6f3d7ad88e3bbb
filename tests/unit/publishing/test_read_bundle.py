"""Reading the members of bundles."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pulumi_codeartifact_release.errors import ReleaseError, ServerFaultError, UnreachableError
from pulumi_codeartifact_release.publishing.bundle import BUNDLE_ASSET, MAX_BUNDLE_BYTES, BundleMember, encode_bundle
from pulumi_codeartifact_release.publishing.read_bundle import (
    PublishedBundles,
    find_abandoned,
    published_bundles,
    read_bundle,
)
from pulumi_codeartifact_release.registry import Coordinates, Status
from support.fakes import FakeRegistry, asset

AT = Coordinates("acme", "dev", "acme", "suite", "1.0")
APP = BundleMember("acme", "app", "1.0", "sha256:" + "a" * 64, 12)
CONTENT = encode_bundle([APP])
ASSETS = {BUNDLE_ASSET: asset(BUNDLE_ASSET, CONTENT)}


def test_the_members_of_a_bundle() -> None:
    registry = FakeRegistry()
    registry.holds({BUNDLE_ASSET: CONTENT}, Status.PUBLISHED, AT)
    assert read_bundle(registry, AT, ASSETS) == (APP,)


def test_other_assets_take_no_request() -> None:
    registry = FakeRegistry()
    for assets in ({}, {**ASSETS, "a": asset("a", b"")}, {"a": asset("a", b"")}):
        assert read_bundle(registry, AT, assets) is None
    assert registry.calls == []


@pytest.mark.parametrize("content", [CONTENT + b" ", bytes(MAX_BUNDLE_BYTES + 1)])
def test_other_bytes_than_listed_are_a_fault_of_the_registry(content: bytes) -> None:
    registry = FakeRegistry()
    registry.holds({BUNDLE_ASSET: content}, Status.PUBLISHED, AT)
    with pytest.raises(ServerFaultError):
        read_bundle(registry, AT, ASSETS)


@pytest.mark.parametrize("error", [UnreachableError, ServerFaultError])
@pytest.mark.parametrize("failures", [1, 2, 3])
def test_a_download_that_broke_is_started_again_twice(error: type[ReleaseError], failures: int) -> None:
    registry = FakeRegistry()
    registry.holds({BUNDLE_ASSET: CONTENT}, Status.PUBLISHED, AT)

    def fail(_call: str) -> None:
        if len(registry.calls) <= failures:
            raise error("the connection broke")

    registry.before = fail
    if failures < 3:
        assert read_bundle(registry, AT, ASSETS) == (APP,)
    else:
        with pytest.raises(error):
            read_bundle(registry, AT, ASSETS)
    assert len(registry.calls) == min(failures + 1, 3)


def test_requests_for_other_unfinished_versions_are_counted() -> None:
    registry = FakeRegistry()
    registry.holds({BUNDLE_ASSET: CONTENT}, Status.UNFINISHED, AT)
    registry.holds({BUNDLE_ASSET: CONTENT}, Status.UNFINISHED, replace(AT, version="2.0"))
    registry.holds({"a": b""}, Status.UNFINISHED, replace(AT, version="3.0"))
    assert find_abandoned(registry, AT) == ({"2.0": (APP,)}, 4)
    assert len(registry.calls) == 4


def test_the_published_bundles_of_a_package() -> None:
    registry = FakeRegistry()
    registry.holds({BUNDLE_ASSET: CONTENT}, Status.PUBLISHED, AT)
    registry.holds({BUNDLE_ASSET: b"other"}, Status.PUBLISHED, replace(AT, version="2.0"))
    registry.holds({BUNDLE_ASSET: CONTENT}, Status.ARCHIVED, replace(AT, version="3.0"))
    registry.holds({BUNDLE_ASSET: CONTENT}, Status.PUBLISHED, replace(AT, version="4.0"))

    def archive(call: str) -> None:
        if call == "list":
            registry.versions[replace(AT, version="4.0")].status = Status.ARCHIVED

    registry.before = archive
    assert list(published_bundles(registry, replace(AT, version=""))) == [("1.0", (APP,))]
    assert list(published_bundles(registry, replace(AT, package="none", version=""))) == []


def test_the_members_of_published_bundles_are_read_again_when_a_bundle_changes() -> None:
    registry = FakeRegistry()
    registry.holds({BUNDLE_ASSET: CONTENT}, Status.PUBLISHED, AT)
    reader = PublishedBundles(registry, replace(AT, version=""))
    assert reader.read_members() == {"acme/app@1.0": "acme/suite@1.0"}
    registry.calls.clear()
    assert reader.read_members() == {"acme/app@1.0": "acme/suite@1.0"}
    assert registry.calls == ["versions"]
    registry.holds({BUNDLE_ASSET: encode_bundle([replace(APP, version="2.0")])}, Status.PUBLISHED, AT)
    assert reader.read_members() == {"acme/app@2.0": "acme/suite@1.0"}
    registry.versions[AT].status = Status.ARCHIVED
    assert reader.read_members() == {}
