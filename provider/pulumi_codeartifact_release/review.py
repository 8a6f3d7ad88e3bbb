"""The lines of a plan for the person who approves it: what will be sent, and what it costs.

    for line in review_lines(Review(plan, rate=10.0)):
        print(line)

Lines have less than 80 columns, unless names are long.
"""

from __future__ import annotations

import math

from .publishing import Action, Plan, PromotionSource, Review, Route

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def size_text(count: int) -> str:
    """Return a size as text: `1.5 MiB`."""
    size = float(count)
    for unit in _UNITS:
        if size < 1024 or unit == _UNITS[-1]:
            break
        size /= 1024
    return f"{count} {'byte' if count == 1 else 'bytes'}" if unit == "bytes" else f"{size:.1f} {unit}"


def part_text(count: int, total: int) -> str:
    """Return a part of a size, both in the unit of the whole: `2.8 of 9.4 MiB`."""
    number, unit = size_text(total).rsplit(" ", 1)
    if unit in ("byte", "bytes"):
        return f"{count} of {number} {unit}"
    return f"{count / 1024 ** _UNITS.index(unit):.1f} of {number} {unit}"


def count_text(count: int, noun: str) -> str:
    """Return a count with its noun: `1 asset`, `3 assets`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def seconds_text(seconds: float) -> str:
    """Return a duration, rounded up to whole seconds: `14 s`, `2 min 5 s`, `1 h 3 min`."""
    whole = math.ceil(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def plan_text(plan: Plan) -> str:
    """Return the action of a plan in a few words."""
    sends = f"{count_text(len(plan.expected_uploads), 'asset')}, {size_text(plan.upload_bytes)}"
    match plan.action:
        case Action.PUBLISH:
            verb = {Route.FILES: "publish", Route.COPY: "copy", Route.TRANSFER: "download, verify and publish"}
            return f"{verb[plan.route]} {sends}"
        case Action.RESUME:
            return f"resume: send {sends}; {len(plan.skipped_assets):,} already there"
        case Action.SET_STATUS:
            status = plan.remote.state.status if plan.remote else "?"
            present = f"{len(plan.skipped_assets):,} already there"
            return f"change the status from {status} to {plan.release.status}; {present}"
        case Action.REPLACE:
            then = "copy" if plan.copies else "publish"
            return f"REPLACE: delete the published version, then {then} {sends}"
        case Action.KEEP:
            return f"nothing to do: {count_text(len(plan.present), 'asset')} {plan.release.status} and unchanged"
        case Action.REFUSE:
            return "refused"


def review_lines(review: Review) -> list[str]:
    """Return one line each: the action, the costs, the digest, and for a promotion the source and its approval."""
    plan, promotion_source = review.plan, review.promotion_source
    first = plan_text(plan)
    if plan.action is Action.KEEP:
        first = f"adopt: {count_text(len(plan.present), 'asset')} already {plan.release.status} with the same bytes"
    lines = [first, cost_text(review), plan.release.digest]
    if plan.action is Action.REPLACE and plan.remote:
        lines += [f"absent for a moment; deletes {plan.remote.digest}"]
    if promotion_source and (plan.expected_uploads or promotion_source.promotion.pin):
        lines += [source_text(promotion_source)]
    return lines


def cost_text(review: Review) -> str:
    """Return the number of requests and the minimum duration of a plan."""
    requests = count_text(review.requests, "request")
    if not review.rate or not review.plan.publish_requests:
        return requests
    least = f"at least {seconds_text(review.min_seconds)}" if review.min_seconds else "no wait"
    return f"{requests}; {least} by the quota of {review.rate:g} uploads a second"


def source_text(promotion_source: PromotionSource) -> str:
    """Return the source of a promotion, and where it was approved."""
    source, pin = promotion_source.promotion.source, promotion_source.promotion.pin
    place = f"from {source.domain}/{source.repository}"
    return f"{place}, approved by {pin.where}" if pin else f"{place} as it is now, not pinned"
