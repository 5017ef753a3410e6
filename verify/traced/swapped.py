"""What stands in the candidate's own modules while it is recorded, in place of what makes plain numbers of recorded ones.

numpy's elementwise functions and functions of arrays ask a recorded array themselves. Those that make arrays, `math`, `float` and functions
that are compiled do not, so they are replaced by name in the modules that the candidate is written in, and put back.
"""

from __future__ import annotations

import builtins
import math
import os
import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from verify.traced.array import Recorded, Traced, cast, has_recorded, lifted
from verify.traced.functions import METHODS, filled, recorder_of
from verify.traced.recorder import OWN, Recorder

LIBRARY = tuple({*(sysconfig.get_path(p) + os.sep for p in ("stdlib", "platstdlib", "purelib", "platlib")), OWN})
"""Where code lies that is not the candidate's."""
MOST = 10_000
"""Objects that are looked through for modules."""


@contextmanager
def swapped(f: Callable[..., Any], recorder: Recorder) -> Iterator[Callable[..., Any]]:
    """The function with what stands in, which is taken away again whatever happens."""
    replaced, before = _replacements(recorder), list[Callable[[], object]]()
    modules, cells, others = _places_of(f)
    try:
        for names in (*modules, *others):
            for name, value in [*names.items()]:
                other = _other(value, replaced)
                if other is not None and not name.startswith("__"):
                    before.append(partial(names.__setitem__, name, value))
                    names[name] = other
        for names in modules:
            if "float" not in names:
                before.append(partial(names.pop, "float", None))
                names["float"] = replaced[id(builtins.float)]
        for cell in cells:
            value = cell.cell_contents
            other = _other(value, replaced)
            if other is not None:
                before.append(partial(setattr, cell, "cell_contents", value))
                cell.cell_contents = other
        yield uncompiled(f)
    finally:
        for put_back in reversed(before):
            put_back()


def _other(value: Any, replaced: dict[int, Any]) -> Any:
    """What stands in for a value; None where it may stay."""
    if type(value) is np.ndarray and value.dtype.kind in "fiub":
        return value.view(Data)
    return replaced.get(id(value)) or _uncompiled(value)


class Data(np.ndarray):
    """An array that the code brings along. It is numpy's own, whose methods would ask a recorded array for plain numbers."""

    def dot(self, other: Any, out: Any = None) -> Any:
        """As numpy has it."""
        return np.dot(self, other) if out is None else super().dot(other, out)

    def __setitem__(self, at: Any, value: Any) -> None:
        if has_recorded(value) or has_recorded(at):
            recorder_of(value, at).fail("it writes numbers that are differentiated into an array that it keeps")
        super().__setitem__(at, value)


def uncompiled(f: Callable[..., Any]) -> Callable[..., Any]:
    """The Python code of a function that numba compiles."""
    return _uncompiled(f) or f


def _uncompiled(value: Any) -> Any:
    if isinstance(value, (FunctionType, ModuleType, type)) or "numba" not in sys.modules:
        return None
    own = getattr(type(value), "__module__", "")
    return getattr(value, "py_func", None) if isinstance(own, str) and own.startswith("numba") else None


@lru_cache(maxsize=32)
def _places_of(f: Callable[..., Any]) -> tuple[list[dict[str, Any]], list[Any], list[dict[str, Any]]]:
    """Where the candidate's code looks up what it uses: the names of its own modules, its closures, the attributes of its objects."""
    found: dict[int, dict[str, Any]] = {}
    cells: list[Any] = []
    attributes: list[dict[str, Any]] = []
    seen: set[int] = set()
    waiting: list[Any] = [f]
    root = _package(f)
    while waiting and len(seen) < MOST:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, partial):
            waiting += [one.func, *one.args, *one.keywords.values()]
        elif isinstance(one, MethodType):
            waiting += [one.__func__, one.__self__]
        elif isinstance(one, FunctionType):
            if hasattr(one, "__wrapped__"):
                waiting.append(one.__wrapped__)
            if _is_own(one.__code__.co_filename, one.__globals__.get("__name__", ""), root):
                own = [c for c in one.__closure__ or () if _is_filled(c)]
                cells += own
                waiting += [c.cell_contents for c in own]
                if id(one.__globals__) not in found:
                    found[id(one.__globals__)] = one.__globals__
                    waiting += [v for v in one.__globals__.values() if _leads_on(v)]
        elif isinstance(one, ModuleType):
            file = getattr(one, "__file__", None)
            if file and _is_own(file, one.__name__, root):
                waiting += [v for v in vars(one).values() if _leads_on(v)]
        elif isinstance(one, type):
            if one.__module__ not in ("builtins", "numpy"):
                waiting += [v for v in vars(one).values() if isinstance(v, (FunctionType, staticmethod, classmethod))]
        elif isinstance(one, (staticmethod, classmethod)):
            waiting.append(one.__func__)
        elif (plain := _uncompiled(one)) is not None:
            waiting.append(plain)
        elif type(one).__module__ not in LEAVES:
            waiting.append(type(one))
            if isinstance(own_names := getattr(one, "__dict__", None), dict):
                attributes.append(own_names)
                waiting += own_names.values()
    return [*found.values()], cells, attributes


LEAVES = {"builtins", "numpy", "collections", "types", "functools", "random", "pathlib", "logging"}
"""Modules of objects in which no code of the candidate is looked for."""


def _leads_on(value: Any) -> bool:
    return (
        isinstance(value, (FunctionType, ModuleType, type, partial))
        or _uncompiled(value) is not None
        or (type(value).__module__ not in LEAVES and hasattr(value, "__dict__"))
    )


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def _package(f: Any) -> str:
    return str(getattr(f, "__module__", None) or "").partition(".")[0]


def _is_own(file: str, module: str, root: str) -> bool:
    """Whether code is the candidate's: not a library's, unless the candidate is of that library."""
    return not file.startswith(LIBRARY) or bool(root and root not in ("numpy", "scipy", "verify") and module.partition(".")[0] == root)


class _Like(type):
    """A class that passes for another one, and takes recorded arrays for its instances."""

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, cls.__bases__[0]) or cls.accepts(x)  # type: ignore[attr-defined]


def _replacements(recorder: Recorder) -> dict[int, Any]:
    """By the identity of what is replaced."""

    def floating(x: Any = 0.0, *_: Any) -> Any:
        return x if isinstance(x, Traced) and not x.ndim else x.item() if isinstance(x, Traced) and x.size == 1 else float(x)

    class Float(float, metaclass=_Like):
        """Python's float."""

        dtype = np.dtype(np.float64)

        def __new__(cls, x: Any = 0.0) -> Any:
            return floating(x)

        @staticmethod
        def accepts(x: Any) -> bool:
            return isinstance(x, Traced) and not isinstance(x.values, np.ndarray)

    class Array(np.ndarray, metaclass=_Like):
        """numpy's array."""

        def __new__(cls, *args: Any, **kwargs: Any) -> Any:
            return np.ndarray(*args, **kwargs)

        @staticmethod
        def accepts(x: Any) -> bool:
            return isinstance(x, Recorded) and isinstance(x.values, np.ndarray)

    def made(plain: Callable[..., Any], copies: bool) -> Callable[..., Any]:
        def make(x: Any, dtype: Any = None, *args: Any, **kwargs: Any) -> Any:
            if not has_recorded(x):
                return plain(x, dtype, *args, **kwargs)
            found: Any = x if isinstance(x, Recorded) else lifted(recorder, x)
            found = found.copy() if copies and found is x and kwargs.get("copy", True) is not False else found
            found = found if isinstance(found.values, np.ndarray) else found.reshape(())
            found = found if dtype is None or np.dtype(dtype) == found.dtype else found.astype(dtype)
            return found.reshape(1) if kwargs.get("ndmin") == 1 and not found.ndim else found

        return make

    def blank(plain: Callable[..., Any], value: Any) -> Callable[..., Any]:
        def make(shape: Any, *args: Any, dtype: Any = None, **kwargs: Any) -> Any:
            fill, *rest = (*args, None) if value is None else (value, *args, None)
            kind = dtype if dtype is not None else rest[0] if rest[0] is not None else np.float64 if value is not None else None
            if kind is None:
                kind = fill.dtype if isinstance(fill, Recorded) else np.asarray(fill).dtype
            if np.dtype(kind).kind != "f":
                return plain(shape, *args, **kwargs) if dtype is None else plain(shape, *args, dtype=dtype, **kwargs)
            return filled(recorder, shape, fill, np.dtype(kind))

        return make

    def number(kind: Any) -> Any:
        class Number(kind, metaclass=_Like):  # type: ignore[misc]
            """One of numpy's numbers."""

            dtype = np.dtype(kind)

            def __new__(cls, x: Any = 0.0) -> Any:
                return cast(x, kind)[()] if isinstance(x, Traced) else kind(x)

            @staticmethod
            def accepts(x: Any) -> bool:
                return isinstance(x, Traced) and not isinstance(x.values, np.ndarray) and x.dtype == np.dtype(kind)

        return Number

    by_object: list[tuple[Any, Any]] = [
        (builtins.float, Float), (np.ndarray, Array), (np.float64, number(np.float64)), (np.float32, number(np.float32)),
        (np.array, made(np.array, True)),
        *((f, made(f, False)) for f in (np.asarray, np.asanyarray, np.ascontiguousarray, np.asfortranarray)),
        (np.zeros, blank(np.zeros, 0)), (np.ones, blank(np.ones, 1)), (np.empty, blank(np.empty, 0)), (np.full, blank(np.full, None)),
        *((getattr(math, name), _mathematical(name)) for name in MATHEMATICAL if hasattr(math, name)),
    ]  # fmt: skip
    if "scipy.special" in sys.modules:
        special = sys.modules["scipy.special"]
        by_object += [(getattr(special, name), _either(getattr(special, name), own)) for name, own in SPECIAL.items()]
    if "scipy.linalg" in sys.modules:
        linear = sys.modules["scipy.linalg"]
        by_object += [(getattr(linear, n), _either(getattr(linear, n), getattr(np.linalg, n))) for n in ("norm", "inv", "det")]
    found = {id(a): b for a, b in by_object}
    for module in (np, math, *(sys.modules[m] for m in ("scipy", "scipy.special", "scipy.linalg") if m in sys.modules)):
        found[id(module)] = Proxy(module, found)
    return found


class Proxy(ModuleType):
    """A module of which some names stand for something else."""

    def __init__(self, module: ModuleType, replaced: dict[int, Any]) -> None:
        super().__init__(module.__name__)
        self.__dict__.update(_module=module, _replaced=replaced)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        return self._replaced.get(id(found), found)


MATHEMATICAL = {
    "exp": np.exp, "expm1": np.expm1, "log": np.log, "log1p": np.log1p, "log2": np.log2, "log10": np.log10, "sqrt": np.sqrt, "sin": np.sin,
    "cos": np.cos, "tan": np.tan, "tanh": np.tanh, "sinh": np.sinh, "cosh": np.cosh, "atan": np.arctan, "asin": np.arcsin,
    "acos": np.arccos, "atan2": np.arctan2, "fabs": np.abs, "pow": np.power, "hypot": np.hypot, "exp2": np.exp2, "cbrt": np.cbrt,
    "isfinite": np.isfinite, "isnan": np.isnan, "isinf": np.isinf, "fsum": sum, "prod": lambda xs: _product(xs),
    "erf": "erf", "erfc": "erfc", "lgamma": "gammaln",
}  # fmt: skip
"""What stands for functions of Python's module where their argument is recorded."""


def _product(xs: Any) -> Any:
    found = 1
    for x in xs:
        found = found * x
    return found


def _mathematical(name: str) -> Callable[..., Any]:
    plain, other = getattr(math, name), MATHEMATICAL[name]

    def function(*args: Any) -> Any:
        args = tuple([*a] if name in ("fsum", "prod") else a for a in args)
        if not has_recorded(args):
            return plain(*args)
        own: Any = other
        if isinstance(own, str):
            from scipy import special

            own = getattr(special, own)
        if name == "log" and len(args) == 2:
            return np.log(args[0]) / math.log(args[1])
        return own(*args)

    return function


def _either(plain: Callable[..., Any], own: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *args, **kwargs: (own if has_recorded([*args, *kwargs.values()]) else plain)(*args, **kwargs)


def _logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False, return_sign: bool = False) -> Any:
    recorder = recorder_of(a, b)
    if return_sign:
        recorder.fail("it calls scipy.special.logsumexp with return_sign=")
    x = lifted(recorder, a)
    top = x.like(np.max(x.values, axis=axis, keepdims=True), METHODS["max"](x, axis=axis, keepdims=True).registers)
    parts = np.exp(x - top) if b is None else b * np.exp(x - top)
    found = np.log(METHODS["sum"](parts, axis=axis, keepdims=True)) + top
    return found if keepdims else found.moved(np.squeeze, axis)[()]


def _softmax(x: Any, axis: Any = None) -> Any:
    parts = np.exp(x - METHODS["max"](x, axis=axis, keepdims=True))
    return parts / METHODS["sum"](parts, axis=axis, keepdims=True)


SPECIAL: dict[str, Callable[..., Any]] = {
    "logsumexp": _logsumexp, "softmax": _softmax, "log_softmax": lambda x, axis=None: x - _logsumexp(x, axis=axis, keepdims=True),
}  # fmt: skip
"""scipy's functions that are written in Python."""
