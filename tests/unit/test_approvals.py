"""Pins, and the operator's permissions for single versions."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest
import yaml

from pulumi_codeartifact_release.approvals import Approval, approvals, approved_version, marks_of, unused_pins
from pulumi_codeartifact_release.errors import PinError, UsageError
from pulumi_codeartifact_release.manifest import Manifest, load
from pulumi_codeartifact_release.publishing import Permission, Pin, parse_forced, permitted_digest

DIGEST = "sha256:" + "a" * 64
OTHER = "sha256:" + "b" * 64
PACKAGES = """\
schemaVersion: 1
defaults: {namespace: acme, version: "1.4.2"}
packages:
  - {package: api, assets: [dist/api]}
  - {package: web, version: "2.0", assets: [dist/web]}
environments:
  dev: {domain: acme, repository: dev, endpoint: "file:.registry"}
"""


def loaded(folder: Path, prod: str, after: str = "") -> Manifest:
    path = folder / "release.yaml"
    more = "  after:\n" + textwrap.indent(after, "    ") if after else ""
    path.write_text(PACKAGES + "  prod:\n" + textwrap.indent(prod, "    ") + more)
    return load(path, environment="prod")


PROD = "domain: acme\nrepository: prod\nendpoint: file:.registry\npromoteFrom: dev\n"

AFTER = "domain: acme\nrepository: after\nendpoint: file:.registry\npromoteFrom: prod\n"


def test_without_pins_the_manifest_has_the_version_and_the_source_decides(tmp_path: Path) -> None:
    manifest = loaded(tmp_path, PROD)
    assert approvals(manifest, manifest.environment("prod")) == {
        "acme/api": Approval("1.4.2"),
        "acme/web": Approval("2.0"),
    }
    assert unused_pins(manifest, manifest.environment("prod")) == []


def test_a_pin_sets_version_and_digest_and_overrides_the_manifest(tmp_path: Path) -> None:
    manifest = loaded(tmp_path, PROD + f'pins: {{acme/api: {{version: "1.3.9", digest: "{DIGEST}"}}}}\n')
    found = approvals(manifest, manifest.environment("prod"))
    assert found["acme/api"] == Approval("1.3.9", Pin(DIGEST, "`pins` of prod"))
    assert found["acme/web"] == Approval("2.0", None)


def test_an_environment_inherits_the_pinned_version_of_the_previous_one_but_not_its_approval(tmp_path: Path) -> None:
    pin = f'{{version: "1.3.9", digest: "{DIGEST}"}}'
    manifest = loaded(tmp_path, PROD + f"pins: {{acme/api: {pin}}}\n", AFTER)
    dev, prod, after = (manifest.environment(name) for name in ("dev", "prod", "after"))
    (api, web) = manifest.packages
    # Where files are published the manifest's version is meant, whatever anybody is pinned to.
    assert approved_version(manifest, dev, api) == Approval("1.4.2")
    assert approved_version(manifest, prod, api).pin == Pin(DIGEST, "`pins` of prod")
    assert approved_version(manifest, after, api) == Approval("1.3.9")
    assert approved_version(manifest, after, web) == Approval("2.0")
    assert approvals(manifest, after) == {"acme/api": Approval("1.3.9"), "acme/web": Approval("2.0")}


def test_its_own_pin_goes_before_that_of_the_environment_before(tmp_path: Path) -> None:
    first, second = (f'{{version: "{version}", digest: "{DIGEST}"}}' for version in ("1.3.9", "1.2.0"))
    manifest = loaded(tmp_path, PROD + f"pins: {{acme/api: {first}}}\n", AFTER + f"pins: {{acme/api: {second}}}\n")
    found = approvals(manifest, manifest.environment("after"))
    assert found["acme/api"] == Approval("1.2.0", Pin(DIGEST, "`pins` of after"))


def test_pinned_asks_for_a_pin_of_every_package_and_names_all_that_are_missing(tmp_path: Path) -> None:
    manifest = loaded(tmp_path, PROD + "pinned: true\n")
    with pytest.raises(PinError) as caught:
        approvals(manifest, manifest.environment("prod"))
    assert caught.value.exit_code == 4
    assert caught.value.message == (
        f"{tmp_path / 'release.yaml'}: prod is `pinned`, but has no pins for:\n"
        '    "acme/api": {version: "1.4.2", digest: "sha256:…"}\n'
        '    "acme/web": {version: "2.0", digest: "sha256:…"}'
    )
    assert "environments.prod.pins" in caught.value.hint


def test_the_lines_of_the_refusal_can_be_pasted_below_pins(tmp_path: Path) -> None:
    manifest = loaded(tmp_path, PROD + "pinned: true\n")
    with pytest.raises(PinError) as caught:
        approvals(manifest, manifest.environment("prod"))
    lines = "\n".join(caught.value.message.splitlines()[1:]).replace("sha256:…", DIGEST)
    assert set(yaml.safe_load(lines)) == {"acme/api", "acme/web"}
    pasted = loaded(tmp_path, PROD + "pinned: true\npins:\n" + lines + "\n")
    found = approvals(pasted, pasted.environment("prod"))
    assert {name: (approval.version, approval.pin) for name, approval in found.items()} == {
        "acme/api": ("1.4.2", Pin(DIGEST, "`pins` of prod")),
        "acme/web": ("2.0", Pin(DIGEST, "`pins` of prod")),
    }


def test_pinned_names_no_package_that_has_its_pin(tmp_path: Path) -> None:
    manifest = loaded(tmp_path, PROD + f'pinned: true\npins: {{acme/api: {{version: "1.4.2", digest: "{DIGEST}"}}}}\n')
    with pytest.raises(PinError) as caught:
        approvals(manifest, manifest.environment("prod"))
    assert "acme/web" in caught.value.message
    assert "acme/api" not in caught.value.message


def test_unused_pins_are_sorted(tmp_path: Path) -> None:
    pin = f'{{version: "1", digest: "{DIGEST}"}}'
    manifest = loaded(tmp_path, PROD + f"pins: {{acme/wbe: {pin}, acme/api: {pin}, acme/apl: {pin}}}\n")
    assert unused_pins(manifest, manifest.environment("prod")) == ["acme/apl", "acme/wbe"]
    # They do not count as the pin of anything.
    assert approvals(manifest, manifest.environment("prod"))["acme/web"].pin is None


# --- force ------------------------------------------------------------------------------------------------------------


def test_a_soak_is_skipped_for_one_digest_and_for_a_reason() -> None:
    texts = [f"acme/api@1.4.2={DIGEST}", f"acme/web@2.0={OTHER}"]
    assert parse_forced(texts, "CVE-2026-1234") == [
        Permission("acme/api", "1.4.2", DIGEST),
        Permission("acme/web", "2.0", OTHER),
    ]
    assert parse_forced([], "") == []


@pytest.mark.parametrize("reason", ["", " ", "\n\t"])
def test_force_without_a_reason_is_refused(reason: str) -> None:
    with pytest.raises(UsageError, match="force requires a reason") as caught:
        parse_forced([f"acme/api@1.4.2={DIGEST}"], reason)
    assert "Add --reason TEXT." in caught.value.hint
    assert caught.value.exit_code == 2


def test_a_reason_without_force_is_an_error() -> None:
    with pytest.raises(UsageError, match="a reason without force"):
        parse_forced([], "CVE-2026-1234")


@pytest.mark.parametrize("text", ["acme/api@1.4.2", DIGEST, "acme/api@1.4.2=sha256:abc", ""])
def test_force_names_package_version_and_digest(text: str) -> None:
    with pytest.raises(UsageError, match="NAMESPACE/PACKAGE@VERSION=sha256:DIGEST"):
        parse_forced([text], "why")


def test_permissions_are_found_by_package_and_version() -> None:
    permissions = [Permission("acme/api", "1.4.2", DIGEST), Permission("acme/api", "1.4.3", OTHER)]
    assert permitted_digest(permissions, "acme/api", "1.4.2") == DIGEST
    assert permitted_digest(permissions, "acme/api", "1.4.3") == OTHER
    assert permitted_digest(permissions, "acme/api", "1.4.4") == ""
    assert permitted_digest(permissions, "acme/web", "1.4.2") == ""


def bundle_manifest(folder: Path, prod: str) -> Manifest:
    path = folder / "release.yaml"
    text = PACKAGES.replace("packages:", 'bundle: {package: suite, version: "7"}\npackages:')
    path.write_text(text + "  prod:\n" + textwrap.indent(PROD + prod, "    "))
    return load(path, environment="prod")


def test_a_bundle_is_approved_in_place_of_its_members(tmp_path: Path) -> None:
    manifest = bundle_manifest(tmp_path, f'pins: {{acme/suite: {{version: "6", digest: "{DIGEST}"}}}}\npinned: true\n')
    prod = manifest.environment("prod")
    assert approvals(manifest, prod) == {"acme/suite": Approval("6", Pin(DIGEST, "`pins` of prod"))}
    assert unused_pins(manifest, prod) == []
    assert marks_of(manifest, prod, "acme/suite") == {"6": "pinned"}
    # Only the bundle that is pinned names the versions of its members.
    assert marks_of(manifest, prod, "acme/api") == {}


def test_a_missing_pin_of_a_bundle_is_the_only_one(tmp_path: Path) -> None:
    manifest = bundle_manifest(tmp_path, "pinned: true\n")
    with pytest.raises(PinError) as error:
        approvals(manifest, manifest.environment("prod"))
    assert '"acme/suite": {version: "7", digest: "sha256:…"}' in error.value.message
    assert "acme/api" not in error.value.message


def test_without_a_pin_the_members_have_the_versions_of_the_manifest(tmp_path: Path) -> None:
    manifest = bundle_manifest(tmp_path, "")
    assert marks_of(manifest, manifest.environment("prod"), "acme/web") == {"2.0": "declared"}
    assert marks_of(manifest, manifest.environment("dev"), "acme/web") == {"2.0": "declared"}
