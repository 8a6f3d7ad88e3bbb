"""The examples, run as a newcomer runs them: by the command their READMEs begin with, in a copy of the clone.

Each runs in a copy of its own, four at once; what the registries then hold is read with plain boto3 and hashlib.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from mypy_boto3_codeartifact import CodeArtifactClient
from scripts import pulumi_cli

from conftest import WITHOUT_CLI
from support.embedded import opened

pytestmark = pytest.mark.timeout(240)

ROOT = Path(__file__).parents[3]
EXAMPLES = ROOT / "examples"
# The rest of the tests, too: no example needs them, and somebody may be running them.
NOT_IN_A_CLONE = (
    *(".git", ".venv", ".run", ".demo", ".registry", "dist", "build", "__pycache__", "*.egg-info"),
    *(".*_cache", ".hypothesis", ".coverage*", "tests"),
)
IGNORED = {".run", ".demo", ".registry", "dist", "build", "__pycache__"}
"""What a run may leave behind; .gitignore has it."""
VERSIONS = ("1.0.0", "1.1.0")
PINNED = "sha256:a111b37c7cece8cfc81873176a3c029425a3e99494eb0ad0b90207b8a6b00211"


@dataclass(frozen=True)
class Run:
    """One run of an example, with the Pulumi CLI or without."""

    example: str
    engine: bool

    def __str__(self) -> str:
        return f"{self.example}, {'with' if self.engine else 'without'} the Pulumi CLI"


@dataclass(frozen=True)
class Done:
    """What came of it.

    Attributes:
        clone: the copy that it ran in.
        left: path, relative to `clone`, of every file that it made, changed or removed.
    """

    clone: Path
    code: int
    out: str
    err: str
    left: frozenset[Path]

    @property
    def project(self) -> Path:
        """Where an example works."""
        [found] = [*self.clone.glob("examples/*/.run/project"), *self.clone.glob(".demo/project")]
        return found


def runs(*examples: str, engine: tuple[bool, ...] = (True, False)) -> Callable[[Any], Any]:
    """Run a test for each of these, once with and once without the Pulumi CLI."""
    params = [
        pytest.param(Run(example, each), id=str(Run(example, each)), marks=[pytest.mark.engine] if each else [])
        for example in examples
        for each in engine
    ]
    return pytest.mark.parametrize("run", params)


@pytest.fixture(scope="session")
def started(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, virtualenv: Path
) -> Iterator[dict[Run, Future[Done]]]:
    """All runs that the selected tests ask for, four at once: most of their time is processes that start."""
    params = (getattr(item, "callspec", None) for item in request.session.items)
    wanted = dict.fromkeys(each.params["run"] for each in params if each and isinstance(each.params.get("run"), Run))
    cli = pulumi_cli.find()
    with ThreadPoolExecutor(4) as pool:
        yield {
            run: pool.submit(_run, run, tmp_path_factory.mktemp("clone"), virtualenv)
            for run in sorted(wanted, key=lambda run: not run.engine)
            if cli or not run.engine
        }
        pool.shutdown(cancel_futures=True)


@pytest.fixture
def done(run: Run, started: dict[Run, Future[Done]]) -> Done:
    if run not in started:
        pytest.skip(WITHOUT_CLI)
    return started[run].result()


def _run(run: Run, folder: Path, virtualenv: Path) -> Done:
    clone = cloned(folder, virtualenv)
    environ = dict(os.environ) if run.engine else without_cli(folder)
    if run.example == "quickstart":
        # Its command is Pulumi's alone: somebody is logged in to a folder, and says yes.
        environ = pulumi_cli.environment(pulumi_cli.find() or Path(), folder / "pulumi")
        environ |= {"PULUMI_OPTION_YES": "true", "PULUMI_OPTION_SKIP_PREVIEW": "true"}
    before = files(clone)
    process = subprocess.run(
        command(run.example),
        shell=True,
        cwd=clone,
        env=environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    after = files(clone)
    left = frozenset(path for path in {*before, *after} if before.get(path) != after.get(path))
    return Done(clone, process.returncode, process.stdout, process.stderr, left)


def cloned(folder: Path, virtualenv: Path) -> Path:
    """A copy of the working tree, set up."""
    clone = folder / "clone"
    shutil.copytree(ROOT, clone, ignore=shutil.ignore_patterns(*NOT_IN_A_CLONE))
    (clone / ".venv").symlink_to(virtualenv)
    return clone


def without_cli(folder: Path) -> dict[str, str]:
    """A machine that has no Pulumi CLI, and cannot get it."""
    path = [each for each in os.environ["PATH"].split(os.pathsep) if not (Path(each) / "pulumi").exists()]
    nowhere = {"https_proxy": "http://127.0.0.1:9", "HOME": str(folder)}
    return {**os.environ, **nowhere, "PATH": os.pathsep.join(path)}


def files(folder: Path) -> dict[Path, bytes]:
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and ".venv" not in path.relative_to(folder).parts
    }


def command(example: str) -> str:
    """What the example's README begins with, without what is said of it behind `#`."""
    if example == "demo":
        # As make would, but nothing is set up anew.
        assert "\n$ make demo " in (ROOT / "README.md").read_text(encoding="utf-8")
        recipe = re.search(r"^demo: .*\n\t@\$\(BIN\)(.+)$", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
        assert recipe
        return f".venv/bin{recipe[1]}"
    page = EXAMPLES / example / "README.md"
    found = re.search(r"^```console\n\$ (.+?)(?: +#.*)?$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert found
    if example == "quickstart":
        text = page.read_text(encoding="utf-8")
        block = text[text.index("```console") : text.index("```", text.index("```console") + 3)]
        lines = re.findall(r"^\$ (.+?)(?: +#.*)?$", block, flags=re.MULTILINE)
        # Installs nothing: this runs in an environment that is shared.
        return " && ".join(lines).removeprefix("pulumi install && ")
    return found[1]


Holdings: TypeAlias = dict[tuple[str, str], tuple[str, dict[str, str]]]
"""(package, version) -> status, and asset name -> SHA-256 of what downloads."""


def holdings(registry: Path, *repositories: str) -> list[Holdings]:
    """All that each of these (`domain/repository`) holds, downloaded."""
    with opened(registry) as client:
        return [_held_by(client, *each.split("/")) for each in repositories]


def _held_by(client: CodeArtifactClient, domain: str, repository: str) -> Holdings:
    found: Holdings = {}
    for package in client.list_packages(domain=domain, repository=repository)["packages"]:
        place: dict[str, Any] = {"domain": domain, "repository": repository, "format": "generic"}
        place |= {"namespace": package["namespace"], "package": package["package"]}
        for version in client.list_package_versions(**place)["versions"]:
            one = {**place, "packageVersion": version["version"]}
            hashes = {}
            for asset in client.list_package_version_assets(**one)["assets"]:
                with client.get_package_version_asset(**one, asset=asset["name"])["asset"] as body:
                    hashes[asset["name"]] = hashlib.sha256(body.read()).hexdigest()
            found[package["package"], version["version"]] = (version["status"], hashes)
    return found


def digest(folder: Path) -> str:
    """What the README says that prints a release's digest."""
    line = "sha256sum -- * | sha256sum"
    done = subprocess.run(
        line, shell=True, cwd=folder, env={**os.environ, "LC_ALL": "C"}, capture_output=True, text=True, check=True
    )
    return f"sha256:{done.stdout.split()[0]}"


@runs("promotion", "monorepo", "bundle", "demo")
def test_an_example_ends_well_and_leaves_nothing_but_what_git_ignores(run: Run, done: Done) -> None:
    assert done.code == 0, done.out + done.err
    assert "Traceback" not in done.out + done.err
    assert all(IGNORED & set(path.parts) for path in done.left), done.left
    assert {f"{name}/" for name in IGNORED} <= set((ROOT / ".gitignore").read_text().splitlines())
    # The commands that a reader sees are those that ran.
    tool = "pulumi up -s" if run.engine else "codeartifact-release apply"
    assert f"\n$ {tool} " in done.out
    # Headings fit a terminal.
    assert all(len(line) <= 80 for line in done.out.splitlines() if line.startswith("==="))


@runs("promotion")
def test_promotion_gives_prod_what_was_approved_and_takes_it_back(run: Run, done: Done) -> None:
    dev, staging, prod = holdings(done.project / ".registry", "acme/dev", "acme/staging", "acme-prod/releases")
    first, second = ("payments-api", "1.0.0"), ("payments-api", "1.1.0")
    assert [dev[each][1] for each in (first, second)] == [staging[each][1] for each in (first, second)]
    assert [dev[each][1] for each in (first, second)] == [prod[each][1] for each in (first, second)]
    assert dev[first][1] != dev[second][1]
    assert {status for status, _ in (*dev.values(), *staging.values())} == {"Published"}
    # Only Pulumi knows the version before.
    assert (prod[first][0], prod[second][0]) == ("Published", "Unlisted" if run.engine else "Published")
    # What was built last is what everybody has.
    built = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (done.project / "dist").iterdir()}
    assert built == prod[second][1]


@runs("promotion")
def test_promotion_approves_by_a_commit_and_rolls_back_by_its_revert(run: Run, done: Done) -> None:
    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=done.project, capture_output=True, text=True, check=True).stdout

    assert git("log", "--format=%s").splitlines() == [
        'Revert "prod: payments-api 1.1.0"',
        "prod: payments-api 1.1.0",
        "payments-api 1.1.0",
        "payments-api 1.0.0",
    ]
    approved = git("show", "HEAD~1", "--format=", "-U0")
    assert digest(done.project / "dist") in approved
    assert [line[0] for line in approved.splitlines() if line[1:].startswith("   ")] == ["-", "-", "+", "+"]
    assert PINNED in (done.project / "release.yaml").read_text()


@runs("monorepo")
def test_monorepo_releases_what_changed_and_promotes_all_of_it(run: Run, done: Done) -> None:
    dev, staging = holdings(done.project / ".registry", "shop/dev", "shop/staging")
    assert len(staging) == 12
    assert {(package, version) for package, version in dev if (package, version) not in staging} == {
        ("orders", "2.0.0"),
        ("orders-chart", "2.0.0"),
    }
    assert {each: dev[each] for each in staging} == staging
    assert {status for status, _ in dev.values()} == {"Published"}
    assert sorted(staging["orders", "2.1.0"][1]) == [
        "orders-linux-amd64.pyz",
        "orders-linux-arm64.pyz",
        "orders-macos-arm64.pyz",
    ]
    # Built again, here: the same bytes.
    subprocess.run([sys.executable, done.project / "build.py"], check=True)
    for package, _ in staging:
        service, _, kind = package.partition("-")
        folder = done.project / "build" / service
        built = [*folder.glob(f"{package}.*")] if kind else [*folder.glob(f"*/{service}.pyz")]
        [version] = [version for name, version in staging if name == package]
        hashes = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in built)
        assert hashes == sorted(staging[package, version][1].values())
    assert "everything is in sync" in done.out


@runs("bundle")
def test_bundle_gives_prod_all_packages_and_takes_them_back(run: Run, done: Done) -> None:
    dev, staging, prod = holdings(done.project / ".registry", "shop/dev", "shop/staging", "shop-prod/releases")
    assert dev == staging == prod
    assert sorted(dev) == [(name, version) for name in ("api", "schema", "suite", "web") for version in VERSIONS]
    assert {status for status, _ in dev.values()} == {"Published"}
    # The last run of the API is that of the version that prod is pinned to.
    assert done.out.splitlines()[-1] == "shop api 1.0.0"
    for name in ("api", "schema", "web"):
        [path] = (done.project / "installed" / "shop" / name).iterdir()
        assert {path.name: hashlib.sha256(path.read_bytes()).hexdigest()} == prod[name, "1.0.0"][1]


@runs("monorepo", engine=(True,))
def test_monorepo_leaves_alone_what_did_not_change(run: Run, done: Done) -> None:
    assert "~ 2 updated\n    11 unchanged" in done.out


@runs("own-program", engine=(True,))
def test_own_program_promotes_what_another_stack_says(run: Run, done: Done) -> None:
    assert done.code == 0, done.out + done.err
    assert all(IGNORED & set(path.parts) for path in done.left), done.left
    one = ("payments-api", "1.0.0")
    dev, staging, prod = holdings(done.project / ".registry", "acme/dev", "acme/staging", "acme-prod/releases")
    assert dev == staging == prod
    assert list(dev) == [one]
    notes = hashlib.sha256(b"What is new in 1.0.0\n").hexdigest()
    program = hashlib.sha256((done.project / "build" / "payments-api.py").read_bytes()).hexdigest()
    assert dev[one] == ("Published", {"NOTES": notes, "payments-api.py": program})
    digests = re.findall(r"^sha256:[0-9a-f]{64}$", done.out, flags=re.MULTILINE)
    assert digests == [digests[0]] * 2


@runs("policy", engine=(True,))
def test_policies_fail_a_preview_and_let_what_obeys_them_pass(run: Run, done: Done) -> None:
    assert done.code == 0, done.out + done.err
    assert "Traceback" not in done.out + done.err
    assert all(IGNORED & set(path.parts) for path in done.left), done.left
    obeys, breaks_two, staged, goes_around = re.split(r"^\$ pulumi preview .*$", done.out, flags=re.MULTILINE)[1:]
    what = "(pulumi-python:dynamic/codeartifact:"
    assert "❌" not in obeys + staged
    assert all(
        "✅ codeartifact-release@v0.1.0" in printed and "+ 2 to create" in printed for printed in (obeys, staged)
    )
    assert all("❌ codeartifact-release@v0.1.0" in printed for printed in (breaks_two, goes_around))
    assert all("error: preview failed" in printed for printed in (breaks_two, goes_around))
    assert f"- [mandatory]  version-not-latest  {what}PackageVersion: acme/payments-api)" in breaks_two
    assert 'acme/payments-api@Latest in acme/dev: the version "Latest" does not identify its content' in breaks_two
    assert f"- [mandatory]  sbom-among-the-assets  {what}PackageVersion: acme/payments-api)" in breaks_two
    assert "acme/payments-api@Latest in acme/dev: no SBOM among its assets (payments-api.py);" in breaks_two
    assert breaks_two.count("[mandatory]") == 2
    assert goes_around.count("[mandatory]") == 1
    # As the README shows it.
    readme = (EXAMPLES / "policy" / "README.md").read_text(encoding="utf-8")
    [shown] = re.findall(r"```text\n(.*?)```", readme, flags=re.DOTALL)
    printed = [line.strip() for line in goes_around.splitlines()]
    assert all(line.strip() in printed for line in shown.splitlines())
    # And nothing was written by any preview.
    dev, staging = holdings(done.project / ".registry", "acme/dev", "acme/staging")
    assert dev == staging
    assert [*dev] == [("payments-api", "1.4.2")]


@runs("own-program", "policy", engine=(False,))
def test_an_example_of_the_engine_says_what_it_needs(run: Run, done: Done) -> None:
    assert done.code == 1
    assert done.err.count("\n") == 1
    assert "needs the Pulumi CLI" in done.err


@runs("demo")
def test_the_demo_shows_the_same_bytes_in_both_environments(run: Run, done: Done) -> None:
    dev, staging = holdings(done.project / ".registry", "quickstart/dev", "quickstart/staging")
    assert dev == staging
    [(status, hashes)] = dev.values()
    assert status == "Published"
    assert len(hashes) == 3
    for name, sha256 in hashes.items():
        assert f"  {sha256[:12]}  {sha256[:12]}  {name}" in done.out.splitlines()
    if not run.engine:
        assert re.search(r"It cannot be installed \(.+\)\. Using `codeartifact-release apply`", done.out)


@runs("quickstart", engine=(True,))
def test_the_quickstart_is_released_in_the_clone_itself(run: Run, done: Done) -> None:
    assert done.code == 0, done.out + done.err
    [held] = holdings(done.clone / "examples/quickstart/.registry", "quickstart/dev")
    [(status, hashes)] = held.values()
    built = [path for path in (done.clone / "examples/quickstart/dist").iterdir() if path.name != "VERSION"]
    assert status == "Published"
    assert hashes == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in built}
    assert {path for path in done.left if not IGNORED & set(path.parts)} == {Path("Pulumi.dev.yaml")}


def test_every_example_begins_with_its_command() -> None:
    examples = {path.parent.name for path in EXAMPLES.glob("*/README.md")}
    assert examples == {path.name for path in EXAMPLES.iterdir() if path.is_dir() and path.name != "__pycache__"}
    for example in examples:
        lines = (EXAMPLES / example / "README.md").read_text().splitlines()
        assert lines[0].startswith("# ")
        assert lines[2] == "```console"
        assert lines[3].startswith("$ ")
        if example not in ("quickstart", "yaml"):
            # In those two, a reader runs Pulumi alone.
            assert shlex.split(command(example)) == [".venv/bin/python", f"examples/{example}/run.py"]
        assert f"]({example}/README.md)" in (EXAMPLES / "README.md").read_text()


@pytest.mark.parametrize("example", ["promotion", "monorepo", "bundle"])
def test_what_an_example_builds_is_the_same_wherever_and_whenever(example: str, tmp_path: Path) -> None:
    found = []
    for name, umask in (("one", 0o022), ("two", 0o077)):
        folder = tmp_path / name
        shutil.copytree(EXAMPLES / example, folder, ignore=shutil.ignore_patterns(*NOT_IN_A_CLONE))
        subprocess.run([sys.executable, folder / "build.py"], check=True, umask=umask, cwd=tmp_path)
        found.append({path: content for path, content in files(folder).items() if IGNORED & set(path.parts)})
    assert found[0]
    assert found[0] == found[1]


def test_the_pin_in_git_is_what_is_built_from_git(tmp_path: Path) -> None:
    folder = tmp_path / "promotion"
    shutil.copytree(EXAMPLES / "promotion", folder, ignore=shutil.ignore_patterns(*NOT_IN_A_CLONE))
    subprocess.run([sys.executable, folder / "build.py"], check=True)
    assert digest(folder / "dist") == PINNED
    manifest = (folder / "release.yaml").read_text()
    assert f"version: {(folder / 'VERSION').read_text()}        digest: {PINNED}\n" in manifest
    [program] = (folder / "dist").glob("*.pyz")
    assert subprocess.check_output([sys.executable, program], text=True) == "payments-api 1.0.0\n"


def test_nothing_is_pinned_that_nobody_holds(tmp_path: Path) -> None:
    folder = tmp_path / "promotion"
    shutil.copytree(EXAMPLES / "promotion", folder, ignore=shutil.ignore_patterns(*NOT_IN_A_CLONE))
    before = files(folder)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "pin.py", "prod"],
        cwd=folder,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "acme/payments-api: staging has no Published version\n"
    assert files(folder) == before


MOCKED = """
import json, os, runpy, sys
import pulumi
from pulumi.runtime import Mocks, set_mocks

release = {"namespace": "acme", "package": "payments-api", "version": "1.0.0", "digest": "sha256:" + "0" * 64,
           "domain": "acme", "repository": "dev", "endpoint": "file:.registry", "region": "us-east-1"}
made = []

class Recorded(Mocks):
    def new_resource(self, args):
        inputs = {name: value for name, value in args.inputs.items() if name != "__provider"}
        made.append([args.typ.rsplit(":")[-1], args.name, inputs])
        outputs = {"outputs": {"release": release}} if args.typ.endswith("StackReference") else inputs
        return args.name, outputs

    def call(self, args):
        return {}

set_mocks(Recorded(), project="payments", stack=sys.argv[1], organization="organization")

@pulumi.runtime.test
def run():
    runpy.run_path("__main__.py", run_name="__main__")

run()
print(json.dumps(made, default=str))
"""


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_own_program_declares_what_its_readme_says(stack: str, tmp_path: Path) -> None:
    folder = tmp_path / "own-program"
    shutil.copytree(EXAMPLES / "own-program", folder, ignore=shutil.ignore_patterns(*NOT_IN_A_CLONE))
    printed = subprocess.check_output([sys.executable, "-c", MOCKED, stack], cwd=folder, text=True)
    made = {name: (kind, inputs) for kind, name, inputs in json.loads(printed)}
    kinds = {name: kind for name, (kind, _) in made.items() if kind != "Stack"}
    if stack == "dev":
        assert kinds == {"payments-api": "PackageVersion", "payments-api-staging": "Promotion"}
        assert made["payments-api-staging"][1]["source"]["repository"] == "dev"
    else:
        assert kinds == {"organization/payments/dev": "StackReference", "payments-api": "Promotion"}
        assert made["payments-api"][1]["source"]["repository"] == "dev"
        assert json.loads(made["payments-api"][1]["declaration"])["pin"] == "sha256:" + "0" * 64
