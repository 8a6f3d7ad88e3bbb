from __future__ import annotations

import pytest

from .conftest import HEAD, TAIL, Project


def package_problems(project: Project, packages: str, defaults: str = "{}", tail: str = TAIL) -> list[str]:
    project.file("a.zip")
    return project.problems(f"{HEAD}defaults: {defaults}\npackages: {packages}\n{tail}")


def test_a_package_s_own_values_win_over_the_defaults(project: Project) -> None:
    project.file("a.zip")
    manifest = project.load(
        f"""\
        schemaVersion: 1
        defaults: {{namespace: acme, version: 1.0, status: Unlisted}}
        packages:
          - {{package: one, assets: [a.zip]}}
          - {{package: two, assets: [a.zip], namespace: other, version: 2, status: Archived}}
        {TAIL.replace(chr(10), chr(10) + " " * 8)}"""
    )
    assert [(each.id, each.version, each.status) for each in manifest.packages] == [
        ("acme/one", "1.0", "Unlisted"),
        ("other/two", "2", "Archived"),
    ]


@pytest.mark.parametrize(
    ("packages", "defaults", "expected"),
    [
        (
            "[{package: a, version: 1, assets: [a.zip]}]",
            "{}",
            ["3:12 packages[0]: the required key `namespace` is missing here and in `defaults`"],
        ),
        (
            "[{package: a, namespace: b, assets: [a.zip]}]",
            "{}",
            ["3:12 packages[0]: the required key `version` is missing here and in `defaults`"],
        ),
        (
            "[{package: a, version: 1, assets: [a.zip]}]",
            "{namespce: acme}",
            ["2:12 defaults.namespce: unknown key; did you mean `namespace`?"],
        ),
        (
            "[{package: a, versoin: 1, assets: [a.zip]}]",
            "{namespace: acme}",
            ["3:25 packages[0].versoin: unknown key; did you mean `version`?"],
        ),
        (
            "[{package: a, version: 1, assets: [a.zip]}]",
            "{namespace: a b}",
            ["2:23 defaults.namespace: `a b` cannot be used: a namespace contains no `#`, `/` or whitespace"],
        ),
        ("[{package: a, version: 1, assets: [a.zip]}]", "[]", ["2:11 defaults: expected a mapping, found a list"]),
        (
            "[{package: a, version: 1, assets: [a.zip]}, {package: a, version: 1, assets: [a.zip]}]",
            "{namespace: acme}",
            [
                "3:65 packages[1].package: `acme/a@1` is declared twice: first on line 3; "
                "declare each version of a package once"
            ],
        ),
        (
            "[{package: a, assets: [a.zip]}, {package: a, version: 1, assets: [a.zip]}]",
            "{namespace: acme, version: 1}",
            [
                "3:53 packages[1].package: `acme/a@1` is declared twice: first on line 3; "
                "declare each version of a package once"
            ],
        ),
        (
            "[{package: a, version: 1, assets: [a.zip]}, {package: a, version: 1.0, assets: [a.zip]}]",
            "{namespace: acme}",
            [],
        ),
        (
            "[{package: a, version: 1, assets: [a.zip]}, {package: a, namespace: b, version: 2, assets: [a.zip]}]",
            "{namespace: acme}",
            [],
        ),
    ],
)
def test_an_error_across_keys_of_packages_is_reported_once(
    project: Project, packages: str, defaults: str, expected: list[str]
) -> None:
    assert package_problems(project, packages, defaults) == expected


def test_the_versions_of_a_package_have_different_names(project: Project) -> None:
    project.file("a.zip")
    manifest = project.load(
        f"""\
        schemaVersion: 1
        defaults: {{namespace: acme}}
        packages:
          - {{package: one, version: 1.1, assets: [a.zip]}}
          - {{package: two, version: 1.0, assets: [a.zip]}}
          - {{package: one, version: 1.0, assets: [a.zip], status: Unlisted}}
        {TAIL.replace(chr(10), chr(10) + " " * 8)}"""
    )
    assert [manifest.name_of(each) for each in manifest.packages] == ["acme/one@1.1", "acme/two", "acme/one@1.0"]
    assert manifest.several == {"acme/one": ("1.1", "1.0")}
    assert [each.status for each in manifest.packages] == ["Published", "Published", "Unlisted"]


_PIN = f'{{version: "1", digest: "sha256:{"a" * 64}"}}'
_TWO = "`acme/a` has 2 versions (lines 4, 6); give each version its own manifest"


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ("soak: 1d", []),
        ("pinned: false", []),
        (f"pins: {{acme/b: {_PIN}}}", []),
        (
            f"pins: {{acme/b: {_PIN}, acme/a: {_PIN}}}",
            [f'environments.prod.pins["acme/a"]: a pin names one version, and {_TWO}'],
        ),
        (
            f"pinned: true, pins: {{acme/a: {_PIN}}}",
            [f"environments.prod.pinned: `pinned` requires pins, and a pin names one version, and {_TWO}"],
        ),
        (
            "stack: staging",
            [f"environments.prod.stack: the outputs of a `stack` name one version of a package, and {_TWO}"],
        ),
    ],
)
def test_keys_that_need_one_version_are_refused_with_several(
    project: Project, settings: str, expected: list[str]
) -> None:
    project.file("a.zip")
    text = f"""\
        schemaVersion: 1
        defaults: {{namespace: acme, version: 1}}
        packages:
          - {{package: a, assets: [a.zip]}}
          - {{package: b, assets: [a.zip]}}
          - {{package: a, version: 2, assets: [a.zip]}}
        environments:
          dev: {{domain: acme, repository: dev}}
          prod: {{domain: acme, repository: prod, promoteFrom: dev, {settings}}}
        """
    assert [each.split(" ", 1)[1] for each in project.problems(text)] == expected
    # Of one version each, all of it is right.
    assert project.problems(text.replace("          - {package: a, version: 2, assets: [a.zip]}\n", "")) == []


def environments(**sources: str) -> list[str]:
    return [
        f"{name}: {{domain: acme, repository: {name}-repository{f', promoteFrom: {source}' if source else ''}}}"
        for name, source in sources.items()
    ]


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ({"dev": "", "prod": "dev"}, []),
        (
            {"dev": "", "prod": "dve"},
            ["environments.prod.promoteFrom: there is no environment `dve`; did you mean `dev`?"],
        ),
        ({"dev": "", "prod": "qa"}, ["environments.prod.promoteFrom: there is no environment `qa`"]),
        ({"dev": "dev"}, ["environments.dev.promoteFrom: an environment cannot promote from itself"]),
        (
            {"a": "b", "b": "a"},
            [
                "environments.a.promoteFrom: the environments promote in a circle: a -> b -> a; "
                "one of them must publish files"
            ],
        ),
        (
            {"into": "a", "a": "b", "b": "c", "c": "a", "alone": ""},
            [
                "environments.a.promoteFrom: the environments promote in a circle: a -> b -> c -> a; "
                "one of them must publish files"
            ],
        ),
        (
            {"a": "b", "b": "a", "c": "d", "d": "c"},
            [
                "environments.a.promoteFrom: the environments promote in a circle: a -> b -> a; "
                "one of them must publish files",
                "environments.c.promoteFrom: the environments promote in a circle: c -> d -> c; "
                "one of them must publish files",
            ],
        ),
    ],
)
def test_a_promotion_from_an_invalid_environment_is_reported_once(
    project: Project, sources: dict[str, str], expected: list[str]
) -> None:
    assert project.environment_problems(*environments(**sources)) == expected


@pytest.mark.slow
def test_ten_thousand_environments_in_one_chain_are_checked_quickly(project: Project) -> None:
    names = [f"e{number}" for number in range(10_000)]
    chain = dict(zip(names, [*names[1:], names[0]], strict=True))
    (found,) = project.environment_problems(*environments(**chain))
    assert found.startswith("environments.e0.promoteFrom: the environments promote in a circle: e0 -> e1 -> e2")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("dev", []),
        (
            "prd",
            ["environments: there is no environment `prd`; did you mean `prod`? (there are `dev` and `prod`)"],
        ),
        ("qa", ["environments: there is no environment `qa` (there are `dev` and `prod`)"]),
    ],
)
def test_a_missing_environment_is_reported(project: Project, name: str, expected: list[str]) -> None:
    assert project.environment_problems(*environments(dev="", prod=""), environment=name) == expected


def test_an_invalid_environment_is_reported_only_for_its_own_error(project: Project) -> None:
    lines = [*environments(prod="dev"), "dev: text"]
    assert project.environment_problems(*lines, environment="dev") == [
        "environments.dev: expected a mapping, found `text`"
    ]
