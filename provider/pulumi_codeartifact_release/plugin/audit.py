"""The audit record of a version: digest, locations, time, caller and commit of its release.

    record = audit(inputs, state.revision, how="copied", caller=None, commit=commit_of(folder))
    outputs(inputs, state, record)

It is an output of a resource, not an input, so that a new commit or another caller is not a diff.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ..location import Location
from ..publishing import time_text
from .state import Inputs, PromotionInputs, same

_PLACE = tuple(name for name in Location.names if name != "profile")


def audit(
    inputs: Inputs,
    revision: str,
    *,
    how: str,
    caller: str | None,
    commit: str,
    forced: str | None = None,
    before: Mapping[str, Any] | None = None,
    now: datetime | None = None,
) -> dict[str, Any]:
    """Return the audit record of a change: texts, and mappings of texts, without the values that are unknown.

    Args:
        inputs: as state stores them.
        revision: of the destination after the change.
        how: published, copied, transferred, adopted, or status.
        caller: the ARN that STS returned, if it did.
        commit: of the manifest or the program; "" if it is unknown.
        forced: the operator's reason, if a soak was skipped.
        before: the outputs before the change. If digest and location are the same, their record is continued.
        now: for tests.
    """
    moment = {"at": time_text(now or datetime.now(UTC)), "by": caller, "commit": commit}
    earlier = (before or {}).get("audit")
    if before and earlier and same(before, inputs.properties(), (*_PLACE, "namespace", "package", "version", "digest")):
        change = _without_empty({**moment, "status": str(inputs.status)})
        return {**earlier, "revision": revision, "changed": change}
    properties = inputs.properties()
    record: dict[str, Any] = {
        "how": how,
        "version": inputs.version,
        "digest": properties["digest"],
        "revision": revision,
        "destination": _without_empty({name: properties.get(name) for name in _PLACE}),
        **moment,
    }
    if isinstance(inputs, PromotionInputs):
        source = inputs.source.properties()
        record["source"] = _without_empty({name: source.get(name) for name in (*_PLACE, "revision")})
    if forced:
        record["forced"] = {"reason": forced}
    return _without_empty(record)


def _without_empty(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}
