"""The tree of errors: codes, exit codes, text, and a page that explains each."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pulumi_codeartifact_release import errors
from pulumi_codeartifact_release.errors import ManifestError, Problem, ReleaseError

DOCS = Path(__file__).parents[2] / "docs"
TROUBLESHOOTING = (DOCS / "troubleshooting.md").read_text()

ALL = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ReleaseError)]


def anchor(heading: str) -> str:
    """What GitHub makes of a heading's text."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def sections(page: str) -> dict[str, str]:
    """Heading of the second level -> what stands below it."""
    parts = re.split(r"^## (.+)$", page, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


ERRORS, PULUMI = TROUBLESHOOTING.split("\n# Pulumi\n")
SECTIONS = {**sections(ERRORS), **sections(PULUMI)}


@pytest.mark.parametrize("kind", ALL)
def test_every_error_has_its_own_code_and_a_section(kind: type[ReleaseError]) -> None:
    assert [other.code for other in ALL].count(kind.code) == 1
    # The very heading: `#CODE` leads to it, and to no other section.
    assert re.findall(r"^#+ (.+)$", TROUBLESHOOTING, flags=re.MULTILINE).count(kind.code) == 1
    assert anchor(kind.code) == kind.code


def test_every_section_is_of_an_error_that_exists() -> None:
    assert sections(ERRORS).keys() == {kind.code for kind in ALL}


@pytest.mark.parametrize("heading", SECTIONS)
def test_every_section_has_a_cause_and_a_remedy(heading: str) -> None:
    assert re.findall(r"^\*\*(\w+)\*\*:", SECTIONS[heading], flags=re.MULTILINE) == ["Cause", "Remedy"]
    cause, remedy = re.split(r"^\*\*Remedy\*\*:", SECTIONS[heading], flags=re.MULTILINE)
    assert len(cause.split()) > 5
    assert len(remedy.split()) > 4


@pytest.mark.parametrize(
    "point",
    ["TLS", "Wrong owner", "Wrong clock", "Proxy", "The stack is locked", "A create is pending"],
)
def test_errors_without_their_own_code_are_documented(point: str) -> None:
    assert re.search(rf"^##+ {point}$", TROUBLESHOOTING, flags=re.MULTILINE)
    assert f"](#{anchor(point)})" in TROUBLESHOOTING.split("\n# Errors\n")[0]


def test_every_code_is_in_the_overview() -> None:
    overview = TROUBLESHOOTING.split("\n# Errors\n")[0]
    families = {"failed", "refused"}
    assert {kind.code for kind in ALL} - set(re.findall(r"\]\(#([\w-]+)\)", overview)) == families


def test_links_lead_somewhere() -> None:
    def anchors(page: Path) -> set[str]:
        return {anchor(heading) for heading in re.findall(r"^#+ (.+)$", page.read_text(), flags=re.MULTILINE)}

    links = re.findall(r"\]\(([\w./-]*\.md)?(?:#([\w-]+))?\)", TROUBLESHOOTING)
    assert len(links) > 40
    for page, name in links:
        path = DOCS / (page or "troubleshooting.md")
        assert path.exists()
        assert not name or name in anchors(path), f"{page}#{name}"
    for path in DOCS.glob("*.md"):
        for name in re.findall(r"troubleshooting\.md#([\w-]+)", path.read_text()):
            assert name in anchors(DOCS / "troubleshooting.md"), f"{path.name} links to {name}"


def test_exit_codes_say_whether_trying_again_may_help() -> None:
    assert {kind.exit_code for kind in ALL} == {1, 2, 4, 130}
    assert errors.UsageError.exit_code == errors.ManifestError.exit_code == 2
    assert errors.ConflictError.exit_code == errors.LeftoverAssetsError.exit_code == errors.DisposedError.exit_code == 4
    assert errors.UnreachableError.exit_code == errors.FileChangedError.exit_code == 1
    to_correct = {kind.code for kind in ALL if kind.exit_code == 2}
    assert to_correct == {
        *("usage", "no-region", "wrong-region", "manifest", "no-credentials", "expired-credentials"),
        *("access-denied", "invalid-request", "missing-domain", "missing-repository"),
    }
    assert errors.InterruptedReleaseError.exit_code == 130


def table() -> str:
    """The exit code of every error, as docs/cli.md has it."""
    rows = [f"| {kind.exit_code} | [{kind.code}](troubleshooting.md#{kind.code}) |" for kind in ALL]
    rows.sort(key=lambda row: int(row.split()[1]))
    return "\n".join(["| exit code | error |", "| --- | --- |", *rows]) + "\n"


def test_the_documentation_has_the_exit_code_of_every_error() -> None:
    assert table() in (DOCS / "cli.md").read_text(), f"Put this into docs/cli.md:\n{table()}"


def test_of_several_errors_the_gravest_gives_the_exit_code() -> None:
    again, correct, refused = errors.UnreachableError("a"), errors.MissingDomainError("b"), errors.PinError("c")
    assert errors.exit_code_for([]) == 0
    assert errors.exit_code_for([again]) == 1
    assert errors.exit_code_for([correct, again]) == 2
    assert errors.exit_code_for([again, refused, correct]) == 4


def test_an_error_has_a_message_and_a_hint_on_the_next_line() -> None:
    assert str(ReleaseError("what", hint="do")) == "what\ndo"
    assert str(ReleaseError("what")) == "what"


def test_a_manifests_mistakes_come_in_the_order_of_the_document_and_once() -> None:
    later, first = Problem(9, 3, "b", "wrong"), Problem(2, 1, "", "wrong too")
    error = ManifestError("release.yaml", [later, first, later])
    assert str(error) == "release.yaml:2:1: wrong too\nrelease.yaml:9:3: b: wrong"
    assert error.problems == (first, later)
