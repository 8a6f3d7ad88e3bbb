"""`plan` and `apply` of an environment that promotes, on embedded registries: no file is needed, no byte changes."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pulumi_codeartifact_release.publishing import Permission
from support.command_line import Outcome, Run
from support.embedded import opened
from system.cli.test_release import tree

MANIFEST = """\
schemaVersion: 1
variables:
  version: {default: "1.0"}
defaults:
  namespace: acme
packages:
  - package: app
    version: ${version}
    assets: [dist/*]
environments:
  dev: {domain: acme, repository: dev, endpoint: "file:.registry"}
  staging: {domain: acme, repository: staging, endpoint: "file:.registry", promoteFrom: dev}
  prod: {domain: acme-prod, repository: releases, endpoint: "file:.far", promoteFrom: staging}
"""
STAGING = "staging: file:.registry, account 000000000000, us-east-1, repository acme/staging\n"
FROM_DEV = "  from dev: file:.registry, account 000000000000, us-east-1, repository acme/dev\n"
PROD = "prod: file:.far, account 000000000000, us-east-1, repository acme-prod/releases\n"
FROM_STAGING = "  from " + STAGING
CONTENTS = {"a.txt": b"hello\n", "b.bin": bytes(100_000)}
BOTH = pytest.mark.parametrize("environment", ["staging", "prod"])
"""Within the domain, and across: each promotes what the one before it holds."""


def more(project: Path, environment: str, settings: str) -> None:
    """Say more of an environment."""
    path = project / "release.yaml"
    lines = path.read_text().splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if line.startswith(f"  {environment}:"))
    lines[at] = lines[at].replace("}\n", f", {settings}}}\n")
    path.write_text("".join(lines))


@pytest.fixture
def released(project: Path, run: Run) -> Path:
    """1.0 is published in dev; its files are on this machine no more."""
    (project / "release.yaml").write_text(MANIFEST)
    assert run("apply", "release.yaml", "-e", "dev", "--yes").code == 0
    shutil.rmtree(project / "dist")
    return project


@pytest.fixture
def before(run: Run, released: Path) -> Callable[[str], None]:
    """Have the source environment hold what it promotes."""

    def promote(environment: str) -> None:
        if environment == "prod":
            assert run("apply", "release.yaml", "-e", "staging", "--yes").code == 0

    return promote


def released_again(run: Run, project: Path, contents: dict[str, bytes], version: str = "1.0") -> None:
    """Publish different bytes in dev; under a version that is there already, in its place."""
    for name, content in contents.items():
        path = project / "dist" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    words = ["release.yaml", "-e", "dev", "--var", f"version={version}"]
    plan = run("plan", *words)
    permit = re.findall(r"--replace (\S+)", plan.err)
    assert run("apply", *words, "--yes", *(["--replace", permit[0]] if permit else [])).code == 0
    shutil.rmtree(project / "dist")


def package_of(run: Run, environment: str, *words: str, code: int = 0) -> dict[str, Any]:
    """The one package of a plan, as JSON."""
    outcome = run("plan", "release.yaml", "-e", environment, "--json", *words)
    assert outcome.code == code, outcome.err
    (package,) = json.loads(outcome.out)["packages"]
    found: dict[str, Any] = package
    return found


def held(project: Path, environment: str, version: str = "1.0") -> tuple[str, dict[str, bytes]]:
    """Status and contents in an environment, as any other program would read them."""
    folder, domain, repository = {
        "dev": (".registry", "acme", "dev"),
        "staging": (".registry", "acme", "staging"),
        "prod": (".far", "acme-prod", "releases"),
    }[environment]
    where: dict[str, Any] = {
        "domain": domain,
        "repository": repository,
        "format": "generic",
        "namespace": "acme",
        "package": "app",
        "packageVersion": version,
    }
    with opened(project / folder) as client:
        status = client.describe_package_version(**where)["packageVersion"]["status"]
        names = [each["name"] for each in client.list_package_version_assets(**where)["assets"]]
        contents = {name: client.get_package_version_asset(**where, asset=name)["asset"].read() for name in names}
    return status, contents


def archive(project: Path, repository: str, status: Any = "Archived") -> None:
    with opened(project / ".registry") as client:
        answer = client.update_package_versions_status(
            domain="acme",
            repository=repository,
            format="generic",
            namespace="acme",
            package="app",
            versions=["1.0"],
            targetStatus=status,
        )
        assert not answer["failedVersions"]


def delete(project: Path, repository: str) -> None:
    with opened(project / ".registry") as client:
        client.delete_package_versions(
            domain="acme", repository=repository, format="generic", namespace="acme", package="app", versions=["1.0"]
        )


# --- what it says and does --------------------------------------------------------------------------------------------


def test_a_plan_within_a_domain_shows_source_and_assets(run: Run, released: Path) -> None:
    before = tree(released)
    outcome = run("plan", "release.yaml", "-e", "staging")
    digest = package_of(run, "staging")["digest"]
    assert outcome == Outcome(
        0,
        STAGING + FROM_DEV + "\n"
        "    PACKAGE       ACTION  SEND      SIZE  THERE  REQUESTS\n"
        "  + acme/app@1.0  copy       2  97.7 KiB      0         5\n"
        "\n"
        "  acme/app@1.0\n"
        f"    {digest}\n"
        "    from acme/dev as it is now, not pinned\n"
        "\n"
        "1 package to change: 2 assets to promote, 97.7 KiB; 0 already there; 5 requests.\n",
        "",
    )
    assert tree(released) == before


def test_a_plan_across_domains_shows_the_transfer(run: Run, released: Path, before: Callable[[str], None]) -> None:
    before("prod")
    there = tree(released)
    outcome = run("plan", "release.yaml", "-e", "prod")
    digest = package_of(run, "prod")["digest"]
    assert outcome == Outcome(
        0,
        PROD + FROM_STAGING + "\n"
        "    PACKAGE       ACTION    SEND      SIZE  THERE  REQUESTS\n"
        "  + acme/app@1.0  transfer     2  97.7 KiB      0        12\n"
        "\n"
        "  acme/app@1.0\n"
        f"    {digest}\n"
        "    from acme/staging as it is now, not pinned\n"
        "\n"
        "1 package to change: 2 assets to promote, 97.7 KiB; 0 already there; 12 requests.\n",
        "",
    )
    assert tree(released) == there
    assert not (released / ".far").exists()


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ("staging", "acme/app: Published: copied 2 assets, 97.7 KiB; 0 already there"),
        ("prod", "acme/app: Published: sent 2 assets, 97.7 KiB; 0 already there"),
    ],
)
def test_apply_promotes_the_same_bytes_and_a_second_apply_does_nothing(
    run: Run, released: Path, before: Callable[[str], None], environment: str, said: str
) -> None:
    before(environment)
    first = run("apply", "release.yaml", "-e", environment, "--yes")
    assert (first.code, first.err) == (0, "")
    following = "apply -e prod" if environment == "staging" else "status"
    assert first.out.splitlines()[-2:] == [said, f"Next: codeartifact-release {following}"]
    assert held(released, environment) == ("Published", CONTENTS)
    there = tree(released)
    second = run("apply", "release.yaml", "-e", environment, "--yes")
    assert second.code == 0
    assert second.out.splitlines()[-4:-1] == [
        f"  = acme/app@1.0  unchanged     -     -      2  {2 if environment == 'dev' else 4:>8}",
        "",
        "Nothing to do: 1 package published and unchanged.",
    ]
    assert tree(released) == there


@BOTH
def test_the_detailed_exit_code_shows_changes(run: Run, before: Callable[[str], None], environment: str) -> None:
    before(environment)
    assert run("plan", "release.yaml", "-e", environment, "--detailed-exitcode").code == 3
    run("apply", "release.yaml", "-e", environment, "--yes")
    assert run("plan", "release.yaml", "-e", environment, "--detailed-exitcode").code == 0


def test_a_transfer_can_use_last_asset(run: Run, released: Path, before: Callable[[str], None]) -> None:
    before("prod")
    more(released, "prod", "finalize: last-asset")
    assert run("apply", "release.yaml", "-e", "prod", "--yes").code == 0
    assert held(released, "prod") == ("Published", CONTENTS)


def test_two_domains_of_one_folder_are_two_domains(run: Run, released: Path) -> None:
    (released / "release.yaml").write_text(MANIFEST.replace("acme, repository: staging", "next, repository: staging"))
    assert package_of(run, "staging")["route"] == "transfer"
    assert run("apply", "release.yaml", "-e", "staging", "--yes").code == 0


def test_the_declared_status_is_kept(run: Run, released: Path) -> None:
    path = released / "release.yaml"
    path.write_text(path.read_text().replace("assets: [dist/*]", "assets: [dist/*]\n    status: Unlisted"))
    assert run("apply", "release.yaml", "-e", "staging", "--yes").code == 0
    assert held(released, "staging") == ("Unlisted", CONTENTS)
    assert held(released, "dev")[0] == "Published"


# --- as JSON ----------------------------------------------------------------------------------------------------------


def test_the_json_has_route_and_source(run: Run, released: Path, before: Callable[[str], None]) -> None:
    before("prod")
    outcome = run("plan", "release.yaml", "-e", "prod", "--json")
    plan = json.loads(outcome.out)
    assert plan["promoteFrom"] == {
        "environment": "staging",
        "endpoint": "file:.registry",
        "account": "000000000000",
        "region": "us-east-1",
        "domain": "acme",
        "repository": "staging",
    }
    assert (plan["environment"], plan["domain"], plan["repository"]) == ("prod", "acme-prod", "releases")
    assert plan["permissions"]["reason"] is None
    (package,) = plan["packages"]
    assert (package["action"], package["route"], package["requests"]) == ("publish", "transfer", 12)
    assert (package["pin"], package["forced"], package["refusal"]) == (None, False, None)
    assert [(each["name"], each["size"]) for each in package["upload"]] == [("a.txt", 6), ("b.bin", 100_000)]
    assert package["digest"] == package_of(run, "staging")["digest"]


def test_the_json_of_published_files_has_no_source(run: Run, project: Path) -> None:
    (project / "release.yaml").write_text(MANIFEST)
    plan = json.loads(run("plan", "release.yaml", "-e", "dev", "--json").out)
    assert plan["promoteFrom"] is None
    (package,) = plan["packages"]
    assert (package["route"], package["pin"], package["forced"]) == ("files", None, False)


# --- gates ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("environment", ["staging", "prod"])
def test_a_version_that_was_never_released_is_refused_and_no_registry_is_created(
    run: Run, project: Path, environment: str
) -> None:
    (project / "release.yaml").write_text(MANIFEST)
    there = tree(project)
    for words in (["plan"], ["apply", "--yes"]):
        outcome = run(words[0], "release.yaml", "-e", environment, *words[1:])
        assert outcome.code == 4
        assert re.search(r"refused\[gate\]: acme/app@1\.0 in acme/(dev|staging) does not exist", outcome.err)
        assert "1 package refused; nothing will be sent." in outcome.out
    assert tree(project) == there


@BOTH
@pytest.mark.parametrize("status", ["Archived", "Unlisted"])
def test_a_version_that_is_not_published_in_the_source_is_refused(
    run: Run, released: Path, before: Callable[[str], None], environment: str, status: str
) -> None:
    before(environment)
    offered = package_of(run, environment)["digest"]
    archive(released, {"staging": "dev", "prod": "staging"}[environment], status)
    outcome = run("apply", "release.yaml", "-e", environment, "--yes")
    assert outcome.code == 4
    assert f"is {status}, not Published: it cannot be promoted" in outcome.err
    # Refused, it still says what there is to promote, and which way it would have gone.
    refused = package_of(run, environment, code=4)
    assert (refused["action"], refused["route"]) == ("refuse", {"staging": "copy", "prod": "transfer"}[environment])
    assert (refused["digest"], refused["upload"], refused["refusal"]["code"]) == (offered, [], "gate")


def test_one_refused_package_prevents_all_promotions(run: Run, released: Path) -> None:
    path = released / "release.yaml"
    path.write_text(
        MANIFEST.replace("environments:", "  - {package: other, version: '1', assets: [dist/b.bin]}\nenvironments:")
    )
    there = tree(released)
    outcome = run("apply", "release.yaml", "-e", "staging", "--yes")
    assert outcome.code == 4
    assert "acme/other@1 in acme/dev does not exist" in outcome.err
    assert tree(released) == there


def test_an_unmet_soak_is_refused_with_its_end_and_how_to_skip_it(run: Run, released: Path) -> None:
    more(released, "staging", "soak: 24h")
    there = tree(released)
    outcome = run("apply", "release.yaml", "-e", "staging", "--yes")
    assert outcome.code == 4
    assert re.search(
        r"refused\[gate\]: acme/app@1\.0 in acme/dev has been Published for \d+s, and `soak` requires 24h: "
        r"until \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ, in (24h|23h59m\d+s)",
        outcome.err,
    )
    assert tree(released) == there
    words = re.findall(r"(--force) (\S+) (--reason) TEXT", outcome.err)[0]
    forced = run("plan", "release.yaml", "-e", "staging", *words, "CVE-2026-1234")
    assert forced.code == 0
    assert "the soak is skipped by force: CVE-2026-1234" in forced.out
    plan = json.loads(run("plan", "release.yaml", "-e", "staging", "--json", *words, "CVE-2026-1234").out)
    assert (plan["permissions"]["reason"], plan["packages"][0]["forced"]) == ("CVE-2026-1234", True)
    assert tree(released) == there
    applied = run("apply", "release.yaml", "-e", "staging", "--yes", *words, "CVE-2026-1234")
    assert applied.code == 0
    assert "the soak is skipped by force: CVE-2026-1234" in applied.out
    assert held(released, "staging") == ("Published", CONTENTS)


def test_a_soak_that_is_over_needs_no_force(run: Run, released: Path) -> None:
    more(released, "staging", "soak: 1s")
    deadline = time.monotonic() + 20
    while (outcome := run("apply", "release.yaml", "-e", "staging", "--yes")).code == 4:
        assert time.monotonic() < deadline, outcome.err
        time.sleep(0.3)
    assert outcome.code == 0
    assert held(released, "staging") == ("Published", CONTENTS)


def test_force_for_another_digest_does_not_skip_a_soak(run: Run, released: Path) -> None:
    more(released, "staging", "soak: 24h")
    words = ["--force", f"acme/app@1.0=sha256:{'0' * 64}", "--reason", "why"]
    assert run("apply", "release.yaml", "-e", "staging", "--yes", *words).code == 4


@pytest.mark.parametrize(
    ("environment", "permission"),
    [("staging", "acme/app@2.0"), ("staging", "acme/other@1.0"), ("dev", None)],
)
def test_force_for_a_version_that_is_not_promoted_is_an_error(
    run: Run, project: Path, environment: str, permission: str | None
) -> None:
    (project / "release.yaml").write_text(MANIFEST)
    force = f"{permission or 'acme/app@1.0'}=sha256:{'0' * 64}"
    outcome = run("plan", "release.yaml", "-e", environment, "--force", force, "--reason", "why")
    assert outcome.code == 2
    says = (
        f"the manifest declares no {permission}" if permission else "dev publishes files, so there is no soak to skip"
    )
    assert says in outcome.err


def test_cleaning_up_the_source_environment_breaks_nothing(
    run: Run, released: Path, before: Callable[[str], None]
) -> None:
    before("prod")
    assert run("apply", "release.yaml", "-e", "prod", "--yes").code == 0
    delete(released, "dev")
    archive(released, "staging")
    for environment in ("staging", "prod"):
        more(released, environment, "soak: 24h")
    assert run("plan", "release.yaml", "-e", "prod", "--detailed-exitcode").code == 0
    # What is archived in staging itself is drift of staging, and mended there.
    assert package_of(run, "staging")["action"] == "set-status"
    assert run("apply", "release.yaml", "-e", "staging", "--yes").code == 0
    assert held(released, "staging") == ("Published", CONTENTS)


# --- pins -------------------------------------------------------------------------------------------------------------


def pin(version: str, digest: str, package: str = "acme/app") -> str:
    return f'{package}: {{version: "{version}", digest: "{digest}"}}'


def test_a_pinned_version_is_promoted_and_the_pin_is_shown(run: Run, released: Path) -> None:
    digest = package_of(run, "staging")["digest"]
    more(released, "staging", f"pinned: true, pins: {{{pin('1.0', digest)}}}")
    outcome = run("plan", "release.yaml", "-e", "staging")
    assert f"    {digest}\n    from acme/dev, approved by `pins` of staging\n" in outcome.out
    assert package_of(run, "staging")["pin"] == {"digest": digest, "approvedBy": "`pins` of staging"}
    assert run("apply", "release.yaml", "-e", "staging", "--yes").code == 0
    # Made, it needs no source any more.
    delete(released, "dev")
    assert run("plan", "release.yaml", "-e", "staging", "--detailed-exitcode").code == 0


@BOTH
def test_a_source_that_changed_after_the_approval_is_refused_with_both_digests(
    run: Run, released: Path, before: Callable[[str], None], environment: str
) -> None:
    before(environment)
    approved = package_of(run, environment)["digest"]
    more(released, environment, f"pins: {{{pin('1.0', approved)}}}")
    released_again(run, released, {"a.txt": b"moved\n"})
    if environment == "prod":
        permit = re.findall(r"--replace (\S+)", run("plan", "release.yaml", "-e", "staging").err)[0]
        assert run("apply", "release.yaml", "-e", "staging", "--yes", "--replace", permit).code == 0
    there = tree(released)
    outcome = run("apply", "release.yaml", "-e", environment, "--yes")
    assert outcome.code == 4
    assert "refused[pin]: acme/app@1.0 in acme/" in outcome.err
    assert f"    approved  {approved} (`pins` of {environment})\n" in outcome.err
    assert re.search(r"    actual    sha256:[0-9a-f]{64} \(Published, revision \S+, published \S+Z\)\n", outcome.err)
    assert tree(released) == there


def test_pinned_without_a_pin_is_refused_with_the_lines_to_paste(run: Run, released: Path) -> None:
    more(released, "staging", "pinned: true")
    outcome = run("plan", "release.yaml", "-e", "staging")
    assert outcome.code == 4
    assert "refused[pin]: release.yaml: staging is `pinned`, but has no pins for:" in outcome.err
    assert re.search(r'\n    "acme/app": \{version: "1\.0", digest: "sha256:[0-9a-f]{64}"\}\n', outcome.err)


def test_a_pin_that_matches_no_package_is_a_warning(run: Run, released: Path) -> None:
    digest = "sha256:" + "0" * 64
    more(released, "staging", f"pins: {{{pin('1.0', digest, 'acme/aap')}}}")
    outcome = run("plan", "release.yaml", "-e", "staging")
    assert outcome.code == 0
    assert outcome.err == "warning: pins of staging: acme/aap is not a package of the manifest\n"


def test_a_rollback_by_reverting_a_pin_does_not_read_the_source(run: Run, released: Path) -> None:
    first = package_of(run, "staging")["digest"]
    released_again(run, released, {"a.txt": b"second\n"}, "2.0")
    second = package_of(run, "staging", "--var", "version=2.0")["digest"]
    assert first != second
    text = (released / "release.yaml").read_text()
    for version, digest in (("1.0", first), ("2.0", second)):
        (released / "release.yaml").write_text(text)
        more(released, "staging", f"pins: {{{pin(version, digest)}}}")
        assert run("apply", "release.yaml", "-e", "staging", "--yes").code == 0
        assert held(released, "staging", version)[1]["a.txt"] == {"1.0": b"hello\n", "2.0": b"second\n"}[version]
    archive(released, "staging")
    delete(released, "dev")
    (released / "release.yaml").write_text(text)
    more(released, "staging", f"pins: {{{pin('1.0', first)}}}, soak: 24h")
    back = run("apply", "release.yaml", "-e", "staging", "--yes")
    assert back.code == 0
    assert "change the status from Archived to Published" in back.out
    assert held(released, "staging") == ("Published", CONTENTS)


def test_the_outputs_of_a_stack_are_not_read(run: Run, released: Path) -> None:
    more(released, "staging", "stack: acme/releases/dev")
    outcome = run("plan", "release.yaml", "-e", "staging")
    assert outcome.code == 2
    assert "staging promotes outputs of the Pulumi stack acme/releases/dev, which only Pulumi reads" in outcome.err
    # Pins go before the stack.
    text = (released / "release.yaml").read_text()
    (released / "release.yaml").write_text(text.replace(", stack: acme/releases/dev", ""))
    digest = package_of(run, "staging")["digest"]
    (released / "release.yaml").write_text(text)
    more(released, "staging", f"pins: {{{pin('1.0', digest)}}}")
    assert run("apply", "release.yaml", "-e", "staging", "--yes").code == 0


# --- conflicts and replacements ---------------------------------------------------------------------------------------


@BOTH
def test_different_bytes_in_the_destination_are_replaced_only_with_permission(
    run: Run, released: Path, before: Callable[[str], None], environment: str
) -> None:
    before(environment)
    assert run("apply", "release.yaml", "-e", environment, "--yes").code == 0
    given_up = package_of(run, environment)["digest"]
    released_again(run, released, {"a.txt": b"moved\n"})
    words = ["release.yaml", "-e", "staging"]
    if environment == "prod":
        permit = re.findall(r"--replace (\S+)", run("plan", *words).err)[0]
        assert run("apply", *words, "--yes", "--replace", permit).code == 0
    words[-1] = environment
    there = tree(released)
    refused = run("apply", *words, "--yes")
    assert refused.code == 4
    assert f"refused[conflict]: acme/app@1.0 in {'acme' if environment == 'staging' else 'acme-prod'}/" in refused.err
    assert len(re.findall(r"  (?:promoted|published) +sha256:[0-9a-f]{64} \(6 bytes\)", refused.err)) == 1 + 1
    permission = Permission.parse(re.findall(r"--replace (\S+)", refused.err)[0])
    assert permission.digest == given_up
    plan = run("plan", *words, "--replace", str(permission))
    assert plan.code == 0
    assert f"    absent for a moment; deletes {given_up}\n" in plan.out
    assert "    REPLACE: delete the published version, then " in plan.out
    assert tree(released) == there
    assert package_of(run, environment, "--replace", str(permission))["action"] == "replace"
    assert run("apply", *words, "--yes", "--replace", str(permission)).code == 0
    assert held(released, environment) == ("Published", {"a.txt": b"moved\n"})
    # It is about what is given up: now that is another digest.
    assert "Nothing to do" in run("plan", *words, "--replace", str(permission)).out


def test_a_permission_for_another_version_is_an_error(run: Run, released: Path) -> None:
    outcome = run("plan", "release.yaml", "-e", "staging", "--replace", f"acme/app@2.0=sha256:{'a' * 64}")
    assert outcome.code == 2
    assert "the manifest declares no acme/app@2.0" in outcome.err


# --- from this machine ------------------------------------------------------------------------------------------------


def test_a_folder_is_promoted_to_another_registry_only_with_permission(
    run: Run, released: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_SECRET_ACCESS_KEY", "y"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_MAX_ATTEMPTS", "1"),
    ):
        monkeypatch.setenv(name, value)
    path = released / "release.yaml"
    path.write_text(
        MANIFEST.replace("file:.far", "http://127.0.0.1:9").replace("promoteFrom: staging", "promoteFrom: dev")
    )
    words = ["release.yaml", "-e", "prod", "--allow", "endpoint"]
    outcome = run("plan", *words)
    assert outcome.code == 2
    assert "the source file:.registry is a folder on this machine" in outcome.err
    assert "--allow local-source" in outcome.err
    permitted = run("plan", *words, "--allow", "local-source")
    # Now it is asked; nobody is there.
    assert permitted.code == 1
    assert "error[unreachable]: DescribePackageVersion: no response from http://127.0.0.1:9" in permitted.err


def test_an_endpoint_from_the_shell_is_one_warning(run: Run, released: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = released / "release.yaml"
    path.write_text(re.sub(r', endpoint: "file:\.\w+"', "", MANIFEST))
    for name, value in (
        ("AWS_ENDPOINT_URL_CODEARTIFACT", "http://127.0.0.1:9"),
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_SECRET_ACCESS_KEY", "y"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_MAX_ATTEMPTS", "1"),
    ):
        monkeypatch.setenv(name, value)
    outcome = run("plan", "release.yaml", "-e", "staging")
    assert outcome.code == 1
    assert outcome.err.count("warning: the endpoint http://127.0.0.1:9 comes from AWS_ENDPOINT_URL_CODEARTIFACT") == 1
