"""What `verify` says: lines for people, and the same for programs.

for line in text_lines(report):
    click.echo(line)
json.dumps(report_json(report))

Nothing of a registry reaches the terminal but as printable text on one line. Hashes stand on lines of their own, which
are 80 columns wide.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

import click

from ...errors import MismatchError, ReleaseError, printable
from ...publishing import Release
from ...publishing.download_asset import Download
from ...publishing.verify import AssetDifference, Difference, VerifyOutcome, VerifyResult, VersionDifference
from ...registry.interface import Asset, Status
from ...review import count_text, size_text
from ..target import Site
from ..verify_check import Basis, Checked
from ..verify_read import Report
from .columns import header_lines

MOST_SHOWN = 5
"""Assets of one package whose differences are told in the text; all of them are in the JSON."""

_SIGNS = {
    VerifyOutcome.VERIFIED: ("=", None),
    VerifyOutcome.DIFFERS: ("!", "red"),
    VerifyOutcome.MISSING: ("!", "red"),
    VerifyOutcome.UNKNOWN: ("?", "yellow"),
}
_SUMMED = {
    VerifyOutcome.DIFFERS: "differs",
    VerifyOutcome.MISSING: "is not there",
    VerifyOutcome.UNKNOWN: "could not be checked",
    VerifyOutcome.VERIFIED: "is verified",
}


def text_lines(report: Report, width: int | None = None, *, quiet: bool = False) -> Iterator[str]:
    """Yield where it is, and a block for each package; only what is not verified if `quiet`.

    `width` in columns is for what is prose; None for a file, where lines are whole.
    """
    shown = [each for each in report.checked if not quiet or each.result is not VerifyOutcome.VERIFIED]
    if not shown and quiet:
        return
    compared = f"\n  compared with {report.source.header}" if report.source else ""
    yield from header_lines(report.site.header + compared, width)
    room = width - 6 - max((len(_word(each)) for each in shown), default=0) if width else None
    fitting = [len(name) for name in (each.subject.at.name for each in shown) if room is None or len(name) <= room]
    widest = max(fitting, default=0)
    told: set[str] = set()
    for each in shown:
        sign, colour = _SIGNS[each.result]
        name = each.subject.at.name
        if len(name) > widest:
            # Too long for a line with its result: one of its own, and the column stays.
            yield click.style(f"  {sign} {name}", fg=colour)
            name = sign = ""
        yield click.style(f"  {sign or ' '} {name:<{widest}}  {_word(each)}", fg=colour)
        if each.verdict:
            yield from _differences(each.verdict, each.subject.basis)
        if each.problem:
            yield from _problem(each.problem, told, width)


def sum_text(report: Report) -> str:
    """Return what it comes to, in a line."""
    if report.exit_code == 0:
        assets, size = _totals(report)
        count = f"{count_text(len(report.checked), 'package')}, {count_text(assets, 'asset')}, {size_text(size)}"
        return f"Verified: {count} {'downloaded and hashed' if report.download else 'as the registry lists them'}."
    if len(report.checked) == 1:
        return f"{report.checked[0].subject.at.name} {_SUMMED[report.checked[0].result]}"
    counts = {result: sum(each.result is result for each in report.checked) for result in _SUMMED}
    phrases = [f"{count} {_plural(_SUMMED[result], count)}" for result, count in counts.items() if count]
    return f"{count_text(len(report.checked), 'package')}: {', '.join(phrases)}"


def failure_code(report: Report) -> str:
    """Return the name of what went wrong: of the mismatch, if there is one, else of the first problem."""
    if any(each.result in (VerifyOutcome.DIFFERS, VerifyOutcome.MISSING) for each in report.checked):
        return MismatchError.code
    problems = [each.problem for each in report.checked if each.problem and each.exit_code == report.exit_code]
    return problems[0].code if problems else ReleaseError.code


def _plural(phrase: str, count: int) -> str:
    return phrase if count == 1 else phrase.replace("differs", "differ").replace("is ", "are ")


def _word(each: Checked) -> str:
    verdict = each.verdict
    if verdict is None:
        return "could not be checked"
    match verdict.outcome:
        case VerifyOutcome.MISSING:
            return "not there"
        case VerifyOutcome.DIFFERS:
            return f"differs: {_what_differs(verdict)}"
        case VerifyOutcome.UNKNOWN:
            return "could not be downloaded whole"
    assets, size = _read(verdict)
    status = verdict.remote.state.status if verdict.remote else ""
    return f"ok: {status}, {count_text(assets, 'asset')}, {size_text(size)}"


def _what_differs(verdict: VerifyResult) -> str:
    facts = [each.field for each in verdict.differences if isinstance(each, VersionDifference)]
    assets = sum(isinstance(each, AssetDifference) for each in verdict.differences)
    if assets:
        # That the digest differs follows from them.
        facts = [fact for fact in facts if fact == "status"] + [count_text(assets, "asset")]
    return ", ".join(facts)


def _read(verdict: VerifyResult) -> tuple[int, int]:
    """Return how many assets and bytes were looked at: as they came, or as they are listed."""
    if verdict.downloads is not None:
        return len(verdict.downloads), sum(each.size for each in verdict.downloads.values())
    assets = verdict.remote.assets.values() if verdict.remote else ()
    return len(assets), sum(asset.size for asset in assets)


def _totals(report: Report) -> tuple[int, int]:
    counted = [_read(each.verdict) for each in report.checked if each.verdict]
    return sum(assets for assets, _ in counted), sum(size for _, size in counted)


def _problem(problem: ReleaseError, told: set[str], width: int | None) -> Iterator[str]:
    text = str(problem)
    if text in told:
        yield f"    {problem.code}: as above"
        return
    told.add(text)
    for line in f"{problem.code}: {text}".splitlines():
        for part in _wrapped(line, width - 4) if width else [line]:
            yield f"    {part}"


def _wrapped(line: str, width: int) -> list[str]:
    # Names and hashes are never broken.
    return textwrap.wrap(line, max(20, width), break_long_words=False, break_on_hyphens=False)


def _differences(verdict: VerifyResult, basis: Basis) -> Iterator[str]:
    expected = "declared" if basis is Basis.FILES else "expected"
    facts = [each for each in verdict.differences if isinstance(each, VersionDifference)]
    assets = [each for each in verdict.differences if isinstance(each, AssetDifference)]
    digests = [fact for fact in facts if fact.field == "digest"]
    for fact in facts:
        if fact not in digests:
            yield f"    {fact.field}: {expected} {fact.expected}, there {fact.actual}"
    for asset in assets[:MOST_SHOWN]:
        yield from _asset_lines(asset, expected, names_known=isinstance(verdict.expected, Release))
    if len(assets) > MOST_SHOWN:
        yield f"    and {count_text(len(assets) - MOST_SHOWN, 'more asset')}; --json has all of them"
    for fact in digests:
        yield "    digest (sha256)"
        yield _hash_line(expected, fact.expected.removeprefix("sha256:"))
        yield _hash_line("there", fact.actual.removeprefix("sha256:"))


def _asset_lines(asset: AssetDifference, expected: str, *, names_known: bool) -> Iterator[str]:
    known = _contents(asset, expected)
    sizes = {word: _size_text(content) for word, content in known}
    told = [f"{size} {word}" for word, size in sizes.items()] if len(set(sizes.values())) > 1 else [*sizes.values()][:1]
    other = _what_is_other(asset, expected, names_known=names_known)
    yield f"    {_one_line(asset.name)}: {other} ({', '.join(told)})"
    for word, content in known:
        if content.sha256:
            yield _hash_line(word, content.sha256)


def _contents(asset: AssetDifference, expected: str) -> list[tuple[str, Asset | Download]]:
    """Return what is known of an asset, each in a word: what is listed and what came are one where they agree."""
    listed, received = asset.listed, asset.download
    agree = not (listed and received) or (listed.size, listed.sha256) == (received.size, received.sha256)
    there = [("there", listed)] if agree else [("listed", listed), ("received", received)]
    return [(word, content) for word, content in ((expected, asset.declared), *there) if content]


def _what_is_other(asset: AssetDifference, expected: str, *, names_known: bool) -> str:
    declared, listed, received = asset.declared, asset.listed, asset.download
    if listed is None:
        return "missing"
    phrases = []
    if declared is None and names_known:
        phrases.append(f"not {expected}")
    elif declared and declared.sha256 != listed.sha256:
        phrases.append("other bytes")
    if received and received.sha256 != listed.sha256:
        phrases.append("downloads as other bytes than listed")
    return " and ".join(phrases) or "another size"


def _size_text(content: Asset | Download) -> str:
    if content.sha256:
        return size_text(content.size)
    # It was stopped: how far it had come says nothing.
    return "more" if content.size else "nothing"


def _hash_line(word: str, sha256: str) -> str:
    return f"      {word:<8}  {sha256}"


def _one_line(name: str) -> str:
    return printable(name.replace("\n", "\\n"))


# --- for programs -----------------------------------------------------------------------------------------------------


def report_json(report: Report) -> dict[str, Any]:
    """Return a report as JSON values (`schemas/verify.schema.json`); sizes in bytes."""
    assets, size = _totals(report)
    counts = {str(result): sum(each.result is result for each in report.checked) for result in VerifyOutcome}
    environment = report.site.environment.name if report.manifest is not None else None
    return {
        "schemaVersion": 1,
        "manifest": report.manifest,
        "environment": environment,
        **_site_json(report.site),
        "comparedWith": {"environment": report.source.environment.name, **_site_json(report.source)}
        if report.source
        else None,
        "download": report.download,
        "summary": {"packages": len(report.checked), **counts, "assets": assets, "bytes": size},
        "packages": [_checked_json(each) for each in report.checked],
    }


def _site_json(site: Site) -> dict[str, Any]:
    return {
        "endpoint": site.endpoint.text or site.connection.url,
        "account": site.account,
        "region": site.connection.region,
        "domain": site.destination.domain,
        "repository": site.destination.repository,
    }


def _checked_json(each: Checked) -> dict[str, Any]:
    at, verdict = each.subject.at, each.verdict
    received = verdict.downloads if verdict else None
    return {
        "namespace": at.namespace,
        "package": at.package,
        "version": at.version,
        "result": str(each.result),
        "expected": _expected_json(verdict, each.subject.basis),
        "found": _found_json(verdict),
        "received": None
        if received is None
        else {"assets": len(received), "bytes": sum(came.size for came in received.values())},
        "differences": [_difference_json(difference) for difference in verdict.differences] if verdict else [],
        "problem": {"code": each.problem.code, "message": str(each.problem)} if each.problem else None,
    }


def _expected_json(verdict: VerifyResult | None, basis: Basis) -> dict[str, Any]:
    expected = verdict.expected if verdict else None
    return {
        "from": str(basis),
        "status": expected and expected.status and str(expected.status),
        "digest": expected.digest if expected else None,
        "assets": len(expected.assets) if isinstance(expected, Release) else None,
    }


def _found_json(verdict: VerifyResult | None) -> dict[str, Any] | None:
    remote = verdict.remote if verdict else None
    if remote is None:
        return None
    # A version without its bytes has no digest.
    whole = remote.state.status not in (Status.UNFINISHED, Status.DISPOSED)
    return {
        "status": str(remote.state.status),
        "revision": remote.state.revision,
        "digest": remote.digest if whole else None,
        "assets": len(remote.assets),
        "bytes": sum(asset.size for asset in remote.assets.values()),
    }


def _difference_json(difference: Difference) -> dict[str, Any]:
    if isinstance(difference, VersionDifference):
        return {"what": difference.field, "expected": str(difference.expected), "found": str(difference.actual)}
    return {
        "what": "asset",
        "name": difference.name,
        "declared": _content_json(difference.declared),
        "listed": _content_json(difference.listed),
        "received": _content_json(difference.download),
    }


def _content_json(content: Asset | Download | None) -> dict[str, Any] | None:
    return {"size": content.size, "sha256": content.sha256} if content else None
