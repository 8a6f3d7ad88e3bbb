"""Describes a plan in lines of text, for the person who approves it.

    for line in review_lines(Review(plan, rate=10.0)):
        print(line)

Lines are shorter than 80 columns, unless names are long.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..publishing import Action, Plan, PreparedRelease, PromotionSource, Review, Route, total_reviews
from ..registry.interface import Asset
from .sizes import count_text, seconds_text, size_text

MAX_FILES = 20
"""How many files a review names."""
_NAME_WIDTH = 50


def plan_text(plan: Plan) -> str:
    """Return the action of a plan in a few words."""
    sends = f"{count_text(len(plan.expected_uploads), 'asset')}, {size_text(plan.upload_bytes)}"
    match plan.action:
        case Action.PUBLISH:
            verb = {Route.FILES: "publish", Route.COPY: "copy", Route.TRANSFER: "download, verify and publish"}
            return f"{verb[plan.route]} {sends}"
        case Action.RESUME:
            if not plan.expected_uploads:
                return f"publish {count_text(len(plan.present), 'asset')}, staged already"
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


def abandoned_lines(prepared: PreparedRelease) -> list[str]:
    """Return a line for each other version of a bundle that is staged and not published."""
    at = prepared.plan.release.at
    return [
        f"{replace(at, version=version)} is Unfinished: its release is running, or was abandoned. Complete it, or "
        "delete the bundle and what is Unfinished of its members: "
        f"{', '.join(member.name for member in members[:MAX_FILES])}{', …' * (len(members) > MAX_FILES)}"
        for version, members in prepared.abandoned.items()
    ]


def bundle_lines(prepared: PreparedRelease, rate: float | None) -> list[str]:
    """Return the lines of `review_lines` for a bundle: its totals, its digest, and its members.

    `rate` is the quota of uploads per second; None if it is not known.
    """
    reviews = [version.review(rate) for version in prepared.versions]
    total = total_reviews(reviews)
    members = f"bundle of {count_text(len(prepared.members), 'member')}"
    assets = f"{count_text(total.assets, 'asset')}, {size_text(total.size)}"
    send = f"{assets} to send; {total.skipped_assets:,} already there"
    lines = [f"{members}: {send}" if total.changes else f"{members}, already Published with the same bytes"]
    requests = count_text(total.requests, "request")
    if rate and total.min_seconds:
        requests += f"; at least {seconds_text(total.min_seconds)} by the quota of {rate:g} uploads a second"
    lines.append(requests)
    lines.append(prepared.plan.release.digest)
    if source := prepared.promotion_source:
        lines.append(source_text(source))
    shown = [f"{member.plan.release.at.name}: {plan_text(member.plan)}" for member in prepared.members[:MAX_FILES]]
    rest = len(prepared.members) - len(shown)
    more = [f"… and {count_text(rest, 'more member')}"] if rest else []
    return [*lines, *shown, *more, *abandoned_lines(prepared)]


def file_lines(assets: Sequence[Asset], most: int | None = MAX_FILES) -> list[str]:
    """Return a line for each of the first `most` assets, with its size, and the number of the others; None for all."""
    shown = assets[:most]
    width = min(max((len(asset.name) for asset in shown), default=0), _NAME_WIDTH)
    lines = [f"{asset.name:<{width}}  {size_text(asset.size)}" for asset in shown]
    rest = assets[len(shown) :]
    if rest:
        lines.append(f"… and {count_text(len(rest), 'more file')}, {size_text(sum(asset.size for asset in rest))}")
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
