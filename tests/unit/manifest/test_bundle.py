"""`bundle` and `after`: what they mean, and every mistake."""

from __future__ import annotations

import pytest

from pulumi_codeartifact_release.bundle_rules import MAX_MEMBERS
from pulumi_codeartifact_release.manifest import Bundle, schema
from pulumi_codeartifact_release.manifest.bundle import check_bundle
from pulumi_codeartifact_release.manifest.value_tree import ValueTree

from .conftest import TAIL, Project

PIN = f'{{version: "1", digest: "sha256:{"a" * 64}"}}'


def text(
    *packages: str, bundle: str = "{package: suite}", defaults: str = "{namespace: acme, version: 1}", tail: str = TAIL
) -> str:
    lines = "".join(f"  - {{assets: [a.zip], {package}}}\n" for package in packages)
    head = f"bundle: {bundle}\n" if bundle else ""
    return f"schemaVersion: 1\ndefaults: {defaults}\n{head}packages:\n{lines}{tail}"


def problems(project: Project, content: str) -> list[str]:
    project.file("a.zip")
    return project.problems(content)


def test_a_manifest_has_a_bundle_and_an_order(project: Project) -> None:
    project.file("a.zip")
    manifest = project.load(text("package: core", "package: app, after: [acme/core]"))
    assert manifest.bundle == Bundle("acme", "suite", "1")
    assert manifest.bundle.id == "acme/suite"
    assert [package.after for package in manifest.packages] == [(), ("acme/core",)]


def test_the_namespace_and_the_version_of_a_bundle_win_over_the_defaults(project: Project) -> None:
    project.file("a.zip")
    manifest = project.load(text("package: core", bundle="{namespace: suites, package: suite, version: 2}"))
    assert manifest.bundle == Bundle("suites", "suite", "2")


def test_without_bundle_there_is_none(project: Project) -> None:
    project.file("a.zip")
    assert project.load(text("package: core", bundle="")).bundle is None


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (
            text("package: core", bundle="{package: suite}", defaults="{namespace: acme}").replace(
                "package: core", "package: core, version: 1"
            ),
            ["bundle: the required key `version` is missing here and in `defaults`"],
        ),
        (text("package: core", bundle="{name: suite}"), ["bundle.name: unknown key; the valid keys are "]),
        (text("package: core", bundle="suite"), ["bundle: expected a mapping, found `suite`"]),
        (
            text("package: app, after: [acme/coer]", "package: core"),
            ["packages[0].after[0]: there is no package `acme/coer` in this bundle; did you mean `acme/core`?"],
        ),
        (
            text("package: app, after: [core]", "package: core"),
            ["packages[0].after[0]: `core` cannot be used: a package is named `namespace/package`"],
        ),
        (
            text("package: app, after: [acme/app]"),
            ["packages[0].after[0]: a package cannot be published after itself"],
        ),
        (
            text(
                "package: last, after: [acme/a]",
                "package: a, after: [acme/c]",
                "package: b, after: [acme/a]",
                "package: c, after: [acme/b]",
            ),
            [
                "packages[1].after: the packages wait for each other: "
                "`acme/a` after `acme/c` after `acme/b` after `acme/a`; remove one `after`"
            ],
        ),
        (
            text("package: core", "package: app, after: [acme/core]", bundle=""),
            ["packages[1].after: `after` is the order of publication in a bundle: it has no effect without `bundle`"],
        ),
        (
            text("package: core", tail=TAIL.replace("repository: dev", "repository: dev, finalize: last-asset")),
            ["environments.dev.finalize: `last-asset` cannot stage the members of a bundle; use `status-update`"],
        ),
        (
            text("package: core, status: Unlisted", "package: app, status: Published"),
            [
                "packages[0].status: a bundle needs every member to be Published, not `Unlisted`; "
                "remove the status, or give the package its own manifest"
            ],
        ),
        (
            text("package: core", defaults="{namespace: acme, version: 1, status: Archived}"),
            [
                "defaults.status: a bundle needs every member to be Published, not `Archived`; "
                "remove the status, or give the package its own manifest"
            ],
        ),
        (
            text("package: core", "package: suite, version: 2"),
            [
                "packages[1].package: `acme/suite` is the bundle, and a bundle cannot be its own member; "
                "give the bundle another name"
            ],
        ),
        (
            text("package: core", "package: core, version: 2"),
            [
                "packages[1].package: a bundle has one version of each package, but `acme/core` is also on "
                "line 5; give each version its own manifest"
            ],
        ),
        (
            text("package: core", "package: core"),
            [
                "packages[1].package: `acme/core@1` is declared twice: first on line 5; "
                "declare each version of a package once"
            ],
        ),
        (
            text(r"package: a\b", "package: core, namespace: .."),
            [
                r"packages[0].package: `a\b` cannot be in a bundle: it must be usable as the name of a folder",
                "packages[1].namespace: `..` cannot be in a bundle: it must be usable as the name of a folder",
            ],
        ),
        (
            text("package: CON", 'package: "a."', 'package: "a:b"', "package: core, namespace: com1.x, version: CON"),
            [
                "packages[0].package: `CON` cannot be in a bundle: it must be usable as the name of a folder, but it "
                "names a device on some systems",
                "packages[1].package: `a.` cannot be in a bundle: it must be usable as the name of a folder, but it "
                "begins or ends with a space, or ends with a dot, which some file systems remove",
                "packages[2].package: `a:b` cannot be in a bundle: it must be usable as the name of a folder, but it "
                "names a device on some systems",
                "packages[3].namespace: `com1.x` cannot be in a bundle: it must be usable as the name of a folder",
            ],
        ),
        (
            text("package: b", "package: B", "package: c, namespace: ACME"),
            [
                "packages[1].package: `acme/B` and `acme/b` on line 5 cannot be in one bundle: on some systems, their "
                "folders are the same; use another name"
            ],
        ),
        (
            text("package: core", defaults="{namespace: acme, version: .}"),
            ["defaults.version: `.` cannot be in a bundle: it must be usable as the name of a folder"],
        ),
        (
            text(
                "package: core",
                tail=TAIL
                + f"  prod: {{domain: acme, repository: prod, promoteFrom: dev, pins: {{acme/core: {PIN}}}}}\n",
            ),
            [
                'environments.prod.pins["acme/core"]: `acme/core` is a member of the bundle `acme/suite`; '
                "pin the bundle instead"
            ],
        ),
        (
            text(
                "package: core",
                tail=TAIL
                + f"  prod: {{domain: acme, repository: prod, promoteFrom: dev, pins: {{acme/suite: {PIN}}}}}\n",
            ),
            [],
        ),
    ],
)
def test_a_mistake_in_a_bundle_is_reported_once(project: Project, content: str, expected: list[str]) -> None:
    lines = [line.split(" ", 1)[1] for line in problems(project, content)]
    assert len(lines) == len(expected)
    assert all(line.startswith(start) for line, start in zip(lines, expected, strict=True)), lines


def test_several_versions_in_a_bundle_are_not_also_a_mistake_of_an_environment(project: Project) -> None:
    tail = (
        TAIL
        + f"  prod: {{domain: acme, repository: prod, promoteFrom: dev, pinned: true, pins: {{acme/suite: {PIN}}}}}\n"
    )
    (line,) = problems(project, text("package: core", "package: core, version: 2", tail=tail))
    assert "a bundle has one version of each package" in line


def test_a_bundle_has_a_limited_number_of_packages() -> None:
    def reports(count: int) -> list[str]:
        packages = [{"package": f"p{number}", "namespace": "acme", "version": "1"} for number in range(count)]
        tree = ValueTree({"bundle": {"package": "s", "namespace": "acme", "version": "1"}, "packages": packages})
        check_bundle(tree)
        return [problem.message for problem in tree.problems]

    assert reports(MAX_MEMBERS) == []
    assert reports(MAX_MEMBERS + 1) == ["a bundle has at most 500 packages; there are 501"]


def test_the_example_of_the_schema_is_a_bundle() -> None:
    bundle = schema.editor_schema()["properties"]["bundle"]
    assert bundle["examples"] == [{"namespace": "acme", "package": "suite", "version": "${version}"}]
