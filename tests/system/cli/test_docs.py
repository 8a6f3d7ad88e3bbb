"""README and docs against `--help`: every command line in them exists, and every option is in them."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from pulumi_codeartifact_release import errors
from pulumi_codeartifact_release.cli import group

ROOT = Path(__file__).parents[3]
PAGES = [
    page
    for page in (
        *(ROOT / name for name in ("README.md", "provider/README.md", "CONTRIBUTING.md", "SECURITY.md")),
        *sorted((ROOT / "docs").glob("*.md")),
        *sorted((ROOT / "examples").rglob("*.md")),
    )
    if ".venv" not in page.parts
]
CONTEXT = click.Context(group)
COMMANDS = {name: command for name in group.list_commands(CONTEXT) if (command := group.get_command(CONTEXT, name))}


def render(text: str) -> Iterator[str]:
    """Every command line of ours in a page: in blocks, and between backticks."""
    for block in re.findall(r"^ *```.*?\n(.*?)^ *```", text, flags=re.MULTILINE | re.DOTALL):
        joined = re.sub(r"\\\n", " ", block)
        for line in joined.splitlines():
            for part in re.split(r"&&|;|\|", line):
                yield from re.findall(r"(?<!\.)codeartifact-release +([a-z].*)$", part.strip())
    for code in re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text):
        yield from re.findall(r"^(?:.* )?codeartifact-release +([a-z].*)$", code)


def words_of(line: str) -> list[str]:
    """The words up to what is the shell's business."""
    cut = re.split(r" #|\||&&|;| > | 2>", line)[0]
    try:
        return shlex.split(cut)
    except ValueError:
        return cut.split()


LINES = sorted({(page.relative_to(ROOT).as_posix(), line) for page in PAGES for line in render(page.read_text())})


def test_the_pages_speak_of_the_command_line() -> None:
    assert len(LINES) > 30
    assert {page for page, _line in LINES} >= {"README.md", "docs/verify.md", "docs/review.md", "docs/ci.md"}


@pytest.mark.parametrize(("page", "line"), LINES, ids=[f"{page}: {line[:40]}" for page, line in LINES])
def test_every_command_line_in_the_docs_is_one(page: str, line: str) -> None:
    name, *words = words_of(line)
    assert name in COMMANDS, f"{page}: {line}"
    command = COMMANDS[name]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    for word in words:
        if re.match(r"-{1,2}[a-z]", word):
            assert word.split("=")[0] in {*known, "--help", "-h"}, f"{page}: {line}"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained_in_help_and_in_the_docs(name: str) -> None:
    text = "\n".join(page.read_text() for page in PAGES)
    for parameter in COMMANDS[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, f"{name} {parameter.opts}"
            assert any(re.search(rf"(?<![\w-]){re.escape(each)}(?![\w-])", text) for each in parameter.opts), (
                f"{name} {parameter.opts} is in no page"
            )


@pytest.mark.parametrize("name", COMMANDS)
def test_every_help_has_an_example_that_is_one(name: str) -> None:
    command = COMMANDS[name]
    help_text = command.get_help(click.Context(command, info_name=f"codeartifact-release {name}"))
    examples = re.findall(r"codeartifact-release +([a-z].*)$", command.epilog or "", flags=re.MULTILINE)
    assert examples, help_text
    for line in examples:
        test_every_command_line_in_the_docs_is_one(f"{name} --help", line)
    assert all(len(line) <= 100 for line in help_text.splitlines())


def test_the_pages_list_all_commands_with_what_they_do() -> None:
    for page in ("README.md", "docs/cli.md", "provider/README.md"):
        text = (ROOT / page).read_text()
        assert {name for name in COMMANDS if re.search(rf"(?:`|codeartifact-release ){name}\b", text)} == set(COMMANDS)


def test_the_table_of_where_to_change_what_names_files_that_are_there() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    table = page[page.index("## Where to change what") :]
    named = re.findall(r"`((?:[a-z_]+/)*[a-z_]+(?:\.[a-z.]+|/))`", table)
    assert len(named) > 15
    package = ROOT / "provider/pulumi_codeartifact_release"
    assert [name for name in named if not (package / name).exists() and not (ROOT / name).exists()] == []


def test_every_path_of_the_project_in_a_page_exists() -> None:
    package = ROOT / "provider/pulumi_codeartifact_release"
    rooms = "|".join(sorted(path.parent.name for path in package.glob("*/__init__.py")))
    ours = re.compile(rf"(?:(?:tests|docs|provider|benchmarks|scripts|examples|{rooms})/[\w./*-]*|\w*test_\w+\.py)")
    tests = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    missing, count = [], 0
    for page in (ROOT / "CHANGELOG.md", *PAGES):
        text = re.sub(r"^ *```.*?^ *```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
        for code in re.findall(r"`([^`\n]+)`", text):
            for name in ours.findall(code) if re.search(r"^tests/| tests/|\"tests/", code) else [code]:
                if not ours.fullmatch(name):
                    continue
                count += 1
                if name not in tests and not any(any(base.glob(name.rstrip("/"))) for base in (ROOT, package)):
                    missing.append(f"{page.name}: {name}")
    assert missing == []
    assert count > 60


def test_the_architecture_page_lists_every_module() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    block = page[page.index("provider/pulumi_codeartifact_release/\n") : page.index("`publishing/` knows")]
    listed = re.findall(r"^  ([a-z_]+(?:\.py|/)) ", block, flags=re.MULTILINE)
    package = ROOT / "provider/pulumi_codeartifact_release"
    modules = {path.name for path in package.glob("*.py")} - {"__init__.py"}
    packages = {f"{path.parent.name}/" for path in package.glob("*/__init__.py")}
    assert sorted(listed) == sorted(modules | packages)


def test_the_glossary_has_at_most_fifteen_terms() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    glossary = page[page.index("## Glossary") : page.index("## The life of a release")]
    assert 10 < len(re.findall(r"^\| (?!term|---)", glossary, flags=re.MULTILINE)) <= 15


def test_the_exit_codes_are_the_same_everywhere() -> None:
    epilog = str(group.epilog)
    codes = {int(code) for code in re.findall(r"(?:^|[:;] )(\d+) ", epilog)}
    assert codes == {0, 1, 2, 3, 4, 130}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.ReleaseError)]
    assert {kind.exit_code for kind in kinds} | {0, 3} == codes
    for page in ("README.md", "docs/cli.md"):
        text = (ROOT / page).read_text()
        part = text[text.index("xit codes") :]
        assert codes <= {int(code) for code in re.findall(r"(?:^|[:;|] )(\d+) ", part)}, page


def test_shells_complete_commands_options_and_environments(tmp_path: Path) -> None:
    command = str(Path(sys.executable).with_name("codeartifact-release"))

    def completed(words: str) -> set[str]:
        environ = {
            **os.environ,
            "_CODEARTIFACT_RELEASE_COMPLETE": "bash_complete",
            "COMP_WORDS": f"codeartifact-release {words}",
            "COMP_CWORD": str(len(words.split(" "))),
        }
        printed = subprocess.run([command], env=environ, capture_output=True, text=True, check=True).stdout
        return {line.split(",")[1] for line in printed.splitlines() if line}

    assert completed("") == set(COMMANDS)
    assert completed("plan --det") == {"--detailed-exitcode"}
    assert completed("schema ") == {
        "manifest",
        "init",
        "plan",
        "verify",
        "download",
        "list",
        "pin",
        "withdraw",
        "prune",
    }
    manifest = tmp_path / "release.yaml"
    manifest.write_text("environments: {dev: {}, staging: {}, prod: {}}\npackages: [not, sound]\n")
    assert completed(f"plan {manifest} -e ") == {"dev", "staging", "prod"}
    assert completed(f"verify {manifest} --environment st") == {"staging"}
    assert completed(f"status {manifest} -e dev -e p") == {"prod"}
    assert completed(f"withdraw acme/app@1.0 {manifest} -e p") == {"prod"}
    for name in (tmp_path / "none.yaml", tmp_path):
        assert completed(f"apply {name} -e ") == set()
    names = [
        *("good", "$(id)", "`id`", "a b", "a;id", "-x", "$HOME", "a\nb", "good\n", "a\x07b", "", "..", "x" * 101),
        *("a|id", "a&id", "a>b", "a'b", 'a"b', "a\\b", "*", "~", "a\u2028b", "ünicode", "${x}", "a,b"),
    ]
    manifest.write_text(json.dumps({"environments": {name: {} for name in names}}))
    assert completed(f"plan {manifest} -e ") == {"good"}
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / "release.yaml").symlink_to(manifest)
    assert completed(f"plan {tmp_path}/inside/release.yaml -e ") == set()
