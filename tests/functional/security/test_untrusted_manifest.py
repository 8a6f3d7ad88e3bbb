"""A manifest from a pull request: it says what is released, but grants no permissions."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pulumi_codeartifact_release import connections
from pulumi_codeartifact_release.cli import main
from pulumi_codeartifact_release.errors import UsageError, printable
from pulumi_codeartifact_release.location import Location, resolve

GOOD = """\
schemaVersion: 1
packages:
  - {namespace: acme, package: app, version: "1.0", assets: [a.txt]}
environments:
  dev: {domain: acme, repository: dev, endpoint: "file:.registry"}
"""


def run(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
) -> tuple[int, str]:
    (folder / "a.txt").write_text("a")
    (folder / "release.yaml").write_text(text)
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["codeartifact-release", "apply", "release.yaml", "-e", "dev", "--yes"])
    with pytest.raises(SystemExit) as caught:
        main()
    connections.close()
    printed = capsys.readouterr()
    assert isinstance(caught.value.code, int)
    return caught.value.code, printed.out + printed.err


@pytest.mark.parametrize(
    "change",
    [
        ("[a.txt]", "[../secret.txt]"),
        ("[a.txt]", "[/etc/hostname]"),
        ("[a.txt]", "[link.txt]"),
        ("[a.txt]", '["**/../../*"]'),
        ('"1.0"', "${stolen}\nvariables: {stolen: {file: ../secret.txt}}"),
        ("file:.registry", "file:../elsewhere"),
        ("file:.registry", "https://collector.example.test"),
        ("file:.registry", "http://127.0.0.1:1"),
        ("repository: dev,", "repository: dev, allow: [outside],"),
        ("repository: dev,", "repository: dev, replace: x,"),
        ("schemaVersion: 1", "schemaVersion: 1\nallow: [outside, endpoint, delete]"),
        ("namespace: acme", 'namespace: "a\\u001b[2Jb"'),
        ("namespace: acme", 'namespace: "a\\n::error::b"'),
        ("schemaVersion: 1", "schemaVersion: !!python/object/apply:os.system [id]"),
    ],
)
def test_a_manifest_cannot_grant_itself_permissions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], change: tuple[str, str]
) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    (tmp_path / "secret.txt").write_text("secret")
    (folder / "link.txt").symlink_to(tmp_path / "secret.txt")
    assert change[0] in GOOD
    code, printed = run(folder, monkeypatch, capsys, GOOD.replace(*change))
    assert code == 2, printed
    assert not (folder / ".registry").exists()
    assert "Traceback" not in printed
    assert "\x1b[2J" not in printed
    assert not any(line.lstrip().startswith("::") for line in printed.splitlines())


def test_a_name_like_a_workflow_command_never_starts_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    # The service allows such names, and CI runners execute such lines.
    text = GOOD.replace("namespace: acme", 'namespace: "::error::pwned"')
    code, printed = run(tmp_path, monkeypatch, capsys, text)
    assert code == 0, printed
    assert "::error::pwned/app" in printed
    assert not any(line.lstrip().startswith("::") for line in printed.splitlines())


@pytest.mark.parametrize("command", ["##vso[task.setvariable variable=PATH]x", "##[add-path]x"])
def test_workflow_commands_within_a_line_are_escaped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    for text in (
        GOOD.replace("endpoint: file:.registry", f'endpoint: "file:.reg {command}"').replace(
            'endpoint: "file:.registry"', f'endpoint: "file:.reg {command}"'
        ),
        GOOD.replace("namespace: acme", f'namespace: "a {command}"'),
    ):
        assert command in text
        _code, printed = run(tmp_path, monkeypatch, capsys, text)
        assert "vso" in printed or "add-path" in printed
        assert command not in printed


def test_an_endpoint_with_a_password_is_refused_without_showing_it(tmp_path: Path) -> None:
    shell = {"AWS_ENDPOINT_URL_CODEARTIFACT": "https://user:hunter2@registry.example.test"}
    with pytest.raises(UsageError) as caught:
        resolve(Location("acme", "dev"), base=tmp_path, environ=shell)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain\n  indented \u00e9", "plain\n  indented \u00e9"),
        ("\x1b[31m\x07\x00\r", "\\x1b[31m\\x07\\x00\\r"),
        ("a\n::error::b", "a\n\\::error::b"),
        ("a\n \t::error::b", "a\n \\t::error::b"),
        ("##vso[task]", "#\\#vso[task]"),
        ("a ##VSO[task.setvariable variable=PATH]b", "a #\\#VSO[task.setvariable variable=PATH]b"),
        ("a ##[error]b", "a #\\#[error]b"),
        ("## heading", "\\## heading"),
        ("a::b ##c", "a::b ##c"),
        ("\u202e\u2066", "\\u202e\\u2066"),
    ],
)
def test_messages_are_printable_and_no_commands(text: str, safe: str) -> None:
    assert printable(text) == safe
