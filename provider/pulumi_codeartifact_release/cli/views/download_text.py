"""What `download` prints: lines for people, and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from ...errors import ReleaseError, printable
from ...text.sizes import count_text, size_text
from .status_text import problem_json

if TYPE_CHECKING:
    from ...publishing.download import DownloadResult
    from ..context import OpenEnvironment
    from ..download import Request

_MAX_OTHERS = 5


def result_lines(results: Sequence[tuple[Request, DownloadResult]]) -> Iterator[str]:
    """Yield what was downloaded, its folder, and whether its digest was approved."""
    for request, result in results:
        parts = result.members or (result,)
        files = sum(len(part.files) for part in parts)
        size = size_text(sum(part.remote.assets[name].size for part in parts for name in part.files))
        present = files - sum(len(part.downloaded) for part in parts)
        kept = f", {present:,} of them already there" if present else ""
        members = f"{count_text(len(parts), 'member')}, " if result.members else ""
        count = count_text(files, "file")
        yield printable(f"{request.at.name}: {members}{count}, {size}{kept}, verified in {request.folder}")
        if request.digest:
            yield f"  {result.remote.digest}, as approved"
        else:
            yield click.style(f"  {result.remote.digest}, not confirmed: no digest was given", fg="yellow")
        for member in result.members:
            yield printable(f"  {member.at.name}: {count_text(len(member.files), 'file')}")
        others = [name for part in result.members for name in _below(part)]
        yield from _other_files([*result.other_files, *others])


def _below(member: DownloadResult) -> list[str]:
    return [f"{member.at.namespace}/{member.at.package}/{name}" for name in member.other_files]


def _other_files(names: Sequence[str]) -> Iterator[str]:
    if names:
        rest = len(names) - _MAX_OTHERS
        more = f" and {rest:,} more" if rest > 0 else ""
        yield printable(f"  other files in the folder, left alone: {', '.join(names[:_MAX_OTHERS])}{more}")


def result_json(
    env: OpenEnvironment, results: Sequence[tuple[Request, DownloadResult]], errors: Sequence[ReleaseError]
) -> dict[str, Any]:
    """Return the result as JSON values; `codeartifact-release schema download` describes them."""
    return {
        "schemaVersion": 1,
        "endpoint": env.location.endpoint or env.connection.url,
        "region": env.location.region,
        "domain": env.location.domain,
        "repository": env.location.repository,
        "versions": [version for request, result in results for version in _versions_json(request, result)],
        "errors": [problem_json(error) for error in errors],
    }


def _versions_json(request: Request, result: DownloadResult) -> Iterator[dict[str, Any]]:
    yield _version_json(result, request.digest, str(request.folder), None)
    for member in result.members:
        folder = request.folder / member.at.namespace / member.at.package
        yield _version_json(member, member.remote.digest, str(folder), request.at.name)


def _version_json(result: DownloadResult, expected: str | None, folder: str, bundle: str | None) -> dict[str, Any]:
    return {
        "namespace": result.at.namespace,
        "package": result.at.package,
        "version": result.at.version,
        "bundle": bundle,
        "status": str(result.remote.state.status),
        "revision": result.remote.state.revision,
        "digest": result.remote.digest,
        "expectedDigest": expected,
        "folder": folder,
        "assets": [
            {
                "name": name,
                "path": str(path),
                "size": result.remote.assets[name].size,
                "sha256": result.remote.assets[name].sha256,
                "downloaded": name in result.downloaded,
            }
            for name, path in sorted(result.files.items())
        ],
        "otherFiles": list(result.other_files),
    }
