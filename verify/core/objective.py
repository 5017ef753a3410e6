"""The Python interface of the drivers in `linear`: the objectives such as `verify.core.multiclass_hinge.l2`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any, Protocol, cast

import numpy as np
from numba import types
from numba.np.numpy_support import from_dtype
from numpy.typing import ArrayLike, NDArray

from verify.core.compiling import array, compiled, interpreted
from verify.core.linear import PLAIN_WORK, finished, in_range, partitions_of
from verify.core.threads import share
from verify.core.tiles import panels_of

Floats = NDArray[np.floating]
Answer = tuple[float, Floats]

LABELS = np.dtype(np.int64)

PENALTIES = {"none": (0.0, True), "l2": (1.0, True), "l2_no_bias": (1.0, False), "half_l2": (0.5, True), "half_l2_no_bias": (0.5, False)}
"""Each kind's factor of λ‖W‖², and whether the last column, the bias, is in it."""

OTHER_TYPES = (types.float64, types.float64, types.boolean)
"""The types of parameter, coefficient and bias."""


class LinearObjective(Protocol):
    """Loss and gradient of one row formula with one penalty; called as `f(W, X, y, reg)`, it returns `(f, dW)`.

    W is (C, D), X is (N, D) of the same dtype (float64 or float32), in any memory layout; y is (N,) of integers in 0..C−1, reg
    is λ; dW is (C, D) in that dtype, written into `out` where it is given. `delta` replaces the loss's parameter.
    Error: that of the scores, relative γ_D of their terms' magnitudes in W's dtype, and of the row formula. Sums over the examples add
    γ_72 in W's dtype and γ_{N/16} in float64, or γ_N in float64 where N·C·D ≤ PLAIN_WORK. The same bits on any number of threads.
    Infinite numbers in X may give NaN in entries that they do not enter. `out` may be W or X itself, but overlap no part of them otherwise.
    Raises TypeError for dtypes and ValueError for shapes, labels and values outside that.

    `change` and `kinks`, where a loss has them, make its numerical gradient exact: see `verify.core.differences`.
    """

    row: Any
    kernel: Any
    part: Any
    many: Any
    parameter: float
    factor: float
    bias: bool
    change: Any
    kinks: Any
    same_bits: bool
    """A claim, tested by the law `compiled`: no number of threads changes its answer."""

    py_func: Callable[..., Answer]
    """The same function, interpreted. Same arguments, same answer within rounding."""

    def __call__(
        self, W: ArrayLike, X: ArrayLike, y: ArrayLike, reg: float = 0.0, *, delta: float | None = None, out: Floats | None = None
    ) -> Answer:
        """Returns (f, dW)."""


def objectives(
    row: Any, kernel: Any, part: Any, many: Any, *, parameter: float = 0.0, change: Any = None, kinks: Any = None
) -> Iterator[LinearObjective]:
    """The objectives of one row formula, in the order none, l2 (λ‖W‖²), l2_no_bias, half_l2 (½λ‖W‖²), half_l2_no_bias.

    `kernel` is `linear.plain`, `part` is `linear.blocks` and `many` is `batched.together` around it, compiled in the file of the loss,
    since numba caches no function that is made by another.
    """
    common = {"row": row, "kernel": kernel, "part": part, "many": many, "parameter": parameter, "change": change, "kinks": kinks}
    for name, (factor, bias) in PENALTIES.items():
        yield _objective(name, common | {"factor": factor, "bias": bias, "same_bits": True})


def _objective(name: str, parts: dict[str, Any]) -> LinearObjective:
    """The objective as a function: calling an object takes a sixth of a microsecond more, of one in all for a small problem."""
    kernel, factor, bias, usual = (parts[part] for part in ("kernel", "factor", "bias", "parameter"))

    def f(W: ArrayLike, X: ArrayLike, y: ArrayLike, reg: float = 0.0, *, delta: float | None = None, out: Floats | None = None) -> Answer:
        parameter = usual if delta is None else delta
        try:  # straight to the compiled function, which a small problem costs less than any check in Python
            if y.dtype is LABELS and kernel.overloads and W.size * len(X) <= PLAIN_WORK:  # type: ignore[union-attr, arg-type]
                dW = np.empty(W.shape, W.dtype) if out is None else out  # type: ignore[union-attr]
                return kernel(W, X, y, parameter, factor and factor * reg, bias, dW), dW
        except (AttributeError, TypeError, ValueError):
            pass  # not compiled for this dtype yet, or wrong input, which the checks below put in words
        return _checked(objective, W, X, y, parameter, reg, out)

    f.__name__ = f.__qualname__ = name
    f.__module__, f.__doc__ = parts["row"].__module__, LinearObjective.__doc__
    objective = cast("LinearObjective", f)
    vars(f).update(parts, py_func=partial(_interpreted, objective))
    return objective


def _checked(f: LinearObjective, W: Any, X: Any, y: Any, parameter: float, reg: float, out: Floats | None) -> Answer:
    W, X, y, dW = checked(W, X, y, out)
    rest = parameter, f.factor and f.factor * float(reg), f.bias  # without a penalty 0, whatever λ is
    if W.size * len(X) <= PLAIN_WORK:
        return compiled(f.kernel, *_kernel_types(W.dtype))(W, X, y, *rest, dW), dW
    part, panels_of, finished = _blocked(f.part, W.dtype, X.flags.c_contiguous and X.flags.writeable)
    N, count, W = len(X), partitions_of(len(X), W.size), np.ascontiguousarray(W)
    losses, sums, panels = np.empty(count), np.zeros((count, *W.shape)), panels_of(W, N)

    def work(p: int) -> None:
        losses[p] = part(W, panels, X, y, parameter, N * p // count, N * (p + 1) // count, sums[p])

    share(work, count)
    return finished(losses, sums, N, W, *rest[1:], dW), dW


def _interpreted(
    f: LinearObjective,
    W: ArrayLike,
    X: ArrayLike,
    y: ArrayLike,
    reg: float = 0.0,
    *,
    delta: float | None = None,
    out: Floats | None = None,
) -> Answer:
    W, X, y, dW = checked(W, X, y, out)
    with np.errstate(all="ignore"):
        loss = interpreted(f.kernel)(W, X, y, f.parameter if delta is None else delta, f.factor and f.factor * float(reg), f.bias, dW)
    return float(loss), dW


@cache
def _kernel_types(dtype: Any) -> tuple[Any, ...]:
    """(W, X, y, parameter, coefficient, bias, dW): small data may have any memory layout."""
    real = from_dtype(dtype)
    matrix = array(real, 2, any_layout=True)
    return matrix, matrix, array(types.int64, 1, any_layout=True), *OTHER_TYPES, array(real, 2)


@cache
def _blocked(part: Any, dtype: Any, in_place: bool) -> tuple[Any, Any, Any]:
    """`part`, `tiles.panels_of` and `linear.finished` for the dtype; X `in_place`, or of any layout and copied block by block. (An X that
    is only read would fit both as well, and numba refuses to choose.)
    """
    real, n, vector = from_dtype(dtype), types.int64, array(types.float64, 1)
    W, dW = types.Array(real, 2, "C", readonly=True), array(real, 2)
    X = array(real, 2, any_layout=not in_place)
    return (
        compiled(part, W, dW, X, array(n, 1, any_layout=True), types.float64, n, n, array(types.float64, 2)),
        compiled(panels_of, W, n),
        compiled(finished, vector, array(types.float64, 3), n, W, *OTHER_TYPES[1:], dW),
    )


@cache
def _in_range() -> Any:
    return compiled(in_range, array(types.int64, 1, any_layout=True), types.int64)


def must_be_real(W: NDArray[Any], X: NDArray[Any]) -> None:
    """Raises TypeError unless both are float64 or both float32."""
    if W.dtype not in (np.float64, np.float32) or X.dtype != W.dtype:
        raise TypeError(f"W is {W.dtype} and X is {X.dtype}; both must be float64 or both float32.")


def room(out: Any, W: Floats) -> Floats:
    """`out`, or a new array if it is None, for the gradient in W. Raises ValueError if it does not fit."""
    if out is None:
        return np.empty(W.shape, W.dtype)
    if not isinstance(out, np.ndarray) or out.shape != W.shape or out.dtype != W.dtype or not out.flags.carray:
        told = f"{out.dtype} {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
        raise ValueError(f"out is {told}; it must be C-contiguous, free to write to, {W.dtype} {W.shape} like W.")
    return out


def checked(W: Any, X: Any, y: Any, out: Floats | None) -> tuple[Floats, Floats, NDArray[np.int64], Floats]:
    """(W, X, y, dW), or the error that says which one does not fit."""
    W, X, y = np.asarray(W), np.asarray(X), np.asarray(y)
    must_be_real(W, X)
    if W.ndim != 2 or X.ndim != 2 or X.shape[1] != W.shape[1] or y.shape != X.shape[:1] or not len(X):
        raise ValueError(f"W {W.shape}, X {X.shape}, y {y.shape} do not fit; they must be (C, D), (N, D), (N,) with N ≥ 1.")
    if not np.issubdtype(y.dtype, np.integer):
        raise TypeError(f"y is {y.dtype}; labels must be integers.")
    labels = np.require(y, np.int64, "A")
    if not _in_range()(labels, len(W)):
        raise ValueError(f"labels run from {y.min()} to {y.max()}; they must lie in 0..{len(W) - 1} (W has {len(W)} rows).")
    return np.require(W, requirements="A"), np.require(X, requirements="A"), labels, room(out, W)
