"""What went where, when, by whom, from which commit: kept in the outputs of a resource, never in its inputs.

    told = trail(inputs, state.revision, how="copied", caller=None, commit=commit_of(folder))
    outputs(inputs, state, told)

As an input, every commit and every caller would be a diff.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from .publishing import time_text
from .state import Inputs, PromotionInputs, same

_PLACE = ("domain", "domain_owner", "repository", "region", "endpoint")


def trail(
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
    """Return the trail of a change: texts, and mappings of texts; what is not known is left out.

    Args:
        inputs: as they are stored.
        revision: of the destination, afterwards.
        how: published, copied, transferred, adopted, or status.
        caller: the ARN, as far as STS told it.
        commit: of the manifest or program; "" where it is not known.
        forced: the operator's reason, if a soak was skipped.
        before: the outputs from before: as long as the same bytes stay where they are, their trail goes on.
        now: for tests.
    """
    moment = {"at": time_text(now or datetime.now(UTC)), "by": caller, "commit": commit}
    known = (before or {}).get("trail")
    if before and known and same(before, inputs.properties(), (*_PLACE, "namespace", "package", "version", "digest")):
        change = _known({**moment, "status": str(inputs.status)})
        return {**known, "revision": revision, "changed": change}
    properties = inputs.properties()
    told: dict[str, Any] = {
        "how": how,
        "version": inputs.version,
        "digest": properties["digest"],
        "revision": revision,
        "destination": _known({name: properties.get(name) for name in _PLACE}),
        **moment,
    }
    if isinstance(inputs, PromotionInputs):
        source = inputs.source.properties()
        told["source"] = _known({name: source.get(name) for name in (*_PLACE, "revision")})
    if forced:
        told["forced"] = {"reason": forced}
    return _known(told)


def _known(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}
