"""Responses for one version -> checked values.

version_state(client.describe_package_version(...), at).published_time
successful_version(client.update_package_versions_status(...), at, "become Published")["revision"]
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

from ..errors import RegistryError, ServerFaultError, StatusRefusedError, VersionNotFoundError
from .error_responses import UNEXPECTED, one_line
from .interface import Coordinates, Status, VersionState, VersionSummary
from .listing import is_text

# The model says 50.
_MAX_REVISION_LENGTH = 1000
# The model says 255.
_MAX_VERSION_LENGTH = 1000
# Arithmetic works with these years; a time in another one is ignored.
_VALID_YEARS = range(1970, 9000)


def successful_version(response: Any, at: Coordinates, change: str) -> Mapping[str, Any]:
    """Return the result for the one version. Raises StatusRefusedError: HTTP 200 does not mean success."""
    success = response.get("successfulVersions", {}).get(at.version)
    if success is not None:
        return cast(Mapping[str, Any], success)
    failure = response.get("failedVersions", {}).get(at.version, {})
    reason = str(failure.get("errorCode", "SKIPPED"))
    raise StatusRefusedError(
        f"{at} did not {change}: {one_line(reason)}: {one_line(failure.get('errorMessage'))}",
        reason=reason,
        hint="The service does not allow it: look at the version's status and the package's origin controls."
        if reason == "NOT_ALLOWED"
        else "Somebody else changed the version meanwhile; run again to see what it holds now.",
    )


def copied_state(response: Any, at: Coordinates) -> VersionState | None:
    """Return the state of the copied version; None if the response does not contain it, and it must be read."""
    if not any(at.version in response.get(result, {}) for result in ("successfulVersions", "failedVersions")):
        # The user guide documents this for a copy that exists already.
        return None
    copied = successful_version(response, at, "come as a copy")
    if copied.get("status") not in set(Status) or not copied.get("revision"):
        return None
    return VersionState(status_of(copied["status"], at), revision_of(copied["revision"], at))


def version_state(response: Any, at: Coordinates) -> VersionState:
    """Return the state in a response of DescribePackageVersion, with the server's time."""
    description = response.get("packageVersion", {})
    published = description.get("publishedTime")
    return VersionState(
        status_of(description.get("status"), at),
        revision_of(description.get("revision"), at),
        published if isinstance(published, datetime) and published.tzinfo and published.year in _VALID_YEARS else None,
        _server_time(response),
    )


def version_summaries(response: Any, at: Coordinates, limit: int) -> Iterator[VersionSummary]:
    """Yield the versions in a response of ListPackageVersions, at most `limit`. Raises ServerFaultError."""
    versions = response.get("versions") or []
    if len(versions) > limit:
        raise ServerFaultError(f"ListPackageVersions for {at}: a page has more than the {limit} requested versions")
    for summary in versions:
        version = (summary or {}).get("version")
        if not isinstance(version, str) or not 0 < len(version) <= _MAX_VERSION_LENGTH or not is_text(version):
            raise ServerFaultError(f"ListPackageVersions for {at}: a version has no usable name", hint=UNEXPECTED)
        if summary.get("status") != "Deleted":
            named = replace(at, version=version)
            status, revision = status_of(summary.get("status"), named), revision_of(summary.get("revision"), named)
            yield VersionSummary(version, status, revision)


def _server_time(response: Any) -> datetime | None:
    """Return the time of the response's `Date` header; None if there is none that can be parsed."""
    try:
        date = parsedate_to_datetime(response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date"))
    except (TypeError, ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def revision_of(value: object, at: Coordinates) -> str:
    """Return a revision that can be stored and shown. Raises ServerFaultError."""
    if not isinstance(value, str) or not value.isprintable() or not 0 < len(value) <= _MAX_REVISION_LENGTH:
        raise ServerFaultError(f"the response for {at} has no usable revision", hint=UNEXPECTED)
    return value


def status_of(value: str | None, at: Coordinates) -> Status:
    """Return a status. Raises VersionNotFoundError for `Deleted`."""
    if value == "Deleted":
        raise VersionNotFoundError(f"{at} is Deleted")
    if value is None:
        raise ServerFaultError(f"the response for {at} has no status", hint=UNEXPECTED)
    try:
        return Status(value or "")
    except ValueError:
        raise RegistryError(
            f"{at} has the status {one_line(value)}, which this version of codeartifact-release does not know",
            hint="Upgrade codeartifact-release.",
        ) from None
