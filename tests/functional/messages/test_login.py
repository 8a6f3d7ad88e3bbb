"""Credentials, profile and region: what is told where the AWS settings of this machine do not do."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore.exceptions import InvalidRegionError

from pulumi_codeartifact_release.registry import Coordinates
from pulumi_codeartifact_release.registry.error_mapping import map_error

from .conftest import Ask
from .stand import Answer, printed, service, told

LOG_IN = (
    "Log in (`aws sso login`), or name a profile (AWS_PROFILE), a role, or keys (AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY); `aws sts get-caller-identity` tries them."
)
AGAIN = "Run again: only what is missing is sent."
NOWHERE = "http://127.0.0.1:9"
"""Where nobody must be asked: what is wrong shows before."""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The AWS config file of this test."""
    path = tmp_path / "aws-config"
    monkeypatch.setenv("AWS_CONFIG_FILE", str(path))
    return path


def test_there_are_no_credentials(ask: Ask) -> None:
    assert told(ask(NOWHERE, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")) == (
        f"error[no-credentials]: there are no AWS credentials\n{LOG_IN}"
    )


def test_half_of_the_keys_is_missing(ask: Ask) -> None:
    assert told(ask(NOWHERE, AWS_SECRET_ACCESS_KEY="")) == (
        "error[no-credentials]: the AWS credentials of the shell (AWS_ACCESS_KEY_ID, …) are incomplete: "
        f"AWS_SECRET_ACCESS_KEY is missing\n{LOG_IN}"
    )


def test_a_program_that_should_give_credentials_fails(ask: Ask, settings: Path) -> None:
    settings.write_text("[profile ci]\ncredential_process = /bin/sh -c 'echo the vault is sealed >&2; exit 3'\n")
    err = ask(NOWHERE, AWS_PROFILE="ci", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert told(err) == (
        "error[no-credentials]: `credential_process` of the AWS profile ci (/bin/sh) gave no AWS credentials: "
        f"the vault is sealed\nCorrect it, or remove it. {LOG_IN}"
    )


ROLE = """\
[profile release]
role_arn = arn:aws:iam::111122223333:role/release
source_profile = me
[profile me]
aws_access_key_id = x
aws_secret_access_key = y
"""


@pytest.mark.parametrize(
    ("code", "said", "text"),
    [
        (
            "AccessDenied",
            "User: me is not authorized to perform: sts:AssumeRole",
            "error[no-credentials]: AssumeRole gave no AWS credentials: User: me is not authorized to perform: "
            "sts:AssumeRole\n"
            "Correct the role (`role_arn` of the profile, AWS_ROLE_ARN), or let its trust policy name the caller; "
            "`aws sts get-caller-identity` tries it.",
        ),
        (
            "ExpiredToken",
            "The security token included in the request is expired",
            "error[expired-credentials]: the AWS session has ended: AssumeRole: "
            "The security token included in the request is expired\n"
            f"Log in again (`aws sso login`, with the --profile that is in use). {AGAIN}",
        ),
    ],
)
def test_a_role_is_not_given(code: str, said: str, text: str, ask: Ask, settings: Path) -> None:
    settings.write_text(ROLE)
    xml = f"<ErrorResponse><Error><Code>{code}</Code><Message>{said}</Message></Error></ErrorResponse>"
    with service(Answer(403, body=xml.encode())) as url:
        keys = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
        err = ask(NOWHERE, AWS_PROFILE="release", AWS_ENDPOINT_URL_STS=url, **keys)
    assert told(err) == text


def test_the_login_has_ended(ask: Ask, settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    settings.write_text(
        "[profile sso]\nsso_session = us\nsso_account_id = 111122223333\nsso_role_name = release\n"
        "[sso-session us]\nsso_region = us-east-1\nsso_start_url = https://us.example.test/start\n"
    )
    err = ask(NOWHERE, AWS_PROFILE="sso", AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert told(err) == (
        "error[expired-credentials]: the AWS session has ended, or there was none: "
        "Error loading SSO Token: Token for us does not exist\n"
        f"Log in again (`aws sso login`, with the --profile that is in use). {AGAIN}"
    )


def test_a_missing_profile(ask: Ask) -> None:
    assert told(ask(NOWHERE, more=", profile: relaese")) == (
        "error[usage]: there is no AWS profile relaese on this machine\n"
        "Correct AWS_PROFILE, or `profile` in the environment of the manifest; or add it to the AWS config file: "
        "`aws configure list-profiles` lists those that are there."
    )


def test_the_aws_config_file_is_none(ask: Ask, settings: Path) -> None:
    settings.write_text("no section\n")
    assert told(ask(NOWHERE), CONFIG=str(settings)) == (
        "error[usage]: the AWS settings cannot be used: Unable to parse config file: CONFIG\n"
        "Correct the AWS config file, or the AWS_… variables."
    )


def test_a_setting_of_the_shell_is_none(ask: Ask) -> None:
    assert told(ask(NOWHERE, AWS_RETRY_MODE="often")) == (
        'error[usage]: the AWS settings cannot be used: Invalid value provided to "mode": "often" must be one of: '
        "legacy, standard, adaptive\n"
        "Correct the AWS config file, or the AWS_… variables."
    )


def test_a_region_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    error = InvalidRegionError(region_name="us east")
    assert printed(map_error(error, "the AWS settings", Coordinates("", "", "", "", ""), "AWS"), capsys) == (
        "error[wrong-region]: us east is not the name of an AWS region\n"
        "Correct AWS_REGION, or `region` in the environment of the manifest: it is written like eu-west-1."
    )


def test_no_region_is_named(ask: Ask) -> None:
    assert told(ask(AWS_REGION="")) == (
        "error[no-region]: no AWS region is set\nSet AWS_REGION, or `region` in the environment of the manifest."
    )
