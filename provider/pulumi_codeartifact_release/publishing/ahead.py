"""Publishing a version that is absent while its files are still being hashed: the first is sent as soon as it can be.

    for event in apply_ahead(outline, hashed, registry, ThreadScheduler()):
        display(event)

What is sent ahead is only ever Unfinished, like what a killed run leaves behind. `apply` has the last word: it lists
the version after the last hash, compares it with what is declared, and publishes at that revision only.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterable, Iterator
from dataclasses import replace

from ..registry.interface import Asset, Registry
from .apply import AMBIGUOUS, PARALLEL, apply, look
from .events import Event, Finished, Hashed, LookingAgain, Planned
from .plan import Release, make_plan, publishing_asset
from .scheduler import Emit, Scheduler
from .source import Source
from .upload import Uploader


def first_sent(outline: Release) -> Asset | None:
    """Return the asset that is sent first, and alone: a rival stops at it. None where nothing can be sent ahead."""
    last = publishing_asset(outline)
    return next((asset for asset in outline.assets if asset != last), None)


def apply_ahead(
    outline: Release,
    hashed: Iterable[tuple[str, Source]],
    registry: Registry,
    scheduler: Scheduler,
    *,
    give_up: str | None = None,
    parallel: int = PARALLEL,
) -> Iterator[Event]:
    """Make the registry hold the release that `outline` becomes; yield what happens, `Finished` last.

    `outline` has the names and sizes of all assets, and no hashes. `hashed` yields each by name as soon as its hash is
    known, `first_sent` first; it may block, and is asked from several threads, one at a time. Where the registry holds
    the version by now, nothing is sent before all files are hashed. Raises what `apply` raises, and what `hashed` does.
    """
    arriving = _Arriving(outline, hashed)
    uploader = Uploader(outline.at, arriving.sources, registry, scheduler)
    begun = False
    if look(registry, outline.at, scheduler) is None:
        yield Planned(make_plan(outline, None, give_up))
        begun = yield from _send(outline, arriving, uploader, scheduler, parallel)
    release = arriving.release()
    yield Hashed(release)
    ahead = {} if begun else dict(uploader.sent)
    for event in apply(
        release,
        arriving.sources,
        registry,
        scheduler,
        give_up=give_up,
        ahead=uploader if begun else None,
        parallel=parallel,
    ):
        if isinstance(event, Finished):
            yield replace(event, sent=tuple({**ahead, **{asset.name: asset for asset in event.sent}}.values()))
        else:
            yield event


def _send(
    outline: Release, arriving: _Arriving, uploader: Uploader, scheduler: Scheduler, parallel: int
) -> Generator[Event, None, bool]:
    """Send assets as they come; returns whether no answer left open what the registry holds."""
    last = publishing_asset(outline)
    failed = threading.Event()

    def job(emit: Emit) -> None:
        asset = arriving.next(unless=failed)
        if asset and last and asset.name == last.name:
            # It publishes, so it waits for all others; in its place comes the next one.
            asset = arriving.next(unless=failed)
        if asset and not failed.is_set():
            try:
                uploader.send(asset, unfinished=True, emit=emit)
            except BaseException:
                # Jobs have begun that wait for their hash: they need not send it any more.
                failed.set()
                raise

    jobs = [job] * (len(outline.assets) - (last is not None))
    try:
        # The first alone: a rival that declares other bytes gets its conflict here, before it has sent anything else.
        yield from scheduler.run(jobs[:1], limit=1)
        yield from scheduler.run(jobs[1:], limit=parallel)
    except AMBIGUOUS as error:
        yield LookingAgain(error.what)
        return False
    return True


class _Arriving:
    """Assets in the order in which their hashes become known.

    Attributes:
        sources: the content of those that came, by name.
    """

    def __init__(self, outline: Release, hashed: Iterable[tuple[str, Source]]) -> None:
        self.sources: dict[str, Source] = {}
        self._outline = outline
        self._hashed = iter(hashed)
        self._came: dict[str, Asset] = {}
        self._lock = threading.Lock()
        self._failure: BaseException | None = None

    def next(self, unless: threading.Event | None = None) -> Asset | None:
        """Return the next one; None after the last, or as soon as `unless` is set.

        What hashing raised is raised to everybody who asks.
        """
        with self._lock:
            if unless and unless.is_set():
                return None
            if self._failure:
                raise self._failure
            try:
                name, source = next(self._hashed)
            except StopIteration:
                return None
            except BaseException as error:
                self._failure = error
                raise
            self.sources[name] = source
            self._came[name] = Asset(name, source.size, source.sha256)
            return self._came[name]

    def release(self) -> Release:
        """Return what is declared, when all of it is hashed."""
        while self.next():
            pass
        return replace(self._outline, assets=tuple(self._came[asset.name] for asset in self._outline.assets))
