"""What the answers about one version say, held against what a registry may say.

state_of(client.describe_package_version(...), at).published_time
verdict_of(client.update_package_versions_status(...), at, "become Published")["revision"]
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

from ..errors import RegistryError, ServerFaultError, StatusRefusedError, VersionNotFoundError
from .error_responses import UNEXPECTED, one_line
from .interface import Coordinates, Status, VersionState

# The model says 50.
_LONGEST_REVISION = 1000
# Those that can be reckoned with; others are as good as no time at all.
_YEARS = range(1970, 9000)


def verdict_of(answer: Any, at: Coordinates, wish: str) -> Mapping[str, Any]:
    """Return what an answer says of the one version: HTTP 200 does not mean that it worked."""
    done = answer.get("successfulVersions", {}).get(at.version)
    if done is not None:
        return cast(Mapping[str, Any], done)
    failed = answer.get("failedVersions", {}).get(at.version, {})
    reason = str(failed.get("errorCode", "SKIPPED"))
    raise StatusRefusedError(
        f"{at} did not {wish}: {one_line(reason)}: {one_line(failed.get('errorMessage'))}",
        reason=reason,
        hint="The service does not allow it: look at the version's status and the package's origin controls."
        if reason == "NOT_ALLOWED"
        else "Somebody else changed the version meanwhile; run again to see what it holds now.",
    )


def copy_of(answer: Any, at: Coordinates) -> VersionState | None:
    """Return the state of the copy of the one version; None where the answer does not say, and reading has to."""
    if not any(at.version in answer.get(verdict, {}) for verdict in ("successfulVersions", "failedVersions")):
        # So the guide says of a copy that is there already.
        return None
    copied = verdict_of(answer, at, "come as a copy")
    if copied.get("status") not in set(Status) or not copied.get("revision"):
        return None
    return VersionState(status_of(copied["status"], at), revision_of(copied["revision"], at))


def state_of(answer: Any, at: Coordinates) -> VersionState:
    """Return what a DescribePackageVersion says, with the clock of whoever answered."""
    description = answer.get("packageVersion", {})
    published = description.get("publishedTime")
    return VersionState(
        status_of(description.get("status"), at),
        revision_of(description.get("revision"), at),
        published if isinstance(published, datetime) and published.tzinfo and published.year in _YEARS else None,
        _clock(answer),
    )


def _clock(answer: Any) -> datetime | None:
    """Return what the answer's own `Date` says, None where it says nothing that can be read."""
    try:
        date = parsedate_to_datetime(answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date"))
    except (TypeError, ValueError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)


def revision_of(value: object, at: Coordinates) -> str:
    """Return a revision that can be stored and shown."""
    if not isinstance(value, str) or not value.isprintable() or not 0 < len(value) <= _LONGEST_REVISION:
        raise ServerFaultError(f"the response for {at} has no usable revision", hint=UNEXPECTED)
    return value


def status_of(value: str | None, at: Coordinates) -> Status:
    """Return a status; raises VersionNotFoundError for the one that means that there is none."""
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
