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
from ..publishing.bundle import BundleMember
from ..publishing.bundle_check import member_at
from ..publishing.download_asset import DOWNLOADABLE
from ..publishing.read_bundle import read_bundle
from ..publishing.verify import Expectation, ExpectedDigest, VerifyOutcome, VerifyResult, verify
from ..registry.interface import Coordinates, Status
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
    BUNDLE = "bundle"
    """The bundle that it is a member of."""


@dataclass(frozen=True)
class Subject:
    """One version to check.

    Attributes:
        expected: returns the expected content. It may read another registry, and raise any ReleaseError.
        bundle: the bundle that it is a member of, as `namespace/package@version`; None if it is no member.
    """

    at: Coordinates
    basis: Basis
    expected: Callable[[], Expectation]
    bundle: str | None = None


@dataclass(frozen=True)
class CheckedVersion:
    """One version and the result of its check.

    Attributes:
        result: None if the version could not be read or there is nothing to compare it with.
        problem: why `result` is None or incomplete.
        members: of a bundle that is as expected, if they are not subjects already.
    """

    subject: Subject
    result: VerifyResult | None = None
    problem: ReleaseError | None = None
    members: tuple[BundleMember, ...] = ()

    @property
    def outcome(self) -> VerifyOutcome:
        """The outcome; UNKNOWN without a result, or if the members of a bundle could not be read."""
        outcome = self.result.outcome if self.result else VerifyOutcome.UNKNOWN
        return VerifyOutcome.UNKNOWN if outcome is VerifyOutcome.VERIFIED and self.problem else outcome

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
    guard: Callable[[Subject], Subject] = lambda subject: subject,
) -> tuple[CheckedVersion, ...]:
    """Check versions of one environment, several in parallel. The errors of a version are in its result.

    The members of a bundle are checked, too, and follow it. `guard` returns the subject to check in place of another.
    """
    checks = _Checks(destination, stop, progress, download=download)

    def check_all(subjects: Sequence[Subject]) -> list[CheckedVersion]:
        # After an interruption, `stop` ends running downloads within a MiB.
        return in_parallel(checks.check, [guard(subject) for subject in subjects], on_end=stop.set)

    first = check_all(subjects)
    members = {id(bundle): [_member_subject(bundle, member) for member in bundle.members] for bundle in first}
    rest = iter(check_all([subject for group in members.values() for subject in group]))
    return tuple(
        version for bundle in first for version in (bundle, *(next(rest) for _ in range(len(members[id(bundle)]))))
    )


def _member_subject(bundle: CheckedVersion, member: BundleMember) -> Subject:
    at = member_at(bundle.subject.at, member)
    expected = partial(ExpectedDigest, at, member.digest, Status.PUBLISHED)
    return Subject(at, Basis.BUNDLE, expected, bundle.subject.at.name)


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
        try:
            members = self._breaker.call(partial(self._members, subject, result))
        except ReleaseError as error:
            return CheckedVersion(subject, result, error)
        return CheckedVersion(subject, result, result.problem and self._breaker.record(result.problem), members)

    def _members(self, subject: Subject, result: VerifyResult) -> tuple[BundleMember, ...]:
        """Return the members of a bundle; none if it is not as expected, or if its members are subjects already."""
        remote = result.remote
        if remote is None or remote.digest != result.expected.digest or remote.state.status not in DOWNLOADABLE:
            return ()
        if subject.basis in (Basis.FILES, Basis.BUNDLE):
            return ()
        return read_bundle(self._destination.connection.planning, subject.at, remote.assets) or ()

    def _verify(self, subject: Subject, expected: Expectation) -> VerifyResult:
        return verify(
            expected,
            # Reads a `file:` registry that does not exist as empty, and does not create it.
            self._destination.connection.planning,
            self._stop.scheduler,
            download=self._download,
            on_event=lambda event: self._progress.add(subject.at.name, event),
        )
