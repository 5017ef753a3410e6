"""Functions that round to whole numbers, on a record: each whole number is a branch, decided by comparing with the ends of its interval."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import ceil, floor, trunc
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from verify.traced.array import Traced, lifted, recorder_of

HALF = Fraction(1, 2)
MOST = 64
"""Neighbouring whole numbers to go to where other branches lead there."""
Whole = NDArray[np.float64]


class Step(NamedTuple):
    """A function to whole numbers: in floats, the ends of the interval where it is n, and whether it is n at them."""

    f: Callable[[Any], Any]
    low: Callable[[Whole], Whole]
    high: Callable[[Whole], Whole]
    low_in: Callable[[Whole], NDArray[np.bool_]]
    high_in: Callable[[Whole], NDArray[np.bool_]]


def _always(truth: bool) -> Callable[[Whole], NDArray[np.bool_]]:
    return lambda n: np.full(n.shape, truth)


STEPS = {
    "floor": Step(np.floor, lambda n: n, lambda n: n + 1, _always(True), _always(False)),
    "ceil": Step(np.ceil, lambda n: n - 1, lambda n: n, _always(False), _always(True)),
    "trunc": Step(
        np.trunc, lambda n: np.where(n > 0, n, n - 1), lambda n: np.where(n < 0, n, n + 1), lambda n: n > 0, lambda n: n < 0
    ),
    "rint": Step(np.rint, lambda n: n - 0.5, lambda n: n + 0.5, lambda n: n % 2 == 0, lambda n: n % 2 == 0),
}  # fmt: skip


EXACTLY: dict[str, Callable[[Fraction], int]] = {"floor": floor, "ceil": ceil, "trunc": trunc, "rint": round}
"""The functions for constants."""


def whole(x: Traced, name: str, found: Any = None) -> Whole:
    """The plain whole numbers with which the code goes on; `found` are those that it computed itself."""
    recorder, step, values = x.recorder, STEPS[name], np.asarray(x.values, np.float64)
    known = [recorder.b.number(np.intp(r)) for r in np.ravel(x.registers).tolist()]
    fixed = [number for number in known if isinstance(number, Fraction)]
    if recorder.strict and len(fixed) < len(known):
        recorder.fail(f"it calls np.{name}")  # of all numbers there are too many
    if not np.all(np.isfinite(values)):
        recorder.fail(f"it calls np.{name} of numbers that are not finite")
    if len(fixed) == len(known):  # nothing is left to compare, as in code that goes on with whole numbers
        return np.array([*map(EXACTLY[name], fixed)], np.float64).reshape(values.shape)
    n = np.asarray(step.f(values) if found is None else found, np.float64).copy().reshape(-1)
    registers = np.ravel(x.registers)
    left = np.arange(n.size)
    for _ in range(MOST):
        below = _outside(x, registers[left], step.low(n[left]), step.low_in(n[left]), above=False)
        beyond = _outside(x, registers[left], step.high(n[left]), step.high_in(n[left]), above=True)
        n[left] += beyond.astype(int) - (below & ~beyond)
        left = left[below | beyond]
        if not left.size:
            return n.reshape(values.shape)
    return recorder.fail(f"it calls np.{name} of numbers that lie far from what they are")


def _outside(x: Traced, registers: Any, end: Whole, within: NDArray[np.bool_], *, above: bool) -> NDArray[np.bool_]:
    """Which numbers lie beyond an end; they may equal it where it is `within`."""
    recorder, found = x.recorder, np.zeros(end.size, bool)
    ends = recorder.b.constants(end)
    pair = (registers, ends) if above else (ends, registers)
    for inside in (True, False):
        which = within == inside
        if not which.any():
            continue
        a, b = (c[which] for c in pair)
        truths = recorder.above(a, b) if inside else recorder.negated(recorder.above(b, a))
        found[which] = recorder.decide(truths, np.zeros(a.size, bool))
    return found


def stepped(name: str) -> Callable[..., Any]:
    """`np.floor` and the like: results are constants on the record, without a derivative."""

    def function(x: Any, *_: Any) -> Any:
        y = lifted(recorder_of(x), x)
        return lifted(y.recorder, whole(y, name).astype(y.dtype)[()])

    return function


def rounded(x: Any, decimals: int = 0, out: Any = None) -> Any:  # noqa: ARG001  # numpy's names
    """`np.round`."""
    y = lifted(recorder_of(x), x)
    if not decimals:
        return stepped("rint")(y)
    scale = 10.0**decimals
    found = whole(y * scale, "rint", np.rint(np.round(y.values, decimals) * scale))
    return lifted(y.recorder, (found / scale).astype(y.dtype)[()])


def quotient(x: Any, y: Any) -> Any:
    """`x // y`."""
    recorder = recorder_of(x, y)
    a, b = lifted(recorder, x), lifted(recorder, y)
    with np.errstate(all="ignore"):
        values = np.floor_divide(a.values, b.values)
    return lifted(recorder, whole(a / b, "floor", values).astype(np.asarray(values).dtype)[()])


def remainder(x: Any, y: Any) -> Any:
    """`x % y`, with the sign of y."""
    return _left(x, y, quotient(x, y), np.remainder)


def fmod(x: Any, y: Any) -> Any:
    """`np.fmod`, with the sign of x."""
    recorder = recorder_of(x, y)
    return _left(x, y, stepped("trunc")(lifted(recorder, x) / y), np.fmod)


def _left(x: Any, y: Any, n: Any, f: Callable[..., Any]) -> Traced:
    found = x - n * y
    with np.errstate(all="ignore"):
        values = f(*(z.values if isinstance(z, Traced) else z for z in (x, y)))
    return Traced(found.recorder, values, found.registers)


def divmod_(x: Any, y: Any) -> tuple[Any, Any]:
    """`np.divmod`."""
    return quotient(x, y), remainder(x, y)


def modf(x: Any) -> tuple[Any, Any]:
    """The fractional part, and the whole part."""
    n = stepped("trunc")(x)
    return x - n, n


OF_UFUNCS: dict[str, Callable[..., Any]] = {
    **{name: stepped(name) for name in STEPS}, "floor_divide": quotient, "remainder": remainder, "fmod": fmod, "divmod": divmod_,
    "modf": modf,
}  # fmt: skip
"""Rules by the name of the ufunc."""
