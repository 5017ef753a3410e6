"""Windows on a record: paddings, convolutions, sliding views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from verify.traced.array import Recorded, Traced, lifted, recorder_of

PADDED = ("edge", "reflect", "symmetric", "wrap", "empty")
"""Padding modes that repeat entries."""


def pad(x: Traced, width: Any, mode: str = "constant", **options: Any) -> Any:
    """See numpy."""
    if mode == "constant":
        values = options.pop("constant_values", 0)
        if isinstance(values, Recorded) or np.ndim(values):
            x.recorder.fail("it pads with other numbers on each side")
        edge = int(lifted(x.recorder, values).registers)
        registers = np.pad(x.registers, width, constant_values=edge)
        return x.like(np.pad(x.values, width, constant_values=values), registers)
    if mode not in PADDED or options.get("reflect_type", "even") != "even":
        x.recorder.fail(f"it calls np.pad(…, mode={mode!r})")
    if mode == "empty":
        return pad(x, width)
    return x.moved(np.pad, width, mode)


def correlate(a: Any, v: Any, mode: str = "valid") -> Any:
    """Σ a[k + n]·v[n] for two rows."""
    recorder = recorder_of(a, v)
    x, y = lifted(recorder, a), lifted(recorder, v)
    if x.size < y.size:
        return correlate(y, x, mode)[::-1]
    n, m = x.size, y.size
    found: Any = np.lib.stride_tricks.sliding_window_view(pad(x, m - 1), m) @ y
    start, size = {"full": (0, n + m - 1), "same": ((m - 1) // 2, n), "valid": (m - 1, n - m + 1)}[mode]
    return x.like(np.correlate(x.values, y.values, mode), found.registers[start : start + size])  # type: ignore[call-overload]


def convolve(a: Any, v: Any, mode: str = "full") -> Any:
    """The correlation with one of the rows reversed."""
    x, y = sorted((lifted(recorder_of(a, v), z) for z in (a, v)), key=len, reverse=True)
    return correlate(x, y[::-1], mode)


def as_strided(x: Traced, shape: Any = None, strides: Any = None, **_: Any) -> Any:
    """A view with strides in bytes of the plain numbers."""
    size, own = x.itemsize, x.registers.itemsize
    if strides is not None and (any(s % size for s in strides) or [s * own for s in x.strides] != [s * size for s in x.registers.strides]):
        x.recorder.fail("it calls as_strided on memory that lies otherwise")
    view = np.lib.stride_tricks.as_strided
    return x.like(view(x.values, shape, strides), view(x.registers, shape, None if strides is None else [s // size * own for s in strides]))


def slid(x: Any, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> Any:
    """Windows over the last axes (…, n₁, …), as an array (…, places, window): a convolution is a product with these."""
    n = len(kernel)
    spans = tuple(d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True))
    seen: Any = np.lib.stride_tricks.sliding_window_view(x, spans, axis=tuple(range(-n, 0)))
    return seen[(..., *(slice(None, None, s) for s in stride), *(slice(None, None, d) for d in dilation))]


def dilated(x: Any, steps: Sequence[int]) -> Any:
    """The array with zeros inserted between the entries along the last axes."""
    for axis, step in enumerate(steps, x.ndim - len(steps)):
        if step > 1:
            spaced = np.moveaxis(np.stack([x, *[x * 0] * (step - 1)], axis=-1), -1, axis + 1)
            x = np.reshape(spaced, (*x.shape[:axis], x.shape[axis] * step, *x.shape[axis + 1 :]))
            x = x[(slice(None),) * axis + (slice(0, x.shape[axis] - step + 1),)]
    return x


def windowed(x: Any, edges: Sequence[tuple[int, int]], value: float = 0.0) -> Any:
    """The array padded with a number along the last axes, or cropped where an edge is negative."""
    edges = [(0, 0)] * (x.ndim - len(edges)) + [*edges]
    inside = x[tuple(slice(max(0, -a), n + min(0, b)) for n, (a, b) in zip(x.shape, edges, strict=True))]
    return np.pad(inside, [(max(0, a), max(0, b)) for a, b in edges], constant_values=value)
