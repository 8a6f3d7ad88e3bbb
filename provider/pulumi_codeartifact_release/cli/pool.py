"""Reading in several threads at once, which ends at once when somebody interrupts.

plans = in_parallel(plan, packages)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

PACKAGES_AT_ONCE = 4
"""As many as a Pulumi plugin works on."""


def in_parallel(
    work: Callable[[_Item], _Result],
    items: Iterable[_Item],
    *,
    at_once: int | None = None,
    on_end: Callable[[], None] = lambda: None,
) -> list[_Result]:
    """Return what `work` makes of every item, in their order; raises the first exception of any.

    For what does not write: an exception, Ctrl-C among them, waits for none of the requests under way. `on_end` is
    called then.
    """
    pool = ThreadPoolExecutor(max_workers=at_once or PACKAGES_AT_ONCE)
    try:
        results = list(pool.map(work, items))
    except BaseException:
        on_end()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
    return results
