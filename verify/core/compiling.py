"""Compilation of kernels: for one signature per dtype, when it is first needed, and never for a caller's other types."""

from __future__ import annotations

from threading import RLock
from types import FunctionType
from typing import Any

from numba import types
from numba.core.dispatcher import Dispatcher

ONE_AT_A_TIME = RLock()
"""Held while a kernel is open to compiling."""


def compiled(kernel: Any, *arguments: Any) -> Any:
    """`kernel`, compiled or fetched from the cache for these numba types, and closed to all others.

    A call with other types raises TypeError instead of compiling for seconds. With NUMBA_DISABLE_JIT it is Python's own function.
    """
    if isinstance(kernel, Dispatcher) and arguments not in kernel.overloads:
        with ONE_AT_A_TIME:
            if arguments not in kernel.overloads:  # another thread may have been first
                kernel.disable_compile(False)
                try:
                    kernel.compile(arguments)
                finally:
                    if kernel.overloads:
                        kernel.disable_compile()
    return kernel


def array(dtype: Any, dimensions: int, *, any_layout: bool = False) -> Any:
    """A C-contiguous array that may be written to; or with `any_layout` a read-only one, which accepts every array of the dtype."""
    return types.Array(dtype, dimensions, "A" if any_layout else "C", readonly=any_layout)


def row_type(real: Any) -> Any:
    """The type of a row formula: (s, y, parameter, ds) → ℓ. A separate type, so that one driver is compiled for all losses."""
    return types.FunctionType(real(array(real, 1), types.int64, real, array(real, 1)))


def formula(function: Any, signature: Any) -> Any:
    """`function`, compiled for a type such as `row_type(real)`, and still open to other types: kernels inline it."""
    if isinstance(function, Dispatcher) and signature.signature.args not in function.overloads:
        function.compile(signature.signature.args)
    return function


def interpreted(kernel: Any) -> Any:
    """The Python function behind a compiled one, with the compiled functions that it calls interpreted too."""
    if not isinstance(kernel, Dispatcher):  # NUMBA_DISABLE_JIT
        return kernel
    python = kernel.py_func
    called = {name: f for name, f in python.__globals__.items() if name in python.__code__.co_names and isinstance(f, Dispatcher)}
    return FunctionType(python.__code__, python.__globals__ | {name: interpreted(f) for name, f in called.items()}, python.__name__)
