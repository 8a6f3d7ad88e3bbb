"""The service's rules: one function an operation, in the module of its subject.

    domains.py       domains
    repositories.py  repositories
    packages.py      packages and lists of their versions
    versions.py      one version: describing, its status, deletion, disposal
    assets.py        publishing, listing and downloading assets
    copies.py        copies between repositories

A function gets the rows (a transaction that the caller commits) and the `Call`; it returns the members of the
operation's output, or raises a ServiceError. `@operation(NAME)` enters it into OPERATIONS.
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
