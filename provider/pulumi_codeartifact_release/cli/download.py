"""`codeartifact-release download`: fetch the assets of versions into a folder, verified.

codeartifact-release download release.yaml -e prod acme/app --to dist
"""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar, cast

import click

from ..approvals import approved_version
from ..errors import ReleaseError, UsageError, exit_code_for
from ..manifest import Manifest, Package
from ..publishing.download import DownloadResult, download, download_to
from ..publishing.workflow import REPOSITORY_ERRORS
from ..registry.interface import Coordinates
from .context import (
    OpenEnvironment,
    StopSignal,
    load_environment,
    open_environment,
    read_variables,
    refuse_unknown_packages,
    warn_of_endpoint,
)
from .error_output import run_state, show_error
from .named_versions import location_of, open_location
from .reading_progress import open_read_progress
from .views.download_text import result_json, result_lines

_VERSION_FORMAT = "NAMESPACE/PACKAGE@VERSION[=sha256:DIGEST]"
_VERSION = re.compile(r"(?P<package>[^#/\s]+/[^#/\s]+)@(?P<version>[^#/\s@=]+)(=(?P<digest>sha256:[0-9a-f]{64}))?")
# How long an interrupted command waits for its threads, which remove incomplete files.
_CLEANUP_S = 5
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Request:
    """A version to download.

    Attributes:
        digest: the expected digest; None to accept any.
        folder: the output folder of its files.
        packages: of a bundle, the members to download; empty for all.
    """

    at: Coordinates
    digest: str | None
    folder: Path
    packages: tuple[str, ...] = ()


def run(
    *,
    target: str,
    packages: tuple[str, ...],
    folder: str,
    patterns: tuple[str, ...],
    environment: str | None,
    variables: tuple[str, ...],
    domain: str | None,
    repository: str | None,
    domain_owner: str | None,
    region: str | None,
    profile: str | None,
    endpoint: str | None,
    allow: tuple[str, ...],
    as_json: bool,
    quiet: bool,
    verbose: bool,  # noqa: ARG001 - main() reads it
) -> None:
    """Run `download`."""
    run_state.sent = True
    location_options = {
        "--domain": domain,
        "--repository": repository,
        "--domain-owner": domain_owner,
        "--region": region,
        "--profile": profile,
        "--endpoint": endpoint,
    }
    stop, permitted, output = StopSignal(), frozenset(allow), Path(folder)
    version = None if os.path.isfile(target) else _VERSION.fullmatch(target)  # noqa: PTH113 - raises for long names
    if version:
        _refuse_options(target, {"-e": environment, "--var": variables, "PACKAGE": packages}, "names a version")
        env, requests = _version_requests(version, location_options, permitted, output, stop)
    elif not os.path.lexists(target) and "@" in target:
        raise UsageError(
            f"{target} is neither a manifest nor a version", hint=f"Write {_VERSION_FORMAT}, or the path of a manifest."
        )
    else:
        _refuse_options(target, location_options, "is a manifest, which contains the repository")
        env, requests = _manifest_requests(
            Path(target), environment, variables, permitted, packages, Path(folder), stop
        )
    if folder == "-":
        _write_to_stdout(env, requests, patterns, stop, quiet=quiet)
        return
    results, errors = _download_all(env, requests, patterns, stop, quiet=quiet)
    if as_json:
        click.echo(json.dumps(result_json(env, results, errors), indent=2))
    elif not quiet:
        for line in result_lines(results):
            click.echo(line)
    for error in errors:
        show_error(error)
    if errors:
        raise SystemExit(exit_code_for(errors))


def _download_all(
    env: OpenEnvironment, requests: Sequence[Request], patterns: Sequence[str], stop: StopSignal, *, quiet: bool
) -> tuple[list[tuple[Request, DownloadResult]], list[ReleaseError]]:
    results: list[tuple[Request, DownloadResult]] = []
    errors: list[ReleaseError] = []
    with open_read_progress(quiet=quiet) as progress:
        for request in requests:
            work = partial(
                download,
                request.at,
                env.connection.planning,
                request.folder,
                stop.scheduler,
                digest=request.digest,
                packages=request.packages,
                select=lambda name: not patterns or any(fnmatchcase(name, pattern) for pattern in patterns),
                on_event=partial(progress.add, request.at.name),
            )
            try:
                results.append((request, _interruptible(work, stop)))
            except ReleaseError as error:
                errors.append(error)
                if isinstance(error, REPOSITORY_ERRORS):
                    break
    return results, errors


def _interruptible(work: Callable[[], _Result], stop: StopSignal) -> _Result:
    """Run `work` in a thread; an interruption stops it and gives it time to remove incomplete files."""
    pool = ThreadPoolExecutor(1)
    future = pool.submit(work)
    try:
        return future.result()
    except KeyboardInterrupt:
        stop.set()
        wait([future], timeout=_CLEANUP_S)
        raise
    finally:
        pool.shutdown(wait=False)


def _write_to_stdout(
    env: OpenEnvironment, requests: Sequence[Request], patterns: Sequence[str], stop: StopSignal, *, quiet: bool
) -> None:
    if len(requests) != 1 or len(patterns) != 1 or requests[0].packages:
        raise UsageError("`--to -` writes one asset of one version", hint="Name the asset: `--asset NAME --to -`.")
    [request], [name] = requests, patterns
    with tempfile.TemporaryFile() as file, open_read_progress(quiet=quiet) as progress:
        work = partial(
            download_to,
            request.at,
            env.connection.planning,
            name,
            cast(BinaryIO, file),
            stop.scheduler,
            digest=request.digest,
            on_event=partial(progress.add, request.at.name),
        )
        _interruptible(work, stop)
        file.seek(0)
        stdout = sys.stdout.buffer
        shutil.copyfileobj(file, stdout)
        stdout.flush()


# --- requests ---------------------------------------------------------------------------------------------------------


def _version_requests(
    version: re.Match[str], options: Mapping[str, str | None], allow: frozenset[str], folder: Path, stop: StopSignal
) -> tuple[OpenEnvironment, list[Request]]:
    names = version["package"], version["version"]
    env = open_location(location_of(version[0], options), [names], allow, stop)
    return env, [Request(env.coordinates(*names), version["digest"], folder)]


def _manifest_requests(
    path: Path,
    name: str | None,
    variables: Sequence[str],
    allow: frozenset[str],
    packages: Sequence[str],
    folder: Path,
    stop: StopSignal,
) -> tuple[OpenEnvironment, list[Request]]:
    manifest, environment = load_environment(path, name, read_variables(variables), allow, with_files=False)
    selected = _select_packages(manifest, packages)
    env = open_environment(environment, manifest.base, allow, stop)
    warn_of_endpoint(env, None)
    bundle = manifest.bundle
    requests = []
    for package in selected:
        approval = approved_version(manifest, environment, package)
        at = env.location.coordinates(package.namespace, package.package, approval.version)
        digest = approval.pin.digest if approval.pin else None
        if bundle:
            members = () if bundle.id in packages else tuple(dict.fromkeys(packages))
            requests.append(Request(at, digest, folder, members))
        else:
            requests.append(Request(at, digest, folder if len(packages) == 1 else folder / manifest.name_of(package)))
    return env, requests


def _select_packages(manifest: Manifest, names: Sequence[str]) -> Sequence[Package]:
    """Return the packages with these names; all without names; always the bundle, if the manifest has one.

    Raises UsageError for an unknown name.
    """
    declared = {manifest.name_of(package): package for package in (*manifest.packages, *manifest.releases)}
    refuse_unknown_packages(manifest, names, declared)
    return [declared[name] for name in dict.fromkeys(names)] if names and not manifest.bundle else manifest.releases


def _refuse_options(target: str, options: Mapping[str, object], reason: str) -> None:
    used = [option for option, value in options.items() if value]
    if used:
        raise UsageError(
            f"{' and '.join(used)}: {target} {reason}",
            hint=f"Use a manifest with -e and PACKAGE, or {_VERSION_FORMAT} with --domain and --repository.",
        )
