"""What a plan says to a person before it is carried out: what will be sent, how much, and what it takes.

    for line in review_lines(Review(plan, rate=10.0)):
        print(line)

Lines stay below 80 columns as long as names do.
"""

from __future__ import annotations

import math

from .publishing import Action, Plan, PromotionSource, Review, Route

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def size_text(count: int) -> str:
    """Return a number of bytes as people read it: `1.5 MiB`."""
    size = float(count)
    for unit in _UNITS:
        if size < 1024 or unit == _UNITS[-1]:
            break
        size /= 1024
    return f"{count} {'byte' if count == 1 else 'bytes'}" if unit == "bytes" else f"{size:.1f} {unit}"


def part_text(count: int, total: int) -> str:
    """Return a part of a number of bytes, both in the unit of the whole: `2.8 of 9.4 MiB`."""
    number, unit = size_text(total).rsplit(" ", 1)
    if unit in ("byte", "bytes"):
        return f"{count} of {number} {unit}"
    return f"{count / 1024 ** _UNITS.index(unit):.1f} of {number} {unit}"


def count_text(count: int, noun: str) -> str:
    """Return a count with its noun: `1 asset`, `3 assets`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def seconds_text(seconds: float) -> str:
    """Return a time as people read it, rounded up to whole seconds: `14 s`, `2 min 5 s`, `1 h 3 min`."""
    whole = math.ceil(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def plan_text(plan: Plan) -> str:
    """Return what a plan will do, in a few words."""
    sends = f"{count_text(len(plan.expected_uploads), 'asset')}, {size_text(plan.upload_bytes)}"
    match plan.action:
        case Action.PUBLISH:
            verb = {Route.FILES: "publish", Route.COPY: "copy", Route.TRANSFER: "download, verify and publish"}
            return f"{verb[plan.route]} {sends}"
        case Action.RESUME:
            return f"resume: send {sends}; {len(plan.skipped_assets):,} already there"
        case Action.SET_STATUS:
            found = plan.remote.state.status if plan.remote else "?"
            there = f"{len(plan.skipped_assets):,} already there"
            return f"change the status from {found} to {plan.release.status}; {there}"
        case Action.REPLACE:
            then = "copy" if plan.copies else "publish"
            return f"REPLACE: delete what is published, then {then} {sends}"
        case Action.KEEP:
            return f"nothing to do: {count_text(len(plan.present), 'asset')} {plan.release.status} and unchanged"
        case Action.REFUSE:
            return "refused"


def review_lines(review: Review) -> list[str]:
    """Return what a plan will do, what that takes, what becomes published, and who approved it: a line each."""
    plan, promotion_source = review.plan, review.promotion_source
    first = plan_text(plan)
    if plan.action is Action.KEEP:
        first = f"adopt: {count_text(len(plan.present), 'asset')} {plan.release.status} already, with the same bytes"
    lines = [first, cost_text(review), plan.release.digest]
    if plan.action is Action.REPLACE and plan.remote:
        lines += [f"absent for a moment; gives up {plan.remote.digest}"]
    if promotion_source and (plan.expected_uploads or promotion_source.promotion.pin):
        lines += [source_text(promotion_source)]
    return lines


def cost_text(review: Review) -> str:
    """Return how many requests a plan takes, and how long at least."""
    requests = count_text(review.requests, "request")
    if not review.rate or not review.plan.publish_requests:
        return requests
    least = f"at least {seconds_text(review.min_seconds)}" if review.min_seconds else "no wait"
    return f"{requests}; {least} by the quota of {review.rate:g} uploads a second"


def source_text(promotion_source: PromotionSource) -> str:
    """Return where a promotion comes from, and who approved it."""
    source, pin = promotion_source.promotion.source, promotion_source.promotion.pin
    place = f"from {source.domain}/{source.repository}"
    return f"{place}, approved by {pin.where}" if pin else f"{place} as it is now, not pinned"
