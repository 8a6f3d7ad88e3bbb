"""What a release's events say to a person: one line that changes while it runs, and one that stays at the end.

progress = Progress(release)
for event in apply(...):
    progress.add(event)
    show(progress.line())
"""

from __future__ import annotations

from .publishing import (
    Action,
    AssetProgress,
    AssetSent,
    AssetStarted,
    Copied,
    Event,
    Finished,
    Finishing,
    LookingAgain,
    Plan,
    Planned,
    Removed,
    Route,
    StatusSet,
)

_UNITS = ("bytes", "KiB", "MiB", "GiB", "TiB")


def size_text(count: int) -> str:
    """Return a number of bytes as people read it: `1.5 MiB`."""
    size = float(count)
    for unit in _UNITS:
        if size < 1024 or unit == _UNITS[-1]:
            break
        size /= 1024
    return f"{count} {'byte' if count == 1 else 'bytes'}" if unit == "bytes" else f"{size:.1f} {unit}"


def count_text(count: int, noun: str) -> str:
    """Return a count with its noun: `1 asset`, `3 assets`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def plan_text(plan: Plan) -> str:
    """Return what a plan will do, in a few words."""
    match plan.action:
        case Action.PUBLISH:
            verb = {Route.FILES: "publish", Route.COPY: "copy", Route.TRANSFER: "download, verify and publish"}
            return f"{verb[plan.route]} {count_text(len(plan.uploads), 'asset')}, {size_text(plan.upload_bytes)}"
        case Action.RESUME:
            return (
                f"resume: send {count_text(len(plan.uploads), 'asset')}, {size_text(plan.upload_bytes)}; "
                f"{len(plan.present)} already there"
            )
        case Action.SET_STATUS:
            found = plan.remote.state.status if plan.remote else "?"
            return f"change the status from {found} to {plan.release.status}"
        case Action.REPLACE:
            held = plan.remote.digest if plan.remote else "?"
            return (
                f"REPLACE what is published ({held}): it is deleted, and absent for a moment, then "
                f"{count_text(len(plan.uploads), 'asset')}, {size_text(plan.upload_bytes)}, are "
                f"{'copied' if plan.copies else 'published'}"
            )
        case Action.KEEP:
            return f"nothing to do: {count_text(len(plan.present), 'asset')} {plan.release.status} and unchanged"
        case Action.REFUSE:
            return "refused"


def review_text(plan: Plan, rate: float | None) -> str:
    """Return what a plan will do and what that takes; `rate` is the quota of uploads a second, None if not known."""
    if plan.action is Action.KEEP:
        return f"adopt: {count_text(len(plan.present), 'asset')} {plan.release.status} already, with the same bytes"
    text = f"{plan_text(plan)}; {count_text(plan.requests + plan.downloads, 'request')}"
    if plan.copies:
        return text
    # The quota's bucket holds one second's worth: that many go at once.
    least = (len(plan.uploads) - rate) / rate if rate else 0.0
    return f"{text}, at least {least:.0f} s by the quota" if least >= 1 else text


class Progress:
    """Follows the events of one release."""

    def __init__(self) -> None:
        self._plan: Plan | None = None
        self._sent_bytes: dict[str, int] = {}
        self._sent = 0
        self._phase = "looking at the registry"
        self._finished: Finished | None = None

    @property
    def bytes_sent(self) -> int:
        """Bytes on their way or there, of this run."""
        return sum(self._sent_bytes.values())

    def add(self, event: Event) -> None:
        """Take note of an event."""
        match event:
            case Planned(plan):
                self._plan = plan
                self._phase = "copying" if plan.copies else "publishing" if plan.uploads else plan_text(plan)
            case AssetStarted(asset):
                self._sent_bytes.setdefault(asset.name, 0)
            case AssetProgress(asset, sent):
                self._sent_bytes[asset.name] = sent
            case AssetSent(asset):
                self._sent_bytes[asset.name] = asset.size
                self._sent += 1
            case Copied():
                self._phase = "copied; comparing it with its source"
            case Finishing():
                self._phase = "making it Published"
            case Removed():
                self._phase = "what was published is deleted"
            case StatusSet(status):
                self._phase = f"now {status}"
            case LookingAgain():
                self._phase = "reading what the registry holds"
            case Finished():
                self._finished = event

    def line(self) -> str:
        """Return where the release stands."""
        if self._finished:
            return self._last_line(self._finished)
        if self._plan is None or not self._plan.uploads or self._phase != "publishing":
            return self._phase
        total = max(len(self._plan.uploads), self._sent)
        total_bytes = max(self._plan.upload_bytes, self.bytes_sent)
        return f"{self._sent}/{total} assets, {size_text(self.bytes_sent)} of {size_text(total_bytes)}"

    def _last_line(self, finished: Finished) -> str:
        if finished.copied:
            size = size_text(sum(asset.size for asset in finished.copied))
            return f"{finished.state.status}: copied {count_text(len(finished.copied), 'asset')}, {size}"
        if not finished.sent:
            return f"{finished.state.status}: every asset was there already"
        size = size_text(sum(asset.size for asset in finished.sent))
        there = len([asset for asset in self._plan.present if asset not in finished.sent]) if self._plan else 0
        already = f", {there} already there" if there else ""
        return f"{finished.state.status}: sent {count_text(len(finished.sent), 'asset')}, {size}{already}"
