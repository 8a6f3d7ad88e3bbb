"""Reports as `status` reads them, without a registry: what the pages of the browser tests are written from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from pulumi_codeartifact_release.cli.status_read import Cell, EnvironmentReport, Report, Row
from pulumi_codeartifact_release.errors import AccessDeniedError, ReleaseError, UnreachableError
from pulumi_codeartifact_release.location import Location
from pulumi_codeartifact_release.manifest import Environment
from pulumi_codeartifact_release.publishing.drift import (
    CurrentVersion,
    DesiredVersion,
    PackageState,
    Upstream,
    check_drift,
)
from pulumi_codeartifact_release.registry import Status

NOW = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)
LONG_NAME = "acme/" + "a-package-whose-name-goes-on-" * 3 + "x" * 60
LONG_VERSION = "2026.11.22-nightly-" + "a1b2c3d4e5f6" * 6 + "-windows"
HOSTILE = '<script>window.pwned=1</script><img src=x onerror="window.pwned=1">'

Story = Mapping[str, "tuple[str, PackageState] | tuple[str, PackageState, str]"]
"""Environment -> the declared version, what was found, and the digest that is pinned."""


def digest(text: str) -> str:
    return "sha256:" + hashlib.sha256(text.encode()).hexdigest()


def holds(
    version: str, status: Status = Status.PUBLISHED, content: str = "", age: timedelta | None = None
) -> PackageState:
    since = NOW - (age or timedelta(hours=3))
    unfinished = status is Status.UNFINISHED
    known = None if unfinished else digest(version + content)
    return PackageState(
        CurrentVersion(version, status, f"revision of {version}", known, None if unfinished else since, NOW)
    )


def step(version: str) -> Story:
    ages = {"dev": timedelta(minutes=12), "staging": timedelta(days=2), "prod": timedelta(days=40)}
    return {name: (version, holds(version, age=age)) for name, age in ages.items()}


def environment(
    name: str, before: str | None, problem: ReleaseError | None = None, endpoint: str = "file:.registry"
) -> EnvironmentReport:
    location = Location("acme", name, region="us-east-1", endpoint=endpoint)
    return EnvironmentReport(
        Environment(name, location, promote_from=before), location, endpoint, problem, last=name == "prod"
    )


ENVIRONMENTS = (environment("dev", None), environment("staging", "dev"), environment("prod", "staging"))


def report(
    stories: Mapping[str, Story], environments: tuple[EnvironmentReport, ...] = ENVIRONMENTS, as_of: datetime = NOW
) -> Report:
    return Report(
        "release.yaml",
        as_of,
        environments,
        tuple(_row(package, story, environments) for package, story in stories.items()),
        0,
    )


def _row(package: str, story: Story, environments: tuple[EnvironmentReport, ...]) -> Row:
    cells = {}
    for each in environments:
        version, found, *pin = story[each.name]
        before = each.environment.promote_from
        wanted = DesiredVersion(version, digest=pin[0] if pin else None, pinned=bool(pin))
        there = Upstream(before, story[before][1]) if before else None
        cells[each.name] = Cell(wanted, found, check_drift(wanted, found, there))
    return Row(package, cells)


PROBLEM = PackageState(
    problem=AccessDeniedError("DescribePackageVersion: the caller may not read acme/billing in acme/prod")
)

STORIES: dict[str, Story] = {
    "acme/payments-api": step("1.4.2"),
    "acme/payments-worker": {**step("1.4.2"), "prod": ("1.4.2", holds("1.4.1"))},
    "acme/ledger": step("3.2.0"),
    "acme/ledger-importer": {**step("1.3.3"), "prod": ("1.3.3", holds("1.3.3", content="other"))},
    "acme/identity-gateway": {**step("5.0.0"), "staging": ("5.0.0", holds("5.0.0", Status.ARCHIVED))},
    "acme/notifications": {
        **step("2.0.0"),
        "staging": ("2.0.0", PackageState(holds("1.9.0").current, in_progress=True)),
        "prod": ("2.0.0", holds("1.9.0")),
    },
    "acme/billing": {**step("7.1.0"), "prod": ("7.1.0", PROBLEM)},
    "acme/web-frontend": {**step("2.4.0"), "prod": ("2.3.1", holds("2.3.1"), digest("2.3.1"))},
    "acme/admin-console": step("0.9.4"),
    "acme/cli-tools": {
        "dev": ("1.0.0", holds("1.0.0", Status.UNFINISHED)),
        "staging": ("1.0.0", PackageState()),
        "prod": ("1.0.0", PackageState()),
    },
    "acme/report-generator": step("2026.11.22-rc1"),
    "acme/terraform-modules": step("12.0.0"),
}
USUAL = report(STORIES)
CALM = report({"acme/payments-api": step("1.4.2"), "acme/ledger": step("3.2.0")})
MANY = report({f"acme/component-{number:02}": story for number, story in enumerate(list(STORIES.values()) * 5)})
LONG = report({LONG_NAME: step(LONG_VERSION), "acme/app": {**step(LONG_VERSION), "prod": (LONG_VERSION, holds("1.0"))}})

_SILENT = UnreachableError("DescribePackageVersion: no response from https://registry.example.test/" + "x" * 200)
UNREAD = report(
    {package: {**step("1.0"), "eu": ("1.0", PackageState(problem=_SILENT))} for package in ("acme/app", "acme/lib")},
    (*ENVIRONMENTS, environment("eu", "staging", _SILENT, "https://registry.example.test/" + "x" * 100)),
)


def hostile() -> Report:
    """A report whose every text, wherever it comes from, would rather be a program."""
    error = AccessDeniedError(HOSTILE)
    stories = {
        f"acme/{HOSTILE}": {
            "dev": (HOSTILE, holds(HOSTILE)),
            "staging": (HOSTILE, holds(f"' onclick='window.pwned=1' \" autofocus onfocus=\"window.pwned=1 {HOSTILE}")),
            "prod": (HOSTILE, PackageState(problem=error)),
        }
    }
    environments = (
        ENVIRONMENTS[0],
        environment("staging", "dev", endpoint=HOSTILE),
        environment("prod", "staging", error),
    )
    made = report(stories, environments)
    return Report(f"{HOSTILE}.yaml", NOW, made.environments, made.rows, 1)
