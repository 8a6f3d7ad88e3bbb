"""Help answers at once, names everything, and has nothing heavy behind it."""

from __future__ import annotations

import inspect
import subprocess
import sys
from dataclasses import fields
from importlib import import_module

import pytest

from pulumi_codeartifact_release.cli.commands import group
from pulumi_codeartifact_release.cli.context import Options
from support.command_line import Run

HEAVY = ("boto3", "botocore", "pulumi", "jsonschema", "rich", "grpc", "uvicorn", "jinja2")


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["plan", "--help"],
        ["apply", "-h"],
        ["verify", "-h"],
        ["status", "-h"],
        ["serve", "--help"],
    ],
)
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    code = (
        "import sys\n"
        "from pulumi_codeartifact_release.cli import main\n"
        "try:\n    main()\n"
        "except SystemExit as end:\n    assert not end.code, end.code\n"
        f"print('LOADED', *[name for name in {HEAVY!r} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED"


@pytest.mark.parametrize("name", group.commands)
def test_a_command_passes_its_options_to_the_parameters_of_its_module(name: str) -> None:
    run = import_module(f"pulumi_codeartifact_release.cli.{name}").run
    parameters = inspect.signature(run).parameters.values()
    expected = {each.name for each in parameters if each.kind is each.KEYWORD_ONLY}
    if any(each.kind is each.VAR_KEYWORD for each in parameters):
        expected |= {field.name for field in fields(Options)}
    assert {option.name for option in group.commands[name].params} == expected


def test_every_command_is_listed_with_what_it_does(run: Run) -> None:
    outcome = run("--help")
    assert outcome.code == 0
    for line in (
        "plan      Show what a release would do.",
        "apply     Release a manifest, or an approved plan.",
        "download  Download versions, verified.",
        "schema    Print",
        "serve     ",
    ):
        assert line in outcome.out


def test_the_version_is_the_distributions(run: Run) -> None:
    from importlib.metadata import version

    assert run("--version").out == f"codeartifact-release {version('pulumi-codeartifact-release')}\n"


def test_the_schema_is_json_on_stdout(run: Run) -> None:
    import json

    outcome = run("schema")
    assert outcome.code == 0
    assert json.loads(outcome.out)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
