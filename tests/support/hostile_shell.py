"""AWS settings of a shell that would lead elsewhere, or nowhere: whatever is not AWS must not listen to them."""

from __future__ import annotations

from pathlib import Path

from botocore.session import Session

_PROXY = "http://127.0.0.1:9"


def variables_of_botocore() -> list[str]:
    """Every environment variable that a botocore session looks at."""
    names: list[str] = []
    for _, found, _, _ in Session.SESSION_VARIABLES.values():
        names += [found] if isinstance(found, str) else found or []
    return names


ODD = """[default]
region = nowhere
use_fips_endpoint = true
use_dualstack_endpoint = true
max_attempts = many
retry_mode = never
ignore_configured_endpoint_urls = true
ca_bundle = /not/there
defaults_mode = odd
sdk_ua_app_id = a b
endpoint_url = http://127.0.0.1:9
"""
FILES = {"broken": "[default\nregion = \n", "odd": ODD}
SHELLS: dict[str, dict[str, str]] = {
    "an empty profile": {"AWS_PROFILE": "", "AWS_DEFAULT_PROFILE": ""},
    "a profile that is not there": {"AWS_PROFILE": "not-there", "AWS_DEFAULT_PROFILE": "not-there"},
    "a broken config file": {"AWS_CONFIG_FILE": "FOLDER/broken", "AWS_SHARED_CREDENTIALS_FILE": "FOLDER/broken"},
    "an odd config file": {"AWS_CONFIG_FILE": "FOLDER/odd"},
    "a config file that is a folder": {"AWS_CONFIG_FILE": "FOLDER"},
    "certificates that are not there": {"AWS_CA_BUNDLE": "/not/there", "REQUESTS_CA_BUNDLE": "/not/there"},
    "empty certificates": {"AWS_CA_BUNDLE": ""},
    "retries": {"AWS_MAX_ATTEMPTS": "many", "AWS_RETRY_MODE": "never"},
    "endpoints": {
        "AWS_ENDPOINT_URL": _PROXY,
        "AWS_ENDPOINT_URL_CODEARTIFACT": _PROXY,
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_USE_DUALSTACK_ENDPOINT": "true",
    },
    "a session that has ended": {
        "AWS_ACCESS_KEY_ID": "ASIA0000000000000000",
        "AWS_SECRET_ACCESS_KEY": "x",
        "AWS_SESSION_TOKEN": "of another account",
        "AWS_SECURITY_TOKEN": "of another account",
        "AWS_CREDENTIAL_EXPIRATION": "2001-01-01T00:00:00Z",
    },
    "a region that is none": {"AWS_REGION": "no region", "AWS_DEFAULT_REGION": "no region"},
    "proxies": dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"), _PROXY),
    "nonsense everywhere": dict.fromkeys(variables_of_botocore(), "\n junk"),
}
"""Somebody's shell -> its variables; FOLDER is where `shell` has put FILES."""


def shell(name: str, folder: Path) -> dict[str, str]:
    """The variables of one of SHELLS; `folder` is made for its files."""
    folder.mkdir()
    for file, text in FILES.items():
        (folder / file).write_text(text)
    return {key: value.replace("FOLDER", str(folder)) for key, value in SHELLS[name].items()}
