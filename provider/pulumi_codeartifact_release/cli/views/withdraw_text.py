"""What `withdraw` prints: the versions and who else holds them, the result, and JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from ...errors import printable
from ..partial_bundles import partial_text
from .status_text import minute_text, problem_json, problem_text

if TYPE_CHECKING:
    from ...registry.interface import Status
    from ..withdraw import Subject, Withdrawal


def plan_lines(withdrawal: Withdrawal) -> Iterator[str]:
    """Yield what will change, who else holds the versions, and the change of the manifest."""
    envs = {subject.env.header: subject.env for subject in withdrawal.subjects}
    yield from envs
    yield ""
    for subject in withdrawal.subjects:
        yield from _subject_lines(subject)
    if withdrawal.spared:
        yield ""
        yield "Members that stay as they are:"
        yield from (
            printable(f"  {each.version} in {each.environment.location}: {each.reason}") for each in withdrawal.spared
        )
    for bundle in withdrawal.partial:
        yield ""
        yield click.style(printable(f"warning: {partial_text(bundle)}"), fg="yellow")
    held = [each for each in withdrawal.others if each.status]
    unread = [each for each in withdrawal.others if each.problem]
    if held:
        yield ""
        yield "Other environments hold it, and stay as they are:"
        yield from (printable(f"  {each.environment}: {each.version} is {each.status}") for each in held)
    for each in unread:
        problem = problem_text(each.problem) if each.problem else ""
        yield printable(f"warning: {each.environment} may hold {each.version}, but was not read: {problem}")
    edit = withdrawal.manifest_edit
    if edit and edit.diff:
        yield ""
        yield edit.diff.rstrip("\n")
    yield ""


def _subject_lines(subject: Subject) -> Iterator[str]:
    state, target = subject.remote.state, subject.change.target
    change = f"{state.status} already" if state.status is target else f"{state.status} -> {target}"
    since = f", since {minute_text(state.published_time)}" if state.published_time else ""
    member = f" (member of {subject.bundle})" if subject.bundle else ""
    yield printable(f"  {subject.at}{member}: {change}{since}")
    yield printable(f"    {subject.remote.digest}")
    yield printable(f"    revision {state.revision}")


def result_lines(withdrawal: Withdrawal, states: Sequence[Status]) -> Iterator[str]:
    """Yield the new status of every version, and what to do with the manifest."""
    for subject, status in zip(withdrawal.subjects, states, strict=True):
        yield printable(f"{subject.at}: {status}")
    if withdrawal.manifest_edit:
        change = "no longer refuses" if withdrawal.options.restores else "refuses"
        yield printable(f"{withdrawal.manifest} {change} it: commit the file, so that this holds for every run")


def entry_lines(withdrawal: Withdrawal) -> Iterator[str]:
    """Yield the entries for the manifest, if they were not written."""
    if withdrawal.manifest_edit:
        return
    where = withdrawal.manifest or "the manifest"
    if withdrawal.options.restores:
        yield printable(f"Remove from `withdrawn` in {where}: {', '.join(withdrawal.entries)}")
        return
    yield printable(f"Add to {where}, or the next release publishes it again:")
    yield ""
    yield "withdrawn:"
    for name, entry in withdrawal.entries.items():
        # JSON texts are YAML texts.
        texts = [f"{key}: {_yaml_text(value)}" for key, value in (entry or {}).items()]
        yield printable(f"  {_yaml_text(name)}: {{{', '.join(texts)}}}")


def _yaml_text(text: str) -> str:
    return json.dumps(text.replace("$", "$$") if "$" in text else text, ensure_ascii=False)


def result_json(withdrawal: Withdrawal, states: Sequence[Status]) -> dict[str, Any]:
    """Return the result as JSON values; `codeartifact-release schema withdraw` describes them."""
    return {
        "schemaVersion": 1,
        "manifest": str(withdrawal.manifest) if withdrawal.manifest else None,
        "written": withdrawal.manifest_edit is not None,
        "versions": [
            {
                "environment": subject.env.environment.name if withdrawal.manifest else None,
                "domain": subject.at.domain,
                "repository": subject.at.repository,
                "namespace": subject.at.namespace,
                "package": subject.at.package,
                "version": subject.at.version,
                "bundle": subject.bundle or None,
                "digest": subject.remote.digest,
                "previousStatus": str(subject.remote.state.status),
                "status": str(status),
            }
            for subject, status in zip(withdrawal.subjects, states, strict=True)
        ],
        "spared": [
            {"repository": each.environment.location.repository, "version": each.version, "reason": each.reason}
            for each in withdrawal.spared
        ],
        "partialBundles": [
            {
                "repository": each.environment.location.repository,
                "bundle": each.bundle,
                "members": list(each.members),
            }
            for each in withdrawal.partial
        ],
        "others": [
            {
                "environment": each.environment,
                "version": each.version,
                "status": str(each.status) if each.status else None,
                "problem": problem_json(each.problem) if each.problem else None,
            }
            for each in withdrawal.others
        ],
        "withdrawn": withdrawal.entries,
    }
