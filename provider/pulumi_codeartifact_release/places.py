"""Whether two places are one, whatever they are called: compared by what they resolve to.

    same_repository(one, at, other, other_at)       # True, False, or None where their names do not tell

One place has many names: an owner that is named, and the caller's own; localhost and 127.0.0.1; AWS, and a VPC endpoint
of it; two paths to a folder. What None means is decided where it matters: a version is kept, bytes are transferred.
"""

from __future__ import annotations

import contextlib
import ipaddress
from urllib.parse import urlsplit

from .endpoints import Destination, Endpoint, resolved_owner, resolved_region
from .errors import UsageError

_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_PORTS = {"http": 80, "https": 443}


def same_repository(one: Destination, at: Endpoint, other: Destination, other_at: Endpoint) -> bool | None:
    """Return whether two repositories are one; None where their names do not tell. STS may be asked."""
    return False if one.repository != other.repository else _same_domain(one, at, other, other_at)


def same_domain(one: Destination, at: Endpoint, other: Destination, other_at: Endpoint) -> bool:
    """Return whether two repositories are surely in one domain, so that the service can copy between them."""
    return _same_domain(one, at, other, other_at) is True


def refuse_same_place(one: Destination, at: Endpoint, other: Destination, other_at: Endpoint) -> None:
    """Raise UsageError for a promotion from a repository to itself: its gates would have nothing to hold back."""
    if same_repository(one, at, other, other_at):
        raise UsageError(
            f"{one.domain}/{one.repository} is promoted to itself",
            hint="Name another repository as source, or as destination.",
        )


def _same_domain(one: Destination, at: Endpoint, other: Destination, other_at: Endpoint) -> bool | None:
    answers = [one.domain == other.domain, _same_server(at, other_at)]
    for compare in (_same_region, _same_owner):
        if False not in answers:
            # Who calls, and where, is asked only if it matters.
            answers.append(compare(one, at, other, other_at))
    return False if False in answers else None if None in answers else True


def _same_server(at: Endpoint, other: Endpoint) -> bool | None:
    if at.folder and other.folder:
        try:
            return at.folder.samefile(other.folder)
        except OSError:
            # One is not there yet.
            return at.folder.resolve() == other.folder.resolve()
    if at.is_aws and other.is_aws:
        return True
    if (at.folder and other.is_aws) or (at.is_aws and other.folder):
        return False
    if at.folder or other.folder or at.is_aws or other.is_aws:
        # Somebody may serve the folder, or forward to AWS.
        return None
    return True if _address(at.text) == _address(other.text) else None


def _same_region(one: Destination, at: Endpoint, other: Destination, other_at: Endpoint) -> bool | None:
    if at.folder and other_at.folder:
        # Its region is a name alone.
        return True
    if resolved_region(one, at) == resolved_region(other, other_at):
        return True
    return False if at.is_aws and other_at.is_aws else None


def _same_owner(one: Destination, at: Endpoint, other: Destination, other_at: Endpoint) -> bool | None:
    owners = resolved_owner(one, at), resolved_owner(other, other_at)
    if None not in owners:
        return owners[0] == owners[1]
    # The caller's own, whoever that is; two callers may be two accounts.
    return True if owners[0] == owners[1] and one.profile == other.profile else None


def _address(url: str) -> tuple[object, ...]:
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    with contextlib.suppress(ValueError):
        host = str(ipaddress.ip_address(host))
    host = "localhost" if host in _LOOPBACK else host
    return parts.scheme, host, parts.port or _PORTS.get(parts.scheme), parts.path.rstrip("/"), parts.query
