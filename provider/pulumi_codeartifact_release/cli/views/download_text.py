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
        size = size_text(sum(result.remote.assets[name].size for name in result.files))
        present = len(result.files) - len(result.downloaded)
        kept = f", {present:,} of them already there" if present else ""
        count = count_text(len(result.files), "file")
        yield printable(f"{request.at.name}: {count}, {size}{kept}, verified in {request.folder}")
        if request.digest:
            yield f"  {result.remote.digest}, as approved"
        else:
            yield click.style(f"  {result.remote.digest}, not confirmed: no digest was given", fg="yellow")
        if result.other_files:
            shown = ", ".join(result.other_files[:_MAX_OTHERS])
            rest = len(result.other_files) - _MAX_OTHERS
            more = f" and {rest:,} more" if rest > 0 else ""
            yield printable(f"  other files in the folder, left alone: {shown}{more}")


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
        "versions": [
            {
                "namespace": request.at.namespace,
                "package": request.at.package,
                "version": request.at.version,
                "status": str(result.remote.state.status),
                "revision": result.remote.state.revision,
                "digest": result.remote.digest,
                "expectedDigest": request.digest,
                "folder": str(request.folder),
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
            for request, result in results
        ],
        "errors": [problem_json(error) for error in errors],
    }
