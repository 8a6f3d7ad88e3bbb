"""A botocore session that no AWS setting of the shell or of its files reaches: for registries that are not AWS.

    session = isolated_session(access_key_id, secret_access_key)
    config = Config(proxies={}, user_agent=ISOLATED_USER_AGENT)
    client = session.create_client("codeartifact", region_name="us-east-1", endpoint_url=url, config=config)

A profile that does not exist, FIPS, a bundle of certificates, a broken config file: all that is about AWS itself.
"""

from __future__ import annotations

import os

from botocore import __version__
from botocore.loaders import Loader
from botocore.session import Session

from .models import model_loader

ISOLATED_USER_AGENT = f"Botocore/{__version__} app/codeartifact-release"
"""For the `Config` of a client: botocore's own would say AWS_EXECUTION_ENV, whatever stands in it."""


def isolated_session(access_key_id: str, secret_access_key: str) -> Session:
    """Return a session with these keys and botocore's defaults. Region and endpoint are each client's to name."""
    # For each variable: no key of the config file, no environment variable, botocore's default, its type.
    variables = {
        name: (None, None, default, convert) for name, (_, _, default, convert) in Session.SESSION_VARIABLES.items()
    }
    session = Session(variables)
    for name in ("config_file", "credentials_file"):
        session.set_config_variable(name, os.devnull)
    # Or REQUESTS_CA_BUNDLE would be looked at, and refused where it is empty.
    session.set_config_variable("ca_bundle", True)
    session.lazy_register_component("data_loader", lambda: model_loader([Loader.BUILTIN_DATA_PATH]))
    session.set_credentials(access_key_id, secret_access_key)
    return session
