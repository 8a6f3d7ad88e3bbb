"""`pin`: what the source environment holds becomes the pins of an environment, and nothing else changes."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from mypy_boto3_codeartifact import CodeArtifactClient

from pulumi_codeartifact_release.cli import manifest_edit
from pulumi_codeartifact_release.manifest import edit
from support import bundles
from support.command_line import Run

from .test_status import MANIFEST, Stock, digest_of, stocked

A, B = digest_of(b"a"), digest_of(b"b")
HEADER = "staging: file:.registry, account 000000000000, us-east-1, repository acme/staging\n\n"


@pytest.fixture
def manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A manifest with a comment after each line; the working folder is its folder."""
    path = tmp_path / "release.yaml"
    path.write_text(MANIFEST.replace("\n", "  # kept\n"))
    monkeypatch.chdir(tmp_path)
    return path


@pytest.fixture
def stock(manifest: Path) -> Iterator[Stock]:
    with stocked(manifest.parent) as stock:
        stock.put("staging", "1.0", b"a")
        stock.put("staging", "1.0", b"b", package="lib")
        yield stock


def pinned(run: Run, *words: str, code: int = 0) -> dict[str, Any]:
    """What `--json` prints, which follows its schema."""
    outcome = run("pin", "release.yaml", "-e", "prod", *words, "--json")
    assert outcome.code == code, outcome.err
    answer: dict[str, Any] = json.loads(outcome.out)
    jsonschema.Draft202012Validator(json.loads(run("schema", "pin").out)).validate(answer)
    return answer


def test_the_pins_are_written_and_the_change_is_printed(run: Run, stock: Stock, manifest: Path) -> None:
    manifest.chmod(0o640)
    before = manifest.read_text()
    outcome = run("pin", "release.yaml", "-e", "prod")
    assert (outcome.code, outcome.err) == (0, "")
    old = '  prod: {domain: acme, repository: prod, endpoint: "file:.registry", promoteFrom: staging}  # kept\n'
    pins = f'acme/app: {{version: "1.0", digest: "{A}"}}, acme/lib: {{version: "1.0", digest: "{B}"}}'
    new = old.replace("staging}", f"staging, pins: {{{pins}}}}}")
    assert outcome.out == (
        f"{HEADER}--- a/release.yaml\n+++ b/release.yaml\n@@ -8,4 +8,4 @@\n"
        + "".join(f" {line}\n" for line in before.splitlines()[7:10])
        + f"-{old}+{new}\n"
        "release.yaml: 2 pins of prod written. Have the change reviewed. "
        "Next: codeartifact-release plan release.yaml -e prod\n"
    )
    assert manifest.read_text() == before.replace(old, new)
    assert stat.S_IMODE(manifest.stat().st_mode) == 0o640
    again = run("pin", "release.yaml", "-e", "prod", "--check")
    assert (again.code, again.out) == (
        0,
        f"{HEADER}release.yaml: nothing to change, prod pins what staging holds.\n",
    )


def test_check_writes_nothing_and_exits_with_3(run: Run, stock: Stock, manifest: Path) -> None:
    before = manifest.read_bytes()
    outcome = run("pin", "release.yaml", "-e", "prod", "--check")
    assert outcome.code == 3
    assert outcome.out.endswith("\n\nrelease.yaml: 2 pins of prod would change. Nothing was written.\n")
    assert manifest.read_bytes() == before
    assert pinned(run, "--check", code=3)["written"] is False


def test_a_named_package_is_pinned_and_the_others_stay(run: Run, stock: Stock, manifest: Path) -> None:
    stock.put("staging", "2.0", b"b")
    first = pinned(run, "acme/app")
    assert first["pins"] == [
        {"package": "acme/app", "changes": True, "before": None, "after": {"version": "1.0", "digest": A}}
    ]
    second = pinned(run, "acme/app@2.0")
    assert second["pins"][0]["before"] == {"version": "1.0", "digest": A}
    assert second["pins"][0]["after"] == {"version": "2.0", "digest": B}
    assert "acme/lib" not in manifest.read_text()


def test_the_version_published_last_is_pinned_if_the_declared_one_is_missing(run: Run, stock: Stock) -> None:
    outcome = run("pin", "release.yaml", "-e", "prod", "--var", "version=2.0", "acme/app")
    assert outcome.code == 0
    assert outcome.err == ("warning: acme/app: staging should hold 2.0, but its newest Published version is 1.0\n")
    assert f'acme/app: {{version: "1.0", digest: "{A}"}}' in outcome.out


def test_pin_ignores_the_soak(run: Run, stock: Stock, manifest: Path) -> None:
    manifest.write_text(MANIFEST.replace("promoteFrom: staging", "promoteFrom: staging, soak: 24h"))
    assert [each["after"]["digest"] for each in pinned(run)["pins"]] == [A, B]


def test_a_version_that_cannot_be_promoted_is_not_pinned(run: Run, stock: Stock, manifest: Path) -> None:
    stock.set_status("staging", "1.0", "Unlisted")
    before = manifest.read_bytes()
    outcome = run("pin", "release.yaml", "-e", "prod")
    assert (outcome.code, outcome.out) == (4, "")
    assert outcome.err == (
        "error[gate]: acme/app@1.0 in acme/staging is Unlisted, not Published: it cannot be promoted\n"
        "Publish it in staging first. (`status` of a package applies to every environment: "
        "an Unlisted or Archived package is not promoted.)\n"
        "Nothing was written.\n"
    )
    assert manifest.read_bytes() == before


def test_a_missing_version_is_refused(run: Run, stock: Stock) -> None:
    outcome = run("pin", "release.yaml", "-e", "prod", "acme/app@7")
    assert outcome.code == 4
    assert outcome.err.startswith("error[gate]: acme/app@7 in acme/staging does not exist: there is nothing to promote")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["-e", "dev"],
            "error[usage]: dev publishes files: only an environment that promotes (`promoteFrom`) has pins\n"
            "Choose another environment: staging, prod.\n",
        ),
        (
            ["-e", "prod", "acme/ap"],
            "error[usage]: release.yaml: there is no package acme/ap; did you mean `acme/app`?\n",
        ),
    ],
)
def test_usage(run: Run, manifest: Path, words: list[str], message: str) -> None:
    outcome = run("pin", "release.yaml", *words)
    assert (outcome.code, outcome.err) == (2, message)


def test_a_package_with_several_versions_has_no_pin(run: Run, stock: Stock, manifest: Path) -> None:
    manifest.write_text(
        MANIFEST.replace("  - {package: lib", '  - {package: app, version: "2.0", assets: [x]}\n  - {package: lib')
    )
    outcome = run("pin", "release.yaml", "-e", "prod")
    assert (outcome.code, outcome.err) == (0, "warning: acme/app has several versions, so it cannot have a pin\n")
    assert "acme/lib: {version" in manifest.read_text()
    outcome = run("pin", "release.yaml", "-e", "prod", "acme/app")
    assert outcome.err == "error[usage]: release.yaml: acme/app has several versions, so it cannot have a pin\n"


def test_a_manifest_that_changes_during_the_command_is_not_overwritten(
    run: Run, stock: Stock, manifest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def edit_late(*arguments: Any) -> bytes:
        result = edit(*arguments)
        manifest.write_text(MANIFEST + "# a later change\n")
        return result

    monkeypatch.setattr(manifest_edit, "edit", edit_late)
    outcome = run("pin", "release.yaml", "-e", "prod")
    assert outcome.code == 1
    assert outcome.err == (
        "error[file-changed]: release.yaml changed while it was edited\nNothing was written. Run again.\n"
    )
    assert manifest.read_text().endswith("# a later change\n")


def test_a_manifest_that_is_a_link_is_not_followed(run: Run, stock: Stock, manifest: Path) -> None:
    real = manifest.rename(manifest.with_name("real.yaml"))
    before = real.read_bytes()
    manifest.symlink_to("real.yaml")
    outcome = run("pin", "release.yaml", "-e", "prod")
    assert outcome.code == 2
    assert "release.yaml is a symbolic link in a checkout, which might lead anywhere\n" in outcome.err
    assert real.read_bytes() == before


def test_an_aliased_value_is_not_changed(run: Run, stock: Stock, manifest: Path) -> None:
    shared = f'pins: &pins {{acme/lib: {{version: "1.0", digest: "{B}"}}}}}}'
    more = "more: {domain: acme, repository: more, promoteFrom: prod, pins: *pins}"
    manifest.write_text(MANIFEST.replace("promoteFrom: staging}", f"promoteFrom: staging, {shared}\n  {more}"))
    outcome = run("pin", "release.yaml", "-e", "prod")
    assert outcome.code == 2
    assert outcome.err == (
        'error[usage]: release.yaml: environments.more.pins["acme/app"] cannot be changed in place: the edit would '
        "change another value too; it may be shared by an alias\n"
        "Make this change in an editor, or simplify the YAML.\n"
    )


def test_the_refusal_of_a_missing_pin_has_the_digest_to_paste(run: Run, stock: Stock, manifest: Path) -> None:
    stock.client.update_package_versions_status(
        **stock.key("staging", "lib"), versions=["1.0"], targetStatus="Archived"
    )
    manifest.write_text(MANIFEST.replace("promoteFrom: staging", "promoteFrom: staging, pinned: true"))
    outcome = run("plan", "release.yaml", "-e", "prod")
    assert outcome.code == 4
    assert outcome.err == (
        "refused[pin]: release.yaml: prod is `pinned`, but has no pins for:\n"
        f'    "acme/app": {{version: "1.0", digest: "{A}"}}\n'
        '    "acme/lib": {version: "1.0", digest: "sha256:…"}\n'
        "Add these lines to environments.prod.pins and have them reviewed. `codeartifact-release pin release.yaml "
        "-e prod` adds what staging holds. Without a digest: staging has no such version that could be promoted, or "
        "it could not be read.\n"
    )


def test_status_prints_whole_digests_on_request(run: Run, stock: Stock) -> None:
    assert A not in run("status", "release.yaml").out
    outcome = run("status", "release.yaml", "--digests")
    assert f"  staging  1.0      Published  {A}  " in outcome.out


def test_a_withdrawn_version_is_not_pinned(run: Run, stock: Stock, manifest: Path) -> None:
    entry = f"digest: '{A}', status: Archived, reason: loses orders"
    manifest.write_text(f"{manifest.read_text()}withdrawn: {{acme/app@1.0: {{{entry}}}}}\n")
    before = manifest.read_text()
    outcome = run("pin", "release.yaml", "-e", "prod", "acme/app")
    assert outcome.code == 4
    assert outcome.err.startswith(
        "error[withdrawn]: acme/app@1.0 in acme/prod was withdrawn (`withdrawn` of release.yaml): loses orders\n"
    )
    assert manifest.read_text() == before


# --- bundles ---


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CodeArtifactClient]:
    bundles.write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    with bundles.opened_registry(tmp_path) as client:
        yield client


def test_one_pin_names_the_bundle(run: Run, bundle: CodeArtifactClient) -> None:
    digest = bundles.publish_bundle(bundle, repository="staging")
    assert pinned(run)["pins"] == [
        {
            "package": "acme/suite",
            "changes": True,
            "before": None,
            "after": {"version": "1.0", "digest": digest},
        }
    ]


def test_a_member_of_a_bundle_is_not_pinned(run: Run, bundle: CodeArtifactClient) -> None:
    outcome = run("pin", "release.yaml", "-e", "prod", "acme/db")
    assert (outcome.code, outcome.err) == (
        2,
        "error[usage]: release.yaml: acme/db is a member of the bundle acme/suite: pin the bundle\n",
    )


def test_a_partial_bundle_is_not_pinned(run: Run, bundle: CodeArtifactClient, tmp_path: Path) -> None:
    bundles.publish_bundle(bundle, repository="staging")
    bundles.package_of(bundle, "acme/db", "staging").set_status("1.0", "Archived")
    outcome = run("pin", "release.yaml", "-e", "prod")
    assert outcome.code == 4
    assert outcome.err == (
        "error[bundle]: acme/suite@1.0 in acme/staging is partial: 1 of 2 members are not as the bundle names them:\n"
        "    acme/db@1.0 is Archived, not Published\n"
        "It cannot be promoted. Restore these members, or use another version of the bundle.\n"
        "Nothing was written.\n"
    )
    assert (tmp_path / "release.yaml").read_text() == bundles.MANIFEST
