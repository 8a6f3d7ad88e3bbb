from __future__ import annotations

import os
import shutil
import time
from datetime import timedelta
from pathlib import Path

import pytest

from pulumi_codeartifact_release.errors import ManifestError, UsageError, printable
from pulumi_codeartifact_release.manifest import Pin, Retention, Variables, Withdrawal, load

from .conftest import HEAD, TAIL, Project

DIGEST = "sha256:" + "a" * 64
COMPLETE = f"""\
schemaVersion: 1
variables:
  version: {{file: VERSION}}             # or {{default: "1.4.2"}}
defaults:
  namespace: acme
packages:
  - package: payments-api
    version: ${{version}}
    assets:
      - dist/*.tar.gz                  # a glob, relative to the manifest's folder
      - path: build/*/app.zip
        name: app-${{version}}-${{file.parent}}.zip
        count: 3
        exclude: ["**/debug/**"]
    status: Published
environments:
  dev:
    domain: acme
    repository: dev
    endpoint: file:.registry
  staging:
    domain: acme
    repository: staging
    endpoint: file:.registry
    promoteFrom: dev
  prod:
    domain: acme-prod
    domainOwner: "111122223333"
    repository: releases
    region: eu-west-1
    profile: release-prod
    promoteFrom: staging
    soak: 24h
    pinned: true
    pins:
      acme/payments-api: {{version: 1.4.2, digest: "{DIGEST}"}}
    onDestroy: retain
    onSupersede: keep
    finalize: status-update
    retention: {{newerThan: 90d, keep: "3", match: "*-dev.*"}}
    stack: acme/releases/staging
withdrawn:
  acme/payments-api@1.4.1: {{digest: "{DIGEST}", status: Archived, reason: 24}}
"""


@pytest.fixture
def complete(project: Project) -> Path:
    project.file("VERSION", "1.4.2\n")
    project.file("dist/api.tar.gz")
    for platform in ("linux", "mac", "windows", "debug"):
        project.file(f"build/{platform}/app.zip")
    return project.write(COMPLETE)


def test_a_manifest_with_every_key_loads(complete: Path) -> None:
    manifest = load(complete, environment="dev")
    assert manifest.path == complete
    assert manifest.base == complete.parent
    (package,) = manifest.packages
    assert (package.id, package.version, package.status) == ("acme/payments-api", "1.4.2", "Published")
    assert [(file.name, file.declared) for file in package.files] == [
        ("api.tar.gz", "dist/api.tar.gz"),
        ("app-1.4.2-linux.zip", "build/linux/app.zip"),
        ("app-1.4.2-mac.zip", "build/mac/app.zip"),
        ("app-1.4.2-windows.zip", "build/windows/app.zip"),
    ]
    assert all(file.path.is_absolute() for file in package.files)
    prod = manifest.environment("prod")
    assert prod.location.domain_owner == "111122223333"
    assert prod.soak == timedelta(days=1)
    assert prod.pinned is True
    assert prod.pins == {"acme/payments-api": Pin("1.4.2", DIGEST)}
    assert prod.retention == Retention(timedelta(days=90), 3, "*-dev.*")
    assert prod.stack == "acme/releases/staging"
    assert manifest.withdrawn == {"acme/payments-api@1.4.1": Withdrawal(DIGEST, "Archived", "24")}
    assert list(manifest.environments) == ["dev", "staging", "prod"]
    assert manifest.environment("dev").location.endpoint == "file:.registry"
    assert manifest.environment("dev").finalize == "status-update"


def test_a_manifest_named_relative_to_the_working_folder_has_absolute_files(
    complete: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(complete.parent)
    manifest = load(Path("release.yaml"))
    assert manifest.path == Path("release.yaml")
    assert manifest.base == complete.parent
    assert manifest.packages[0].files[0].path == complete.parent / "dist/api.tar.gz"


def test_an_environment_that_the_caller_misspells_is_a_usage_error(complete: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load(complete).environment("stagin")
    assert str(caught.value) == (
        f"{complete}: there is no environment `stagin`; did you mean `staging`? (there are `dev`, `staging` and `prod`)"
    )


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("soak: 24h", "soak"),
        ("pinned: true", "pinned"),
        ("stack: acme/releases/dev", "stack"),
        (f"pins: {{a/b: {{version: 1, digest: 'sha256:{'0' * 64}'}}}}", "pins"),
        ("pinned: false", None),
        ("pins: {}", None),
        ("finalize: last-asset", None),
    ],
)
def test_keys_of_promotions_need_promote_from(project: Project, line: str, key: str | None) -> None:
    project.file("a.zip")
    text = (
        f"{HEAD}packages: [{{namespace: a, package: b, version: 1, assets: [a.zip]}}]\n"
        f"environments:\n  dev:\n    domain: acme\n    repository: dev\n    {line}\n"
    )
    problems = (
        [f"7:5 environments.dev.{key}: `{key}` applies only to promotions: it needs `promoteFrom`"] if key else []
    )
    if not problems:
        project.load(text)
        return
    with pytest.raises(ManifestError) as caught:
        project.load(text)
    assert [f"{each.line}:{each.column} {each.key}: {each.message}" for each in caught.value.problems] == problems


def test_without_files_the_paths_are_checked_as_text(complete: Path, project: Project) -> None:
    shutil.rmtree(complete.parent / "dist")
    shutil.rmtree(complete.parent / "build")
    assert load(complete, with_files=False).packages[0].files == ()
    found = project.asset_problems("nothing/*.zip", "../x.zip", "{path: a.zip, name: a%b}", with_files=False)
    assert [each.split(": ")[0] for each in found] == ["packages[0].assets[1]", "packages[0].assets[2].name"]


MISTAKES = [
    "replace: yes",  # an operator's permission
    "variables:",
    "  version: {file: ../VERSION}",  # outside
    "  channel: {default: a, file: b}",  # two sources
    "packages:",
    "  - package: pay/ments",  # a bad name
    "    version: ${verison}",  # an unset variable
    "    assets:",
    "      - dist/*.gz",  # matches nothing
    "      - path: dist/*",
    "        count: 5",  # another count
    "      - dist/a.zip",  # twice
    "      - ../secret.txt",  # outside by ..
    "      - /etc/hosts",  # outside by an absolute path
    "      - link.txt",  # outside by a symlink
    "      - dist",  # a folder
    "      - {pth: x}",  # an unknown key
    "      - other/a.zip",  # a name twice
    "      - bad#name",  # a name that the service refuses
    "    status: Publishd",  # a bad value
    "    status: Published",  # a key twice
    "  - {package: web, version: [1], assets: site.zip}",  # a wrong type, twice
    "  - {package: api, version: 1, assets: [site.zip]}",
    "  - {package: api, version: 1, assets: [site.zip]}",  # a version twice
    "defaults: {namespace: acme, force: x}",  # an operator's permission
    "environments:",
    "  dev: {domain: ACME, repositry: dev}",  # a bad domain, an unknown key
    "  a: {domain: acme, repository: rel, promoteFrom: b, soak: soon}",  # a circle, a bad duration
    "  b: {domain: acme, repository: rel, promoteFrom: a, pinned: maybe}",  # a bad boolean
    "  c: {domain: acme, repository: rel, promoteFrom: stagin}",  # an unknown environment
    "  d: {domain: acme, repository: rel, pins: {a/b: {version: 1}}}",  # a missing key
]


def test_all_errors_are_reported_once_in_the_order_of_the_document(project: Project) -> None:
    project.file("../secret.txt")
    (project.base / "link.txt").symlink_to("../secret.txt")
    for name in ("dist/a.zip", "dist/b.zip", "other/a.zip", "site.zip", "bad#name"):
        project.file(name)
    found = project.problems(
        HEAD + "\n".join(MISTAKES) + "\n", environment="prod", variables=Variables({"chanel": "x"})
    )
    assert [" ".join(each.split(" ", 2)[:2]) for each in found] == [
        "0:0 :",  # --var chanel
        "2:1 replace:",
        "4:19 variables.version.file:",
        "5:3 variables.channel:",
        "7:14 packages[0].package:",
        "8:14 packages[0].version:",
        "10:9 packages[0].assets[0]:",
        "12:16 packages[0].assets[1].count:",
        "13:9 packages[0].assets[2]:",
        "14:9 packages[0].assets[3]:",
        "15:9 packages[0].assets[4]:",
        "16:9 packages[0].assets[5]:",
        "17:9 packages[0].assets[6]:",
        "18:10 packages[0].assets[7].pth:",
        "19:9 packages[0].assets[8]:",
        "20:9 packages[0].assets[9]:",
        "21:13 packages[0].status:",
        "22:5 packages[0].status:",
        "23:29 packages[1].version:",
        "23:42 packages[1].assets:",
        "25:15 packages[3].package:",
        "26:29 defaults.force:",
        "27:1 environments:",  # prod
        "28:17 environments.dev.domain:",
        "28:23 environments.dev.repositry:",
        "29:51 environments.a.promoteFrom:",
        "29:60 environments.a.soak:",
        "30:62 environments.b.pinned:",
        "31:51 environments.c.promoteFrom:",
        '32:45 environments.d.pins["a/b"]:',
    ]
    assert all("\n" not in each for each in found)


def test_an_error_in_an_aliased_value_is_reported_once(project: Project) -> None:
    lines = ["dev: &dev {domain: acme, repository: dev, region: EU}", "two: {<<: *dev, repository: x}", "three: *dev"]
    found = project.environment_problems(*lines)
    assert [each.split(":")[0] for each in found] == ["environments.dev.region", "environments.two.repository"]


def test_the_error_names_file_line_and_column_and_ends_the_program_with_2(project: Project) -> None:
    project.write(HEAD + "packages: x\n" + TAIL)
    with pytest.raises(ManifestError) as caught:
        load(project.manifest)
    assert str(caught.value) == f"{project.manifest}:2:11: packages: expected a list, found `x`"
    assert caught.value.exit_code == 2


def test_a_message_is_one_printable_line_for_any_value(project: Project) -> None:
    found = project.problems(HEAD + 'packages: "\\e[31m' + "x" * 5000 + '\\n"\n"ke\\ny": 1\n' + TAIL)
    assert len(found) == 2
    assert all(each.isprintable() and len(each) < 400 for each in found)


def test_a_path_that_is_not_a_manifest_is_a_usage_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, expected in [
        (tmp_path / "gone.yaml", "there is no such file"),
        (tmp_path, "is a folder"),
        (tmp_path / "pipe", "is not a regular file"),
        (Path("a\0b"), "cannot be read: embedded null byte"),
    ]:
        with pytest.raises(UsageError) as caught:
            load(path)
        assert not isinstance(caught.value, ManifestError)
        assert caught.value.message == printable(f"{path}: {expected}")


def test_an_unknown_permission_is_a_usage_error(complete: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load(complete, allow=frozenset({"outsied"}))
    assert str(caught.value) == (
        "--allow outsied: unknown; did you mean `outside`? "
        "(there are `outside`, `endpoint`, `delete` and `local-source`)"
    )
    assert load(complete, allow=frozenset({"outside", "endpoint", "delete", "local-source"}))


@pytest.mark.slow
def test_a_manifest_of_500_packages_and_10000_files_loads_quickly(project: Project) -> None:
    packages = ""
    for number in range(500):
        for file in range(20):
            project.file(f"out/p{number}/f-{number}-{file}.zip")
        packages += f"  - {{package: p{number}, assets: [out/p{number}/*.zip]}}\n"
    project.write(f"{HEAD}defaults: {{namespace: acme, version: 1.0}}\npackages:\n{packages}{TAIL}")
    started = time.perf_counter()
    manifest = load(project.manifest)
    elapsed = time.perf_counter() - started
    assert sum(len(package.files) for package in manifest.packages) == 10_000
    # About half a second on a quiet machine; the bound only catches what has become quadratic.
    assert elapsed < 6
