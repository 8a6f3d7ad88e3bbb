"""The command `codeartifact-release serve`, as a process."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_codeartifact_release.local_registry import start
from support.hostile_shell import SHELLS, shell

MAKE_DOMAIN = "import boto3; boto3.client('codeartifact').create_domain(domain='acme')"
MAIN = [sys.executable, "-c", "from pulumi_codeartifact_release.cli import main; main()", "serve"]


@contextlib.contextmanager
def _serving(*arguments: object, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run the command; yield the process and its first line, which it prints when it listens."""
    process = subprocess.Popen(
        [*MAIN, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    with process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline()
        finally:
            process.kill()


@pytest.fixture(scope="module")
def env_file(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The env file of a registry with a domain."""
    folder = tmp_path_factory.mktemp("serving")
    with _serving(folder / "registry", "--env-file", folder / "env"):
        _sourced(folder / "env", f"{shlex.quote(sys.executable)} -c {shlex.quote(MAKE_DOMAIN)}")
        yield folder / "env"


def _sourced(env_file: Path, command: str, **environment: str) -> str:
    """Return the output of a shell that sourced the file."""
    script = f"set -eu; . {shlex.quote(str(env_file))}; {command}"
    clean = {"PATH": os.environ["PATH"], "HOME": str(env_file.parent), **environment}
    return subprocess.run(["sh", "-c", script], env=clean, capture_output=True, text=True, check=True).stdout


def test_boto3_in_a_shell_that_sourced_the_file_works_against_the_registry(tmp_path: Path) -> None:
    env_file = tmp_path / "it's the env"
    code = "import boto3; print(boto3.client('codeartifact').create_domain(domain='acme')['domain']['arn'])"
    with _serving(tmp_path / "registry", "--env-file", env_file) as (process, first):
        assert "http://127.0.0.1:" in first
        assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
        spoiled = {
            "AWS_SESSION_TOKEN": "stale",
            "HTTP_PROXY": "http://127.0.0.1:9",
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        }
        arn = _sourced(env_file, f'{shlex.quote(sys.executable)} -c "{code}"', **spoiled)
        assert arn.startswith("arn:aws:codeartifact:us-east-1:000000000000:domain/acme")
        process.send_signal(signal.SIGTERM)
        output, log = process.communicate(timeout=20)
    assert process.returncode == 0
    assert output.strip().startswith("The registry has stopped")
    assert "POST /v1/domain?domain=acme -> 200" in log
    assert len(log.strip().splitlines()) == 1
    assert not env_file.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["registry"]


@pytest.mark.parametrize("name", SHELLS)
def test_boto3_works_in_any_shell_that_sourced_the_file(name: str, env_file: Path, tmp_path: Path) -> None:
    code = "import boto3; print(boto3.client('codeartifact').list_domains()['domains'][0]['name'])"
    command = f"{shlex.quote(sys.executable)} -c {shlex.quote(code)}"
    assert _sourced(env_file, command, **shell(name, tmp_path / "files")) == "acme\n"


def test_the_aws_cli_works_in_any_shell_that_sourced_the_file(env_file: Path, tmp_path: Path) -> None:
    aws = Path(sys.executable).with_name("aws")
    command = f"{shlex.quote(str(aws))} codeartifact list-domains --query 'domains[].name' --output text"
    assert _sourced(env_file, command, **shell("nonsense everywhere", tmp_path / "files")) == "acme\n"


def test_output_preferences_of_the_aws_cli_are_kept(env_file: Path) -> None:
    shown = _sourced(env_file, 'echo "$AWS_PAGER $AWS_DEFAULT_OUTPUT"', AWS_PAGER="cat", AWS_DEFAULT_OUTPUT="text")
    assert shown.split() == ["cat", "text"]


def test_an_invalid_region_of_the_shell_is_not_used(tmp_path: Path) -> None:
    env_file = tmp_path / "env"
    with _serving(tmp_path / "registry", "--env-file", env_file, AWS_REGION="no region"):
        assert _sourced(env_file, 'echo "$AWS_REGION"').strip() == "us-east-1"


def test_the_file_keeps_the_users_region_and_no_proxy(tmp_path: Path) -> None:
    env_file = tmp_path / "env"
    user = {"AWS_REGION": "eu-north-1", "NO_PROXY": "internal.example,10.0.0.0/8", "no_proxy": ""}
    with _serving(tmp_path / "registry", "--env-file", env_file, **user):
        shown = _sourced(env_file, 'echo "$AWS_REGION $AWS_DEFAULT_REGION $NO_PROXY $no_proxy"')
    both = "internal.example,10.0.0.0/8,127.0.0.1"
    assert shown.split() == ["eu-north-1", "eu-north-1", both, both]


def test_an_interrupt_ends_it_cleanly_without_creating_a_folder(tmp_path: Path) -> None:
    with _serving(tmp_path / "registry", "--env-file", tmp_path / "env") as (process, _):
        process.send_signal(signal.SIGINT)
        _, log = process.communicate(timeout=20)
    assert (process.returncode, log) == (0, "")
    assert list(tmp_path.iterdir()) == []


def test_without_a_file_the_variables_are_printed(tmp_path: Path) -> None:
    with _serving(tmp_path / "registry") as (process, first):
        assert process.stdout is not None
        assert first.startswith("export AWS_ENDPOINT_URL_CODEARTIFACT=http://127.0.0.1:")
        assert process.stdout.readline().startswith("export AWS_ACCESS_KEY_ID=")


def test_an_older_env_file_is_replaced_whole(tmp_path: Path) -> None:
    env_file = tmp_path / "env"
    env_file.write_text("export SECRET=old\n")
    env_file.chmod(0o644)
    with _serving(tmp_path / "registry", "--env-file", env_file):
        assert stat.S_IMODE(env_file.stat().st_mode) == 0o600
        assert "SECRET=old" not in env_file.read_text()


def test_the_env_file_of_another_server_is_not_removed(tmp_path: Path) -> None:
    env_file = tmp_path / "env"
    with _serving(tmp_path / "registry", "--env-file", env_file) as (process, _):
        env_file.rename(tmp_path / "moved")
        env_file.write_text("theirs")
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert env_file.read_text() == "theirs"


def test_a_taken_port_is_one_line_that_says_what_to_do(tmp_path: Path) -> None:
    with start(tmp_path / "other") as other:
        run = subprocess.run(
            [*MAIN, tmp_path / "registry", "--port", str(other.port)], capture_output=True, text=True, check=False
        )
    assert run.returncode == 2
    assert run.stdout == ""
    assert len(run.stderr.strip().splitlines()) == 1
    assert f"127.0.0.1:{other.port}" in run.stderr
    assert "--port" in run.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "70000"], "70000"),
        (["--host", "203.0.113.7"], "203.0.113.7"),
        (["--env-file", "/nowhere/env"], "/nowhere/env"),
    ],
)
def test_bad_usage_is_explained_and_exits_2(arguments: list[str], words: str, tmp_path: Path) -> None:
    run = subprocess.run([*MAIN, tmp_path / "registry", *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert words in run.stderr
    assert "Traceback" not in run.stderr


def test_a_foreign_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "registry.sqlite3").write_text("not a database at all " * 100)
    run = subprocess.run([*MAIN, tmp_path], capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "not the database of an embedded registry" in run.stderr


def test_listening_on_the_network_prints_a_warning(tmp_path: Path) -> None:
    with _serving(tmp_path / "registry", "--host", "0.0.0.0", "--env-file", tmp_path / "env") as (process, first):
        assert "Serving" in first
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=20)
    assert "not a loopback address" in log
