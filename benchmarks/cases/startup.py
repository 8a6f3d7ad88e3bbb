"""The start time of the command line."""

from __future__ import annotations

import sys

from ..measure import Run, measure
from ..results import Result
from ..stand import Stand, command, interleaved

_HEAVY = frozenset({"boto3", "botocore", "pulumi", "jsonschema", "rich"})
_MARK = "import time:"


def startup(stand: Stand) -> Result:
    """`--help` and `--version`, compared with an import of click."""
    case = "`--help`, `--version`"
    result = Result("startup")
    program = command("codeartifact-release")
    env = stand.environment()
    modules: dict[str, list[str]] = {}
    for option in ("--help", "--version"):
        run = measure([program, option], stand.environment(PYTHONPROFILEIMPORTTIME="1"))
        lines = [line for line in run.printed.splitlines() if line.startswith(_MARK)]
        modules[option] = [line.rsplit("|", 1)[1].strip() for line in lines][1:]
        found = sorted({name.split(".")[0] for name in modules[option]} & _HEAVY)
        result.holds(
            case,
            f"modules imported by `{option}`",
            f"{len(modules[option])}, including {', '.join(found) or 'none of these'}",
            "neither boto3, pulumi, jsonschema nor rich",
            not found,
        )
        result.runs.append({"contender": f"{option} modules", "round": 0, "modules": modules[option]})

    def contender(*words: str) -> Run:
        return measure([program, *words], env)

    contenders = {
        "--help": lambda: contender("--help"),
        "import click": lambda: measure([sys.executable, "-c", "import click"], env),
        "--version": lambda: contender("--version"),
    }
    interleaved(contenders, stand.runs(25), result)
    for option in ("--help", "--version"):
        figure = f'`{option}` / `python -c "import click"`'
        note = result.against(option, "import click")
        result.at_most(case, figure, result.ratio(option, "import click"), 2.0, note)
    return result
