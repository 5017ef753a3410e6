"""Arrays of sympy expressions that compute like numpy's arrays: operators, sums, products of matrices, and elementwise functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import sympy

from verify.errors import UsageError
from verify.spec.functions import expm1, log1p


def _one(f: Callable[..., Any], n: int = 1) -> Any:
    return np.frompyfunc(f, n, 1)


ELEMENTWISE: dict[np.ufunc, Any] = {
    np.exp: _one(sympy.exp), np.log: _one(sympy.log), np.sqrt: _one(sympy.sqrt), np.sin: _one(sympy.sin), np.cos: _one(sympy.cos),
    np.tan: _one(sympy.tan), np.arctan: _one(sympy.atan), np.sinh: _one(sympy.sinh), np.cosh: _one(sympy.cosh), np.tanh: _one(sympy.tanh),
    np.log1p: _one(log1p), np.expm1: _one(expm1), np.absolute: _one(sympy.Abs), np.fabs: _one(sympy.Abs),
    np.square: _one(lambda x: x**2), np.reciprocal: _one(lambda x: 1 / x),
    np.maximum: _one(sympy.Max, 2), np.minimum: _one(sympy.Min, 2), np.fmax: _one(sympy.Max, 2), np.fmin: _one(sympy.Min, 2),
    np.logaddexp: _one(lambda a, b: sympy.log(sympy.exp(a) + sympy.exp(b)), 2),
    np.greater: _one(sympy.Gt, 2), np.greater_equal: _one(sympy.Ge, 2),
    np.less: _one(sympy.Lt, 2), np.less_equal: _one(sympy.Le, 2),
    np.logical_and: _one(sympy.And, 2), np.logical_or: _one(sympy.Or, 2), np.logical_not: _one(sympy.Not),
}  # fmt: skip
"""The symbolic counterparts of numpy's elementwise functions."""


class Symbols(np.ndarray):
    """An array of expressions."""

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        own = ELEMENTWISE.get(ufunc)
        if own is None and ufunc in UNKNOWN:
            raise TypeError(f"np.{ufunc.__name__} is no function of symbols")
        plain = [np.asarray(a, dtype=object) if isinstance(a, np.ndarray) else a for a in inputs]
        if options.get("where") is True:  # as reductions say that nothing is left out
            options.pop("where")
        into = options.pop("out", None)
        if into is not None:  # as `a += b` does
            options["out"] = tuple(np.asarray(a) for a in into)
        found = getattr(own or ufunc, method)(*plain, **options)
        return _wrapped(found) if into is None else into[0]

    def __array_function__(self, f: Any, types: Any, args: Any, kwargs: Any) -> Any:
        own = FUNCTIONS.get(f)
        return _wrapped(super().__array_function__(f, types, args, kwargs)) if own is None else own(*args, **kwargs)

    def __getitem__(self, at: Any) -> Any:
        return _wrapped(super().__getitem__(at))

    def __iter__(self) -> Iterator[Any]:
        return (self[k] for k in range(len(self)))

    def _sympy_(self) -> Any:
        """The expression, for sympy, if the array holds only one."""
        if self.ndim:
            raise sympy.SympifyError(f"an array of shape {self.shape}")
        return self.item()

    def mean(self, axis: Any = None, keepdims: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as far as it is asked of symbols
        """The sum divided by the number of entries: numpy's own would divide by a float."""
        total = self.sum(axis=axis, keepdims=keepdims)
        return total / sympy.Integer(self.size // max(1, np.size(total)))

    def var(self, axis: Any = None, ddof: int = 0, keepdims: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as far as it is asked of symbols
        """The mean of squared deviations from the mean."""
        squares = (self - self.mean(axis=axis, keepdims=True)) ** 2
        total = squares.sum(axis=axis, keepdims=keepdims)
        return total / sympy.Integer(self.size // max(1, np.size(total)) - ddof)

    def std(self, axis: Any = None, ddof: int = 0, keepdims: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as far as it is asked of symbols
        """The root of the variance."""
        return _root(self.var(axis=axis, ddof=ddof, keepdims=keepdims))

    def max(self, axis: Any = None, keepdims: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as far as it is asked of symbols
        """One Max over all entries along the axis."""
        return _along(self, sympy.Max, axis, keepdims)

    def min(self, axis: Any = None, keepdims: bool = False, **_: Any) -> Any:  # type: ignore[override]  # as far as it is asked of symbols
        """One Min over all entries along the axis."""
        return _along(self, sympy.Min, axis, keepdims)

    def applyfunc(self, f: Callable[[Any], Any]) -> Symbols:
        """The function of each entry, as sympy's arrays have it."""
        return array(_one(f)(np.asarray(self)))


def _wrapped(found: Any) -> Any:
    """A single expression as an array without dimensions, so that numpy's functions accept it; numbers stay."""
    return array(found) if isinstance(found, (np.ndarray, sympy.Expr)) else found


UNKNOWN = {np.sign, np.floor, np.ceil, np.rint, np.mod, np.remainder, np.floor_divide}
"""Functions that jump."""


def array(entries: Any) -> Symbols:
    """The entries as an array of expressions."""
    return np.asarray(entries, dtype=object).view(Symbols)


def named(name: str, shape: Sequence[int]) -> Any:
    """An array of real symbols, `x_0_1` of x; `x` without dimensions."""
    found = np.empty(shape, dtype=object)
    for at in np.ndindex(*shape):
        found[at] = sympy.Symbol("_".join([name, *map(str, at)]), real=True)
    return array(found)


def _along(a: Symbols, f: Callable[..., Any], axis: int | None, keepdims: bool) -> Any:
    plain = np.asarray(a, dtype=object)
    if axis is None:
        return array(f(*plain.ravel())).reshape((1,) * plain.ndim if keepdims else ())
    found = np.apply_along_axis(lambda row: f(*row), axis, plain)
    return array(np.expand_dims(found, axis) if keepdims else found)


def _where(condition: Any, a: Any, b: Any) -> Symbols:
    choice = np.frompyfunc(lambda c, x, y: sympy.Piecewise((x, c), (y, True)), 3, 1)
    return array(choice(*(np.asarray(part, dtype=object) for part in (condition, a, b))))


def _clip(x: Any, low: Any = None, high: Any = None, **_: Any) -> Any:
    x = x if low is None else np.maximum(array(x), low)
    return x if high is None else np.minimum(array(x), high)


def _norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:  # noqa: A002  # numpy's name
    if ord not in (None, 2, "fro"):
        raise UsageError(f"np.linalg.norm(…, ord={ord}) of symbols is not known; write it as a sum.")
    return _root(np.sum(array(x) ** 2, axis=axis, keepdims=keepdims))


def _root(x: Any) -> Any:
    return np.sqrt(array(x))


def _method(name: str) -> Callable[..., Any]:
    return lambda x, *args, **kwargs: getattr(array(x), name)(*args, **kwargs)


FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.where: _where, np.clip: _clip, np.linalg.norm: _norm,
    **{getattr(np, name): _method(name) for name in ("mean", "var", "std", "max", "min")},
}  # fmt: skip
"""The symbolic counterparts of numpy's functions of whole arrays, where its own code would test a symbol for truth."""


def entries(given: Any) -> tuple[list[Any], tuple[int, ...]]:
    """The entries of a formula's result, in C order, and its shape: of nested lists, arrays of numpy's or sympy's, or one expression."""
    if isinstance(given, sympy.NDimArray):
        return list(sympy.flatten(given.tolist())) if given.shape else [given[()]], tuple(given.shape)
    if isinstance(given, sympy.MatrixBase):
        return list(given), tuple(given.shape)
    found = np.array(given, dtype=object) if isinstance(given, (list, tuple, np.ndarray)) else None
    return ([given], ()) if found is None else (found.ravel().tolist(), found.shape)
