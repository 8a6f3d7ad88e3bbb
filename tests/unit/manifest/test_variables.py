from __future__ import annotations

from typing import Any

import pytest

from pulumi_codeartifact_release.manifest import Variables

from .conftest import HEAD, TAIL, Project

UNSET = "set it with --var {0}=VALUE, with RELEASE_VAR_{1} in the environment, or under `variables` here"


def text(version: str, section: str = "") -> str:
    return (
        f"{HEAD}{f'variables: {section}' if section else ''}\n"
        f"packages:\n  - {{namespace: acme, package: app, assets: [a.zip], version: {version}}}\n{TAIL}"
    )


def version(project: Project, written: str, section: str = "", **options: Any) -> str:
    project.file("a.zip")
    return project.load(text(written, section), **options).packages[0].version


def told(project: Project, written: str, section: str = "", **options: Any) -> list[str]:
    project.file("a.zip")
    return project.problems(text(written, section), **options)


@pytest.mark.parametrize("written", ["1.10", "yes", "2024-01-01", "0x10", "1e3", "010", "true", "-0", ".inf"])
def test_a_version_is_the_text_that_was_written(project: Project, written: str) -> None:
    assert version(project, written) == written
    assert version(project, '"${v}"', f"{{v: {{default: {written}}}}}") == written


def test_the_closest_source_of_a_value_wins(project: Project) -> None:
    project.file("VERSION", "manifest\n")
    everything: dict[str, Any] = {
        "command_line": {"the-version": "commandline"},
        "environ": {"RELEASE_VAR_THE_VERSION": "environ"},
        "stack": {"the-version": "stack"},
    }
    found = []
    while True:
        outside = Variables(**everything)
        found.append(version(project, '"${the-version}"', "{the-version: {file: VERSION}}", variables=outside))
        if not everything:
            break
        del everything[next(iter(everything))]
    assert found == ["commandline", "environ", "stack", "manifest"]


def test_a_file_is_read_only_if_nothing_comes_from_outside(project: Project) -> None:
    outside = Variables(command_line={"v": "1.0"})
    assert version(project, '"${v}"', "{v: {file: not-there}}", variables=outside) == "1.0"


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("'$${v}'", "${v}"),
        ("'a$${v}b'", "a${v}b"),
        ("'${v}-${v}'", "1-1"),
        ("'{v}'", "{v}"),
        ("'$$v'", "$v"),
        ("'$$$${v}'", "$${v}"),
        ("'$$${v}'", "$1"),
        ("'a$$'", "a$"),
        ("'$$(v)'", "$(v)"),
    ],
)
def test_placeholders_are_replaced_and_double_dollars_are_literal(
    project: Project, written: str, expected: str
) -> None:
    assert version(project, written, "{v: {default: 1}}") == expected


def test_a_value_is_never_substituted_again(project: Project) -> None:
    assert version(project, "'${v}'", "{v: {default: '$${w}'}, w: {default: 2}}") == "${w}"
    assert version(project, "'${v}'", "{v: {default: '1$$$$'}}") == "1$$"


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("$VERSION", "`$VERSION` is not replaced: write `${version}`, or `$$` for a literal `$`"),
        ("v$version", "`$version` is not replaced: write `${version}`, or `$$` for a literal `$`"),
        ("$GITHUB_REF", "`$GITHUB_REF` is not replaced: write `${GITHUB_REF}`, or `$$` for a literal `$`"),
        ("1.0-$", "a `$` without `{name}`: write `$$` for a literal `$`"),
        ("$1", "a `$` without `{name}`: write `$$` for a literal `$`"),
        ("$$$x", "`$x` is not replaced: write `${x}`, or `$$` for a literal `$`"),
        (
            "$(git describe)",
            "`$(git describe)` is not executed: write `${name}`, and set it with --var name=VALUE; `$$` is a "
            "literal `$`",
        ),
        ("${{ github.ref_name }}", "`${{` is not supported: write `${name}`, and set it with --var name=VALUE"),
    ],
)
def test_a_dollar_outside_of_a_placeholder_is_an_error_anywhere(project: Project, written: str, message: str) -> None:
    section = "{version: {default: 1}}"
    assert told(project, f"'{written}'", section) == [f"4:63 packages[0].version: {message}"]
    for entry in (f"'{written}'", f"{{path: '{written}'}}", f"{{path: a.zip, name: '{written}'}}"):
        (found,) = project.asset_problems(entry)
        assert message.replace("${version}", "${" + written.partition("$")[2] + "}") in found
    (found,) = project.asset_problems(f"{{path: a.zip, exclude: ['{written}']}}")
    assert "exclude[0]: " in found
    for key in ("domain", "repository", "region", "profile", "endpoint", "soak", "stack", "onDestroy", "promoteFrom"):
        line = f"dev: {{domain: acme, repository: dev, {key}: '{written}'}}"
        line = line.replace(f"{key}: acme, ", "").replace(f"{key}: dev, ", "")
        assert any(f"dev.{key}: " in each and "`$" in each for each in project.environment_problems(line)), key


@pytest.mark.parametrize("null", ["~", "null", "Null", "NULL", "", "!!null ~", "!!null ''"])
def test_a_missing_value_is_reported_once_anywhere(project: Project, null: str) -> None:
    no_value = "the value is missing (null in YAML); write one, in quotes if it is text"
    (found,) = told(project, null)
    assert found.endswith(f" packages[0].version: {no_value}")
    (found,) = told(project, "'${v}'", f"{{v: {{default: {null}}}}}")
    assert found.endswith(f" variables.v.default: {no_value}")
    entry = f"{{path: a.zip, exclude: [{null or '~'}]}}"
    assert project.asset_problems(entry) == [f"packages[0].assets[0].exclude[0]: {no_value}"]
    for key in ("name", "count"):
        (found,) = project.asset_problems(f"{{path: a.zip, {key}: {null}}}")
        assert found == f"packages[0].assets[0].{key}: {no_value}"
    for key in ("domain", "region", "profile", "endpoint", "soak", "stack", "onDestroy", "pinned", "promoteFrom"):
        line = f"dev: {{domain: acme, repository: dev, {key}: {null}}}".replace(
            "domain: acme, repository: dev, dom", "repository: dev, dom"
        )
        assert f"environments.dev.{key}: {no_value}" in project.environment_problems(line)
    assert version(project, "'~'") == "~"


def test_a_literal_dollar_is_written_twice(project: Project) -> None:
    project.file("dist/$a.zip")
    project.file("dist/b$.map")
    entry = "{path: 'dist/*', name: 'x-${file.stem}', exclude: ['**/*$$.map', 'dist/$$*']}"
    (found,) = project.asset_problems(entry)
    assert found.endswith("`dist/*` matches 2 paths, but `exclude` excludes all of them")
    (found,) = project.asset_problems("'dist/$$a.zip'")
    assert "CodeArtifact does not allow the name `$a.zip`" in found
    assert project.asset_problems("{path: 'dist/$$a.zip', name: a.zip}") == []


@pytest.mark.parametrize("value", ["$VERSION", "1.$N", "$(git describe)", "$(Build.Number)", "${w}", "$Format:%d$"])
def test_a_value_with_a_placeholder_is_a_mistake(project: Project, value: str) -> None:
    section = "{v: {default: 1}, w: {default: 2}}"
    for source in ({"command_line": {"v": value}}, {"environ": {"RELEASE_VAR_V": value}}, {"stack": {"v": value}}):
        (found,) = told(project, "'${v}'", section, variables=Variables(**source))
        assert found.endswith("was not replaced: set the value itself (shells need double quotes)")
    project.file("VERSION", value)
    (found,) = told(project, "'${v}'", "{v: {file: VERSION}}")
    assert found.startswith("2:23 variables.v.file: `VERSION` contains `$")
    (found,) = told(project, "'${v}'", f"{{v: {{default: '{value}'}}}}")
    assert found.startswith("2:26 variables.v.default: ")


def test_a_single_dollar_in_a_value_from_outside_is_literal(project: Project) -> None:
    assert version(project, "'${v}'", variables=Variables(command_line={"v": "1$"})) == "1$"


def test_a_boolean_and_an_integer_are_converted_after_substitution(project: Project) -> None:
    project.file("a.zip")
    manifest = project.load(
        """\
        schemaVersion: 1
        variables: {n: {default: 1}, pinned: {default: true}}
        packages: [{namespace: a, package: b, version: 1, assets: [{path: a.zip, count: "${n}"}]}]
        environments:
          a: {domain: acme, repository: a1}
          dev: {domain: acme, repository: dev, promoteFrom: a, pinned: "${pinned}"}
        """
    )
    assert manifest.environments["dev"].pinned is True


@pytest.mark.parametrize(
    ("written", "variables", "expected"),
    [
        ("'${v}'", "", ["4:63 packages[0].version: the variable `v` is not set; " + UNSET.format("v", "V")]),
        (
            "'${verison}'",
            "{version: {default: 1}}",
            [
                "4:63 packages[0].version: the variable `verison` is not set; did you mean `version`? "
                + UNSET.format("verison", "VERISON")
            ],
        ),
        ("'${v'", "", ["4:63 packages[0].version: `${` is not closed: write `${name}`, or `$${` for a literal `${`"]),
        (
            "'${1 x}'",
            "",
            [
                "4:63 packages[0].version: `${1 x}` is not a variable: a variable's name consists of letters, digits, "
                "`_` and `-`, and starts with a letter or `_`; write `$${` for a literal `${`"
            ],
        ),
        ("'${file.stem}'", "", ["4:63 packages[0].version: `${file.stem}` is supported only in an asset's `name`"]),
        ("1", "{v: {file: VERSION}}", ["2:23 variables.v.file: there is no file `VERSION`"]),
        ("'${v}'", "{v: {file: VERSION}}", ["2:23 variables.v.file: there is no file `VERSION`"]),
        (
            "'${v}'",
            "{v: {file: ../VERSION}}",
            [
                "2:23 variables.v.file: `../VERSION` leaves the manifest's folder through `..`; move it inside, "
                "or permit it with --allow outside"
            ],
        ),
        (
            "'${v}'",
            "{v: {file: a, default: b}}",
            ["2:13 variables.v: a variable needs exactly one of the keys `file` and `default`"],
        ),
        ("'${v}'", "{v: {}}", ["2:13 variables.v: a variable needs exactly one of the keys `file` and `default`"]),
        ("'${v}'", "{v: 1}", ["2:16 variables.v: expected a mapping, found `1`"]),
        ("'${v}'", "{v: {defalt: 1}}", ["2:17 variables.v.defalt: unknown key; did you mean `default`?"]),
        (
            "'${v}'",
            "{v: {value: 1}}",
            ["2:17 variables.v.value: unknown key; the valid keys are `description`, `file` and `default`"],
        ),
        ("'${v}'", "[v]", ["2:12 variables: expected a mapping, found a list"]),
        (
            "'${v}'",
            "{v: {default: '${w}'}, w: {default: 1}}",
            [
                "2:26 variables.v.default: variables are not substituted within `variables`; "
                "write `$${` for a literal `${`"
            ],
        ),
        (
            "1",
            "{a b: {default: 1}}",
            [
                '2:13 variables["a b"]: not a valid name: a variable\'s name consists of letters, '
                "digits, `_` and `-`, and starts with a letter or `_`"
            ],
        ),
    ],
)
def test_an_error_in_a_variable_is_reported_once(
    project: Project, written: str, variables: str, expected: list[str]
) -> None:
    assert told(project, written, variables) == expected


def test_an_unset_variable_is_reported_once_for_all_its_uses(project: Project) -> None:
    project.file("a.zip")
    packages = "".join(
        f'  - {{namespace: acme, package: p{n}, assets: [a.zip], version: "${{v}}"}}\n' for n in range(3)
    )
    assert project.problems(f"{HEAD}packages:\n{packages}{TAIL}") == [
        "3:62 packages[0].version: the variable `v` is not set (it is used in 3 places); " + UNSET.format("v", "V")
    ]


def test_a_misspelt_section_is_the_only_mistake_even_if_its_variables_are_used(project: Project) -> None:
    project.file("a.zip")
    found = project.problems(text("'${v}'").replace("packages", "varables: {v: {default: 1}}\npackages"))
    assert found == ["3:1 varables: unknown key; did you mean `variables`?"]


@pytest.mark.parametrize(
    ("outside", "expected"),
    [
        (
            {"command_line": {"versoin": "1"}},
            "--var versoin: the manifest has no such variable; did you mean `version`?",
        ),
        ({"command_line": {"x": "1"}}, "--var x: the manifest has no such variable"),
        (
            {"command_line": {"1x": "1"}},
            "--var 1x: a variable's name consists of letters, digits, `_` and `-`, and starts with a letter or `_`",
        ),
        (
            {"command_line": {"version": "1\n"}},
            "--var version: the value `1\\n` contains a line break or another control character",
        ),
        (
            {"environ": {"RELEASE_VAR_VERSION": "\x1b[31m"}},
            "RELEASE_VAR_VERSION: the value `\\x1b[31m` contains a line break or another control character",
        ),
        (
            {"stack": {"versoin": "1"}},
            "variables.versoin: the manifest has no such variable; did you mean `version`?",
        ),
        *(
            (
                {"stack": {"version": value}},
                f"variables.version {kind}: quote it, so that it stays text (--var version=VALUE)",
            )
            for value, kind in [
                (1.1, "is the number 1.1"),
                (True, "is the boolean true"),
                (None, "is empty"),
                (["1"], "is a list"),
                ({"a": 1}, "is an object"),
            ]
        ),
    ],
)
def test_an_error_in_a_value_from_outside_is_reported_once(
    project: Project, outside: dict[str, Any], expected: str
) -> None:
    found = told(project, "'${version}'", "{version: {default: 1}}", variables=Variables(**outside))
    assert found == [f"0:0 : {expected}"]


def test_a_variable_that_is_only_used_may_be_set_from_outside(project: Project) -> None:
    assert version(project, "'${v}'", variables=Variables(stack={"v": "7"})) == "7"


def test_an_unknown_environment_variable_is_not_a_mistake(project: Project) -> None:
    assert version(project, "1", variables=Variables(environ={"RELEASE_VAR_OTHER": "1", "PATH": "x"})) == "1"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "`VERSION` is empty: it must contain one line, the value"),
        (b"\n", "`VERSION` is empty: it must contain one line, the value"),
        (b"1\n2\n", "`VERSION` has more than one line: it must contain one line, the value"),
        (b"\xff", "`VERSION` is not UTF-8 (at offset 0)"),
        (b"1" * 4097, "`VERSION` is larger than 4 KiB: it must contain one short line"),
        (b"1\x00", "`VERSION` contains the control character U+0000"),
    ],
)
def test_a_file_without_a_single_line_is_refused(project: Project, content: bytes, expected: str) -> None:
    (project.base / "VERSION").write_bytes(content)
    assert told(project, "'${v}'", "{v: {file: VERSION}}") == [f"2:23 variables.v.file: {expected}"]


@pytest.mark.parametrize("content", [b"1.4.2", b"1.4.2\n", b"1.4.2\r\n", b"\xef\xbb\xbf1.4.2\n"])
def test_a_file_s_line_end_is_not_part_of_the_value(project: Project, content: bytes) -> None:
    (project.base / "VERSION").write_bytes(content)
    assert version(project, "'${v}'", "{v: {file: VERSION}}") == "1.4.2"


def test_a_file_outside_is_read_with_permission(project: Project) -> None:
    (project.base.parent / "VERSION").write_text("3", encoding="utf-8")
    allow = frozenset({"outside"})
    assert version(project, "'${v}'", "{v: {file: ../VERSION}}", allow=allow) == "3"
