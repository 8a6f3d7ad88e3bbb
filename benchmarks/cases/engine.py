"""With the engine: `pulumi up` of many unchanged packages."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from scripts import pulumi_cli

from ..measure import NotRunError, Run, measure
from ..results import Result
from ..stand import ROOT, Stand, interleaved
from ..watch import Opens
from .unchanged import FILES, many_packages

PROVIDER = '''\
"""A dynamic resource that does nothing."""

from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider


class NothingProvider(ResourceProvider):
    def create(self, props):
        return CreateResult(f"nothing-{props['number']}", props)

    def diff(self, _id, olds, news):
        return DiffResult(changes=olds["number"] != news["number"])


class Nothing(Resource):
    def __init__(self, number):
        super().__init__(NothingProvider(), f"nothing-{number}", {"number": number})
'''
# A separate module, because classes of the program itself are pickled for each resource. That takes longer each time
# (the SDK wraps its pickler again), and fails after about 300 resources at Python's recursion limit.
NOTHING = '''\
"""A given number of resources that do nothing."""

from nothing import Nothing

for number in range(COUNT):
    Nothing(number)
'''

NATIVE = '''\
"""The packages of a manifest, by the native provider."""

import pulumi

pulumi.ComponentResource(
    "codeartifact-release:index:Release", "release", {"manifest": "MANIFEST", "environment": "dev"}, remote=True
)
'''


def engine(stand: Stand) -> Result:
    """Update the root program's stack, the same packages by the native provider, and resources that do nothing."""
    case = "the same 500 packages through `pulumi up`"
    result = Result("engine")
    cli = pulumi_cli.find()
    if cli is None:
        raise NotRunError("not run: no Pulumi CLI")
    packages = stand.sized(500, 2)
    manifest, folders = many_packages(stand, packages)
    server = stand.server()
    env = stand.environment(server.url, CODEARTIFACT_RELEASE_CACHE=str(stand.cache()))
    wanted = pulumi_cli.environment(cli, stand.folder / "pulumi")
    env |= {name: value for name, value in wanted.items() if name.startswith("PULUMI_")}
    env["PATH"] = f"{cli.parent}:{env['PATH']}"
    ours = lay_out(stand, "ours", (ROOT / "__main__.py").read_text(encoding="utf-8"), manifest)
    native = lay_out(stand, "native", NATIVE.replace("MANIFEST", str(manifest)))
    with (native / "Pulumi.yaml").open("a", encoding="utf-8") as settings:
        settings.write(
            f"plugins: {{providers: [{{name: codeartifact-release, path: '{Path(sys.prefix) / 'bin'}'}}]}}\n"
        )
    nothing = lay_out(stand, "nothing", NOTHING.replace("COUNT", str(packages)))
    (nothing / "nothing.py").write_text(PROVIDER, encoding="utf-8")

    def up(folder: Path, **more: str) -> Run:
        words = ["up", "--stack", "dev", "--yes", "--skip-preview", "--color", "never", "--non-interactive"]
        return measure([cli, *words, "--suppress-outputs", "--suppress-progress"], {**env, **more}, folder)

    for folder in (ours, native, nothing):
        measure([cli, "stack", "init", "dev", "--non-interactive"], env, folder)
        # Create it without a checkpoint per resource; this is not measured.
        result.add(f"first {folder.name}", 0, up(folder, PULUMI_EXPERIMENTAL="true", PULUMI_SKIP_CHECKPOINTS="true"))
        # An unchanged update that is not measured, so that all measured ones start from the same state.
        up(folder)
    server.reset()
    with Opens(folders) as opens:
        runs = {"ours": lambda: up(ours), "native": lambda: up(native), "nothing": lambda: up(nothing)}
        interleaved(runs, stand.runs(4), result)
    report = server.report()
    note = result.against("ours", "nothing")
    figure = f"whole time / a program with {packages} dynamic resources that do nothing"
    result.at_most(case, figure, result.ratio("ours", "nothing"), 1.7, note)
    note = result.against("native", "nothing")
    result.at_most(f"{case}, by the native provider", figure, result.ratio("native", "nothing"), 1.5, note)
    calls = sum(report.requests.values())
    result.holds(case, "calls to the registry", f"{calls}", "0", calls == 0)
    value = f"{opens.count} of {packages * FILES:,}"
    result.holds(case, "files opened of all", value, "0 (0 bytes read)", opens.count == 0)
    return result


def lay_out(stand: Stand, name: str, program: str, manifest: Path | None = None) -> Path:
    """Create a Pulumi project that uses this virtual environment; return its folder."""
    folder = stand.folder / "projects" / name
    folder.mkdir(parents=True)
    (folder / "__main__.py").write_text(program, encoding="utf-8")
    shutil.copy(ROOT / "Pulumi.yaml", folder)
    settings = (folder / "Pulumi.yaml").read_text(encoding="utf-8")
    settings = settings.replace("virtualenv: .venv", f"virtualenv: {sys.prefix}")
    if not manifest:
        # Both projects have a stack `dev`.
        settings = settings.replace("name: codeartifact-release", f"name: {name}", 1)
    else:
        settings += f"config:\n  manifest:\n    default: {manifest}\n"
    (folder / "Pulumi.yaml").write_text(settings, encoding="utf-8")
    return folder
