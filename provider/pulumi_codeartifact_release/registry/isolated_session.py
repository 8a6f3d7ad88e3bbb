"""A botocore session that ignores every AWS setting of the environment and its files: for registries outside AWS.

    session = isolated_session(access_key_id, secret_access_key)
    config = Config(proxies={}, user_agent=ISOLATED_USER_AGENT)
    client = session.create_client("codeartifact", region_name="us-east-1", endpoint_url=url, config=config)

A missing profile, FIPS, a certificate bundle or a broken config file concern AWS only.
"""

from __future__ import annotations

import os

from botocore import __version__
from botocore.loaders import Loader
from botocore.session import Session

from .models import model_loader

ISOLATED_USER_AGENT = f"Botocore/{__version__} app/codeartifact-release"
"""For the `Config` of a client: botocore's own contains the variable AWS_EXECUTION_ENV."""


def isolated_session(access_key_id: str, secret_access_key: str) -> Session:
    """Return a session with these keys and botocore's defaults. Each client sets its region and endpoint."""
    # For each variable: no key of the config file, no environment variable, botocore's default, its type.
    variables = {
        name: (None, None, default, convert) for name, (_, _, default, convert) in Session.SESSION_VARIABLES.items()
    }
    session = Session(variables)
    for name in ("config_file", "credentials_file"):
        session.set_config_variable(name, os.devnull)
    # Otherwise botocore reads REQUESTS_CA_BUNDLE, and rejects an empty one.
    session.set_config_variable("ca_bundle", True)
    session.lazy_register_component("data_loader", lambda: model_loader(Loader.BUILTIN_DATA_PATH))
    session.set_credentials(access_key_id, secret_access_key)
    return session
