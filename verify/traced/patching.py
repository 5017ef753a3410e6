"""While a candidate is recorded, replaces the functions in its own modules that would make plain numbers of recorded ones.

numpy's elementwise functions and functions of arrays dispatch to recorded arrays themselves. Functions that create arrays, `math`, `float`
and compiled functions do not, so they are replaced by name in the modules that the candidate is written in, and restored afterwards.
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

from verify.traced import decompositions, factors, windows
from verify.traced.array import Recorded, Traced, cast, has_recorded, lifted, plain_index, recorder_of, stacked
from verify.traced.functions import METHODS, filled
from verify.traced.recorder import BESIDE, OWN, Recorder

LIBRARY = tuple({*(sysconfig.get_path(p) + os.sep for p in ("stdlib", "platstdlib", "purelib", "platlib")), BESIDE, OWN, "<frozen "})
"""Paths of code that is not the candidate's; also what stands for the path of Python's built-in code."""
MOST = 10_000
"""Most objects to search for modules."""


FOLLOWED: dict[int, Callable[..., Any]] = {}
"""Functions whose code has been recorded, by id: what they keep is searched after a judgement, see `left`. Objects are not compared by ==,
which the user's types may define, and which for arrays has no truth value.
"""


@contextmanager
def swapped(f: Callable[..., Any], recorder: Recorder) -> Iterator[Callable[..., Any]]:
    """The function with the replacements in place, which are removed afterwards in any case."""
    FOLLOWED[id(f)] = f
    replaced, forget = _replacements(recorder)
    before: list[Callable[[], object]] = [forget]
    modules, cells, others, recorder.buffers = places_of(f)
    try:
        for a in recorder.buffers.values():
            replaced[id(a)] = _copy_of(recorder, a)
            before.append(partial(replaced.pop, id(a)))
            if a.dtype.kind == "f":  # other views of the memory must not show stale numbers
                before.append(partial(a.__setitem__, ..., a.copy()))
                a.fill(np.nan)
        for names in (*modules, *others):
            for name, value in [*names.items()]:
                other = _other(value, replaced)
                if other is not None and not name.startswith("__"):
                    before.append(partial(names.__setitem__, name, value))
                    names[name] = other
        for names in modules:
            for name in BUILTINS:
                if name not in names:
                    before.append(partial(names.pop, name, None))
                    names[name] = replaced[id(getattr(builtins, name))]
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
    """The replacement of a value; None where it may stay."""
    if id(value) in replaced:
        return replaced[id(value)]
    if type(value) is np.ndarray and value.dtype.kind in "fiub":
        found = value.view(Data)
        found.kept = value
        return found
    return _per_number(value) if type(value) is np.vectorize else _uncompiled(value)


def _copy_of(recorder: Recorder, a: np.ndarray[Any, np.dtype[Any]]) -> Any:
    """The replacement of a buffer that the code writes to: a copy of its former content."""
    return lifted(recorder, a.copy()) if a.dtype.kind == "f" else a.copy().view(Data)


def _per_number(f: Any) -> Callable[..., Any]:
    """The replacement of `np.vectorize`."""

    def each(*arrays: Any) -> Any:
        if not has_recorded(arrays) or f.signature is not None:
            return f(*arrays)
        recorder = recorder_of(*arrays)
        parts = np.broadcast_arrays(*(lifted(recorder, a) for a in arrays))
        return np.reshape(stacked(recorder, [f.pyfunc(*row) for row in zip(*(p.ravel() for p in parts), strict=True)]), parts[0].shape)

    return each


class Data(np.ndarray[Any, np.dtype[Any]]):
    """An array that the code brings along, with the original in `kept`. A numpy array's own methods would ask a recorded operand for plain
    numbers.
    """

    kept: Any = None

    def __array_finalize__(self, of: Any) -> None:
        self.kept = getattr(of, "kept", None)

    def dot(self, other: Any, out: Any = None) -> Any:
        """See numpy."""
        return np.dot(self, other) if out is None else super().dot(other, out)

    def __setitem__(self, at: Any, value: Any) -> None:
        if has_recorded(value) or has_recorded(at):
            recorder = recorder_of(value, at)
            if self.kept is not None:
                recorder.keeps(self.kept)
            if self.dtype.kind != "b":
                recorder.fail("it writes numbers that are differentiated into an array of whole ones, or one that others share")
            at, value = plain_index(at), np.asarray(value)
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
def places_of(f: Callable[..., Any]) -> tuple[list[dict[str, Any]], list[Any], list[dict[str, Any]], dict[int, Any]]:
    """The namespaces in which the candidate's code looks up what it uses: the names of its own modules, its closures, the attributes of its
    objects; and those buffers among them that it has been seen to write to.
    """
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
                waiting += [one.__wrapped__, getattr(one, "runs", None)]
            if _is_own(one.__code__.co_filename, one.__globals__.get("__name__", ""), root):
                own = [c for c in one.__closure__ or () if _is_filled(c)]
                cells += own
                waiting += [c.cell_contents for c in own]
                if id(one.__globals__) not in found:
                    found[id(one.__globals__)] = one.__globals__
                    waiting += _used(one.__globals__)
        elif isinstance(one, ModuleType):
            file = getattr(one, "__file__", None)
            if file and _is_own(file, one.__name__, root):
                waiting += _used(vars(one))
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
    return [*found.values()], cells, attributes, {}


LEAVES = {"builtins", "numpy", "collections", "types", "functools", "random", "pathlib", "logging"}
"""Modules of objects that are not searched for the candidate's code."""


def _used(names: dict[str, Any]) -> list[Any]:
    """The objects that a module's names lead to, without names set by Python: under pytest a module's loader leads to all of pytest."""
    return [value for name, value in names.items() if not name.startswith("__") and _leads_on(value)]


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
    """Whether code is the candidate's: not a library's, unless the candidate belongs to that library."""
    return not file.startswith(LIBRARY) or bool(root and root not in ("numpy", "scipy", "verify") and module.partition(".")[0] == root)


class _Like(type):
    """A class that poses as another one, and accepts recorded arrays as its instances."""

    def __instancecheck__(cls, x: Any) -> bool:
        return isinstance(x, cls.__bases__[0]) or cls.accepts(x)  # type: ignore[attr-defined]


def _replacements(recorder: Recorder) -> tuple[dict[int, Any], Callable[[], None]]:
    """The replacements by the identity of the original; and a function that releases the recorder, since classes live until they are
    collected.
    """

    def forget() -> None:
        nonlocal recorder
        recorder = Recorder()

    def floating(x: Any = 0.0, *_: Any) -> Any:
        if recorder.printed and isinstance(x, (str, bytes)):
            recorder.fail("it reads a number from text")
        return x if isinstance(x, Traced) and not x.ndim else x.item() if isinstance(x, Traced) and x.size == 1 else float(x)

    class Float(float, metaclass=_Like):
        """Poses as Python's float."""

        dtype = np.dtype(np.float64)

        def __new__(cls, x: Any = 0.0) -> Any:
            return floating(x)

        @staticmethod
        def accepts(x: Any) -> bool:
            return isinstance(x, Traced) and not isinstance(x.values, np.ndarray)

    class Array(np.ndarray, metaclass=_Like):
        """Poses as numpy's array."""

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
            """Poses as one of numpy's number types."""

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
    ]  # fmt: skip
    found = {**_always(tuple(m for m in MODULES if m in sys.modules)), **{id(a): b for a, b in by_object}}
    for module in (np, np.linalg, np.lib.stride_tricks, math, *(sys.modules[m] for m in MODULES if m in sys.modules)):
        found[id(module)] = Proxy(module, found)
    return found, forget


BUILTINS = ("float", "max", "min")
"""Built-in functions that are replaced; they are looked up after the names of a module."""


def _extreme(plain: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Python's `max` or `min`, extended to recorded numbers as numpy's: the original branches on each comparison, and where several are
    open the code would run once for each combination of outcomes.
    """

    def extreme(*args: Any, **options: Any) -> Any:
        if options or (len(args) == 1 and isinstance(args[0], Recorded)):
            return plain(*args, **options)
        rows = [*args[0]] if len(args) == 1 else [*args]
        if not (len(rows) > 1 and any(map(_is_number, rows)) and all(_is_number(x) or isinstance(x, (int, float)) for x in rows)):
            return plain(rows)
        recorder = recorder_of(*rows)
        if recorder.strict:  # there comparisons are cases of a proof
            return plain(rows)
        of = stacked(recorder, rows)
        found = METHODS[name](of)
        if (chosen := int(found.registers)) not in of.registers:  # of one number beside infinite ones it is that
            recorder.extremes[chosen] = name, tuple(of.registers.tolist())
        return found

    return extreme


def _is_number(x: Any) -> bool:
    return isinstance(x, Traced) and not isinstance(x.values, np.ndarray)


MODULES = ("scipy", "scipy.special", "scipy.linalg", "scipy.spatial", "scipy.spatial.distance")
"""Modules of scipy that are patched where the candidate has imported them."""


@lru_cache(maxsize=8)
def _always(modules: tuple[str, ...]) -> dict[int, Any]:
    """The replacements that do not depend on the record, by the identity of the original."""
    found: dict[int, Any] = {id(getattr(math, name)): _mathematical(name) for name in MATHEMATICAL if hasattr(math, name)}
    found |= {id(f): _of_lists(f) for f in (*vars(np).values(), np.linalg.norm) if isinstance(f, np.ufunc) or id(f) in LISTED}
    found |= {id(np.isscalar): lambda x: np.isscalar(x) or (isinstance(x, Recorded) and not isinstance(x.values, np.ndarray))}
    found |= {id(plain): _extreme(plain, plain.__name__) for plain in (builtins.max, builtins.min)}
    found |= {id(np.r_): Joined(np.r_, rows=True), id(np.c_): Joined(np.c_, rows=False), id(np.vectorize): _vectorized}
    found[id(np.lib.stride_tricks.as_strided)] = _either(np.lib.stride_tricks.as_strided, windows.as_strided)
    for module, functions in OF_SCIPY.items():
        if module in modules:
            own = vars(sys.modules[module])
            found |= {id(own[name]): _either(own[name], f) for name, f in functions.items()}
    if "scipy.special" in modules:
        found |= {id(f): _of_lists(f) for f in vars(sys.modules["scipy.special"]).values() if isinstance(f, np.ufunc)}
    return found


LISTED = {
    id(f) for f in (np.sum, np.mean, np.prod, np.max, np.min, np.amax, np.amin, np.var, np.std,
        np.argmax, np.argmin, np.argsort, np.sort, np.median,
        np.partition, np.argpartition, np.quantile, np.percentile, np.round,
                np.cumsum, np.cumprod, np.diff, np.abs, np.dot, np.clip, np.linalg.norm, np.ravel, np.nansum, np.nanmean)
}  # fmt: skip
"""Functions that code calls with lists of numbers, which numpy would turn into arrays before a recorded number is asked."""


class _of_lists:  # noqa: N801  # a function
    """One of numpy's functions, or one of its methods, that accepts lists of recorded numbers as arrays."""

    def __init__(self, f: Any) -> None:
        self.f = f

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.f(*(lifted(recorder_of(*a), a) if isinstance(a, (list, tuple)) and has_recorded(a) else a for a in args), **kwargs)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.f, name)
        return _of_lists(found) if name in ("reduce", "accumulate", "reduceat", "outer") else found


class Joined:
    """`np.r_` and `np.c_`."""

    def __init__(self, plain: Any, *, rows: bool) -> None:
        self.plain, self.rows = plain, rows

    def __getitem__(self, key: Any) -> Any:
        parts = key if isinstance(key, tuple) else (key,)
        if not any(map(has_recorded, parts)):
            return self.plain[key]
        recorder = recorder_of(*parts)
        if any(isinstance(p, str) for p in parts):
            recorder.fail("it calls np.r_ with a text that says how")
        arrays = [lifted(recorder, np.r_[p] if isinstance(p, slice) else p) for p in parts]
        if self.rows:
            return np.concatenate([a if a.ndim else a.reshape(1) for a in arrays])
        return np.concatenate([a if a.ndim > 1 else a.reshape(-1, 1) for a in arrays], axis=-1)


def _vectorized(*args: Any, **kwargs: Any) -> Any:
    return _per_number(np.vectorize(*args, **kwargs))


class Proxy(ModuleType):
    """A module with some names replaced."""

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
    "fmod": np.fmod, "copysign": np.copysign, "isfinite": np.isfinite, "isnan": np.isnan, "isinf": np.isinf, "fsum": sum,
    "prod": lambda xs: _product(xs),
    "erf": "erf", "erfc": "erfc", "lgamma": "gammaln",
}  # fmt: skip
"""Replacements for functions of `math`, for recorded arguments."""


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
    top = METHODS["max"](x, axis=axis, keepdims=True)
    nothing = np.isin(top.registers, [r for r, v in recorder.infinite.items() if v < 0])  # log 0
    top = np.where(nothing, 0.0, top)
    parts = np.exp(x - top) if b is None else b * np.exp(x - top)
    found: Any = np.where(nothing, -np.inf, np.log(METHODS["sum"](parts, axis=axis, keepdims=True)) + top)
    return found if keepdims else found.moved(np.squeeze, axis)[()]


def _softmax(x: Any, axis: Any = None) -> Any:
    parts = np.exp(x - METHODS["max"](x, axis=axis, keepdims=True))
    return parts / METHODS["sum"](parts, axis=axis, keepdims=True)


def _distances(a: Any, b: Any, metric: Any = "euclidean", **options: Any) -> Any:
    recorder = recorder_of(a, b)
    if options or metric not in METRICS:
        recorder.fail(f"it calls cdist(…, {metric!r})")
    x, y = lifted(recorder, a), lifted(recorder, b)
    return METRICS[metric](x[:, None, :] - y[None, :, :])


METRICS: dict[Any, Callable[[Any], Any]] = {
    "euclidean": lambda d: np.sqrt((d * d).sum(-1)), "sqeuclidean": lambda d: (d * d).sum(-1),
    "cityblock": lambda d: abs(d).sum(-1), "chebyshev": lambda d: abs(d).max(-1),
}  # fmt: skip

OF_SCIPY: dict[str, dict[str, Callable[..., Any]]] = {
    "scipy.special": {
        "logsumexp": _logsumexp, "softmax": _softmax, "log_softmax": lambda x, axis=None: x - _logsumexp(x, axis=axis, keepdims=True),
    },
    "scipy.linalg": {
        "norm": np.linalg.norm, "det": np.linalg.det, "inv": factors.inv_of_scipy, "cholesky": factors.of_scipy,
        "cho_factor": factors.cho_factor, "cho_solve": factors.cho_solve, "solve_triangular": factors.solve_triangular,
        "solve": factors.solve_of_scipy, "eigh": decompositions.eigh_of_scipy, "eigvalsh": decompositions.eigvalsh_of_scipy,
    },
    "scipy.spatial.distance": {
        "cdist": _distances, "pdist": lambda x, *e, **k: _distances(x, x, *e, **k)[np.triu_indices(len(x), 1)],
    },
}  # fmt: skip
"""scipy's functions that are no ufuncs."""
