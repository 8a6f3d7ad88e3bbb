"""The exceptions of this package, in one tree.

The text of an error says what happened, where, and what to do next. The command line and Pulumi print this text and
nothing else; `--verbose` adds the traceback.

    try:
        ...
    except ReleaseError as error:
        print(error.full_text)
        raise SystemExit(error.exit_code)

Exit codes are part of the public interface:

1    it failed; trying again may help
2    something must be corrected first: usage, manifest, credentials, permissions, a missing domain
4    refused; trying again will not help
130  interrupted

If there are several errors, the highest code is returned: do not retry while something must be corrected.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from .remedies import Need, command_line, render

# Every command imports this module, so it imports as little as possible.
if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from .remedies import Front, Text


def printable(text: str) -> str:
    """Return the text so that it is safe in a terminal, a log and a CI job, even with names from an untrusted manifest.

    Escapes control characters, and what a CI runner would execute as a command: `::error::` at the beginning of a line,
    `##[…]` and `##vso[…]` anywhere.
    """
    if not text.isprintable():
        text = "".join(c if c == "\n" or c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    text = re.sub(r"##(?=\[|vso)", r"#\\#", text, flags=re.IGNORECASE)
    return re.sub(r"^(\s*)(::|##)", r"\1\\\2", text, flags=re.MULTILINE)


class ReleaseError(Exception):
    """The base class. On its own: it failed, and trying again may help.

    Attributes:
        front: words each `Need` in the text, for where the error is printed; the command line by default.
    """

    code: ClassVar[str] = "failed"
    """A short stable name, printed before the message. It has a section in docs/troubleshooting.md."""
    exit_code: ClassVar[int] = 1

    def __init__(self, message: Text, *, hint: Text = "") -> None:
        super().__init__(message)
        self._message = message
        self._hint = hint
        self.front: Front = command_line

    @property
    def message(self) -> str:
        """What happened and where: one sentence, or a few lines."""
        return printable(render(self._message, self.front))

    @message.setter
    def message(self, text: str) -> None:
        self._message = text

    @property
    def hint(self) -> str:
        """What to do next, in one sentence; empty if `message` already says it."""
        return printable(render(self._hint, self.front))

    def __str__(self) -> str:
        return f"{self.message}\n{self.hint}" if self.hint else self.message

    @property
    def full_text(self) -> str:
        """The whole text after its code: `conflict: acme/app@1.0 …`."""
        return f"{self.code}: {self}"


# --- incorrect usage: exit code 2 ----------------------------------------------------------------------------


class UsageError(ReleaseError):
    """An option, a stack setting or an argument is wrong."""

    code = "usage"
    exit_code = 2


class NoRegionError(UsageError):
    """No AWS region is set."""

    code = "no-region"

    def __init__(self) -> None:
        super().__init__(
            "no AWS region is set",
            hint=("Set ", Need("region"), "."),
        )


class WrongRegionError(UsageError):
    """The region does not exist, or CodeArtifact is not available in it."""

    code = "wrong-region"


class Problem(NamedTuple):
    """One mistake in a manifest.

    Attributes:
        line: 1-based line in the manifest; 0 if it has none.
        column: 1-based column; 0 if it has none.
        key: path in the document, such as `packages[0].assets[1].count`; "" if it has none.
        message: what is wrong and how to correct it.
        more: number of mistakes that this line summarizes ("and 7 more like these"); 0 for a single mistake.
    """

    line: int
    column: int
    key: str
    message: str
    more: int = 0


class ManifestError(UsageError):
    """A manifest is invalid. `problems` has all of its mistakes, in the order of the document."""

    code = "manifest"

    def __init__(self, path: Path | str, problems: Iterable[Problem]) -> None:
        self.path = str(path)
        self.problems = tuple(sorted(set(problems), key=_document_order))
        super().__init__("\n".join(self._line(problem) for problem in self.problems))

    @property
    def full_text(self) -> str:
        """A line with the code and the number of mistakes, then one line per mistake."""
        return f"{self.code}: {self.count_text} in {printable(self.path)}\n{self}"

    @property
    def count_text(self) -> str:
        """The number of mistakes as text: `1 mistake`, `16 mistakes`."""
        count = sum(problem.more or 1 for problem in self.problems)
        return f"{count} mistake{'s' * (count != 1)}"

    def _line(self, problem: Problem) -> str:
        where = self.path
        if problem.line:
            where += f":{problem.line}:{problem.column}"
        return f"{where}: {problem.key}: {problem.message}" if problem.key else f"{where}: {problem.message}"


def _document_order(problem: Problem) -> tuple[object, ...]:
    # A line such as "and 7 more like these" follows the mistakes that it continues.
    return (*problem[:3], problem.more, problem.message)


# --- files on this machine -----------------------------------------------------------------------------------


class FileError(ReleaseError):
    """A declared file cannot be read."""

    code = "file"


class FileChangedError(FileError):
    """A file has changed since it was hashed. The release stops, and nothing is published."""

    code = "file-changed"


# --- errors of the registry ----------------------------------------------------------------------------------


class RegistryError(ReleaseError):
    """The registry responded with an error."""

    code = "registry"


class UnreachableError(RegistryError):
    """The registry did not respond: name resolution, connection, TLS, timeout, or a broken connection."""

    code = "unreachable"


class ServerFaultError(RegistryError):
    """The registry responded with a 5xx status, and the retries failed too."""

    code = "server-fault"


class InconsistentReadError(RegistryError):
    """The version kept changing while it was read, so there is no consistent state to compare with."""

    code = "inconsistent-read"


class NoCredentialsError(RegistryError):
    """The AWS credential chain has no credentials."""

    code = "no-credentials"
    exit_code = 2


class ExpiredCredentialsError(RegistryError):
    """The session token has expired."""

    code = "expired-credentials"
    exit_code = 2


class AccessDeniedError(RegistryError):
    """The caller has no permission for this operation."""

    code = "access-denied"
    exit_code = 2


class ThrottledError(RegistryError):
    """Requests are still throttled after all retries."""

    code = "throttled"


class QuotaExceededError(RegistryError):
    """A quota of the account (number or size, not rate) is exceeded. Trying again will not help."""

    code = "quota-exceeded"
    exit_code = 4


class InvalidRequestError(RegistryError):
    """The registry rejected a request as invalid: a name, or a body that does not match its hash."""

    code = "invalid-request"
    exit_code = 2


class MissingDomainError(RegistryError):
    """The domain does not exist, or another account owns it."""

    code = "missing-domain"
    exit_code = 2


class MissingRepositoryError(RegistryError):
    """The repository does not exist in the domain."""

    code = "missing-repository"
    exit_code = 2


class VersionNotFoundError(RegistryError):
    """The package version, or the package, does not exist. Only this error means that nothing is published."""

    code = "version-not-found"


class RegistryConflictError(RegistryError):
    """The registry rejected a write because of what is there already (409). Read again to see what that is."""

    code = "registry-conflict"


class StatusRefusedError(RegistryError):
    """A response with status 200 says that the status of this version was not changed.

    Attributes:
        reason: CodeArtifact's error code: MISMATCHED_REVISION, MISMATCHED_STATUS, NOT_FOUND, NOT_ALLOWED, SKIPPED.
    """

    code = "status-refused"

    def __init__(self, message: Text, *, reason: str, hint: Text = "") -> None:
        super().__init__(message, hint=hint)
        self.reason = reason


# --- refused: trying again will not help, exit code 4 --------------------------------------------------------


class RefusedError(ReleaseError):
    """The release contradicts what is published."""

    code = "refused"
    exit_code = 4


class ConflictError(RefusedError):
    """A published version has different bytes, or other assets, than the manifest declares."""

    code = "conflict"


class GateError(RefusedError):
    """A version may not be promoted (yet): it is not Published in the source environment, or not for long enough."""

    code = "gate"


class PinError(RefusedError):
    """The source of a promotion is not what was approved, or `pinned` requires an approval and there is none."""

    code = "pin"


class WithdrawnError(RefusedError):
    """The manifest says that the version was withdrawn, so nothing brings it back."""

    code = "withdrawn"


class UnintendedFilesError(RefusedError):
    """`strict`, and the manifest matches files that nobody may have meant."""

    code = "unintended-files"


class BundleError(RefusedError):
    """Several members of a bundle are refused, or a published bundle is partial. The message has all of them."""

    code = "bundle"


class LeftoverAssetsError(RefusedError):
    """An Unfinished version has assets that the manifest does not declare, or has different bytes."""

    code = "leftover-assets"


class DisposedError(RefusedError):
    """The version is Disposed: its bytes are gone, and it cannot be published again until it is deleted."""

    code = "disposed"


class NotPermittedError(RefusedError):
    """The operator of this run has not permitted a deletion or a disposal."""

    code = "not-permitted"


class ChangedError(RefusedError):
    """The version is not the one in the Pulumi state: someone changed it since."""

    code = "changed"


class MismatchError(RefusedError):
    """`verify` found a difference between the registry and what is declared or approved."""

    code = "mismatch"


class StalePlanError(RefusedError):
    """An approved plan has expired, is not a valid plan file, or is not what would happen now."""

    code = "stale-plan"


class InterruptedReleaseError(ReleaseError):
    """The release was interrupted between two requests: by a signal, or because the Pulumi engine ended."""

    code = "interrupted"
    exit_code = 130


def exit_code_for(errors: Iterable[ReleaseError]) -> int:
    """Return the highest exit code of the errors; 0 if there are none."""
    return max((error.exit_code for error in errors), default=0)
