"""One version after the other, several at once: what must be there, and what `verify` finds.

checked = check(subjects, site, Stop(), reading, download=True)
[each.result for each in checked]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from ..errors import MismatchError, ReleaseError
from ..publishing import CircuitBreaker, ThreadScheduler
from ..publishing.verify import Expected, VerifyOutcome, VerifyResult, verify
from ..registry.interface import Coordinates
from .concurrency import in_parallel
from .context import Site, Stop
from .progress import Reading


class Basis(StrEnum):
    """Who says what must be there."""

    FILES = "files"
    PINS = "pins"
    ENVIRONMENT = "environment"
    """The environment that it is promoted from, without a pin."""
    DIGEST = "digest"
    """The command line."""


@dataclass(frozen=True)
class Subject:
    """One version to check.

    Attributes:
        expected: says what must be there; may ask another registry, and raise any ReleaseError.
    """

    at: Coordinates
    basis: Basis
    expected: Callable[[], Expected]


@dataclass(frozen=True)
class Checked:
    """One version, and what was found.

    Attributes:
        verdict: None if nothing could be read, or nothing says what must be there: `problem` says why.
    """

    subject: Subject
    verdict: VerifyResult | None = None
    problem: ReleaseError | None = None

    @property
    def result(self) -> VerifyOutcome:
        """What it comes to."""
        return self.verdict.outcome if self.verdict else VerifyOutcome.UNKNOWN

    @property
    def exit_code(self) -> int:
        """0 verified; 4 it is not what it must be, or nothing says what it must be; else why it could not be read."""
        if self.result is VerifyOutcome.UNKNOWN:
            return self.problem.exit_code if self.problem else ReleaseError.exit_code
        return 0 if self.result is VerifyOutcome.VERIFIED else MismatchError.exit_code


def check(
    subjects: Sequence[Subject], site: Site, stop: Stop, reading: Reading, *, download: bool
) -> tuple[Checked, ...]:
    """Check versions of one environment, several at once; what goes wrong with one is part of its answer."""
    checks = _Checks(site, stop, reading, download=download)
    # Downloads under way stop at their next MiB.
    return tuple(in_parallel(checks.check, subjects, on_end=stop.set))


class _Checks:
    """One registry, and the one before it; each asked no more once it cannot be asked at all."""

    def __init__(self, site: Site, stop: Stop, reading: Reading, *, download: bool) -> None:
        self._site = site
        self._stop = stop
        self._reading = reading
        self._download = download
        self._here = CircuitBreaker()
        self._before = CircuitBreaker()

    def check(self, subject: Subject) -> Checked:
        """Check one version; what goes wrong is part of the answer."""
        asks_before = subject.basis is Basis.ENVIRONMENT
        if known := self._here.error or (self._before.error if asks_before else None):
            return Checked(subject, problem=known)
        try:
            expected = self._before.call(subject.expected) if asks_before else subject.expected()
            verdict = self._here.call(lambda: self._verify(subject, expected))
        except ReleaseError as error:
            return Checked(subject, problem=error)
        return Checked(subject, verdict, verdict.problem and self._here.record(verdict.problem))

    def _verify(self, subject: Subject, expected: Expected) -> VerifyResult:
        return verify(
            expected,
            # A `file:` registry that nobody has released to reads as empty, and is not made.
            self._site.connection.planning,
            ThreadScheduler(self._stop.reason),
            download=self._download,
            on_event=lambda event: self._reading.add(subject.at.name, event),
        )
