"""numpy's functions that are composed of others, such as `kron`, on a record."""

from __future__ import annotations

from typing import Any

import numpy as np

from verify.traced.array import Recorded, Traced, lifted, recorder_of


def kron(a: Any, b: Any) -> Any:
    """`np.kron`."""
    recorder = recorder_of(a, b)
    x, y = lifted(recorder, a), lifted(recorder, b)
    n = max(x.ndim, y.ndim)
    x, y = (z.reshape((1,) * (n - z.ndim) + z.shape) for z in (x, y))
    outer = x.reshape([s for k in x.shape for s in (k, 1)]) * y.reshape([s for k in y.shape for s in (1, k)])
    return outer.reshape([p * q for p, q in zip(x.shape, y.shape, strict=True)])


def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: Any = None) -> Any:
    """`np.cross` of vectors of three numbers."""
    recorder = recorder_of(a, b)
    first, second, into = (axisa, axisb, axisc) if axis is None else (axis,) * 3
    x, y = lifted(recorder, a).moved(np.moveaxis, first, 0), lifted(recorder, b).moved(np.moveaxis, second, 0)
    if len(x) != 3 or len(y) != 3:
        recorder.fail("it calls np.cross of vectors of two numbers")
    parts = [x[(k + 1) % 3] * y[(k + 2) % 3] - x[(k + 2) % 3] * y[(k + 1) % 3] for k in range(3)]
    return np.stack(parts).moved(np.moveaxis, 0, into)  # type: ignore[attr-defined]


def meshgrid(*xs: Any, indexing: str = "xy", sparse: bool = False, copy: bool = True) -> tuple[Any, ...]:  # noqa: ARG001
    """`np.meshgrid`."""
    recorder, many = recorder_of(*xs), len(xs)
    rows = [lifted(recorder, x).ravel() for x in xs]
    found = [r.reshape([-1 if k == n else 1 for k in range(many)]) for n, r in enumerate(rows)]
    if not sparse:
        found = [f.moved(np.broadcast_to, [len(r) for r in rows]) for f in found]
    found = [f.swapaxes(0, 1) for f in found] if indexing == "xy" and many > 1 else found
    return tuple(f.copy() for f in found)


def cov(m: Any, y: Any = None, rowvar: bool = True, bias: bool = False, ddof: Any = None, **more: Any) -> Any:
    """`np.cov` without weights."""
    recorder = recorder_of(m, y)
    if y is not None or any(v is not None for v in more.values()):
        recorder.fail("it calls np.cov with weights, or of two arrays")
    x = lifted(recorder, m)
    x = x.reshape(1, -1) if x.ndim == 1 else x if rowvar else x.T
    centred = x - x.mean(axis=1, keepdims=True)
    found = centred @ centred.T / (x.shape[1] - ((not bias) if ddof is None else ddof))
    return found.moved(np.squeeze)[()]


def corrcoef(x: Any, y: Any = None, rowvar: bool = True, **_: Any) -> Any:
    """`np.corrcoef`; only what rounding adds beyond ±1 is clipped."""
    c = cov(x, y, rowvar)
    if not c.ndim:
        return c / c
    sizes = np.sqrt(np.diag(c))
    return c / sizes[:, None] / sizes[None, :]


def polyval(p: Any, x: Any) -> Any:
    """`np.polyval`."""
    found: Any = x * 0
    for c in p:
        found = found * x + c
    return found


def vander(x: Any, N: Any = None, increasing: bool = False) -> Any:  # numpy's name
    """`np.vander`."""
    row = lifted(recorder_of(x), x)
    powers = range(len(row) if N is None else N)
    columns = [row**k if k else np.ones_like(row) for k in powers]
    return np.stack(columns if increasing else columns[::-1], axis=1)


def insert(a: Any, at: Any, values: Any, axis: Any = None) -> Any:
    """`np.insert`."""
    recorder = recorder_of(a, values)
    x, y = lifted(recorder, a), lifted(recorder, values)
    return Traced(recorder, np.insert(x.values, at, y.values, axis), np.insert(x.registers, at, y.registers, axis))


def gradient(f: Any, *steps: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """`np.gradient` with one step per axis."""
    recorder = recorder_of(f, *steps)
    x = lifted(recorder, f)
    axes = range(x.ndim) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    if edge_order != 1 or any(np.ndim(s) for s in steps) or len(steps) not in (0, 1, len(axes)):
        recorder.fail("it calls np.gradient with coordinates, or with edge_order=2")
    each = steps if len(steps) == len(axes) else steps * len(axes) if steps else (1.0,) * len(axes)
    found = [_slopes(x, a, h) for a, h in zip(axes, each, strict=True)]
    return found[0] if len(found) == 1 else tuple(found)


def _slopes(x: Traced, axis: int, h: Any) -> Any:
    rows = x.moved(np.moveaxis, axis, 0)
    ends = (rows[1:2] - rows[:1]) / h, (rows[-1:] - rows[-2:-1]) / h
    found: Any = np.concatenate([ends[0], (rows[2:] - rows[:-2]) / (2 * h), ends[1]])
    return found.moved(np.moveaxis, 0, axis)


def ediff1d(x: Any, to_end: Any = None, to_begin: Any = None) -> Any:
    """`np.ediff1d`."""
    parts = [p for p in (to_begin, np.diff(np.ravel(x)), to_end) if p is not None]
    return np.concatenate([np.ravel(p) for p in parts])


def block(parts: Any) -> Any:
    """`np.block`."""

    def depth(a: Any) -> int:
        return 1 + max(map(depth, a)) if isinstance(a, list) else 0

    def joined(a: Any, left: int) -> Any:
        return np.concatenate([joined(p, left - 1) for p in a], axis=-left) if isinstance(a, list) else at_least(a, deep)

    def at_least(a: Any, n: int) -> Any:
        return np.reshape(a, (1,) * (n - np.ndim(a)) + np.shape(a)) if np.ndim(a) < n else a

    deep = depth(parts)
    return joined(parts, deep)


def extract(condition: Any, x: Any) -> Any:
    """`np.extract`."""
    condition = condition if isinstance(condition, Recorded) else np.asarray(condition, bool)
    return x.ravel()[condition.ravel()]
