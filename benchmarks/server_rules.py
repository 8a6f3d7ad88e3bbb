"""The rules of the benchmarks' server: versions with names and declared hashes, in memory."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PUBLISH = "POST /v1/package/version/publish"
_OPERATIONS = {
    PUBLISH: "PublishPackageVersion",
    "GET /v1/package/version": "DescribePackageVersion",
    "POST /v1/package/version/assets": "ListPackageVersionAssets",
    "GET /v1/package/version/asset": "GetPackageVersionAsset",
    "POST /v1/package/versions": "ListPackageVersions",
    "POST /v1/package/versions/update_status": "UpdatePackageVersionsStatus",
    "POST /v1/package/versions/copy": "CopyPackageVersions",
    "GET /v1/repository": "DescribeRepository",
    "GET /v1/domain": "DescribeDomain",
}

AWS_QUOTAS = {
    "PublishPackageVersion": 10.0,
    "CopyPackageVersions": 5.0,
    "GetPackageVersionAsset": 50.0,
    "ListPackageVersionAssets": 200.0,
    "UpdatePackageVersionsStatus": 100.0,
}
"""The default quotas of AWS, in requests a second. The last is that of all write requests of an account."""
BUNDLE = "release-bundle.json"
"""The asset whose content is kept."""

Words = Mapping[str, str]
Key = tuple[str, str, str]
"""Domain, namespace, package."""


@dataclass(frozen=True)
class Response:
    """A response: HTTP status, JSON or bytes, the shape name of an error, and further headers."""

    status: int
    content: Any
    error: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Version:
    """A version in a repository."""

    status: str
    revision: str
    assets: dict[str, dict[str, Any]]
    time: float
    bundle: bytes | None = None

    def copied(self) -> Version:
        """Return a copy for another repository."""
        return Version(self.status, self.revision, dict(self.assets), time.time(), self.bundle)


def failure(status: int, error: str, message: str, **more: Any) -> Response:
    """Return an error response."""
    return Response(status, {"message": message, **more}, error)


class Registry:
    """All versions. Every domain and repository exists, and is empty at first."""

    def __init__(self) -> None:
        self._versions: dict[tuple[str, str], dict[tuple[str, str], dict[str, Version]]] = {}
        self._revisions = 0

    @staticmethod
    def operation(route: str) -> str:
        """Return the API name of `METHOD /path`, or `METHOD /path` if it has none."""
        return _OPERATIONS.get(route, route)

    def answer(self, route: str, words: Words, headers: Words, body: bytes) -> Response:
        """Return the response. Raises KeyError, ValueError or TypeError for an invalid request."""
        match _OPERATIONS.get(route):
            case "PublishPackageVersion":
                return self._publish(words, headers, body)
            case "DescribePackageVersion":
                return self._describe(words)
            case "ListPackageVersionAssets":
                return self._assets(words)
            case "GetPackageVersionAsset" if (version := self._version(words)) and version.bundle:
                return Response(200, version.bundle)
            case "ListPackageVersions":
                return self._list(words)
            case "UpdatePackageVersionsStatus":
                return self._update(words, json.loads(body))
            case "CopyPackageVersions":
                return self._copy(words, json.loads(body))
            case "DescribeRepository":
                repository = {"name": words["repository"], "domainName": words["domain"]}
                return Response(200, {"repository": repository})
            case "DescribeDomain":
                return Response(200, {"domain": {"name": words["domain"], "status": "Active"}})
            case _:
                return failure(404, "ResourceNotFoundException", "not kept here", resourceType="asset")

    def _package(self, words: Words, repository: str) -> dict[str, Version]:
        place = self._versions.setdefault((words["domain"], words[repository]), {})
        return place.setdefault((words.get("namespace", ""), words["package"]), {})

    def _version(self, words: Words) -> Version | None:
        return self._package(words, "repository").get(words["version"])

    def _next_revision(self) -> str:
        self._revisions += 1
        return f"r{self._revisions}"

    def _publish(self, words: Words, headers: Words, body: bytes) -> Response:
        versions = self._package(words, "repository")
        name, sha256 = words["asset"], headers["x-amz-content-sha256"]
        version = versions.get(words["version"])
        if version is None:
            version = versions[words["version"]] = Version("Unfinished", self._next_revision(), {}, time.time())
        known = version.assets.get(name)
        if known and known["hashes"]["SHA-256"] != sha256:
            return failure(409, "ConflictException", "the asset is there with different bytes", resourceType="asset")
        if not known:
            size = int(headers.get("content-length") or 0)
            known = version.assets[name] = {"name": name, "size": size, "hashes": {"SHA-256": sha256}}
            version.revision = self._next_revision()
            version.bundle = body if name == BUNDLE else version.bundle
        if words.get("unfinished") != "true":
            version.status = "Published"
        return Response(200, {**_named(words, version), "status": version.status, "asset": known})

    def _describe(self, words: Words) -> Response:
        version = self._version(words)
        if version is None:
            return _missing(words)
        described = {
            "format": "generic",
            "namespace": words.get("namespace"),
            "packageName": words["package"],
            "version": words["version"],
            "revision": version.revision,
            "status": version.status,
            "publishedTime": version.time,
        }
        return Response(200, {"packageVersion": described})

    def _assets(self, words: Words) -> Response:
        version = self._version(words)
        if version is None:
            return _missing(words)
        names = sorted(version.assets)
        start, size = int(words.get("next-token", 0)), int(words.get("max-results", 100))
        more = {"nextToken": str(start + size)} if start + size < len(names) else {}
        listed = [version.assets[name] for name in names[start : start + size]]
        return Response(200, {**_named(words, version), "assets": listed, **more})

    def _list(self, words: Words) -> Response:
        versions = self._package(words, "repository")
        listed = [
            {"version": name, "revision": version.revision, "status": version.status}
            for name, version in sorted(versions.items())
            if words.get("status") in (None, version.status)
        ]
        return Response(200, {"format": "generic", "package": words["package"], "versions": listed})

    def _update(self, words: Words, asked: Mapping[str, Any]) -> Response:
        versions = self._package(words, "repository")
        done, failed = {}, {}
        for name in asked["versions"]:
            version = versions.get(name)
            revision = (asked.get("versionRevisions") or {}).get(name)
            if version is None:
                failed[name] = _refused("NOT_FOUND")
            elif revision and revision != version.revision:
                failed[name] = _refused("MISMATCHED_REVISION")
            elif asked.get("expectedStatus") not in (None, version.status):
                failed[name] = _refused("MISMATCHED_STATUS")
            else:
                version.status, version.revision = asked["targetStatus"], self._next_revision()
                done[name] = {"status": version.status, "revision": version.revision}
        return Response(200, {"successfulVersions": done, "failedVersions": failed})

    def _copy(self, words: Words, asked: Mapping[str, Any]) -> Response:
        source = self._package(words, "source-repository")
        destination = self._package(words, "destination-repository")
        revisions = asked.get("versionRevisions") or {}
        done, failed = {}, {}
        for name in asked.get("versions") or revisions:
            version = source.get(name)
            if version is None:
                failed[name] = _refused("NOT_FOUND")
            elif revisions.get(name) not in (None, version.revision):
                failed[name] = _refused("MISMATCHED_REVISION")
            elif name in destination and not asked.get("allowOverwrite"):
                failed[name] = _refused("ALREADY_EXISTS")
            else:
                copy = destination[name] = version.copied()
                done[name] = {"status": copy.status, "revision": copy.revision}
        return Response(200, {"successfulVersions": done, "failedVersions": failed})


def _named(words: Words, version: Version) -> dict[str, Any]:
    return {
        "format": "generic",
        "namespace": words.get("namespace"),
        "package": words["package"],
        "version": words["version"],
        "versionRevision": version.revision,
    }


def _missing(words: Words) -> Response:
    return failure(
        404,
        "ResourceNotFoundException",
        "no such version",
        resourceType="package-version",
        resourceId=words["version"],
    )


def _refused(code: str) -> dict[str, str]:
    return {"errorCode": code, "errorMessage": code.lower().replace("_", " ")}
