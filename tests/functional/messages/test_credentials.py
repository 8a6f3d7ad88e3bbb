"""Sources of credentials that are broken: each names what is at fault, in one message, and asks for a correction."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from pulumi_codeartifact_release.registry import logins
from support.command_line import MANIFEST, Outcome, Run

from .stand import Answer, service, told
from .test_login import AGAIN, LOG_IN, NOWHERE

CORRECT = f"Correct it, or remove it. {LOG_IN}"
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
PAST = "2020-01-01T00:00:00Z"
VERSION = "acme/app@1.0=sha256:" + "0" * 64


@dataclass(frozen=True)
class Shell:
    """A shell without credentials; `command` asks a registry that must not be asked."""

    folder: Path
    run: Run
    patch: pytest.MonkeyPatch

    def config(self, text: str) -> None:
        (self.folder / "aws-config").write_text(text)

    def program(self, text: str) -> str:
        """Make a program in Python; returns the command that runs it."""
        path = self.folder / "gives-keys.py"
        path.write_text(text)
        return f"{sys.executable} {path}"

    def process(self, command: str) -> None:
        self.config(f"[profile ci]\ncredential_process = {command}\n")
        self.patch.setenv("AWS_PROFILE", "ci")

    def command(self, *words: str, more: str = "", **environ: str) -> Outcome:
        manifest = MANIFEST.replace('repository: dev, endpoint: "file:.registry"}', f"repository: dev{more}}}", 1)
        (self.folder / "release.yaml").write_text(manifest)
        for name, value in environ.items():
            self.patch.setenv(name, value)
        outcome = self.run(*(words or ("plan", "release.yaml", "-e", "dev")))
        assert "Traceback" not in outcome.err
        return outcome

    def refused(self, **environ: str) -> str:
        """What is said, without the paths of this test."""
        outcome = self.command(**environ)
        assert outcome.code == 2, outcome.err
        return told(outcome.err, FOLDER=str(self.folder), PYTHON=sys.executable)


@pytest.fixture
def shell(run: Run, project: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(project / "aws-config"))
    monkeypatch.setenv("HOME", str(project))
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_CODEARTIFACT", NOWHERE)
    return Shell(project, run, monkeypatch)


# --- credential_process -----------------------------------------------------------------------------------------------

OF_CI = "error[no-credentials]: `credential_process` of the AWS profile ci"
GOOD = {"Version": 1, "AccessKeyId": "AKIA", "SecretAccessKey": "secret", "SessionToken": "token"}


def test_the_program_is_not_there(shell: Shell) -> None:
    shell.process("/no/such/program --token hidden")
    assert shell.refused() == (
        f"{OF_CI} (/no/such/program) gave no AWS credentials: it cannot be started: No such file or directory\n"
        f"{CORRECT}"
    )


def test_the_credential_program_does_not_exist(shell: Shell) -> None:
    (shell.folder / "text").write_text("hello")
    shell.process(str(shell.folder / "text"))
    assert shell.refused() == (
        f"{OF_CI} (FOLDER/text) gave no AWS credentials: it cannot be started: Permission denied\n{CORRECT}"
    )


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("", "it printed nothing"),
        ("  \n", "it printed nothing"),
        ("Please log in: https://vault.example.test", "its output is not JSON"),
        ("\\xff\\xfe", "its output is not JSON"),
        ("[" * 100_000, "its output is not JSON"),
        ("[1, 2]", "its output is not a JSON object"),
        ("null", "its output is not a JSON object"),
        ('"keys"', "its output is not a JSON object"),
        ("{}", "`Version` is not 1 in its output"),
        (json.dumps({**GOOD, "Version": 2}), "`Version` is not 1 in its output"),
        (json.dumps({**GOOD, "Version": "1"}), "`Version` is not 1 in its output"),
        ('{"Version": 1}', "`AccessKeyId` is missing in its output, or is not a string"),
        (json.dumps({**GOOD, "SecretAccessKey": 7}), "`SecretAccessKey` is missing in its output, or is not a string"),
        (json.dumps({**GOOD, "Expiration": "soon"}), "`Expiration` in its output is not a time with a time zone"),
        (json.dumps({**GOOD, "Expiration": 7}), "`Expiration` in its output is not a time with a time zone"),
        (json.dumps({**GOOD, "Expiration": "2020-01-01T00:00:00"}),
         "`Expiration` in its output is not a time with a time zone"),
    ],
)  # fmt: skip
def test_the_program_prints_no_credentials(shell: Shell, output: str, reason: str) -> None:
    (shell.folder / "output").write_bytes(output.encode().replace(b"\\xff\\xfe", b"\xff\xfe"))
    shell.process(f"/bin/cat {shell.folder / 'output'}")
    assert shell.refused() == f"{OF_CI} (/bin/cat) gave no AWS credentials: {reason}\n{CORRECT}"


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        ("/bin/sh -c 'exit 7'", " (/bin/sh) gave no AWS credentials: it ended with exit code 7 and printed no error"),
        ("/bin/sh -c 'printf \"\\377\" >&2; exit 7'", " (/bin/sh) gave no AWS credentials: �"),
        ("'unclosed", " gave no AWS credentials: it is not a valid command: No closing quotation"),
        ("''", " gave no AWS credentials: it is empty"),
        ("", " gave no AWS credentials: it is empty"),
    ],
)
def test_the_program_fails(shell: Shell, command: str, reason: str) -> None:
    shell.process(command)
    assert shell.refused() == f"{OF_CI}{reason}\n{CORRECT}"


def test_the_program_gives_credentials_of_the_past(shell: Shell) -> None:
    (shell.folder / "output").write_text(json.dumps({**GOOD, "Expiration": PAST}))
    shell.process(f"/bin/cat {shell.folder / 'output'}")
    assert shell.refused() == (
        "error[expired-credentials]: the credentials from `credential_process` of the AWS profile ci (/bin/cat) "
        f"have expired (2020-01-01 00:00:00 UTC)\nLog in again at their source. {AGAIN}"
    )


def test_the_program_hangs(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logins, "CREDENTIAL_PROCESS_S", 0.5)
    shell.process("/bin/sleep 1000")
    before = time.monotonic()
    assert shell.refused() == (f"{OF_CI} (/bin/sleep) gave no AWS credentials: it did not end within 0.5 s\n{CORRECT}")
    # Once, and not for every client.
    assert time.monotonic() - before < 10


@pytest.mark.parametrize("command", ["/bin/sh -c 'yes'", "/bin/sh -c 'yes >&2'"])
def test_the_program_prints_without_end(shell: Shell, command: str) -> None:
    shell.process(command)
    assert shell.refused() == (
        f"{OF_CI} (/bin/sh) gave no AWS credentials: its output is too long for credentials\n{CORRECT}"
    )


@pytest.mark.parametrize(
    "command", ["/bin/sh -c 'sleep 1000 & wait'", "/bin/sh -c 'sleep 1000 &'", "/bin/sh -c 'exec >&- 2>&-; sleep 1000'"]
)
def test_something_that_the_program_started_hangs(shell: Shell, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setattr(logins, "CREDENTIAL_PROCESS_S", 0.5)
    shell.process(command.replace("1000", "20"))
    before = time.monotonic()
    assert "(/bin/sh) gave no AWS credentials: it did not end within 0.5 s" in shell.refused()
    assert time.monotonic() - before < 10


def test_a_source_profile_has_the_same_program(shell: Shell) -> None:
    shell.config(
        "[profile release]\nrole_arn = arn:aws:iam::111122223333:role/release\nsource_profile = ci\n"
        "[profile ci]\ncredential_process = /no/such/program\n"
    )
    assert shell.refused(AWS_PROFILE="release").startswith(f"{OF_CI} (/no/such/program) gave no AWS credentials: ")


# --- files, servers, variables ----------------------------------------------------------------------------------------

ROLE = {"AWS_ROLE_ARN": "arn:aws:iam::111122223333:role/release"}
CONTAINER = "AWS_CONTAINER_CREDENTIALS_FULL_URI"
BLANKS = "contains a line break, a space, or another invalid character"
SET_AGAIN = "Set it again without it. It is often at the end."


def test_the_file_of_a_web_identity_is_missing(shell: Shell) -> None:
    assert shell.refused(**ROLE, AWS_WEB_IDENTITY_TOKEN_FILE="/no/such/token") == (
        "error[no-credentials]: AWS_WEB_IDENTITY_TOKEN_FILE gave no AWS credentials: /no/such/token: "
        f"No such file or directory\n{CORRECT}"
    )


def test_the_file_of_a_web_identity_is_a_folder_that_the_profile_names(shell: Shell) -> None:
    shell.config(f"[profile ci]\nrole_arn = {ROLE['AWS_ROLE_ARN']}\nweb_identity_token_file = {shell.folder}\n")
    assert shell.refused(AWS_PROFILE="ci") == (
        "error[no-credentials]: `web_identity_token_file` of the AWS profile ci gave no AWS credentials: FOLDER: "
        f"Is a directory\n{CORRECT}"
    )


def test_the_file_of_a_web_identity_is_empty(shell: Shell) -> None:
    (shell.folder / "token").touch()
    said = shell.refused(**ROLE, AWS_WEB_IDENTITY_TOKEN_FILE=str(shell.folder / "token"))
    assert said.startswith("error[no-credentials]: AWS_WEB_IDENTITY_TOKEN_FILE gave no AWS credentials: ")


def test_a_web_identity_without_a_role(shell: Shell) -> None:
    (shell.folder / "token").write_text("token")
    said = shell.refused(AWS_WEB_IDENTITY_TOKEN_FILE=str(shell.folder / "token"))
    assert said.startswith("error[usage]: the AWS settings cannot be used: ")
    assert "AWS_ROLE_ARN" in said


@pytest.mark.parametrize(
    ("uri", "reason"),
    [
        ("http://example.test/keys", "Unsupported host 'example.test'."),
        ("http://[::1/keys", "Invalid IPv6 URL"),
        ("example.test", "Unsupported host 'None'."),
        ("", "Unsupported host 'None'."),
    ],
)
def test_the_credential_server_of_a_container_is_not_allowed(shell: Shell, uri: str, reason: str) -> None:
    said = shell.refused(**{CONTAINER: uri})
    assert said.startswith(f"error[no-credentials]: {CONTAINER} gave no AWS credentials: {reason}")


def test_an_invalid_container_token_is_not_shown(shell: Shell) -> None:
    token = {"AWS_CONTAINER_AUTHORIZATION_TOKEN": "hidden…"}
    assert shell.refused(**{CONTAINER: "http://127.0.0.1:9/keys"}, **token) == (
        f"error[no-credentials]: {CONTAINER} (with AWS_CONTAINER_AUTHORIZATION_TOKEN) gave no AWS credentials: "
        f"its URL or its token is not valid in HTTP\n{CORRECT}"
    )


def test_the_token_of_a_container_is_missing(shell: Shell) -> None:
    token = {"AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/no/such/token"}
    assert shell.refused(**{CONTAINER: "http://127.0.0.1:9/keys"}, **token) == (
        f"error[no-credentials]: {CONTAINER} (with AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE) gave no AWS credentials: "
        f"/no/such/token: No such file or directory\n{CORRECT}"
    )


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"{}", "AccessKeyId is missing in its output"),
        (b"[]", "its output does not look like AWS credentials"),
        (b"null", "its output does not look like AWS credentials"),
        (b"\xff", "its output does not look like AWS credentials"),
    ],
)
def test_the_server_of_a_container_gives_no_credentials(shell: Shell, answer: bytes, reason: str) -> None:
    with service(Answer(200, body=answer)) as url:
        assert shell.refused(**{CONTAINER: url}) == (
            f"error[no-credentials]: {CONTAINER} gave no AWS credentials: {reason}\n{CORRECT}"
        )


def test_the_server_of_a_container_gives_credentials_of_the_past(shell: Shell) -> None:
    keys = {"AccessKeyId": "AKIA", "SecretAccessKey": "secret", "Token": "token", "Expiration": PAST}
    with service(Answer(200, body=keys)) as url:
        assert shell.refused(**{CONTAINER: url}) == (
            f"error[expired-credentials]: the credentials of {CONTAINER} have expired, and it returned no new ones\n"
            f"Log in again, or renew them. {AGAIN}"
        )


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"])
@pytest.mark.parametrize("wrong", ["{}\n", " {}", "{}\r", "a b{}", "{}“"])
def test_a_key_has_a_line_break_or_a_blank(shell: Shell, name: str, wrong: str) -> None:
    keys = {**KEYS, "AWS_SESSION_TOKEN": "token"}
    said = shell.refused(**{**keys, name: wrong.format(keys[name])})
    assert said == f"error[no-credentials]: {name} {BLANKS}\n{SET_AGAIN}"
    assert "secret" not in said


def test_a_key_of_a_file_has_a_line_break(shell: Shell) -> None:
    shell.config("[profile ci]\naws_access_key_id = x\naws_secret_access_key = one\n  two\n")
    assert shell.refused(AWS_PROFILE="ci") == (
        f"error[no-credentials]: the secret access key of the AWS profile ci {BLANKS}\n{SET_AGAIN}"
    )


def test_keys_of_the_shell_have_expired(shell: Shell) -> None:
    assert shell.refused(**KEYS, AWS_CREDENTIAL_EXPIRATION=PAST).startswith(
        "error[expired-credentials]: the credentials of the shell (AWS_CREDENTIAL_EXPIRATION, …) have expired"
    )
    assert shell.command(**KEYS, AWS_CREDENTIAL_EXPIRATION="soon").code == 2


@pytest.mark.parametrize("region", ["us-east-1\n", " us-east-1", "us east 1", "US-EAST-1", "us-east-1/x", "us.east"])
@pytest.mark.parametrize("name", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_a_region_has_a_line_break_or_a_blank(shell: Shell, name: str, region: str) -> None:
    shell.patch.delenv("AWS_REGION")
    assert shell.refused(**KEYS, **{name: region}) == (
        f"error[wrong-region]: {name} is {region!r}, which is not the name of an AWS region\n"
        "Write it like eu-west-1, without spaces or line breaks."
    )


# --- profiles ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [{}, KEYS], ids=["no keys", "keys"])
def test_the_profile_is_empty(shell: Shell, keys: dict[str, str]) -> None:
    assert shell.refused(AWS_PROFILE="", **keys) == (
        "error[usage]: AWS_PROFILE is set, and empty\n"
        "Name a profile there, or `unset AWS_PROFILE` (and AWS_DEFAULT_PROFILE). It must not be empty."
    )


def test_the_aws_config_file_is_a_folder(shell: Shell) -> None:
    assert shell.refused(AWS_PROFILE="ci", AWS_CONFIG_FILE=str(shell.folder)) == (
        "error[usage]: AWS_CONFIG_FILE is FOLDER, which is a folder\nName a file there, or unset AWS_CONFIG_FILE."
    )


@pytest.mark.parametrize("name", ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"])
def test_a_file_of_settings_is_none(shell: Shell, name: str) -> None:
    (shell.folder / "broken").write_bytes(b"\xff[[[\n")
    assert shell.refused(**KEYS, **{name: str(shell.folder / "broken")}) == (
        "error[usage]: the AWS settings cannot be used: Unable to parse config file: FOLDER/broken\n"
        "Correct the AWS config file, or the AWS_… variables."
    )


@pytest.mark.parametrize("name", ["AWS_MAX_ATTEMPTS", "AWS_METADATA_SERVICE_TIMEOUT"])
def test_a_number_is_none(shell: Shell, name: str) -> None:
    assert shell.refused(**{name: "often"}) == (
        f"error[usage]: {name} is 'often', which is not a number\nCorrect {name}, or unset it."
    )


def test_the_metadata_service_is_not_a_url(shell: Shell) -> None:
    shell.patch.delenv("AWS_EC2_METADATA_DISABLED")
    assert shell.refused(AWS_EC2_METADATA_SERVICE_ENDPOINT="http://[").startswith(
        "error[usage]: AWS_EC2_METADATA_SERVICE_ENDPOINT is not a URL: "
    )
    said = shell.refused(AWS_EC2_METADATA_SERVICE_ENDPOINT="what is this")
    assert said.startswith("error[usage]: the AWS settings cannot be used: ")
    assert "AWS_EC2_METADATA_SERVICE_ENDPOINT" in said


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b'{"Code": "Failed"}', b"\xff"])
def test_the_metadata_service_gives_no_credentials(shell: Shell, answer: bytes) -> None:
    shell.patch.delenv("AWS_EC2_METADATA_DISABLED")
    with service(Answer(200, body=answer)) as url:
        said = shell.refused(AWS_EC2_METADATA_SERVICE_ENDPOINT=url)
    assert said.startswith("error[no-credentials]: ")


LOOP = "[profile a]\nrole_arn = arn:aws:iam::111122223333:role/a\nsource_profile = b\n" \
    "[profile b]\nrole_arn = arn:aws:iam::111122223333:role/b\nsource_profile = a\n"  # fmt: skip


@pytest.mark.parametrize(
    ("config", "code", "words"),
    [
        (LOOP, "usage", "Infinite loop in credential configuration detected"),
        (LOOP.replace("source_profile = b", "source_profile = a"), "usage", "Infinite loop"),
        (LOOP.replace("source_profile = b", "source_profile = c"), "usage", 'source_profile "c"'),
        (LOOP.replace("source_profile = b\n", ""), "no-credentials", "source_profile or credential_source is missing"),
        (LOOP.replace("source_profile = b", "credential_source = Moon"), "usage", '"Moon"'),
        (LOOP.replace("source_profile = b", "credential_source = Environment"), "no-credentials", "profile a"),
        ("[profile a]\naws_access_key_id = x\n", "no-credentials", "aws_secret_access_key is missing"),
        ("[profile a]\nsso_session = none\nsso_account_id = 1\nsso_role_name = r\n", "usage", "none"),
        ("[profile a]\nsso_start_url = https://a.test\nsso_account_id = 1\nsso_role_name = r\n", "usage", "sso_region"),
        ("[profile a]\nregion = us-east-1\n", "no-credentials", "there are no AWS credentials"),
    ],
)
def test_a_profile_gives_no_credentials(shell: Shell, config: str, code: str, words: str) -> None:
    shell.config(config)
    said = shell.refused(AWS_PROFILE="a")
    assert said.startswith(f"error[{code}]: ")
    assert words in said.splitlines()[0]


SSO = """\
[profile sso]
sso_session = us
sso_account_id = 111122223333
sso_role_name = release
[sso-session us]
sso_region = us-east-1
sso_start_url = https://us.example.test/start
"""
OVER = b'{"accessToken": "x", "expiresAt": "2020-01-01T00:00:00Z"}'


@pytest.mark.parametrize("token", [b"", b"{}", b"[]", b'{"accessToken": "x"}', OVER])
def test_the_cache_of_a_login_is_broken_or_over(shell: Shell, token: bytes) -> None:
    shell.config(SSO)
    path = shell.folder / ".aws" / "sso" / "cache" / f"{hashlib.sha1(b'us').hexdigest()}.json"
    path.parent.mkdir(parents=True)
    path.write_bytes(token)
    said = shell.refused(AWS_PROFILE="sso")
    assert said.startswith(("error[expired-credentials]: ", "error[no-credentials]: the AWS profile sso "))
    assert "aws sso login" in said


def test_a_profile_with_aws_login_names_the_missing_library(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.credentials.EC", None)
    shell.config("[profile console]\nlogin_session = arn:aws:iam::111122223333:user/me\n")
    assert shell.refused(AWS_PROFILE="console") == (
        "error[usage]: the profile uses `aws login`, which needs a library that is not installed here\n"
        'Install it beside this program (`pip install "botocore[crt]"`), or use another login, such as `aws sso login`.'
    )


# --- whoever asks -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ("plan", "release.yaml", "-e", "dev", "--json"),
        ("apply", "release.yaml", "-e", "dev", "--yes"),
        ("verify", "release.yaml", "-e", "dev"),
        ("verify", VERSION, "--domain", "acme", "--repository", "dev"),
    ],
)
def test_every_command_reports_it(shell: Shell, words: tuple[str, ...]) -> None:
    shell.process("/no/such/program")
    outcome = shell.command(*words)
    assert (outcome.code, outcome.out) == (2, "")
    assert f"{OF_CI} (/no/such/program) gave no AWS credentials: it cannot be started" in outcome.err


def test_status_reports_an_error_of_an_environment_and_reads_the_others(shell: Shell) -> None:
    shell.process("/no/such/program")
    outcome = shell.command("status", "release.yaml")
    assert outcome.code == 2
    assert outcome.out.count("no-credentials: `credential_process` of the AWS profile ci (/no/such/program)") == 1


@pytest.mark.parametrize("status", [403, 500])
def test_a_role_that_is_refused_needs_a_correction_and_one_whose_server_fails_does_not(
    shell: Shell, status: int
) -> None:
    shell.config(
        f"[profile release]\nrole_arn = {ROLE['AWS_ROLE_ARN']}\nsource_profile = me\n"
        "[profile me]\naws_access_key_id = x\naws_secret_access_key = y\n"
    )
    xml = b"<ErrorResponse><Error><Code>Some</Code><Message>because</Message></Error></ErrorResponse>"
    with service(Answer(status, body=xml)) as url:
        outcome = shell.command(AWS_PROFILE="release", AWS_ENDPOINT_URL_STS=url)
    assert outcome.code == (2 if status == 403 else 1)
    code = "no-credentials" if status == 403 else "server-fault"
    assert told(outcome.err).startswith(f"error[{code}]: AssumeRole")


def test_a_role_whose_server_is_not_there_can_be_tried_again(shell: Shell) -> None:
    shell.config(
        f"[profile release]\nrole_arn = {ROLE['AWS_ROLE_ARN']}\nsource_profile = me\n"
        "[profile me]\naws_access_key_id = x\naws_secret_access_key = y\n"
    )
    outcome = shell.command(AWS_PROFILE="release", AWS_ENDPOINT_URL_STS="http://127.0.0.1:9")
    assert outcome.code == 1
    assert told(outcome.err).startswith(
        "error[unreachable]: AWS credentials of the AWS profile release: no response from http://127.0.0.1:9"
    )
