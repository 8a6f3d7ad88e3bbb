"""The cases: one function per case, which returns its rows and runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..results import Result
from ..stand import Stand
from .bundle import bundle
from .downloads import downloads
from .embedded import embedded
from .engine import engine
from .files import cold, one_large, twenty
from .packages import packages, promotion
from .quota import four_processes, quota
from .startup import startup
from .unchanged import unchanged


@dataclass(frozen=True)
class Case:
    """A case.

    Attributes:
        title: what is done, as the table says it.
        quick: whether a test of the suite can afford it.
    """

    name: str
    title: str
    run: Callable[[Stand], Result]
    quick: bool = True


CASES = {
    case.name: case
    for case in (
        Case("cold", "150 assets of 64 KiB, cold", cold),
        Case("one-large", "one asset of 2 GiB", one_large),
        Case("twenty", "20 assets of 100 MiB, version absent", twenty),
        Case("unchanged", "10,000 files in 500 packages, unchanged", unchanged),
        Case("engine", "the same 500 packages through `pulumi up`", engine, quick=False),
        Case("quota", "150 assets under 10 requests/s, burst 10", quota),
        Case("four-processes", "4 processes at once under the same quota", four_processes),
        Case("packages", "1, 10, 100, 1,000 packages", packages),
        Case("promotion", "50 packages promoted within a domain", promotion),
        Case("bundle", "a bundle of 50 members under AWS's quotas", bundle),
        Case("downloads", "downloads from the embedded registry", downloads),
        Case("embedded", "embedded registry", embedded),
        Case("startup", "`--help`, `--version`", startup),
    )
}
"""Name -> case, in the order of the table."""
