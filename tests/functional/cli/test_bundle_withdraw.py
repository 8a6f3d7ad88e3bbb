"""`withdraw` with bundles: a bundle goes before its members, spares shared ones, and comes back after them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from mypy_boto3_codeartifact import CodeArtifactClient

from pulumi_codeartifact_release.errors import AccessDeniedError
from pulumi_codeartifact_release.publishing.bundle import BUNDLE_ASSET, encode_bundle
from pulumi_codeartifact_release.registry.boto import BotoRegistry
from support import bundles
from support.command_line import Run
from support.fakes import bundle_members

WITHDRAW = ("withdraw", "acme/suite@1.0", "-e", "dev", "--reason", "loses orders", "--yes")
RESTORE = ("withdraw", "acme/suite@1.0", "-e", "dev", "--restore", "--yes")
ALL = ("acme/suite", "acme/api", "acme/db")


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[CodeArtifactClient]:
    """dev has the bundle 1.0, and 1.1, which names the same `db`."""
    bundles.write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    with bundles.opened_registry(tmp_path) as client:
        bundles.publish_bundle(client)
        yield client


def publish_with_shared_db(client: CodeArtifactClient) -> None:
    """Publish the bundle 0.9, which names `db` 1.0."""
    api = {"acme/api": bundles.FILES["acme/api"]}
    bundles.publish(client, "acme/api", "0.9", api["acme/api"])
    members = [*bundle_members(api, "0.9"), *bundle_members({"acme/db": bundles.FILES["acme/db"]})]
    bundles.publish(client, "acme/suite", "0.9", {BUNDLE_ASSET: encode_bundle(members)})


def statuses(client: CodeArtifactClient, version: str = "1.0") -> list[str]:
    return [bundles.package_of(client, name).statuses()[version] for name in ALL]


def withdrawn(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / "release.yaml").read_text()).get("withdrawn", {})
    return found


def changes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The changes of status, as they are made."""
    made: list[str] = []
    real = BotoRegistry.set_status

    def set_status(self: BotoRegistry, at: Any, **options: Any) -> Any:
        made.append(f"{at.package} {options['target']}")
        return real(self, at, **options)

    monkeypatch.setattr(BotoRegistry, "set_status", set_status)
    return made


def test_a_bundle_is_withdrawn_before_its_members(
    run: Run, client: CodeArtifactClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = changes(monkeypatch)
    outcome = run(*WITHDRAW)
    assert (outcome.code, outcome.err) == (0, "")
    assert made == ["suite Archived", "api Archived", "db Archived"]
    assert statuses(client) == ["Archived"] * 3
    assert "  acme/db@1.0 in acme/dev (member of acme/suite@1.0): Published -> Archived, since " in outcome.out
    assert {name: entry.get("bundle") for name, entry in withdrawn(tmp_path).items()} == {
        "acme/suite@1.0": None,
        "acme/api@1.0": "acme/suite@1.0",
        "acme/db@1.0": "acme/suite@1.0",
    }


def test_a_bundle_is_restored_after_its_members(
    run: Run, client: CodeArtifactClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(*WITHDRAW).code == 0
    made = changes(monkeypatch)
    outcome = run(*RESTORE)
    assert (outcome.code, outcome.err) == (0, "")
    assert made == ["suite Unlisted", "api Published", "db Published", "suite Published"]
    assert statuses(client) == ["Published"] * 3
    assert withdrawn(tmp_path) == {}


def test_a_bundle_is_not_restored_without_its_members(run: Run, client: CodeArtifactClient, tmp_path: Path) -> None:
    assert run(*WITHDRAW).code == 0
    bundles.package_of(client, "acme/db").delete("1.0")
    outcome = run(*RESTORE)
    assert outcome.code == 4
    assert outcome.err == (
        "acme/suite@1.0 in acme/dev is Archived\n"
        "error[bundle]: acme/suite@1.0 in acme/dev is partial: 1 of 2 members are not as the bundle names them:\n"
        "    acme/db@1.0 does not exist\n"
        "The bundle was not restored. Restore these members, or use another version of the bundle.\n"
    )
    assert bundles.package_of(client, "acme/suite").statuses() == {"1.0": "Archived"}
    # No member became Published.
    assert bundles.package_of(client, "acme/api").statuses() == {"1.0": "Archived"}
    assert "acme/suite@1.0" in withdrawn(tmp_path)


def test_the_own_withdrawal_of_a_member_stays(
    run: Run, client: CodeArtifactClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("withdraw", "acme/db@1.0", "-e", "dev", "--reason", "virus", "--yes").code == 0
    own = withdrawn(tmp_path)["acme/db@1.0"]
    outcome = run(*WITHDRAW)
    assert "  acme/db@1.0 in acme/dev: `withdrawn` has it already: virus\n" in outcome.out
    assert withdrawn(tmp_path)["acme/db@1.0"] == own
    assert statuses(client) == ["Archived"] * 3
    made, before = changes(monkeypatch), withdrawn(tmp_path)
    refused = run(*RESTORE)
    assert refused.code == 4
    assert refused.err == (
        "error[bundle]: acme/suite@1.0 in acme/dev cannot be restored: its member acme/db@1.0 was withdrawn itself: "
        "virus\n"
        "To restore both, name acme/db@1.0, too.\n"
    )
    assert (made, withdrawn(tmp_path)) == ([], before)
    assert run(*RESTORE[:2], "acme/db@1.0", *RESTORE[2:]).code == 0
    assert statuses(client) == ["Published"] * 3
    assert withdrawn(tmp_path) == {}


def test_an_own_withdrawal_stays_where_the_member_is_still_published(
    run: Run, client: CodeArtifactClient, tmp_path: Path
) -> None:
    assert run("withdraw", "acme/db@1.0", "-e", "dev", "--reason", "virus", "--yes").code == 0
    bundles.package_of(client, "acme/db").set_status("1.0", "Published")
    own = withdrawn(tmp_path)["acme/db@1.0"]
    assert run(*WITHDRAW).code == 0
    assert statuses(client) == ["Archived"] * 3
    assert withdrawn(tmp_path)["acme/db@1.0"] == own


def test_an_old_bundle_is_not_restored_while_a_member_is_withdrawn(
    run: Run, client: CodeArtifactClient, tmp_path: Path
) -> None:
    """Only the bundle itself names its members, so it is Unlisted for a moment; no member is ever Published."""
    publish_with_shared_db(client)
    old = ("withdraw", "acme/suite@0.9", "-e", "dev")
    assert run(*old, "--reason", "old", "--yes").code == 0
    # The bundle 1.0 named it, so it was not withdrawn with the bundle 0.9.
    assert run(*WITHDRAW).code == 0
    before = withdrawn(tmp_path)
    refused = run(*old, "--restore", "--yes")
    assert refused.code == 4
    assert refused.err == (
        "acme/suite@0.9 in acme/dev is Archived\n"
        "error[bundle]: acme/suite@0.9 in acme/dev cannot be restored: its member acme/db@1.0 was withdrawn with "
        "acme/suite@1.0: loses orders\n"
        "To restore both, name acme/db@1.0, too.\n"
    )
    assert bundles.package_of(client, "acme/suite").statuses() == {"0.9": "Archived", "1.0": "Archived"}
    assert bundles.package_of(client, "acme/api").statuses() == {"0.9": "Archived", "1.0": "Archived"}
    assert withdrawn(tmp_path) == before


def test_a_restoration_that_fails_in_the_middle_archives_the_bundle_and_goes_on(
    run: Run, client: CodeArtifactClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(*WITHDRAW).code == 0
    real = BotoRegistry.set_status

    def die(self: BotoRegistry, at: Any, **options: Any) -> Any:
        if at.package == "db":
            raise AccessDeniedError("not you")
        return real(self, at, **options)

    with monkeypatch.context() as patch:
        patch.setattr(BotoRegistry, "set_status", die)
        outcome = run(*RESTORE)
    assert outcome.code == 2
    assert outcome.err.startswith(
        "acme/api@1.0 in acme/dev is Published\nacme/suite@1.0 in acme/dev is Archived\nerror["
    )
    assert statuses(client) == ["Archived", "Published", "Archived"]
    assert run(*RESTORE).code == 0
    assert statuses(client) == ["Published"] * 3


def test_a_withdrawal_that_ended_in_the_middle_goes_on(
    run: Run, client: CodeArtifactClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = BotoRegistry.set_status

    def die(self: BotoRegistry, at: Any, **options: Any) -> Any:
        if at.package == "api":
            raise AccessDeniedError("not you")
        return real(self, at, **options)

    with monkeypatch.context() as patch:
        patch.setattr(BotoRegistry, "set_status", die)
        assert run(*WITHDRAW).code == 2
    assert statuses(client) == ["Archived", "Published", "Published"]
    assert run(*WITHDRAW).code == 0
    assert statuses(client) == ["Archived"] * 3


def test_a_member_that_another_published_bundle_names_stays(
    run: Run, client: CodeArtifactClient, tmp_path: Path
) -> None:
    publish_with_shared_db(client)
    outcome = run(*WITHDRAW)
    assert outcome.code == 0
    assert "Members that stay as they are:\n  acme/db@1.0 in acme/dev: acme/suite@0.9 names it\n" in outcome.out
    assert statuses(client) == ["Archived", "Archived", "Published"]
    assert sorted(withdrawn(tmp_path)) == ["acme/api@1.0", "acme/suite@1.0"]
    both = run("withdraw", "acme/suite@0.9", "-e", "dev", "--reason", "old", "--yes")
    assert both.code == 0
    # Now nothing names it.
    assert statuses(client) == ["Archived", "Archived", "Archived"]


def test_the_bundles_of_a_member_are_named_before_it_goes(run: Run, client: CodeArtifactClient) -> None:
    publish_with_shared_db(client)
    outcome = run("withdraw", "acme/db@1.0", "-e", "dev", "--reason", "broken", "--yes")
    assert outcome.code == 0
    before = outcome.out.partition("--- a/release.yaml")[0]
    for version in ("1.0", "0.9"):
        assert f"warning: acme/suite@{version} in acme/dev becomes partial: it names acme/db@1.0\n" in before
    assert statuses(client) == ["Published", "Published", "Archived"]


def test_without_a_manifest_a_bundle_takes_its_members_along(run: Run, client: CodeArtifactClient) -> None:
    publish_with_shared_db(client)
    place = ("--domain", "acme", "--repository", "dev", "--endpoint", "file:.registry")
    outcome = run("withdraw", "acme/suite@1.0", *place, "--reason", "broken", "--json")
    assert (outcome.code, outcome.err) == (0, "")
    answer = json.loads(outcome.out)
    jsonschema.Draft202012Validator(json.loads(run("schema", "withdraw").out)).validate(answer)
    assert [(each["package"], each["bundle"]) for each in answer["versions"]] == [
        ("suite", None),
        ("api", "acme/suite@1.0"),
    ]
    assert answer["spared"] == [{"repository": "dev", "version": "acme/db@1.0", "reason": "acme/suite@0.9 names it"}]
    assert answer["partialBundles"] == []
    assert statuses(client) == ["Archived", "Archived", "Published"]


def test_a_member_with_other_bytes_stays(run: Run, client: CodeArtifactClient) -> None:
    bundles.package_of(client, "acme/db").delete("1.0")
    bundles.publish(client, "acme/db", "1.0", {"db.sql": b"other"})
    outcome = run(*WITHDRAW)
    assert "  acme/db@1.0 in acme/dev: it has another digest than the bundle names\n" in outcome.out
    assert statuses(client) == ["Archived", "Archived", "Published"]


def test_unlist_keeps_the_downloads_of_all(run: Run, client: CodeArtifactClient) -> None:
    assert run(*WITHDRAW, "--unlist").code == 0
    assert statuses(client) == ["Unlisted"] * 3
    assert run(*RESTORE).code == 0
    assert statuses(client) == ["Published"] * 3
