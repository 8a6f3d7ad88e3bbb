"""Compares the versions of one environment with their expected content, several in parallel.

checks = check(subjects, destination, StopSignal(), progress, download=True)
[check.outcome for check in checks]
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from ..errors import MismatchError, ReleaseError
from ..publishing import CircuitBreaker
from ..publishing.verify import Expectation, VerifyOutcome, VerifyResult, verify
from ..registry.interface import Coordinates
from .context import OpenEnvironment, StopSignal
from .in_parallel import in_parallel
from .reading_progress import ReadProgress


class Basis(StrEnum):
    """What the expected content comes from."""

    FILES = "files"
    PINS = "pins"
    ENVIRONMENT = "environment"
    """The environment that it is promoted from; it has no pin."""
    DIGEST = "digest"
    """A digest on the command line."""


@dataclass(frozen=True)
class Subject:
    """One version to check.

    Attributes:
        expected: returns the expected content. It may read another registry, and raise any ReleaseError.
    """

    at: Coordinates
    basis: Basis
    expected: Callable[[], Expectation]


@dataclass(frozen=True)
class CheckedVersion:
    """One version and the result of its check.

    Attributes:
        result: None if the version could not be read or there is nothing to compare it with.
        problem: why `result` is None or incomplete.
    """

    subject: Subject
    result: VerifyResult | None = None
    problem: ReleaseError | None = None

    @property
    def outcome(self) -> VerifyOutcome:
        """The outcome; UNKNOWN without a result."""
        return self.result.outcome if self.result else VerifyOutcome.UNKNOWN

    @property
    def exit_code(self) -> int:
        """0 if verified; 4 if different, missing or without an expectation; else the exit code of `problem`."""
        if self.outcome is VerifyOutcome.UNKNOWN:
            return self.problem.exit_code if self.problem else ReleaseError.exit_code
        return 0 if self.outcome is VerifyOutcome.VERIFIED else MismatchError.exit_code


def check(
    subjects: Sequence[Subject],
    destination: OpenEnvironment,
    stop: StopSignal,
    progress: ReadProgress,
    *,
    download: bool,
) -> tuple[CheckedVersion, ...]:
    """Check versions of one environment, several in parallel. The errors of a version are in its result."""
    checks = _Checks(destination, stop, progress, download=download)
    # After an interruption, `stop` ends running downloads within a MiB.
    return tuple(in_parallel(checks.check, subjects, on_end=stop.set))


class _Checks:
    """Checks versions in one environment, and stops reading a registry after an error that affects all versions."""

    def __init__(
        self, destination: OpenEnvironment, stop: StopSignal, progress: ReadProgress, *, download: bool
    ) -> None:
        self._destination = destination
        self._stop = stop
        self._progress = progress
        self._download = download
        self._breaker = CircuitBreaker()
        self._source_breaker = CircuitBreaker()

    def check(self, subject: Subject) -> CheckedVersion:
        """Check one version. Its errors are in the result."""
        reads_source = subject.basis is Basis.ENVIRONMENT
        if error := self._breaker.error or (self._source_breaker.error if reads_source else None):
            return CheckedVersion(subject, problem=error)
        try:
            expected = self._source_breaker.call(subject.expected) if reads_source else subject.expected()
            result = self._breaker.call(partial(self._verify, subject, expected))
        except ReleaseError as error:
            return CheckedVersion(subject, problem=error)
        return CheckedVersion(subject, result, result.problem and self._breaker.record(result.problem))

    def _verify(self, subject: Subject, expected: Expectation) -> VerifyResult:
        return verify(
            expected,
            # Reads a `file:` registry that does not exist as empty, and does not create it.
            self._destination.connection.planning,
            self._stop.scheduler,
            download=self._download,
            on_event=lambda event: self._progress.add(subject.at.name, event),
        )
