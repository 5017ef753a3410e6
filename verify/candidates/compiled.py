"""What a function that numba compiled tells of itself: its Python source, and whether threads may change its bits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def python_of(f: Callable[..., Any]) -> Callable[..., Any] | None:
    """The Python function behind a numba dispatcher, else None."""
    source: Callable[..., Any] | None = getattr(f, "py_func", None)
    return source


def claims_same_bits(f: Callable[..., Any]) -> bool:
    """Whether the function says, by an attribute `same_bits = True`, that no number of threads changes its answer."""
    return getattr(f, "same_bits", False) is True


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
