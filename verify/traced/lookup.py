"""The position of numbers among others: branches, each decided by a comparison."""

from __future__ import annotations

from typing import Any

import numpy as np

from verify.traced.array import Recorded, Traced, lifted, recorder_of


def searchsorted(a: Any, v: Any, side: str = "left", sorter: Any = None) -> Any:
    """The number of entries of a row that are below (on the right side: not above) each number."""
    recorder = recorder_of(a, v)
    row, x = lifted(recorder, a), lifted(recorder, v)
    if sorter is not None:
        row = row[sorter]
    numbers = x.moved(np.expand_dims, -1)
    below = row < numbers if side == "left" else row <= numbers
    return np.sum(np.asarray(below), axis=-1)


def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    """The bin of each number; bins may be in falling order."""
    if isinstance(bins, Recorded):
        bins.recorder.inspected = True  # whether they rise is asked of their numbers
    edges = np.asarray(bins.values if isinstance(bins, Recorded) else bins)
    side = "left" if right else "right"
    if edges.size < 2 or edges[0] <= edges[-1]:
        return searchsorted(bins, x, side)
    return len(edges) - searchsorted(bins[::-1], x, "left" if side == "right" else "right")


def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """Linear interpolation between given points, constant beyond them."""
    recorder = recorder_of(x, xp, fp)
    if period is not None:
        recorder.fail("it calls np.interp with period=")
    at, knots, heights = (lifted(recorder, a) for a in (x, xp, fp))
    k = searchsorted(knots, at, "right") - 1
    last = len(knots) - 1
    if not last:
        recorder.fail("it calls np.interp with one point")
    inner = np.clip(k, 0, last - 1)
    slopes = (heights[inner + 1] - heights[inner]) / (knots[inner + 1] - knots[inner])
    found = slopes * (at - knots[inner]) + heights[inner]
    for outside, end, height in ((k < 0, 0, left), (k >= last, last, right)):
        found = np.where(outside, heights[end] if height is None else height, found)
    beyond = k >= last
    if right is not None and np.any(beyond):  # at the last point itself it is that
        at_last = np.asarray(at == knots[last]) & beyond
        found = np.where(at_last, heights[last], found)
    return found if at.ndim else Traced(recorder, np.asarray(found.values)[()], np.asarray(found.registers, np.intp).reshape(()))
