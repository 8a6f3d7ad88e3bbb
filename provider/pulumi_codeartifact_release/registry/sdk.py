"""What of this room needs botocore, which takes long to import: import this module where a registry is called."""

from __future__ import annotations

from .boto import BotoRegistry
from .client import ClientSettings, caller, configured_endpoint, make_client
from .create_repositories import create_missing
from .sessions import AwsSession

__all__ = [
    "AwsSession",
    "BotoRegistry",
    "ClientSettings",
    "caller",
    "configured_endpoint",
    "create_missing",
    "make_client",
]
