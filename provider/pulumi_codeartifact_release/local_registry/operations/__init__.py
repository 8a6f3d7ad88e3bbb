"""The service's rules: one function per operation, in the module of its subject.

    domains.py       domains
    repositories.py  repositories
    packages.py      packages and lists of their versions
    versions.py      one version: description, status, deletion, disposal
    assets.py        publishing, listing and downloading assets
    copies.py        copies between repositories

A function takes a transaction, which the caller commits, and a `Call`. It returns the members of the operation's
output, or raises a ServiceError. `@operation(NAME)` adds it to OPERATIONS.
"""

from . import (
    assets,
    copies,
    domains,
    packages,
    repositories,
    versions,
)
from .base import OPERATIONS, Call, Operation

__all__ = ["OPERATIONS", "Call", "Operation", "assets", "copies", "domains", "packages", "repositories", "versions"]
