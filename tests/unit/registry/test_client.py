"""Clients use the standard AWS settings and those of the manifest."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import DataNotFoundError, NoCredentialsError, UnknownServiceError
from botocore.httpsession import URLLib3Session
from botocore.loaders import Loader, create_loader
from botocore.session import Session

from pulumi_codeartifact_release import connections
from pulumi_codeartifact_release.connections import (
    connect,
    resolved_region,
)
from pulumi_codeartifact_release.errors import UsageError
from pulumi_codeartifact_release.location import Location, resolve
from pulumi_codeartifact_release.registry.botocore_internals import http_session
from pulumi_codeartifact_release.registry.client import (
    ClientSettings,
    _session,
    caller,
    configured_endpoint,
    make_client,
)
from pulumi_codeartifact_release.registry.models import model_loader
from pulumi_codeartifact_release.registry.sessions import AwsSession

HERE = Location("acme", "dev")
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
def test_the_region_comes_from_the_settings_then_aws_region_then_the_profile(monkeypatch: pytest.MonkeyPatch) -> None:
    assert AwsSession().region() == "eu-central-1"
    assert AwsSession("release").region() == "eu-west-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-west-1")
    assert AwsSession().region() == "us-west-1"
    monkeypatch.setenv("AWS_REGION", "us-west-2")
    assert AwsSession().region() == "us-west-2"
    assert make_client(ClientSettings(region="ap-south-1")).meta.region_name == "ap-south-1"


def settings_of(settings: ClientSettings) -> Any:
    return make_client(settings).meta.config


@pytest.mark.usefixtures("config")
def test_the_users_retry_settings_override_ours(monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_loopback_never_uses_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
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


@pytest.mark.parametrize(
    "elsewhere",
    [
        "# endpoint_url = https://example.test\n",
        "[profile other]\nendpoint_url = https://example.test\n",
        "services = s\n[services s]\ns3 =\n  endpoint_url = https://s3.example.test\n",
        "ignore_configured_endpoint_urls = true\nendpoint_url = https://example.test\n",
    ],
    ids=["a comment", "another profile", "another service", "ignored"],
)
@pytest.mark.parametrize(
    ("variant", "host"),
    [
        ({}, "codeartifact.eu-west-1.amazonaws.com"),
        ({"AWS_USE_FIPS_ENDPOINT": "true"}, "codeartifact-fips.eu-west-1.amazonaws.com"),
        ({"AWS_USE_DUALSTACK_ENDPOINT": "true"}, "codeartifact.eu-west-1.api.aws"),
        (
            {"AWS_USE_FIPS_ENDPOINT": "true", "AWS_USE_DUALSTACK_ENDPOINT": "true"},
            "codeartifact-fips.eu-west-1.api.aws",
        ),
        ("use_fips_endpoint = true\n", "codeartifact-fips.eu-west-1.amazonaws.com"),
        ("use_dualstack_endpoint = true\n", "codeartifact.eu-west-1.api.aws"),
    ],
)
def test_fips_and_dual_stack_endpoints_keep_their_region(
    config: Path, monkeypatch: pytest.MonkeyPatch, elsewhere: str, variant: dict[str, str] | str, host: str
) -> None:
    setting = variant if isinstance(variant, str) else ""
    config.write_text(f"[default]\nregion = eu-west-1\n{setting}{elsewhere}")
    for name, value in variant.items() if isinstance(variant, dict) else ():
        monkeypatch.setenv(name, value)
    location = resolve(HERE, base=config.parent)
    assert location == HERE
    connection = connect(location)
    assert (connection.url, connection.location.region) == (f"https://{host}", "eu-west-1")
    connections.close()


@pytest.mark.parametrize("fips", ["true", "false"])
def test_a_configured_endpoint_is_used_with_fips_too(config: Path, monkeypatch: pytest.MonkeyPatch, fips: str) -> None:
    monkeypatch.setenv("AWS_USE_FIPS_ENDPOINT", fips)
    location = resolve(replace(HERE, profile="elsewhere"), base=config.parent)
    assert location.endpoint == "https://codeartifact.example.test"
    assert location.endpoint_source == "the AWS config file"


def test_the_profile_can_ignore_endpoints_of_the_shell(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_CODEARTIFACT", "https://codeartifact.example.test")
    assert resolve(HERE, base=config.parent).endpoint == "https://codeartifact.example.test"
    config.write_text("[default]\nregion = eu-west-1\nignore_configured_endpoint_urls = true\n")
    assert resolve(HERE, base=config.parent) == HERE


def test_the_sts_of_the_aws_config_file_is_called_with_the_profiles_keys(
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
    assert caller(ClientSettings(), configured_only=True) is None
    assert len(asked) == 1


def test_an_unknown_caller_is_not_an_error() -> None:
    assert caller(ClientSettings(profile="nobody")) is None


def test_a_secret_does_not_show_in_messages() -> None:
    assert "hidden" not in repr(ClientSettings(secret_access_key="hidden"))


class Made:
    """Counts sessions and their clients."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.sessions = 0
        self.clients = 0
        begin, create = Session.__init__, Session.create_client

        def counted_session(session: Session, *args: Any, **more: Any) -> None:
            self.sessions += 1
            begin(session, *args, **more)

        def counted_client(session: Session, *args: Any, **more: Any) -> Any:
            self.clients += 1
            return create(session, *args, **more)

        monkeypatch.setattr(Session, "__init__", counted_session)
        monkeypatch.setattr(Session, "create_client", counted_client)


@pytest.mark.usefixtures("config")
def test_a_client_is_created_twice_only_to_bypass_a_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL_CODEARTIFACT", "http://localhost:9")
    made = Made(monkeypatch)
    make_client(ClientSettings())
    assert (made.sessions, made.clients) == (1, 1)
    monkeypatch.setenv("http_proxy", "http://proxy.example.test:3128")
    make_client(ClientSettings())
    assert (made.sessions, made.clients) == (2, 3)


@pytest.mark.usefixtures("config")
def test_a_region_that_is_named_needs_no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    made = Made(monkeypatch)
    assert resolved_region(HERE, {"AWS_DEFAULT_REGION": "us-west-1"}) == "us-west-1"
    assert resolved_region(replace(HERE, region="eu-west-3"), {}) == "eu-west-3"
    assert made.sessions == 0
    assert resolved_region(HERE, {}) == "eu-central-1"
    assert made.sessions == 1
    connections.close()


@pytest.mark.usefixtures("config")
def test_the_users_own_service_model_has_priority_as_in_botocore(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = create_loader().load_service_model("codeartifact", "service-2")
    usual["metadata"]["serviceFullName"] = "Ours"
    folder = tmp_path / "models" / "codeartifact" / "2018-09-22"
    folder.mkdir(parents=True)
    (folder / "service-2.json").write_text(json.dumps(usual))
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path / "models"))
    assert make_client(ClientSettings()).meta.service_model.metadata["serviceFullName"] == "Ours"


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize("name", ["codeartifact", "sts", "sso", "sso-oidc"])
def test_the_models_are_from_botocore(name: str) -> None:
    # botocore adds to the endpoints of a loader what its clients looked up.
    model_loader.cache_clear()
    ours: Loader = _session(ClientSettings()).botocore.get_component("data_loader")
    theirs = create_loader()
    assert type(ours) is not type(theirs)
    assert set(theirs.list_available_services("service-2")) <= set(ours.list_available_services("service-2"))
    for kind in ("service-2", "endpoint-rule-set-1", "paginators-1"):
        assert ours.load_service_model(name, kind) == theirs.load_service_model(name, kind)
        assert list(ours.load_service_model(name, kind)) == list(theirs.load_service_model(name, kind))
    for file in ("endpoints", "partitions", "sdk-default-configuration"):
        assert json.dumps(ours.load_data(file)) == json.dumps(theirs.load_data(file))
    with pytest.raises(DataNotFoundError):
        ours.load_data("no such file")
    with pytest.raises(UnknownServiceError):
        ours.load_service_model("no-such-service", "service-2")


@pytest.mark.usefixtures("config")
def test_requests_have_a_user_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    agents: list[str] = []

    def send(_session: object, request: Any) -> None:
        agents.append(request.headers["User-Agent"].decode())
        raise NoCredentialsError

    monkeypatch.setattr(URLLib3Session, "send", send)
    monkeypatch.setenv("AWS_EXECUTION_ENV", "CloudShell")
    client = make_client(ClientSettings())
    with pytest.raises(NoCredentialsError):
        client.list_domains()
    assert re.fullmatch(r"Botocore/\S+ Python/\S+ \S+ exec-env/CloudShell app/codeartifact-release", agents[0])


def test_an_unreadable_home_folder_is_not_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container whose HOME belongs to another user. botocore looks for service models there."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "models").write_text("no folder")
    monkeypatch.setenv("HOME", str(tmp_path))
    client = make_client(ClientSettings("us-east-1", access_key_id="x", secret_access_key="y"))
    assert client.meta.endpoint_url == "https://codeartifact.us-east-1.amazonaws.com"
