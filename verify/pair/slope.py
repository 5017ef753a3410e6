"""A loss along a line, on a ladder of halved steps, and the measured rounding error of its values.

If the slopes do not settle, features may be finer than the shortest step: then the ladder is extended until they do, or rounding swamps it
(J. J. Moré and S. M. Wild, Estimating computational noise, SIAM J. Sci. Comput. 33, 2011).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import comb, inf, nan

import numpy as np
from numpy.typing import NDArray

from verify.rounding import unit_roundoff
from verify.slope import Floats, Slope

Loss = Callable[[Floats], float]

RUNGS = {"float64": 21, "float32": 11}
"""Steps 2^0 … 2^-20 (2^-10) of the scale of each entry: the last lies beyond the best centred step."""
LAST_RUNG = {"float64": 50, "float32": 21}
"""Number of steps on the grid: x ± 2^-49 (2^-20) of the scale is still exact."""
MORE_RUNGS = 5
"""Steps by which the ladder is extended: a new tableau without the steps that were too coarse needs some."""
STILL = 3
"""Steps on either side at which a loss is exactly constant: a difference of larger numbers may have swallowed its change. Then its rounding
error is that of the numbers that longer steps reveal.
"""
GREATEST = 1e290
"""Greater values are not used: their quotients may overflow."""
NEAR = {"float64": (2.0**-49, 2.0**-36, 2.0**-24), "float32": (2.0**-20, 2.0**-14)}
"""Spacings of the points at which rounding is measured: so short that only rounding shows in differences of the third order. A loss that is
computed in fewer digits than its inputs stands still between the closest.
"""
POINTS = 10
FALLING = 4.0
"""Factor between successive estimates of a rounding error, from some four differences, up to which both count as pure rounding."""
SINGLE = 16 * 2.0**-24
"""Some roundings of single precision, in which a part of a loss may be computed."""
SPREAD = 4.0
"""A rounding error in units of its measured standard deviation that is not exceeded: errors of one sum are bounded."""


def along(f: Loss, x: Floats, d: Floats) -> Slope:
    """Evaluates `f` on the ladder of steps along ±d and, for its rounding error, at points beside x. x and d are as `on_grid` returns them.
    Values that are not finite, or so great that their quotients overflow, are NaN.
    """

    def value(y: Floats) -> float:
        found = f(y)
        return found if abs(found) < GREATEST else nan

    dtype, u = x.dtype.name, unit_roundoff(x.dtype.name)
    here = value(x)
    noise = max(4 * u * abs(here), noise_beside(value, x, d))
    ahead, behind = list[float](), list[float]()
    line = Slope(here, np.array([]), np.array([]), noise, u)
    for rungs in (RUNGS[dtype], *range(RUNGS[dtype] + MORE_RUNGS, LAST_RUNG[dtype], MORE_RUNGS), LAST_RUNG[dtype]):
        steps = [x.dtype.type(2.0**-k) for k in range(len(ahead), rungs)]
        if not all(np.array_equal(x + h * d - x, h * d) for h in steps[-1:]):
            break  # d has more bits than the grid
        ahead += [value(x + h * d) for h in steps]
        behind += [value(x - h * d) for h in steps]
        line = Slope(here, np.array(ahead), np.array(behind), noise, u)
        if line.settled or line.swamped:
            break
    if np.all(line.ahead[-STILL:] == here) and np.all(line.behind[-STILL:] == here):
        reached = np.abs([*ahead, *behind])
        line = replace(line, noise=max(noise, 4 * u * float(np.max(reached, initial=0.0, where=np.isfinite(reached)))))
    return line


def beside(x: Floats, d: Floats) -> list[list[Floats]]:
    """Equally spaced points along d, closest first, so near that only rounding shows in differences of high order. They are on one side of
    x, which may be a kink.
    """
    return [[x + x.dtype.type(i * near) * d for i in range(1, POINTS + 1)] for near in NEAR[x.dtype.name]]


def noise_beside(f: Loss, x: Floats, d: Floats) -> float:
    """A bound of the rounding error of `f` along d near x.

    What `f` does between wider spaced points counts as rounding only if it stands still between closer ones, as code with fewer digits than
    its inputs does, or if it is as small; otherwise it may be a feature of `f`.
    """
    greatest, still, size = 0.0, True, 0.0
    for line in beside(x, d):
        values = np.array([f(y) for y in line])
        noise, size = float(noise_of_each(values)), size or float(np.max(np.abs(values)))
        if still or not noise > SINGLE * size:
            greatest = max(greatest, noise)
        still = still and bool(stands(values))
    return greatest


def stands(values: Floats) -> NDArray[np.bool_]:
    """Whether values, or each entry of arrays of them (first axis), equal their predecessors at least half of the time."""
    return np.asarray(2 * np.sum(np.diff(values, axis=0) == 0, axis=0) >= len(values) - 1)


def noise_of_each(values: Floats) -> Floats:
    """A bound of the rounding error of equally spaced values, or of each entry of arrays of them (first axis): from their differences of
    order 3 to 6. Differences of pure rounding have one size at every order; everything else falls with the order, and does not count.
    """
    with np.errstate(all="ignore"):
        sizes = [np.sqrt(np.mean(np.diff(values, n=k, axis=0) ** 2, axis=0) / comb(2 * k, k)) for k in (6, 5, 4, 3)]
        greatest = sizes[0]
        for size in sizes[1:]:
            greatest = np.where(size <= FALLING * greatest, np.maximum(greatest, size), greatest)
    finite = np.all(np.isfinite(values), axis=0)
    return np.asarray(np.where(finite, SPREAD * greatest, inf))


def on_grid(x: Floats, scale: Floats) -> Floats:
    """The point x rounded so that steps along ± its scales are exact: without the last bits of each entry."""
    top = 2.0 ** np.ceil(np.log2(np.maximum(np.abs(x).astype(np.float64), scale)))
    unit = top * 4 * float(np.finfo(x.dtype).eps)
    return np.asarray(np.round(x / unit) * unit, dtype=x.dtype)
