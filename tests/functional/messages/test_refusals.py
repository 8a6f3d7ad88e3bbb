"""What contradicts what is published, or is not permitted: told before anything is sent."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pulumi_codeartifact_release.errors import ReleaseError
from pulumi_codeartifact_release.publishing import ExpectedVersion, Retirement, retire
from pulumi_codeartifact_release.registry import Status
from support.command_line import MANIFEST, Run
from support.embedded import Package, opened
from support.fakes import AT, FakeRegistry, InlineScheduler

from .stand import printed, told

HELLO = hashlib.sha256(b"hello\n").hexdigest()
OTHER = hashlib.sha256(b"HELLO\n").hexdigest()
ZEROS = hashlib.sha256(bytes(100_000)).hexdigest()
FIRST = "sha256:" + hashlib.sha256(f"{HELLO}  a.txt\n{ZEROS}  b.bin\n".encode()).hexdigest()
"""The digest of what the project declares."""


def plan(run: Run, environment: str = "dev", *more: str) -> str:
    outcome = run("plan", "release.yaml", "-e", environment, *more)
    assert outcome.code == 4
    return told(outcome.err)


def published(run: Run) -> None:
    assert run("apply", "release.yaml", "-e", "dev", "--yes").code == 0


def test_a_published_version_with_different_bytes(run: Run, project: Path) -> None:
    published(run)
    (project / "dist" / "a.txt").write_text("HELLO\n")
    assert plan(run) == (
        "refused[conflict]: acme/app@1.0 in acme/dev is already Published, and 1 asset differs:\n"
        "  a.txt\n"
        f"    declared   sha256:{OTHER} (6 bytes)\n"
        f"    published  sha256:{HELLO} (6 bytes)\n"
        "A published version never changes. Release these files under a new version, or replace the published version "
        f"with --replace acme/app@1.0={FIRST}"
    )


def test_a_release_declared_archived_replaces_nothing(run: Run, project: Path) -> None:
    published(run)
    (project / "dist" / "a.txt").write_text("HELLO\n")
    manifest = project / "release.yaml"
    manifest.write_text(manifest.read_text().replace("assets:", "status: Archived\n    assets:", 1))
    assert plan(run, "dev", "--replace", f"acme/app@1.0={FIRST}") == (
        "refused[conflict]: acme/app@1.0 in acme/dev is already Published, and 1 asset differs:\n"
        "  a.txt\n"
        f"    declared   sha256:{OTHER} (6 bytes)\n"
        f"    published  sha256:{HELLO} (6 bytes)\n"
        "A published version never changes. Release these files under a new version, or replace the published version "
        f"with --replace acme/app@1.0={FIRST}. Only a release that is "
        "declared Published can replace a version: declare `status: Published` for that run, and `status: Archived` in "
        "the next"
    )


def test_an_unfinished_version_with_undeclared_assets(run: Run, project: Path) -> None:
    begun = hashlib.sha256(b"begun").hexdigest()
    held = "sha256:" + hashlib.sha256(f"{begun}  a.txt\n".encode()).hexdigest()
    with opened(project / ".registry") as client:
        client.create_domain(domain="acme")
        client.create_repository(domain="acme", repository="dev")
        client.publish_package_version(
            domain="acme",
            repository="dev",
            format="generic",
            namespace="acme",
            package="app",
            packageVersion="1.0",
            assetContent=b"begun",
            assetName="a.txt",
            assetSHA256=begun,
            unfinished=True,
        )
    assert plan(run) == (
        "refused[leftover-assets]: acme/app@1.0 in acme/dev is Unfinished and holds assets that the manifest "
        "does not declare:\n"
        "  a.txt\n"
        f"    declared   sha256:{HELLO} (6 bytes)\n"
        f"    uploaded   sha256:{begun} (5 bytes)\n"
        "Another publisher or an earlier build started this version. Release these files under a new version, or "
        f"replace what was uploaded with --replace acme/app@1.0={held}"
    )


def test_the_version_was_disposed_of(run: Run, project: Path) -> None:
    published(run)
    with opened(project / ".registry") as client:
        key = {"domain": "acme", "repository": "dev", "format": "generic", "namespace": "acme", "package": "app"}
        assert not client.dispose_package_versions(**key, versions=["1.0"]).get("failedVersions")  # type: ignore[arg-type]
    assert plan(run) == (
        "refused[disposed]: acme/app@1.0 in acme/dev is Disposed: its assets were deleted, which cannot be undone\n"
        "Release under a new version."
    )


def test_the_version_was_withdrawn(run: Run, project: Path) -> None:
    manifest = project / "release.yaml"
    entry = f"digest: 'sha256:{'0' * 64}', status: Archived, reason: it loses orders"
    manifest.write_text(f"{manifest.read_text()}withdrawn: {{acme/app@1.0: {{{entry}}}}}\n")
    assert plan(run) == (
        "refused[withdrawn]: acme/app@1.0 in acme/dev was withdrawn (`withdrawn` of release.yaml): it loses orders\n"
        "Release another version. To bring this one back, run `codeartifact-release withdraw acme/app@1.0 --restore` "
        "with the manifest and the environment."
    )


# --- promotion --------------------------------------------------------------------------------------------------------


def test_there_is_nothing_to_promote(run: Run, project: Path) -> None:
    assert project.exists()
    assert plan(run, "staging") == (
        "refused[gate]: acme/app@1.0 in acme/dev does not exist: there is nothing to promote\n"
        "Release or promote it to dev first, or correct the version."
    )


def test_the_source_version_is_not_published(run: Run, project: Path) -> None:
    published(run)
    with opened(project / ".registry") as client:
        Package(client).set_status("1.0", "Archived")
    assert plan(run, "staging") == (
        "refused[gate]: acme/app@1.0 in acme/dev is Archived, not Published: it cannot be promoted\n"
        "Publish it in dev first. (`status` of a package applies to every environment: an Unlisted or Archived "
        "package is not promoted.)"
    )


def test_the_source_version_is_not_the_approved_one(run: Run, project: Path) -> None:
    published(run)
    approved = f"sha256:{'0' * 64}"
    pins = f'promoteFrom: dev, pins: {{acme/app: {{version: "1.0", digest: "{approved}"}}}}}}'
    (project / "release.yaml").write_text(MANIFEST.replace("promoteFrom: dev}", pins))
    with opened(project / ".registry") as client:
        described = client.describe_package_version(
            domain="acme", repository="dev", format="generic", namespace="acme", package="app", packageVersion="1.0"
        )["packageVersion"]
    since = f"{described['publishedTime']:%Y-%m-%dT%H:%M:%SZ}"
    assert plan(run, "staging") == (
        "refused[pin]: acme/app@1.0 in acme/dev is not what was approved:\n"
        f"    approved  {approved} (`pins` of staging)\n"
        f"    actual    {FIRST} (Published, revision {described['revision']}, published {since})\n"
        "It changed after the approval, or the pin is wrong. Check it, then approve its digest, or promote another "
        "version."
    )


def test_nothing_was_approved(run: Run, project: Path) -> None:
    (project / "release.yaml").write_text(MANIFEST.replace("promoteFrom: dev}", "promoteFrom: dev, pinned: true}"))
    outcome = run("plan", "release.yaml", "-e", "staging")
    assert outcome.code == 4
    assert told(outcome.err) == (
        "refused[pin]: release.yaml: staging is `pinned`, but has no pins for:\n"
        '    "acme/app": {version: "1.0", digest: "sha256:…"}\n'
        "Add these lines to environments.staging.pins and have them reviewed. `codeartifact-release pin release.yaml "
        "-e staging` adds what dev holds. Without a digest: dev has no such version that could be promoted, or it "
        "could not be read."
    )


def test_files_that_nobody_may_have_meant(run: Run, project: Path) -> None:
    (project / "dist" / "debug.log").write_text("x")
    outcome = run("plan", "release.yaml", "-e", "dev", "--strict")
    assert (outcome.code, outcome.out) == (4, "")
    assert told(outcome.err) == (
        "error[unintended-files]: there are files that may not be meant for a release:\n"
        "    release.yaml:9:14: packages[0].assets[0]: `dist/*` matches a file that may not be meant: "
        '`dist/debug.log` (a log); to leave out: `{path: "dist/*", exclude: ["**/*.log"]}`\n'
        "Leave them out. If one is meant, exclude it there and name it in an entry of its own, or leave --strict out."
    )


# --- what becomes of a version that leaves ----------------------------------------------------------------------------


def retired(policy: Retirement, *, permitted: bool, capsys: pytest.CaptureFixture[str]) -> str:
    """What is told of retiring a version that somebody has changed."""
    registry = FakeRegistry()
    registry.holds({"a.txt": b"hello\n"}, Status.PUBLISHED)
    known = ExpectedVersion("7", f"sha256:{'0' * 64}")
    with pytest.raises(ReleaseError) as caught:
        list(retire(AT, policy, known, registry, InlineScheduler(), permitted=permitted))
    assert registry.writes == []
    return printed(caught.value, capsys)


@pytest.mark.parametrize("policy", [Retirement.DELETE, Retirement.DISPOSE])
def test_bytes_that_would_be_lost_without_permission(policy: Retirement, capsys: pytest.CaptureFixture[str]) -> None:
    assert retired(policy, permitted=False, capsys=capsys) == (
        f"error[not-permitted]: {policy} of tools/app@1.0 in acme/dev is not permitted in this run\n"
        "Set CODEARTIFACT_RELEASE_ALLOW=delete in the environment of this run, or set `onDestroy: retain` and run "
        "`pulumi up` first."
    )


@pytest.mark.parametrize("policy", [Retirement.DELETE, Retirement.ARCHIVE])
def test_the_version_is_not_the_one_that_state_knows(policy: Retirement, capsys: pytest.CaptureFixture[str]) -> None:
    there = "sha256:" + hashlib.sha256(f"{HELLO}  a.txt\n".encode()).hexdigest()
    assert retired(policy, permitted=True, capsys=capsys) == (
        "error[changed]: tools/app@1.0 in acme/dev is not the version in state: it is Published at "
        f"revision 1 with {there}; state has revision 7 with sha256:{'0' * 64}\n"
        "Somebody changed it. Check it, run `pulumi refresh`, then run again."
    )
