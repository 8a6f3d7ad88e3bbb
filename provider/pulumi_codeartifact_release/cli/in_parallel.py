"""Runs reads in several threads, and stops at once after an interruption.

plans = in_parallel(plan, packages)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ..registry import retries_and_concurrency

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def in_parallel(
    work: Callable[[_Item], _Result],
    items: Iterable[_Item],
    *,
    at_once: int | None = None,
    on_end: Callable[[], None] = lambda: None,
) -> list[_Result]:
    """Return the result of `work` for every item, in order. Raises the first exception.

    Only for work that does not write: after an exception, such as Ctrl-C, it does not wait for the running threads.
    `on_end` is called then.
    """
    pool = ThreadPoolExecutor(max_workers=at_once or retries_and_concurrency.PARALLEL_PACKAGES)
    try:
        results = list(pool.map(work, items))
    except BaseException:
        on_end()
        pool.shutdown(wait=False, cancel_futures=True)
        raise
    pool.shutdown()
    return results
