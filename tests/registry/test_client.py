"""Clients are what users of AWS expect: the standard chain, plus what is named."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from botocore.httpsession import URLLib3Session

from pulumi_codeartifact_release.errors import UsageError
from pulumi_codeartifact_release.registry.address import is_aws, is_loopback
from pulumi_codeartifact_release.registry.client import (
    ClientSettings,
    ambient_region,
    caller,
    configured_endpoint,
    make_client,
)

CONFIG = """
[default]
region = eu-central-1
[profile release]
region = eu-west-1
aws_access_key_id = x
aws_secret_access_key = y
retry_mode = adaptive
max_attempts = 9
ca_bundle = /etc/our-ca.pem
[profile elsewhere]
region = eu-west-1
services = local
[services local]
codeartifact =
  endpoint_url = https://codeartifact.example.test
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "config"
    path.write_text(CONFIG)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(path))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "y")
    kept = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    for name in [name for name in os.environ if name.startswith("AWS_") and name not in kept]:
        monkeypatch.delenv(name)
    return path


@pytest.mark.usefixtures("config")
def test_the_region_is_what_is_named_then_aws_region_then_the_profiles(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ambient_region(ClientSettings()) == "eu-central-1"
    assert ambient_region(ClientSettings(profile="release")) == "eu-west-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-1")
    assert ambient_region(ClientSettings()) == "us-west-1"
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    assert ambient_region(ClientSettings()) == "us-west-2"
    assert ambient_region(ClientSettings(region="ap-south-1")) == "ap-south-1"
    assert make_client(ClientSettings(region="ap-south-1")).meta.region_name == "ap-south-1"


def http_session(client: Any) -> Any:
    return client._endpoint.http_session


def settings_of(settings: ClientSettings) -> Any:
    return make_client(settings).meta.config


@pytest.mark.usefixtures("config")
def test_our_retries_are_the_default_and_the_users_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings_of(ClientSettings()).retries == {"mode": "standard", "total_max_attempts": 6}
    assert settings_of(ClientSettings(profile="release")).retries == {
        "mode": "adaptive",
        "total_max_attempts": 9,
    }
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    assert settings_of(ClientSettings()).retries["total_max_attempts"] == 2


@pytest.mark.usefixtures("config")
def test_timeouts_can_be_set_and_must_be_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings_of(ClientSettings()).read_timeout == 120
    monkeypatch.setenv("CODEARTIFACT_RELEASE_READ_TIMEOUT", "7.5")
    monkeypatch.setenv("CODEARTIFACT_RELEASE_CONNECT_TIMEOUT", "2")
    made = settings_of(ClientSettings())
    assert (made.read_timeout, made.connect_timeout) == (7.5, 2)
    monkeypatch.setenv("CODEARTIFACT_RELEASE_READ_TIMEOUT", "soon")
    with pytest.raises(UsageError, match="CODEARTIFACT_RELEASE_READ_TIMEOUT is 'soon'"):
        make_client(ClientSettings())


@pytest.mark.usefixtures("config")
def test_the_profiles_ca_bundle_is_used() -> None:
    client = make_client(ClientSettings(profile="release"))
    assert http_session(client)._verify == "/etc/our-ca.pem"


@pytest.mark.usefixtures("config")
def test_loopback_is_never_asked_of_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.test:3128")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.test:3128")
    named = make_client(ClientSettings(endpoint="http://127.0.0.1:9"))
    assert http_session(named)._proxy_config._proxies == {}
    monkeypatch.setenv("AWS_ENDPOINT_URL_CODEARTIFACT", "http://localhost:9")
    ambient = make_client(ClientSettings())
    assert http_session(ambient)._proxy_config._proxies == {}
    monkeypatch.delenv("AWS_ENDPOINT_URL_CODEARTIFACT")
    aws = make_client(ClientSettings())
    assert "https" in http_session(aws)._proxy_config._proxies


@pytest.mark.usefixtures("config")
def test_an_unknown_profile_is_one_clear_line() -> None:
    with pytest.raises(UsageError, match="there is no AWS profile nobody on this machine"):
        make_client(ClientSettings(profile="nobody"))


def test_an_endpoint_of_the_aws_config_file_is_found(config: Path) -> None:
    assert configured_endpoint(None) is None
    assert configured_endpoint("release") is None
    assert configured_endpoint("elsewhere") == "https://codeartifact.example.test"
    config.unlink()
    assert configured_endpoint(None) is None


def test_an_sts_of_the_aws_config_file_is_asked_with_the_profiles_keys(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[str, bytes]] = []

    def send(_session: object, request: Any) -> None:
        asked.append((request.url, request.headers["Authorization"]))
        raise OSError("nothing is sent in this test")

    monkeypatch.setattr(URLLib3Session, "send", send)
    profile = ClientSettings(profile="release")
    assert caller(profile, configured_only=True) is None
    assert asked == []
    config.write_text(
        CONFIG.replace("retry_mode = adaptive", "services = local")
        .replace("aws_access_key_id = x", "aws_access_key_id = PROFILE")
        .replace("[services local]", "[services local]\nsts =\n  endpoint_url = https://sts.example.test")
    )
    assert caller(profile, configured_only=True) is None
    ((url, authorization),) = asked
    assert url == "https://sts.example.test/"
    assert b"Credential=PROFILE/" in authorization
    # Another profile, another configuration.
    assert caller(ClientSettings(), configured_only=True) is None
    assert len(asked) == 1


def test_who_calls_is_only_a_convenience_and_never_an_error() -> None:
    assert caller(ClientSettings(profile="nobody")) is None


def test_a_secret_does_not_show_in_messages() -> None:
    assert "hidden" not in repr(ClientSettings(secret_access_key="hidden"))


@pytest.mark.parametrize(
    ("url", "loopback", "aws"),
    [
        ("http://127.0.0.1:80", True, False),
        ("http://127.8.8.8", True, False),
        ("http://[::1]:80", True, False),
        ("http://localhost:80", True, False),
        ("http://localhost.example.test", False, False),
        ("http://10.0.0.1", False, False),
        ("https://codeartifact.eu-west-1.amazonaws.com", False, True),
        ("http://codeartifact.eu-west-1.amazonaws.com", False, False),
        ("https://vpce-1.codeartifact.us-east-1.vpce.amazonaws.com", False, True),
        ("https://codeartifact.cn-north-1.amazonaws.com.cn", False, True),
        ("https://amazonaws.com.example.test", False, False),
        ("https://evil-amazonaws.com", False, False),
        ("https://user@example.test/.amazonaws.com", False, False),
        ("https://codeartifact-fips.us-east-1.amazonaws.com", False, True),
        ("https://codeartifact.us-east-1.api.aws/", False, True),
        ("https://abc123.execute-api.eu-west-1.amazonaws.com/prod", False, False),
        ("https://evil-bucket.s3.amazonaws.com", False, False),
        ("https://ec2-1-2-3-4.compute-1.amazonaws.com", False, False),
        ("https://codeartifact.evil.execute-api.eu-west-1.amazonaws.com", False, False),
        ("https://codeartifact.eu-west-1.amazonaws.com/prod", False, False),
        ("https://codeartifact.eu-west-1.amazonaws.com:8443", False, False),
        ("https://user@codeartifact.eu-west-1.amazonaws.com", False, False),
    ],
)
def test_hosts_are_told_apart(url: str, loopback: bool, aws: bool) -> None:
    assert (is_loopback(url), is_aws(url)) == (loopback, aws)
