"""What `list` prints: a table for each package, and JSON.

for line in list_lines(env, packages, width=80, digests=False):
click.echo(line)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import RenderableType
from rich.text import Text

from ...publishing import time_text
from ...text.sizes import count_text, size_text
from .console import columns, header, indented, lines, text
from .status_text import digest_text, minute_text

if TYPE_CHECKING:
    from ...publishing.version_list import VersionDescription
    from ..context import OpenEnvironment
    from ..list import ListedPackage


def list_lines(
    env: OpenEnvironment, packages: Sequence[ListedPackage], width: int | None, *, digests: bool
) -> Iterator[str]:
    """Yield the lines; `width` in columns, None for a file; `digests`: show whole digests."""
    parts: list[RenderableType] = [*header(env.header)]
    for package in packages:
        parts += ["", text(package.package, "bold")]
        if not package.total:
            parts.append(indented(text("no versions"), 2))
            continue
        table = columns("VERSION", "STATUS", "SINCE (UTC)", "DIGEST", "SIZE", "")
        for version in package.versions:
            table.add_row(*_cells(version, package.marks.get(version.version, ()), digests=digests))
        parts.append(indented(table, 2))
        if package.total > len(package.versions):
            shown = f"{len(package.versions):,} of {count_text(package.total, 'version')}; --all lists all"
            parts.append(indented(text(shown, "dim"), 2))
    yield from lines(*parts, width=width)


def _cells(version: VersionDescription, marks: Sequence[str], *, digests: bool) -> tuple[Text, ...]:
    since = minute_text(version.published_time).removesuffix(" UTC") if version.published_time else "-"
    digest = "-" if version.digest is None else version.digest if digests else digest_text(version.digest)
    size = size_text(version.size)
    return (
        text(version.version),
        text(str(version.status)),
        text(since),
        text(digest),
        text(size),
        text(", ".join(marks), "bold"),
    )


def list_json(env: OpenEnvironment, packages: Sequence[ListedPackage]) -> dict[str, Any]:
    """Return the versions as JSON values; `codeartifact-release schema list` describes them."""
    location = env.location
    return {
        "schemaVersion": 1,
        "environment": env.environment.name,
        "endpoint": location.endpoint or env.connection.url,
        "region": location.region,
        "domain": location.domain,
        "repository": location.repository,
        "packages": [
            {
                "package": package.package,
                "total": package.total,
                "versions": [
                    _version_json(version, package.marks.get(version.version, ())) for version in package.versions
                ],
            }
            for package in packages
        ],
    }


def _version_json(version: VersionDescription, marks: Sequence[str]) -> dict[str, Any]:
    return {
        "version": version.version,
        "status": str(version.status),
        "since": time_text(version.published_time) if version.published_time else None,
        "digest": version.digest,
        "assets": version.assets,
        "size": version.size,
        "revision": version.revision,
        "marks": list(marks),
    }
