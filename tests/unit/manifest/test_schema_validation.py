from __future__ import annotations

import pytest

from .conftest import HEAD, TAIL, Project

PACKAGE = "packages: [{namespace: acme, package: app, version: 1.0, assets: [a.zip]}]\n"
OPERATOR = "only the operator can permit this, not the manifest: use "


def told(project: Project, text: str) -> list[str]:
    project.file("a.zip")
    return [each.split(" ", 1)[1] for each in project.problems(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[a, b]\n", [": a manifest is a mapping of `schemaVersion`, `packages` and `environments`"]),
        ("just text\n", [": a manifest is a mapping of `schemaVersion`, `packages` and `environments`"]),
        (
            "{}\n",
            [
                ": the required key `environments` is missing",
                ": the required key `packages` is missing",
                ": the required key `schemaVersion` is missing",
            ],
        ),
        (PACKAGE + TAIL, [": the required key `schemaVersion` is missing"]),
        (
            "schemaVersion: 2\n" + PACKAGE + TAIL,
            ["schemaVersion: expected 1, found `2`; this version supports only format 1"],
        ),
        ("schemaVersion: one\n" + PACKAGE + TAIL, ["schemaVersion: expected a whole number, found `one`"]),
        (HEAD + "packages: []\n" + TAIL, ["packages: it is empty: it needs at least one entry"]),
        (HEAD + "packages:\n" + TAIL, ["packages: expected a list, found nothing"]),
        (HEAD + PACKAGE + "environments: {}\n", ["environments: it is empty: it needs at least one entry"]),
        (HEAD + "packages: [text]\n" + TAIL, ["packages[0]: expected a mapping, found `text`"]),
        (HEAD + "pakages: []\n" + TAIL, ["pakages: unknown key; did you mean `packages`?"]),
        (
            HEAD + "colour: blue\n" + PACKAGE + TAIL,
            [
                "colour: unknown key; the valid keys are `schemaVersion`, `variables`, `defaults`, `packages`, "
                "`bundle`, `environments` and `withdrawn`"
            ],
        ),
        (HEAD + "colour: {a: '${x', b: [1]}\n" + PACKAGE + TAIL, ["colour: unknown key; the valid keys are "]),
        (
            HEAD + "defaults: {assets: []}\n" + PACKAGE + TAIL,
            ["defaults.assets: unknown key; the valid keys are `namespace`, `version` and `status`"],
        ),
        (HEAD + "allow: [outside]\n" + PACKAGE + TAIL, [f"allow: {OPERATOR}--allow WORD"]),
        (
            HEAD + "defaults: {force: x}\n" + PACKAGE + TAIL,
            [f"defaults.force: {OPERATOR}--force NAMESPACE/PACKAGE@VERSION=sha256:DIGEST --reason TEXT"],
        ),
    ],
)
def test_an_error_of_the_whole_manifest_is_reported_once(project: Project, text: str, expected: list[str]) -> None:
    found = told(project, text)
    assert len(found) == len(expected)
    for line, start in zip(found, expected, strict=True):
        assert line.startswith(start)


@pytest.mark.parametrize(
    ("package", "expected"),
    [
        ("package: a/b", "package: `a/b` cannot be used: a package's name contains no `#`, `/` or whitespace"),
        ("package: ''", "package: it is empty: a package's name contains no `#`, `/` or whitespace"),
        ("namespace: a b", "namespace: `a b` cannot be used: a namespace contains no `#`, `/` or whitespace"),
        ("version: 1#2", "version: `1#2` cannot be used: a version contains no `#`, `/` or whitespace"),
        (f"version: {'1' * 256}", f"version: `{'1' * 119}…` has 256 characters; at most 255 are allowed"),
        ("version: [1, 2]", "version: expected text, found a list"),
        ("version: {a: b}", "version: expected text, found a mapping"),
        (
            "status: Publishd",
            "status: expected one of `Published`, `Unlisted` and `Archived`, found `Publishd`; "
            "did you mean `Published`?",
        ),
        ("status: Final", "status: expected one of `Published`, `Unlisted` and `Archived`, found `Final`"),
        ("status: [Published]", "status: expected one of `Published`, `Unlisted` and `Archived`, found a list"),
        ('version: "1\\a"', "version: `1\\x07` contains the control character U+0007"),
        ('version: "1\\n2"', "version: `1\\n2` contains a line break"),
        (
            "replace: x",
            f"replace: {OPERATOR}--replace NAMESPACE/PACKAGE@VERSION=sha256:DIGEST",
        ),
        ("reason: x", f"reason: {OPERATOR}--reason TEXT"),
        ("Status: Published", "Status: unknown key; did you mean `status`?"),
    ],
)
def test_an_error_in_a_package_is_reported_once(project: Project, package: str, expected: str) -> None:
    key = package.split(":", maxsplit=1)[0]
    good = {"namespace": "acme", "package": "app", "version": "1.0", "assets": "[a.zip]"}
    lines = "".join(f"    {name}: {value}\n" for name, value in good.items() if name != key)
    found = told(project, f"{HEAD}packages:\n  - # here\n{lines}    {package}\n{TAIL}")
    assert found == [f"packages[0].{expected}"]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("{path: a.zip, count: three}", ".count: expected a whole number, found `three`"),
        ("{path: a.zip, count: 1.5}", ".count: expected a whole number, found `1.5`"),
        ("{path: a.zip, count: 0}", ".count: expected 1 or more, found 0"),
        ("{path: a.zip, count: -1}", ".count: expected 1 or more, found -1"),
        ("{path: a.zip, count: 100001}", ".count: expected 100000 or less, found 100001"),
        (f"{{path: a.zip, count: {'9' * 5000}}}", f".count: expected a whole number, found `{'9' * 119}…`"),
        ("{path: a.zip, exclude: b.zip}", ".exclude: expected a list, found `b.zip`"),
        ("{path: a.zip, exclude: [[b]]}", ".exclude[0]: expected text, found a list"),
        ("{pth: a.zip}", ".pth: unknown key; did you mean `path`?"),
        ("{file: a.zip}", ".file: unknown key; the valid keys are `path`, `name`, `count` and `exclude`"),
        ("{name: a.zip}", ": the required key `path` is missing"),
        ("{path: a.zip, allow: outside}", f".allow: {OPERATOR}--allow WORD"),
        ("[a.zip]", ": expected text or a mapping, found a list"),
        ("''", ": it is empty"),
        ("{path: ''}", ".path: it is empty"),
        (
            "{path: a.zip, name: a/b}",
            ".name: CodeArtifact does not allow the name `a/b`: it contains `/`; a registry has no folders",
        ),
    ],
)
def test_an_error_in_an_asset_entry_is_reported_once_and_hides_no_other(
    project: Project, entry: str, expected: str
) -> None:
    project.file("a.zip")
    found = project.asset_problems(entry, "nothing-*.zip")
    missing = "`nothing-*.zip` matches nothing; build the files first, or correct the path"
    assert found == [f"packages[0].assets[0]{expected}", f"packages[0].assets[1]: {missing}"]


def test_two_errors_in_one_entry_are_both_reported(project: Project) -> None:
    assert project.asset_problems("{path: nothing, count: x}") == [
        "packages[0].assets[0].path: there is no file `nothing`",
        "packages[0].assets[0].count: expected a whole number, found `x`",
    ]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        (
            "domain: Acme",
            "domain: `Acme` cannot be used: a domain is 2 to 50 lower-case letters, digits and `-`, starts with a "
            "letter and does not end with `-`",
        ),
        ("repositry: dev", "repositry: unknown key; did you mean `repository`?"),
        (
            "repository: d",
            "repository: `d` cannot be used: a repository is 2 to 100 letters, digits, `.`, `_` and `-`, and starts "
            "with a letter or digit",
        ),
        (
            "domainOwner: 1234",
            "domainOwner: `1234` cannot be used: a domain's owner is an account number of 12 digits",
        ),
        ("domain_owner: '111122223333'", "domain_owner: unknown key; did you mean `domainOwner`?"),
        (
            "region: EU",
            "region: `EU` cannot be used: a region is lower-case letters, digits and `-`, like `eu-west-1`",
        ),
        ("profile: ''", "profile: it is empty"),
        (
            "endpoint: ftp://x",
            "endpoint: `ftp://x` cannot be used: an endpoint is `https://HOST`, `http://HOST:PORT` or `file:FOLDER`",
        ),
        ("soak: 1 day", "soak: `1 day` cannot be used: a duration is written like `24h`, `7d`, `30m` or `1d12h`"),
        ("soak: 24", "soak: `24` cannot be used: a duration is written like `24h`, `7d`, `30m` or `1d12h`"),
        ("pinned: yes", "pinned: expected true or false, found `yes`"),
        ("pins: []", "pins: expected a mapping, found a list"),
        (
            "pins: {api: {version: '1', digest: 'sha256:" + "a" * 64 + "'}}",
            "pins.api: not a valid name: a pin names its package as `namespace/package`",
        ),
        ("pins: {a/b: {version: '1'}}", 'pins["a/b"]: the required key `digest` is missing'),
        (
            "pins: {a/b: {version: '1', digest: md5:x}}",
            'pins["a/b"].digest: `md5:x` cannot be used: a digest is `sha256:` and 64 lower-case hexadecimal digits',
        ),
        (
            "onDestroy: purge",
            "onDestroy: expected one of `retain`, `unlist`, `archive`, `dispose` and `delete`, found `purge`",
        ),
        ("onSupersede: delete", "onSupersede: expected one of `keep`, `unlist` and `archive`, found `delete`"),
        (
            "finalize: last-aset",
            "finalize: expected one of `status-update` and `last-asset`, found `last-aset`; did you mean `last-asset`?",
        ),
        (
            "stack: a/b/c/d",
            "stack: `a/b/c/d` cannot be used: a stack is named `stack`, `organization/stack` or "
            "`organization/project/stack`",
        ),
        ("allow: delete", f"allow: {OPERATOR}--allow WORD"),
    ],
)
def test_an_error_in_an_environment_is_reported_once(project: Project, environment: str, expected: str) -> None:
    key = environment.split(":", maxsplit=1)[0]
    good = {"domain": "acme", "repository": "dev"}
    meant = "repository" if key == "repositry" else key
    rest = [f"  {name}: {value}" for name, value in good.items() if name != meant]
    found = project.environment_problems("dev:", *rest, f"  {environment}")
    assert found == [f"environments.dev.{expected}"]


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://codeartifact.eu-west-1.amazonaws.com",
        "http://127.0.0.1:8080",
        "http://[::1]:8080/base",
        "file:.registry",
        "file:../shared",
        "file:/var/registry",
        "file:///var/registry",
    ],
)
def test_every_kind_of_endpoint_is_accepted_as_text(project: Project, endpoint: str) -> None:
    assert project.environment_problems(f'dev: {{domain: acme, repository: dev, endpoint: "{endpoint}"}}') == []


def test_an_environment_with_a_name_that_no_stack_can_have_is_refused(project: Project) -> None:
    assert project.environment_problems("a b: {domain: acme, repository: dev}") == [
        'environments["a b"]: not a valid name: an environment\'s name consists of letters, digits, '
        "`.`, `_` and `-`, and starts with a letter or digit (up to 100 characters, like a stack's)"
    ]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (
            f"acme/app: {{digest: 'sha256:{'a' * 64}', status: Archived, reason: x}}",
            'withdrawn["acme/app"]: not a valid name: a withdrawal names its version as ',
        ),
        ("a/b@1: {status: Archived, reason: x}", 'withdrawn["a/b@1"]: the required key `digest` is missing'),
        (
            f"a/b@1: {{digest: 'sha256:{'a' * 64}', status: Disposed, reason: x}}",
            'withdrawn["a/b@1"].status: expected one of `Archived` and `Unlisted`, found `Disposed`',
        ),
        (
            f"a/b@1: {{digest: 'sha256:{'a' * 64}', status: Archived, reason: ''}}",
            'withdrawn["a/b@1"].reason: it is empty',
        ),
    ],
)
def test_an_error_in_a_withdrawal_is_reported_once(project: Project, entry: str, expected: str) -> None:
    project.file("a.zip")
    text = (
        f"{HEAD}packages: [{{namespace: acme, package: app, version: 1.0, assets: [a.zip]}}]\n"
        f"environments: {{dev: {{domain: acme, repository: dev}}}}\nwithdrawn: {{{entry}}}\n"
    )
    assert [problem.split(" ", 1)[1][: len(expected)] for problem in project.problems(text)] == [expected]


@pytest.mark.parametrize(
    ("retention", "expected"),
    [
        ("{keep: 3}", "retention: the required key `newerThan` is missing"),
        ("{newerThan: 90}", "retention.newerThan: `90` cannot be used: a duration is written like "),
        ("{newerThan: 90d, keep: 0}", "retention.keep: "),
        ("{newerThan: 90d, mach: x}", "retention.mach: unknown key; did you mean `match`?"),
    ],
)
def test_an_error_in_a_retention_is_reported_once(project: Project, retention: str, expected: str) -> None:
    found = project.environment_problems(f"dev: {{domain: acme, repository: dev, retention: {retention}}}")
    expected = f"environments.dev.{expected}"
    assert [problem[: len(expected)] for problem in found] == [expected]
