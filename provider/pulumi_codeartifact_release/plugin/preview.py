"""Plans the change of one resource, and shows the plan beside the resource. Writes nothing.

prepared = prepare_change(context, pending, prepare_release)    # in check(), for a promotion
preview(context, olds, inputs)                              # in a preview, after check()
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from ..errors import ReleaseError, UnreachableError
from ..publishing import Action, PreparedRelease, ThreadScheduler, each_in_threads, prepare, raise_refusals
from ..remedies import Need
from ..text.plan import MAX_FILES, bundle_lines, file_lines, review_lines
from .declaration import AbsentContent
from .deploy import connector, redact_remote
from .run_context import PendingChange, RunContext
from .state import DECISIVE, REQUIRED, Inputs, same

Props = Mapping[str, Any]
_PreparedRelease = TypeVar("_PreparedRelease", PreparedRelease, PreparedRelease | None)


prepare_release = partial(prepare, each=each_in_threads)
"""`publishing.prepare`, which reads the members of a bundle in parallel."""


def prepare_change(
    context: RunContext, pending: PendingChange, prepare: Callable[..., _PreparedRelease]
) -> _PreparedRelease:
    """Call `prepare_release` or `prepare_again`. The repository may be missing if this program creates it."""
    on_missing = None if pending.repository_exists else partial(_warn, context, pending, "does not exist yet")
    scheduler = ThreadScheduler(context.stop_reason)
    prepared = prepare(pending.request, connector(context), scheduler, on_missing=on_missing)
    if prepared:
        redact_remote(prepared.plan.remote, pending.secret)
    return prepared


def preview(context: RunContext, olds: Props, inputs: Inputs) -> None:
    """Show the plan of a change, unless a PackageVersion is unchanged. Raises RefusedError if the plan is a refusal.

    An unreachable registry is a warning: an update may reach it.
    """
    pending = context.recall(inputs)
    prepared = pending.prepared
    if prepared is None:
        # Rule 7: an unchanged version is not read.
        if same(olds, inputs.properties(), DECISIVE):
            return
        try:
            prepared = prepare_change(context, pending, prepare_release)
        except UnreachableError as error:
            _warn(context, pending, "the published version could not be read", error)
            return
    _show(context, olds, inputs, pending, prepared)


def _show(context: RunContext, olds: Props, inputs: Inputs, pending: PendingChange, prepared: PreparedRelease) -> None:
    plan = prepared.plan
    raise_refusals(prepared)
    for content in (prepared.contents.get(asset.name) for asset in plan.uploads):
        if isinstance(content, AbsentContent):
            content.open()
    log, urn = context.log, pending.urn
    rate = connector(context)(inputs.location).rate
    first, *more = bundle_lines(prepared, rate) if prepared.members else review_lines(prepared.review(rate))
    has_state = all(olds.get(name) for name in REQUIRED)
    # Without state there are no checksums that the engine could compare.
    shows_files = plan.publishes_files and not has_state and not prepared.members
    files = file_lines(plan.release.assets) if shows_files else []
    if len(plan.release.assets) > MAX_FILES:
        how = pending.front(Need("all")) or " (`pulumi preview --diff` has all, in `checksums`)"
        files[-1:] = [line + how for line in files[-1:]]
    text = "\n  ".join([f"{inputs.id}@{inputs.version}: {first}", *more, *(f"  {line}" for line in files)])
    replaces = any(version.plan.action is Action.REPLACE for version in prepared.versions)
    (log.warn if replaces else log.info)(urn, text)
    if has_state and inputs.on_supersede.acts and not same(olds, inputs.properties(), REQUIRED):
        log.info(urn, f"{Inputs.of(olds).coordinates}, the previous version: {inputs.on_supersede}")
    if prepared.forced:
        log.warn(urn, f"the soak is skipped by force: {pending.reason}")


def _warn(context: RunContext, pending: PendingChange, reason: str, error: ReleaseError) -> None:
    error.front = pending.front
    context.log.warn(pending.urn, f"{reason}: {error.full_text}")
