"""`init` writes a project that works, overwrites nothing, and names the commands that follow."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest
import yaml

from pulumi_codeartifact_release.cli import project_facts
from pulumi_codeartifact_release.cli.project_facts import find_facts, requirement_line
from support.command_line import Run

FILES = ["release.yaml", "VERSION", "Pulumi.yaml", "__main__.py", "requirements.txt", ".gitignore"]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine of a new user, with a Pulumi CLI on PATH; the working folder is empty and called `hello`."""
    for name in [name for name in os.environ if name.startswith(("PULUMI_", "AWS_", "GIT_"))]:
        monkeypatch.delenv(name)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pulumi").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "pulumi").chmod(0o755)
    (tmp_path / "hello").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "hello" / ".venv"))
    monkeypatch.setattr(
        project_facts, "_requirement", lambda: (requirement_line("https://x.test/r", "c" * 40), "https://x.test/r")
    )
    monkeypatch.chdir(tmp_path / "hello")
    return tmp_path / "hello"


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_empty_folder_becomes_a_project_that_releases(run: Run, machine: Path) -> None:
    outcome = run("init")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == (
        "".join(f"  wrote  {name}\n" for name in [*FILES, "dist/hello.txt"]) + "\n"
        "Next:\n"
        "  pulumi login --local              # Pulumi keeps its state on this machine\n"
        "  export PULUMI_CONFIG_PASSPHRASE=  # for secrets in the state; this project has none\n"
        "  pulumi stack init dev\n"
        "  pulumi up\n"
        "  codeartifact-release status       # what is where\n"
    )
    for environment in ("dev", "staging"):
        assert run("apply", "-e", environment, "--yes").code == 0
    assert run("status").out.endswith("1 package in 2 environments: everything is in sync.\n")
    assert "acme" not in (machine / "release.yaml").read_text()


def test_the_written_files(run: Run, machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    assert run("init").code == 0
    assert (machine / "release.yaml").read_text() == (
        "# What is released, and where. Every key: https://x.test/r/blob/main/docs/manifest.md\n"
        "schemaVersion: 1\n"
        "variables:\n"
        "  version: {file: VERSION}\n"
        "defaults:\n"
        "  namespace: hello\n"
        "packages:\n"
        "  - package: hello\n"
        "    version: ${version}\n"
        "    assets:\n"
        "      - dist/*\n"
        "environments:\n"
        "  dev:\n"
        "    domain: hello\n"
        "    repository: dev\n"
        "    endpoint: file:.registry         # a registry in this folder; remove this line for AWS\n"
        "    # region: eu-west-1              # for AWS: the region of your shell\n"
        "  staging:\n"
        "    domain: hello\n"
        "    repository: staging\n"
        "    endpoint: file:.registry\n"
        "    promoteFrom: dev                 # the same bytes as in dev\n"
    )
    assert (machine / "requirements.txt").read_text() == (
        f"pulumi-codeartifact-release @ git+https://x.test/r@{'c' * 40}#subdirectory=provider\n"
    )
    assert (machine / ".gitignore").read_text() == ".registry/\n.venv/\n__pycache__/\n"
    assert yaml.safe_load((machine / "Pulumi.yaml").read_text())["config"] == {"manifest": "release.yaml"}
    # The repository's own program calls the same function.
    call = "from pulumi_codeartifact_release import publish_stack\n\npublish_stack()\n"
    for program in (machine / "__main__.py", Path(__file__).parents[3] / "__main__.py"):
        assert program.read_text().endswith(call)


def test_a_second_init_changes_nothing(run: Run, machine: Path) -> None:
    run("init")
    before = content(machine)
    outcome = run("init")
    assert outcome.code == 0
    assert outcome.out.startswith("".join(f"  kept   {name}\n" for name in FILES) + "\nNext:\n")
    assert content(machine) == before


def test_existing_files_stay_and_missing_parts_are_printed(run: Run, machine: Path) -> None:
    theirs = {".gitignore": "*.log\n", "requirements.txt": "pulumi\n", "Pulumi.yaml": "name: x\nruntime: python\n"}
    for name, text in theirs.items():
        (machine / name).write_text(text)
    outcome = run("init")
    assert {name: (machine / name).read_text() for name in theirs} == theirs
    assert (
        "\nrequirements.txt was there already. Add to it:\n"
        f"    pulumi-codeartifact-release @ git+https://x.test/r@{'c' * 40}#subdirectory=provider\n"
        "\n.gitignore was there already. Add to it:\n    .registry/\n    .venv/\n    __pycache__/\n"
    ) in outcome.out
    assert "Pulumi.yaml was there" not in outcome.out


def test_no_file_is_written_through_a_link(run: Run, machine: Path) -> None:
    victim = machine.parent / "victim"
    (machine / ".gitignore").symlink_to(victim)
    (machine / "dist").symlink_to(machine.parent / "elsewhere")
    outcome = run("init")
    assert outcome.code == 2
    assert outcome.err == (
        f"error[usage]: {machine}/dist/hello.txt cannot be written: {machine}/dist is a symbolic link in a checkout, "
        "which might lead anywhere\n"
    )
    assert not victim.exists()
    assert not (machine.parent / "elsewhere").exists()


def test_a_link_instead_of_a_folder_in_a_checkout(run: Run, machine: Path) -> None:
    (machine / ".git").mkdir()
    (machine.parent / "outside").mkdir()
    (machine / "app").symlink_to(machine.parent / "outside")
    assert run("init", "app").code == 2
    assert content(machine.parent / "outside") == {}


def test_another_folder_is_made(run: Run, machine: Path) -> None:
    outcome = run("init", "a b/app")
    assert outcome.code == 0
    assert set(FILES) < content(machine / "a b" / "app").keys()
    assert "\nNext:\n  cd 'a b/app'\n" in outcome.out
    assert "\n  pulumi install  " in outcome.out


def test_the_folders_files_are_the_assets(run: Run, machine: Path) -> None:
    def assets() -> list[str]:
        run("init")
        found: list[str] = yaml.safe_load((machine / "release.yaml").read_text())["packages"][0]["assets"]
        (machine / "release.yaml").unlink()
        assert not (machine / "dist" / "hello.txt").exists()
        return found

    for name in ("app.zip", "true", "notes.txt", "main.py", "README.md", "requirements-dev.txt", ".env", "a[1].zip"):
        (machine / name).write_text("x")
    (machine / "link.zip").symlink_to(machine / "app.zip")
    assert assets() == ["app.zip", "notes.txt", "true"]
    (machine / "build").mkdir()
    (machine / "build" / "app.zip").write_text("x")
    assert assets() == ["build/*"]
    (machine / "dist").mkdir()
    (machine / "dist" / "app.zip").write_text("x")
    assert assets() == ["dist/*"]


@pytest.mark.parametrize(
    ("name", "text", "version"),
    [
        ("VERSION", "2.0.0\n", "2.0.0"),
        ("VERSION", "two words\n", "0.1.0"),
        ("pyproject.toml", '[project]\nversion = "1.2.3"\n', "1.2.3"),
        ("pyproject.toml", "[tool.x]\n", "0.1.0"),
        ("pyproject.toml", "[[[", "0.1.0"),
        ("package.json", '{"version": "4.5.6"}', "4.5.6"),
        ("package.json", '{"version": 4}', "0.1.0"),
    ],
)
def test_the_version_of_the_project(machine: Path, name: str, text: str, version: str) -> None:
    (machine / name).write_text(text)
    assert find_facts(machine).version == version


def test_a_version_behind_a_link_is_not_read(machine: Path) -> None:
    (machine.parent / "secret").write_text("hunter2\n")
    (machine / "VERSION").symlink_to(machine.parent / "secret")
    assert find_facts(machine).version == "0.1.0"


@pytest.mark.parametrize(
    ("url", "names", "domain"),
    [
        ("git@github.com:Acme_Corp/payments-api.git", ("Acme_Corp", "payments-api"), "acme-corp"),
        ("https://gitlab.test/group/sub/app", ("sub", "app"), "sub"),
        ("https://gitlab.test/1/app", ("1", "app"), "example"),
        ("/srv/app", ("hello", "hello"), "hello"),
    ],
)
def test_names_come_from_the_remote(machine: Path, url: str, names: tuple[str, str], domain: str) -> None:
    (machine / ".git").mkdir()
    (machine / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (machine / ".git" / "config").write_text(f'[core]\n\tbare = false\n[remote "origin"]\n\turl = {url}\n')
    facts = find_facts(machine)
    assert ((facts.namespace, facts.package), facts.domain) == (names, domain)
    (machine / "below").mkdir()
    assert find_facts(machine / "below").package == "below"


def test_only_the_commands_that_this_machine_needs(run: Run, machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def commands() -> list[str]:
        following: list[str] = json.loads(run("init", "--json").out)["next"]
        return following

    end = ["pulumi stack init dev", "pulumi up", "codeartifact-release status"]
    passphrase = "export PULUMI_CONFIG_PASSPHRASE="
    assert commands() == ["pulumi login --local", passphrase, *end]
    (machine.parent / "home" / ".pulumi").mkdir(parents=True)
    credentials = machine.parent / "home" / ".pulumi" / "credentials.json"
    for current, more in (
        ("file://~", [passphrase]),
        ("https://api.pulumi.com", []),
        ("", ["pulumi login --local", passphrase]),
    ):
        credentials.write_text(json.dumps({"current": current}))
        assert commands() == [*more, *end]
    monkeypatch.setenv("PULUMI_BACKEND_URL", "file:///state")
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", "secret")
    assert commands() == end
    monkeypatch.setattr(sys, "prefix", "/usr")
    assert commands() == ["pulumi install", *end]
    monkeypatch.setenv("PATH", "/nowhere")
    assert commands() == ["codeartifact-release apply -e dev", "codeartifact-release status"]


GITHUB = [
    ".github/actions/release-tools/action.yml",
    *(f".github/workflows/{name}.yml" for name in ("release", "preview", "prod", "watch")),
]


@pytest.mark.parametrize(("service", "jobs"), [("github", GITHUB), ("gitlab", [".gitlab-ci.yml"])])
def test_jobs_of_a_service_have_the_names_of_the_project(
    run: Run, machine: Path, monkeypatch: pytest.MonkeyPatch, service: str, jobs: list[str]
) -> None:
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    (machine / ".git").mkdir()
    (machine / ".git" / "config").write_text('[remote "origin"]\n\turl = git@x.test:Shop_Co/cart.git\n')
    outcome = run("init", "--ci", service)
    assert outcome.out.endswith(
        "\nNext:\n"
        "  # replace these: https://x.test/r/blob/main/docs/ci.md\n"
        f"  grep -rnE '111122223333|pulumi-state|your build' {jobs[0].partition('/')[0]}\n"
    )
    assert content(machine).keys() == {*FILES, "requirements.lock", *jobs, ".git/config"}
    for name in jobs:
        text = (machine / name).read_text()
        assert yaml.safe_load(text)
        assert not re.search("acme|payments-api|eu-west-1", text)
        assert "cart" in text
    assert "--hash=sha256:" in (machine / "requirements.lock").read_text()
    # It is the manifest of docs/ci.md, without its pin.
    page = (Path(__file__).parents[3] / "docs" / "ci.md").read_text()
    [text] = re.findall(r"^```yaml\n# release.yaml\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    for old, new in {"namespace: acme": "namespace: Shop_Co", "acme": "shop-co", "payments-api": "cart"}.items():
        text = text.replace(old, new)
    expected = yaml.safe_load(text.replace("eu-west-1", "us-west-2"))
    del expected["environments"]["prod"]["pins"]
    assert yaml.safe_load((machine / "release.yaml").read_text()) == expected


def test_the_json_follows_its_schema(run: Run, machine: Path) -> None:
    schema = json.loads(run("schema", "init").out)
    (machine / ".gitignore").write_text("")
    first, second = (json.loads(run("init", "app", "--json").out) for _ in range(2))
    kept = json.loads(run("init", "--json").out)
    for document in (first, second, kept):
        jsonschema.Draft202012Validator(schema).validate(document)
    assert [each["created"] for each in first["files"]] == [True] * 7
    assert [each["created"] for each in second["files"]] == [False] * 6
    assert [each["path"] for each in kept["files"] if each["missing"]] == [".gitignore"]


def test_the_requirement_is_what_pip_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = "https://github.com/acme/pulumi-codeartifact-release"
    commit = "a" * 40

    class Installed:
        def __init__(self, record: object) -> None:
            self.text = json.dumps(record)
            self.metadata = self

        def get_all(self, _name: str) -> list[str]:
            return ["Issues, https://x.test", f"Source, {source}"]

        def read_text(self, _name: str) -> str:
            return self.text

    def line(record: object) -> str:
        monkeypatch.setattr(project_facts, "distribution", lambda _name: Installed(record))
        return project_facts._requirement()[0]

    vcs = {"vcs": "git", "commit_id": commit}
    prefix = "pulumi-codeartifact-release @ git+"
    for address, written in (
        ("https://x.test/fork.git", f"{prefix}https://x.test/fork.git@{commit}#subdirectory=provider"),
        ("https://token@x.test/fork", f"{prefix}https://x.test/fork@{commit}#subdirectory=provider"),
        ("file:///srv/clone", f"git+file:///srv/clone@{commit}#subdirectory=provider"),
    ):
        assert line({"url": address, "vcs_info": vcs, "subdirectory": "provider"}) == written
    # From a folder that is no checkout, the commit is unknown.
    assert line({"url": tmp_path.as_uri(), "dir_info": {}}) == f"{prefix}{source}@COMMIT#subdirectory=provider"
    (tmp_path / "a clone").mkdir()
    git = ["git", "-C", str(tmp_path / "a clone"), "-c", "user.name=a", "-c", "user.email=a@example.test"]
    for words in (
        ["init", "-q"],
        ["commit", "-q", "--allow-empty", "-m", "first"],
        ["remote", "add", "origin", "git@x.test:fork/it"],
    ):
        subprocess.run([*git, *words], check=True)
    head = subprocess.check_output([*git, "rev-parse", "HEAD"], text=True).strip()
    folder = {"url": (tmp_path / "a clone").as_uri(), "dir_info": {}}
    assert line(folder) == f"{prefix}ssh://git@x.test/fork/it@{head}#subdirectory=provider"


def test_the_user_must_set_an_unknown_commit(run: Run, machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        project_facts, "_requirement", lambda: (requirement_line("https://x.test/r", ""), "https://x.test/r")
    )
    assert "Replace COMMIT in requirements.txt with the commit that you reviewed." in run("init").out
