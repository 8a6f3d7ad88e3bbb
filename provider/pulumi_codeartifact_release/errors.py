"""Every error this package raises, in one tree.

An error says what happened, where, and what to do next, in text that stands alone: the command line and the
Pulumi display print nothing else (`--verbose` shows the traceback).

    try:
        ...
    except ReleaseError as error:
        print(error.coded)
        raise SystemExit(error.exit_code)

Exit codes are part of the public interface: 1 it failed, trying again may help; 2 something has to be corrected first
(usage, manifest, credentials, permissions, a missing domain); 4 refused, trying again will not help; 130 interrupted.
Of several errors the highest counts: what can be tried again must wait for what has to be corrected.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from .remedies import Need, command_line, spoken

# Every start of the command line waits for this module: what is cheap to write may be dear to import.
if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from .remedies import Front, Text


def printable(text: str) -> str:
    """Return text that is safe in a terminal, a log and a CI job, whoever chose the names in it.

    Control characters are spelled out; what a CI runner would take for a command (`::error::` where a line begins,
    `##[…]` and `##vso[…]` anywhere) is none any more.
    """
    spelled = text
    if not text.isprintable():
        spelled = "".join(c if c == "\n" or c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    spelled = re.sub(r"##(?=\[|vso)", r"#\\#", spelled, flags=re.IGNORECASE)
    return re.sub(r"^(\s*)(::|##)", r"\1\\\2", spelled, flags=re.MULTILINE)


class ReleaseError(Exception):
    """Base of the tree: it failed, and trying again may help.

    Attributes:
        front: says what is needed in the words of where the error is printed.
    """

    code: ClassVar[str] = "failed"
    """A short stable name, printed before the message and found in the documentation."""
    exit_code: ClassVar[int] = 1

    def __init__(self, what: Text, *, hint: Text = "") -> None:
        super().__init__(what)
        self._what = what
        self._hint = hint
        self.front: Front = command_line

    @property
    def what(self) -> str:
        """One sentence, or a small block of lines: what happened and where."""
        return printable(spoken(self._what, self.front))

    @what.setter
    def what(self, text: str) -> None:
        self._what = text

    @property
    def hint(self) -> str:
        """What to do next, one sentence; empty where `what` already says it."""
        return printable(spoken(self._hint, self.front))

    def __str__(self) -> str:
        return f"{self.what}\n{self.hint}" if self.hint else self.what

    @property
    def coded(self) -> str:
        """The text with the code before it, `conflict: …`: for displays that print nothing of ours but a text."""
        return f"{self.code}: {self}"


# --- what was asked for is wrong: exit code 2 ----------------------------------------------------------------


class UsageError(ReleaseError):
    """A flag, a stack setting or an argument is wrong."""

    code = "usage"
    exit_code = 2


class NoRegionError(UsageError):
    """Nothing names an AWS region."""

    code = "no-region"

    def __init__(self) -> None:
        super().__init__(
            "no AWS region is set",
            hint=("Set ", Need("region"), "."),
        )


class WrongRegionError(UsageError):
    """What is named as a region is none, or has no CodeArtifact."""

    code = "wrong-region"


class Problem(NamedTuple):
    """One mistake in a manifest.

    Attributes:
        line: 1-based line in the manifest; 0 where no line can be named.
        column: 1-based column; 0 where none can be named.
        key: where in the document, as a person would write it: `packages[0].assets[1].count`.
        message: what is wrong and what would be right.
        more: for a line that stands for mistakes like those before it: how many; 0 for a mistake.
    """

    line: int
    column: int
    key: str
    message: str
    more: int = 0


class ManifestError(UsageError):
    """A manifest cannot be used. Holds all of its mistakes, in the order of the document."""

    code = "manifest"

    def __init__(self, path: Path | str, problems: Iterable[Problem]) -> None:
        self.path = str(path)
        self.problems = tuple(sorted(set(problems), key=_place))
        super().__init__("\n".join(self._line(problem) for problem in self.problems))

    @property
    def coded(self) -> str:
        """The text below a line with the code: every mistake keeps its place at the beginning of its own line."""
        return f"{self.code}: {self.mistakes} in {printable(self.path)}\n{self}"

    @property
    def mistakes(self) -> str:
        """How many there are: `1 mistake`, `16 mistakes`."""
        count = sum(problem.more or 1 for problem in self.problems)
        return f"{count} mistake{'s' * (count != 1)}"

    def _line(self, problem: Problem) -> str:
        where = self.path
        if problem.line:
            where += f":{problem.line}:{problem.column}"
        return f"{where}: {problem.key}: {problem.message}" if problem.key else f"{where}: {problem.message}"


def _place(problem: Problem) -> tuple[object, ...]:
    # What stands for more of them comes after those that it continues.
    return (*problem[:3], problem.more, problem.message)


# --- files on this machine -----------------------------------------------------------------------------------


class FileError(ReleaseError):
    """A declared file cannot be read."""

    code = "file"


class FileChangedError(FileError):
    """A file is not the one that was hashed: the release stops, and nothing becomes Published."""

    code = "file-changed"


# --- what the registry answers -------------------------------------------------------------------------------


class RegistryError(ReleaseError):
    """The registry answered with an error."""

    code = "registry"


class UnreachableError(RegistryError):
    """No answer came: name resolution, connection, TLS, time-out, or a connection that broke."""

    code = "unreachable"


class ServerFaultError(RegistryError):
    """The registry failed by its own account (5xx), and asking again did not help."""

    code = "server-fault"


class InconsistentReadError(RegistryError):
    """What the registry holds could not be read as one consistent state."""

    code = "inconsistent-read"


class NoCredentialsError(RegistryError):
    """The credential chain found nothing."""

    code = "no-credentials"
    exit_code = 2


class ExpiredCredentialsError(RegistryError):
    """The session's token has expired."""

    code = "expired-credentials"
    exit_code = 2


class AccessDeniedError(RegistryError):
    """The caller may not do this."""

    code = "access-denied"
    exit_code = 2


class ThrottledError(RegistryError):
    """The quota of requests is used up, and waiting for it did not help."""

    code = "throttled"


class QuotaExceededError(RegistryError):
    """More, or larger, than the account's quota allows: trying again will not help."""

    code = "quota-exceeded"
    exit_code = 4


class InvalidRequestError(RegistryError):
    """The registry refused a request as malformed: a name, or a body that is not its hash."""

    code = "invalid-request"
    exit_code = 2


class MissingDomainError(RegistryError):
    """The domain does not exist (or its owner is another account)."""

    code = "missing-domain"
    exit_code = 2


class MissingRepositoryError(RegistryError):
    """The repository does not exist in the domain."""

    code = "missing-repository"
    exit_code = 2


class VersionNotFoundError(RegistryError):
    """The package version, or the package, does not exist: the one error that means "nothing there"."""

    code = "version-not-found"


class RegistryConflictError(RegistryError):
    """The registry refused a write because of what it already holds (409): read again to learn what."""

    code = "registry-conflict"


class StatusRefusedError(RegistryError):
    """A change of status failed for this version, in an answer that was otherwise fine.

    Attributes:
        reason: the service's own word: MISMATCHED_REVISION, MISMATCHED_STATUS, NOT_FOUND, NOT_ALLOWED, SKIPPED.
    """

    code = "status-refused"

    def __init__(self, what: Text, *, reason: str, hint: Text = "") -> None:
        super().__init__(what, hint=hint)
        self.reason = reason


# --- refused: trying again will not help, exit code 4 ----------------------------------------------------------


class RefusedError(ReleaseError):
    """What is asked for contradicts what is published."""

    code = "refused"
    exit_code = 4


class ConflictError(RefusedError):
    """A published version holds other bytes, or other assets, than the manifest declares."""

    code = "conflict"


class GateError(RefusedError):
    """A version may not be promoted, or not yet: not Published in the environment before, or not for long enough."""

    code = "gate"


class PinError(RefusedError):
    """A promotion's source does not hold what was approved, or nothing was approved where `pinned` asks for it."""

    code = "pin"


class LeftoverAssetsError(RefusedError):
    """An Unfinished version holds assets that the manifest does not declare, or with other bytes."""

    code = "leftover-assets"


class DisposedError(RefusedError):
    """The version was disposed of. Its bytes are gone, and the name cannot be published while it stands."""

    code = "disposed"


class NotPermittedError(RefusedError):
    """Deletion or disposal that the operator of this run has not permitted."""

    code = "not-permitted"


class ChangedError(RefusedError):
    """The version is not the one that state knows: somebody changed it since."""

    code = "changed"


class MismatchError(RefusedError):
    """What the registry holds is not what is declared, or was approved: `verify` found it."""

    code = "mismatch"


class StalePlanError(RefusedError):
    """An approved plan is not what would happen now, has expired, or is no plan."""

    code = "stale-plan"


class InterruptedReleaseError(ReleaseError):
    """Somebody, or the end of the engine, stopped the release between two assets."""

    code = "interrupted"
    exit_code = 130


def gravest(errors: Iterable[ReleaseError]) -> int:
    """Return the exit code for several errors: the highest of theirs, 0 where there are none."""
    return max((error.exit_code for error in errors), default=0)
