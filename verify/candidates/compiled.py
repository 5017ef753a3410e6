"""Functions that numba compiled: their Python source, and whether the number of threads may change their results."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any


def python_of(f: Callable[..., Any]) -> Callable[..., Any] | None:
    """The Python function behind a numba dispatcher, else None."""
    there = inspect.getattr_static(f, "py_func", None) is not None  # and not an object that answers any name
    source: Callable[..., Any] | None = getattr(f, "py_func", None) if there else None
    return source


def unwrapped(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function inside decorators; `f` itself where it wraps itself, or where that cannot be found out."""
    try:
        found: Callable[..., Any] = inspect.unwrap(f)
    except Exception:  # a user's object may return anything
        return f
    return found


def claims_same_bits(f: Callable[..., Any]) -> bool:
    """Whether the function declares, by an attribute `same_bits = True`, that the number of threads does not change its results."""
    return getattr(f, "same_bits", False) is True


def compile_anew(is_users: Callable[[str], bool]) -> None:
    """Makes numba ignore cached code that is older than a loaded file of the user's: numba checks only the function's own file, not those
    of the functions and constants compiled into it. `is_users` tells which files may change.
    """
    if "numba" not in sys.modules:
        return
    there = [(m, file) for m in [*sys.modules.values()] if isinstance(file := getattr(m, "__file__", None), str) and is_users(file)]
    written = max((os.stat(file).st_mtime_ns for _, file in there if os.path.exists(file)), default=0)
    for module, _ in there:
        for f in [*vars(module).values()]:
            index = getattr(getattr(getattr(f, "_cache", None), "_cache_file", None), "_index_path", None)
            if isinstance(index, str) and python_of(f) is not None and os.path.exists(index) and os.stat(index).st_mtime_ns <= written:
                with suppress(Exception):  # it cannot be written, say: then nothing is taken from there
                    f._cache.flush()
                    f.recompile()
                    continue
                f._cache.disable()


def thread_counts() -> list[int]:
    """The numbers of threads to try with numba here, at most three: 1, 2 and all."""
    import numba

    config: Any = numba.config
    most = int(config.NUMBA_NUM_THREADS)
    return sorted({1, min(2, most), most})


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Runs numba's parallel loops on `n` threads in the block."""
    from numba import get_num_threads, set_num_threads

    before = get_num_threads()
    set_num_threads(n)
    try:
        yield
    finally:
        set_num_threads(before)
