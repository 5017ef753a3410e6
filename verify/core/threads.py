"""Threads that help with partitioned work: a free one claims the next part, and nothing waits for a helper that does not come.

A second thread may wake a scheduler's tick late, and later if its core is busy. The caller begins at once; a helper that has not begun when
nothing is left is dismissed.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import Any

from numba import config, get_num_threads


@cache
def _pool() -> ThreadPoolExecutor:
    settings: Any = config
    return ThreadPoolExecutor(settings.NUMBA_NUM_THREADS, "verify-core")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.cache_clear)  # threads stay behind


def share(work: Callable[[int], None], parts: int) -> None:
    """Calls work(p) once for each p < `parts`, here and on as many other threads as `numba.set_num_threads` allows.

    `work` should release the interpreter's lock. If no thread can be started, all is done here. Raises what `work` raised.
    """
    if parts == 1:
        work(0)
        return
    left = deque(range(parts))
    helpers = _called(left, work, min(get_num_threads(), parts) - 1)
    try:
        _claim(left, work)
    finally:
        left.clear()
        for helper in helpers:
            if not helper.cancel():
                helper.result()


def _called(left: deque[int], work: Callable[[int], None], count: int) -> list[Future[None]]:
    try:
        return [_pool().submit(_claim, left, work) for _ in range(count)]
    except RuntimeError:  # the system's limit of threads, or the interpreter is on its way out
        return []


def _claim(left: deque[int], work: Callable[[int], None]) -> None:
    while left:
        try:
            part = left.popleft()
        except IndexError:  # another was faster
            return
        work(part)
