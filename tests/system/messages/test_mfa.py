"""Profiles that need the code of an MFA device: asked for once at a terminal, before anything is drawn, or never."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from support.command_line import MANIFEST, Run, gate
from support.embedded import Gate
from support.terminal import at_a_terminal, unstyled

__all__ = ["gate"]

COMMAND = Path(sys.executable).with_name("codeartifact-release")
DEVICE = "arn:aws:iam::111122223333:mfa/me"
ROLE = "arn:aws:iam::111122223333:role"
CODE = "123456"
PROFILES = f"""\
[profile release]
role_arn = {ROLE}/release
source_profile = me
mfa_serial = {DEVICE}
[profile chain]
role_arn = {ROLE}/last
source_profile = release
[profile other]
role_arn = {ROLE}/other
source_profile = release
[profile me]
aws_access_key_id = x
aws_secret_access_key = y
"""


class Sts:
    """Gives roles, those with a device for a code that it takes once."""

    def __init__(self, access_key_id: str, secret_access_key: str) -> None:
        self.codes: list[str] = []
        self.roles: list[str] = []
        end = datetime.now(UTC) + timedelta(hours=1)
        given = (
            "<AssumeRoleResponse><AssumeRoleResult><Credentials>"
            f"<AccessKeyId>{access_key_id}</AccessKeyId><SecretAccessKey>{secret_access_key}</SecretAccessKey>"
            f"<SessionToken>token</SessionToken><Expiration>{end:%Y-%m-%dT%H:%M:%SZ}</Expiration>"
            "</Credentials></AssumeRoleResult></AssumeRoleResponse>"
        )
        refused = (
            "<ErrorResponse><Error><Code>AccessDenied</Code><Message>MultiFactorAuthentication failed with invalid MFA "
            "one time pass code.</Message></Error></ErrorResponse>"
        )
        sts = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                status, answer = 200, given
                if asked["Action"] == ["AssumeRole"]:
                    sts.roles += asked["RoleArn"]
                    if "SerialNumber" in asked:
                        (code,) = asked["TokenCode"]
                        if code != CODE or code in sts.codes:
                            status, answer = 403, refused
                        sts.codes.append(code)
                else:
                    status, answer = 403, refused
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer.encode())

            def log_message(self, *_words: object) -> None:
                """Nothing is printed."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def sts(gate: Gate, project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sts]:
    """Profiles that need a code for the registry of `gate`, and a shell that has nothing else."""
    made = Sts(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"])
    (project / "aws-config").write_text(PROFILES)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(project / "aws-config"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", made.url)
    monkeypatch.setenv("AWS_PROFILE", "release")
    yield made
    made.close()


def manifest_with(project: Path, **profiles: str) -> None:
    """Name a profile for environments of the manifest."""
    text = MANIFEST.replace(', endpoint: "file:.registry"', "")
    for environment, profile in profiles.items():
        text = text.replace(f"  {environment}: {{", f"  {environment}: {{profile: {profile}, ")
    more = "".join(f"  - {{package: p{number}, version: '1', assets: [dist/*]}}\n" for number in range(6))
    (project / "release.yaml").write_text(text.replace("environments:", f"{more}environments:"))


def terminal(project: Path, *words: str, code: str = CODE) -> tuple[int, str]:
    return at_a_terminal(
        [COMMAND, *words],
        project,
        os.environ,
        columns=200,
        answers=[(b"MFA code of ", f"{code}\n".encode()), (b"Release this? ", b"y\n")],
    )


def lines(printed: str) -> list[str]:
    return unstyled(printed).splitlines()


@pytest.mark.parametrize("profile", ["release", "chain"])
def test_the_command_line_asks_once_for_all_that_it_does(
    sts: Sts, project: Path, monkeypatch: pytest.MonkeyPatch, profile: str
) -> None:
    monkeypatch.setenv("AWS_PROFILE", profile)
    manifest_with(project)
    code, printed = terminal(project, "apply", "release.yaml", "-e", "dev")
    assert code == 0, printed
    assert sts.codes == [CODE]
    assert printed.count("MFA code of ") == 1
    # The first that is printed at all, and the code is not.
    assert lines(printed)[0].startswith(f"MFA code of {DEVICE} for the AWS profile {profile}: ")
    assert CODE not in printed
    sts.codes.clear()
    for words in (["verify", "release.yaml", "-e", "dev"], ["status", "release.yaml"]):
        code, printed = terminal(project, *words)
        assert code == 0, printed
        # No bar has been drawn.
        assert "\x1b[" not in printed[: printed.index("MFA code of ")]
        assert sts.codes == [CODE]
        sts.codes.clear()


def test_two_profiles_that_share_a_role_are_asked_for_one_code(sts: Sts, project: Path) -> None:
    manifest_with(project)
    assert terminal(project, "apply", "release.yaml", "-e", "dev")[0] == 0
    sts.codes.clear()
    sts.roles.clear()
    manifest_with(project, dev="chain", staging="other")
    code, printed = terminal(project, "apply", "release.yaml", "-e", "staging")
    assert code == 0, printed
    assert sts.codes == [CODE]
    assert sorted(sts.roles) == [f"{ROLE}/last", f"{ROLE}/other", f"{ROLE}/release"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("654321", "AssumeRole gave no AWS credentials: MultiFactorAuthentication failed with invalid MFA one time"),
        ("12345", "not a valid MFA code: it has 6 digits"),
        ("", "not a valid MFA code: it has 6 digits"),
        ("\x04", "not a valid MFA code: it has 6 digits"),
    ],
)
def test_a_wrong_code_is_one_message(sts: Sts, project: Path, code: str, said: str) -> None:
    manifest_with(project)
    ended, printed = terminal(project, "apply", "release.yaml", "-e", "dev", code=code)
    assert (ended, printed.count("MFA code of ")) == (2, 1)
    assert f"error[no-credentials]: {said}" in unstyled(printed)
    assert "Traceback" not in printed


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("command", ["plan", "apply", "verify"])
def test_a_signal_ends_the_question(sts: Sts, project: Path, by: signal.Signals, command: str) -> None:
    manifest_with(project)
    before = time.monotonic()
    code, printed = at_a_terminal(
        [COMMAND, command, "release.yaml", "-e", "dev"],
        project,
        os.environ,
        columns=200,
        answers=[(b"MFA code of ", by)],
    )
    assert code == 130, printed
    assert time.monotonic() - before < 30
    assert "interrupted: nothing was sent" in printed
    assert "Traceback" not in printed


NEEDS = f"the AWS profile release needs a code of the MFA device {DEVICE}, and nobody can be asked for it here"
SESSION = (
    'Get a session first, then run again: `eval "$(aws configure export-credentials --profile release --format env)"`.'
)
LEAVE_OUT = " Then leave out `profile` (or aws:profile): it takes precedence over keys of the shell."


@pytest.mark.parametrize("named", [False, True], ids=["by the shell", "by the manifest"])
def test_without_a_terminal_it_is_refused_at_once(sts: Sts, run: Run, project: Path, named: bool) -> None:
    manifest_with(project, **({"dev": "release"} if named else {}))
    outcome = run("plan", "release.yaml", "-e", "dev")
    assert outcome.code == 2
    assert outcome.err.endswith(f"error[no-credentials]: {NEEDS}\n{SESSION}{LEAVE_OUT if named else ''}\n")
    assert sts.roles == []


def test_the_remedy_helps(sts: Sts, gate: Gate, project: Path) -> None:
    """Executed as it is printed, with an `aws` that prints what the real one does."""
    manifest_with(project)
    (project / "bin").mkdir()
    aws = project / "bin" / "aws"
    key = gate.registry.credentials()
    aws.write_text(
        '#!/bin/sh\n[ "$*" = "configure export-credentials --profile release --format env" ] || exit 9\n'
        f"echo export AWS_ACCESS_KEY_ID={key.access_key_id}\n"
        f"echo export AWS_SECRET_ACCESS_KEY={key.secret_access_key}\n"
    )
    aws.chmod(0o755)
    words = f"{COMMAND} plan release.yaml -e dev"
    environ = {**os.environ, "PATH": f"{project / 'bin'}:{os.environ['PATH']}"}

    def ran(script: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            script, shell=True, cwd=project, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            check=False,
        )  # fmt: skip

    refused = ran(words)
    assert refused.returncode == 2
    (remedy,) = re.findall(r"`(eval .*)`", refused.stderr)
    assert ran(f"{remedy} && {words}").returncode == 0
    manifest_with(project, dev="release")
    refused = ran(f"{remedy} && {words}")
    assert (refused.returncode, "leave out `profile`" in refused.stderr) == (2, True)
    assert sts.roles == []


def test_a_question_that_somebody_hides_from_us_is_none(sts: Sts, project: Path, environ: Mapping[str, str]) -> None:
    """A terminal, but not on stdin: somebody pipes something in."""
    manifest_with(project)
    code, printed = at_a_terminal(
        ["/bin/sh", "-c", f"echo y | {COMMAND} apply release.yaml -e dev"], project, environ, columns=200
    )
    assert code == 2
    assert NEEDS in unstyled(printed)


@pytest.fixture
def environ(sts: Sts) -> Mapping[str, str]:
    return dict(os.environ)
