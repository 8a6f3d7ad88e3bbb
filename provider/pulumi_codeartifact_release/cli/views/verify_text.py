"""The report of `verify` for people.

for line in text_lines(report):
    click.echo(line)

Text of a registry is made printable. A line with a hash takes 80 columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from ...errors import MismatchError, ReleaseError, printable
from ...publishing import Release
from ...publishing.download_asset import Download
from ...publishing.verify import AssetDifference, VerifyOutcome, VerifyResult, VersionDifference
from ...registry.interface import Asset
from ...text.sizes import count_text, size_text
from ..verify_check import Basis, CheckedVersion
from ..verify_read import Report
from .console import columns, header, indented, lines, text

MAX_SHOWN = 5
"""Assets of one package whose differences are in the text; the JSON has all of them."""

_REGISTRY = "registry"

_SIGNS = {
    VerifyOutcome.VERIFIED: ("=", ""),
    VerifyOutcome.DIFFERS: ("!", "red"),
    VerifyOutcome.MISSING: ("!", "red"),
    VerifyOutcome.UNKNOWN: ("?", "yellow"),
}
_OUTCOME_PHRASES = {
    VerifyOutcome.DIFFERS: "differs",
    VerifyOutcome.MISSING: "is missing",
    VerifyOutcome.UNKNOWN: "could not be checked",
    VerifyOutcome.VERIFIED: "is verified",
}


def text_lines(report: Report, width: int | None = None, *, quiet: bool = False) -> Iterator[str]:
    """Yield the environment, a table of the packages, and the differences; `quiet` leaves out what is verified.

    `width` in columns; None for a file.
    """
    shown = [check for check in report.checks if not quiet or check.outcome is not VerifyOutcome.VERIFIED]
    if not shown and quiet:
        return
    compared = f"\n  compared with {report.source.header}" if report.source else ""
    table = columns("", "")
    table.show_header = False
    bundles = members_of(report)
    for check in shown:
        members = bundles.get(check.subject.at.name, [])
        partial = any(member.outcome is not VerifyOutcome.VERIFIED for member in members)
        sign, color = _SIGNS[VerifyOutcome.DIFFERS if partial else check.outcome]
        indent = "  " if check.subject.bundle else ""
        result = _result_text(check)
        result = printable((result.removeprefix("ok: ") if partial else result) + _members_text(members))
        table.add_row(f"{sign} {indent}{printable(check.subject.at.name)}", result, style=color)
    parts: list[RenderableType] = [*header(report.destination.header + compared), indented(table, 2)]
    seen: set[str] = set()
    for check in shown:
        details = list(_differences(check.result, check.subject.basis)) if check.result else []
        if check.problem:
            details += _problem(check.problem, seen)
        if details:
            parts += ["", indented(text(check.subject.at.name), 2), *(indented(detail, 4) for detail in details)]
    yield from lines(*parts, width=width)


def members_of(report: Report) -> dict[str, list[CheckedVersion]]:
    """Return the members of each bundle, by `namespace/package@version`."""
    members: dict[str, list[CheckedVersion]] = {}
    for check in report.checks:
        if check.subject.bundle:
            members.setdefault(check.subject.bundle, []).append(check)
    return members


def _members_text(members: Sequence[CheckedVersion]) -> str:
    if not members:
        return ""
    count, wrong = (
        count_text(len(members), "member"),
        sum(member.outcome is not VerifyOutcome.VERIFIED for member in members),
    )
    return f"; partial: {wrong} of {count} not as expected" if wrong else f"; complete: {count}"


def sum_text(report: Report) -> str:
    """Return the total in a line."""
    if report.exit_code == 0:
        assets, size = totals(report)
        count = f"{count_text(len(report.checks), 'package')}, {count_text(assets, 'asset')}, {size_text(size)}"
        return f"Verified: {count} {'downloaded and hashed' if report.download else 'as the registry lists them'}."
    if len(report.checks) == 1:
        return f"{report.checks[0].subject.at.name} {_OUTCOME_PHRASES[report.checks[0].outcome]}"
    counts = {outcome: sum(check.outcome is outcome for check in report.checks) for outcome in _OUTCOME_PHRASES}
    phrases = [f"{count} {_plural(_OUTCOME_PHRASES[outcome], count)}" for outcome, count in counts.items() if count]
    return f"{count_text(len(report.checks), 'package')}: {', '.join(phrases)}"


def failure_code(report: Report) -> str:
    """Return the error code: that of a mismatch if there is one, else that of the first problem."""
    if any(check.outcome in (VerifyOutcome.DIFFERS, VerifyOutcome.MISSING) for check in report.checks):
        return MismatchError.code
    problems = [check.problem for check in report.checks if check.problem and check.exit_code == report.exit_code]
    return problems[0].code if problems else ReleaseError.code


def _plural(phrase: str, count: int) -> str:
    return phrase if count == 1 else phrase.replace("differs", "differ").replace("is ", "are ")


def _result_text(check: CheckedVersion) -> str:
    result = check.result
    if result is None:
        return "could not be checked"
    match result.outcome:
        case VerifyOutcome.MISSING:
            return "missing"
        case VerifyOutcome.DIFFERS:
            return f"differs: {_what_differs(result)}"
        case VerifyOutcome.UNKNOWN:
            return "not completely downloaded"
    assets, size = _read(result)
    status = result.remote.state.status if result.remote else ""
    return f"ok: {status}, {count_text(assets, 'asset')}, {size_text(size)}"


def _what_differs(result: VerifyResult) -> str:
    facts = [item.field for item in result.differences if isinstance(item, VersionDifference)]
    assets = sum(isinstance(item, AssetDifference) for item in result.differences)
    if assets:
        # If assets differ, so does the digest.
        facts = [fact for fact in facts if fact == "status"] + [count_text(assets, "asset")]
    return ", ".join(facts)


def _read(result: VerifyResult) -> tuple[int, int]:
    """Return the number of assets and bytes that were checked: received, or else listed."""
    if result.downloads is not None:
        return len(result.downloads), sum(download.size for download in result.downloads.values())
    assets = result.remote.assets.values() if result.remote else ()
    return len(assets), sum(asset.size for asset in assets)


def totals(report: Report) -> tuple[int, int]:
    """Return the number of assets and bytes of all packages that were checked."""
    counts = [_read(check.result) for check in report.checks if check.result]
    return sum(assets for assets, _ in counts), sum(size for _, size in counts)


def _problem(problem: ReleaseError, seen: set[str]) -> Iterator[Text]:
    message = str(problem)
    yield text(f"{problem.code}: {'as above' if message in seen else message}")
    seen.add(message)


def _differences(result: VerifyResult, basis: Basis) -> Iterator[RenderableType]:
    expected = "declared" if basis is Basis.FILES else "expected"
    facts = [item for item in result.differences if isinstance(item, VersionDifference)]
    assets = [item for item in result.differences if isinstance(item, AssetDifference)]
    digests = [fact for fact in facts if fact.field == "digest"]
    for fact in facts:
        if fact not in digests:
            yield text(f"{fact.field}: {expected} {fact.expected}, registry {fact.actual}")
    for asset in assets[:MAX_SHOWN]:
        yield from _asset_lines(asset, expected, names_known=isinstance(result.expected, Release))
    if len(assets) > MAX_SHOWN:
        yield text(f"and {count_text(len(assets) - MAX_SHOWN, 'more asset')}; --json has all of them")
    for fact in digests:
        yield text("digest (sha256)")
        yield _hash_line(expected, fact.expected.removeprefix("sha256:"))
        yield _hash_line(_REGISTRY, fact.actual.removeprefix("sha256:"))


def _asset_lines(asset: AssetDifference, expected: str, *, names_known: bool) -> Iterator[RenderableType]:
    contents = _contents(asset, expected)
    sizes = {label: _size_text(content) for label, content in contents}
    where = {label: "in the registry" if label == _REGISTRY else label for label in sizes}
    differ = len(set(sizes.values())) > 1
    size = ", ".join([f"{size} {where[label]}" for label, size in sizes.items()] if differ else [*sizes.values()][:1])
    yield text(f"{_one_line(asset.name)}: {_problem_of(asset, expected, names_known=names_known)} ({size})")
    for label, content in contents:
        if content.sha256:
            yield _hash_line(label, content.sha256)


def _contents(asset: AssetDifference, expected: str) -> list[tuple[str, Asset | Download]]:
    """Return the labelled contents of an asset. The listed and the received content are one entry if they agree."""
    listed, received = asset.listed, asset.download
    agree = not (listed and received) or (listed.size, listed.sha256) == (received.size, received.sha256)
    actual = [(_REGISTRY, listed)] if agree else [("listed", listed), ("received", received)]
    return [(label, content) for label, content in ((expected, asset.declared), *actual) if content]


def _problem_of(asset: AssetDifference, expected: str, *, names_known: bool) -> str:
    declared, listed, received = asset.declared, asset.listed, asset.download
    if listed is None:
        return "missing"
    phrases = []
    if declared is None and names_known:
        phrases.append(f"not {expected}")
    elif declared and declared.sha256 != listed.sha256:
        phrases.append("different bytes")
    if received and received.sha256 != listed.sha256:
        phrases.append("downloads as different bytes than listed")
    return " and ".join(phrases) or "another size"


def _size_text(content: Asset | Download) -> str:
    if content.sha256:
        return size_text(content.size)
    # The download was stopped, so its size means nothing.
    return "more" if content.size else "nothing"


def _hash_line(label: str, sha256: str) -> RenderableType:
    return indented(f"{label:<8}  {sha256}", 2)


def _one_line(name: str) -> str:
    return printable(name.replace("\n", "\\n"))
