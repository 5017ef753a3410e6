"""Sorting on a record: neighbours are compared; where two are equal, both orders are followed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from verify.tape.tape import Registers
from verify.traced.array import Traced, lifted, recorder_of
from verify.traced.recorder import Recorder


def argsort(x: Traced, axis: Any = -1, kind: Any = None, **more: Any) -> Any:
    """`np.argsort`: the code's own order, as long as comparisons of neighbours agree with it."""
    if axis is None:
        x, axis = x.ravel(), -1
    return _compared(x, np.argsort(x.values, axis=axis, kind="stable" if more.get("stable") or x.recorder.strict else kind), axis)


def _compared(x: Traced, own: Any, axis: int) -> Any:
    """The order by comparisons, starting from the code's own."""
    return _each_row(x, own, axis, lambda row, begun: _inserted(x.recorder, row, begun))


def _each_row(x: Traced, order: Any, axis: int, f: Callable[[Registers, list[int]], list[int]]) -> Any:
    rows, orders = np.moveaxis(x.registers, axis, -1), np.moveaxis(order, axis, -1)
    found = np.empty(orders.shape, np.intp)
    for at in np.ndindex(*orders.shape[:-1]):
        found[at] = f(rows[at], orders[at].tolist())
    return np.moveaxis(found, -1, axis)


def _inserted(recorder: Recorder, row: Registers, begun: list[int]) -> list[int]:
    """The order by comparisons, from one that is nearly sorted: each goes behind the last that is not above it."""
    if recorder.strict:  # for all numbers
        begun = sorted(begun)
    elif not _any_above(recorder, row[begun[:-1]], row[begun[1:]]):
        return begun
    order: list[int] = []
    for k in begun:
        n = len(order)
        while n and _is_above(recorder, row[order[n - 1]], row[k], recorder.strict):
            n -= 1
        order.insert(n, k)
    return order


def _any_above(recorder: Recorder, x: Registers, y: Registers) -> bool:
    return bool(x.size) and bool(np.any(recorder.decide(recorder.above(x, y), np.zeros(x.size, bool))))


def _is_above(recorder: Recorder, x: Any, y: Any, guess: bool) -> bool:
    return bool(recorder.decide(recorder.above(x, y), np.bool_(guess)))


def sorted_(x: Traced, axis: Any = -1, **more: Any) -> Any:
    """`np.sort`."""
    if axis is None:
        x, axis = x.ravel(), -1
    own = np.argsort(x.values, axis, kind="stable" if more.get("stable") or x.recorder.strict else more.get("kind"))
    return _taken(x, _compared(x, own, axis), own, axis)


def _taken(x: Traced, order: Any, own: Any, axis: int) -> Any:
    """The numbers in an order. If it differs from the code's `own` where some are equal, the result is unknown: code that selects the
    entries with such a number (`x == np.median(x)`) gets all of them, and is right elsewhere.
    """
    found = x.moved(np.take_along_axis, order, axis)
    r = x.recorder
    if r.strict or r.written or np.array_equal(order, own):
        return found
    return Traced(r, found.values, r.b.mul(found.registers, r.hole))  # whose slopes are not known either


def argpartition(x: Traced, kth: Any, axis: Any = -1, **_: Any) -> Any:
    """`np.argpartition`: the code's own order, as long as entries left of each position are not above it, and entries right of it not
    below.
    """
    if axis is None:
        x, axis = x.ravel(), -1
    if x.recorder.strict:
        return argsort(x, axis)
    n = x.shape[axis]
    places = sorted({int(k) % n for k in np.ravel(kth)})
    order = np.argpartition(x.values, kth, axis=axis)
    return _each_row(x, order, axis, lambda row, begun: _parted(x.recorder, row, begun, places))


def _parted(recorder: Recorder, row: Registers, order: list[int], places: list[int]) -> list[int]:
    first = 0
    for p in places:
        ends = [*order[first:p], *order[p + 1 :]]
        there = [row[order[p]]] * len(ends)
        low, high = row[ends[: p - first]], row[ends[p - first :]]
        if _any_above(recorder, low, np.array(there[: p - first], np.intp)) or _any_above(
            recorder, np.array(there[p - first :], np.intp), high
        ):
            return _inserted(recorder, row, order)  # sorted it is parted, too
        first = p + 1
    return order


def partition(x: Traced, kth: Any, axis: Any = -1, **more: Any) -> Any:
    """`np.partition`."""
    if axis is None:
        x, axis = x.ravel(), -1
    return _taken(x, argpartition(x, kth, axis, **more), np.argpartition(x.values, kth, axis), axis)


def median(x: Traced, axis: Any = None, keepdims: bool = False, **options: Any) -> Any:
    """`np.median`."""
    if options.keys() - {"overwrite_input"} or options.get("out") is not None:
        x.recorder.fail("it calls np.median with out=")
    rows, shape = _in_a_row(x, axis)
    rows = sorted_(rows)
    n = rows.shape[-1]
    found = (rows[..., (n - 1) // 2] + rows[..., n // 2]) / 2
    return found.reshape(shape) if keepdims else found


def _in_a_row(x: Traced, axis: Any) -> tuple[Any, tuple[int, ...]]:
    """The array with all reduced axes as last axis, and the shape that keeps the others."""
    if axis is None:
        return x.ravel(), (1,) * x.ndim
    axes = [a % x.ndim for a in (axis if isinstance(axis, tuple) else (axis,))]
    kept = [k for k in range(x.ndim) if k not in axes]
    rows = x.transpose(*kept, *axes).reshape(*(x.shape[k] for k in kept), -1)
    return rows, tuple(1 if k in axes else n for k, n in enumerate(x.shape))


def quantile(x: Any, q: Any, axis: Any = None, **options: Any) -> Any:
    """`np.quantile`, with linear interpolation."""
    recorder = recorder_of(x, q)
    if isinstance(q, Traced) or options.pop("method", "linear") != "linear" or options.keys() - {"keepdims"}:
        recorder.fail("it calls np.quantile by a number that is differentiated, or with further options")
    rows, shape = _in_a_row(lifted(recorder, x), axis)
    rows = sorted_(rows)
    place = np.asarray(q, np.float64) * (rows.shape[-1] - 1)
    low = np.floor(place).astype(int)
    high, part = np.minimum(low + 1, rows.shape[-1] - 1), place - low
    found = rows[..., low] + (rows[..., high] - rows[..., low]) * part
    found = found.moved(np.moveaxis, -1, 0) if place.ndim else found
    return found.reshape(*place.shape, *shape) if options.get("keepdims") else found


def percentile(x: Any, q: Any, axis: Any = None, **options: Any) -> Any:
    """`np.percentile`."""
    return quantile(x, q if isinstance(q, Traced) else np.true_divide(q, 100), axis, **options)
