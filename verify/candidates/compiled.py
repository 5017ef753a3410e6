"""Functions that numba compiled: their Python source, and whether threads may change its bits."""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any


def python_of(f: Callable[..., Any]) -> Callable[..., Any] | None:
    """The Python function behind a numba dispatcher, else None."""
    there = inspect.getattr_static(f, "py_func", None) is not None  # and not what an object makes of any name
    source: Callable[..., Any] | None = getattr(f, "py_func", None) if there else None
    return source


def unwrapped(f: Callable[..., Any]) -> Callable[..., Any]:
    """The function that decorators have wrapped; itself where it is wrapped in itself, or does not tell."""
    try:
        found: Callable[..., Any] = inspect.unwrap(f)
    except Exception:  # an object of the user's may answer with anything
        return f
    return found


def claims_same_bits(f: Callable[..., Any]) -> bool:
    """Whether the function says, by an attribute `same_bits = True`, that no number of threads changes its answer."""
    return getattr(f, "same_bits", False) is True


def compile_anew(is_users: Callable[[str], bool]) -> None:
    """Has numba compile again what it keeps on disk from before some file was written that is loaded here: it looks at the function's own
    file, and not at those of the functions and constants that were compiled into it. `is_users` tells files that may change.
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
    """The numbers of threads that numba may run on here, at most three of them: 1, 2 and all."""
    import numba

    config: Any = numba.config
    most = int(config.NUMBA_NUM_THREADS)
    return sorted({1, min(2, most), most})


@contextmanager
def threads(n: int) -> Iterator[None]:
    """Runs numba's parallel loops on `n` threads."""
    from numba import get_num_threads, set_num_threads

    before = get_num_threads()
    set_num_threads(n)
    try:
        yield
    finally:
        set_num_threads(before)
