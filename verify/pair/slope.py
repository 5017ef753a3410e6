"""The slope of a black box along a line, with an estimate of its error: what stands for the truth where there is no spec.

D⁺(h) and D⁻(h) have an expansion in h, their mean one in h² where f is smooth. Each is extrapolated to h = 0 (Richardson). An entry of
the tableau is believed as far as two step sizes and two orders agree with it, and only if shorter steps come ever closer to it: so
neither a kink within the longest steps nor a period that they share goes unseen. Where they do not agree, what there is to see may be
finer than the shortest step: then the ladder goes on, until they do, or rounding swamps it. What rounding may add is measured
(J. J. Moré and S. M. Wild, Estimating computational noise, SIAM J. Sci. Comput. 33, 2011).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from math import comb, inf, nan

import numpy as np
from numpy.typing import NDArray

from verify.rounding import unit_roundoff

Floats = NDArray[np.floating]
Loss = Callable[[Floats], float]

RUNGS = {"float64": 21, "float32": 11}
"""Steps 2^0 … 2^-20 (2^-10) of the scale of each entry: the last lies beyond the best centred step."""
LAST_RUNG = {"float64": 50, "float32": 21}
"""As many as the grid has: x ± 2^-49 (2^-20) of the scale is still exact."""
MORE_RUNGS = 5
"""Steps by which the ladder goes on: a new tableau from the steps beyond what was too coarse needs some."""
SETTLED = 2.0**-6
"""Part of the slopes that the error of their limit may be. A limit that is not there (log h, √h, 1/h) has errors of a third and more of the
slopes at the steps it is made from, or of 1/log(1/h), a thirtieth at the shortest."""
SWAMPED = 8.0
"""Roundings that are no sign of a limit that is not there: two estimates, each off by its own and TWICE that of the other."""
STILL = 3
"""Steps on either side at which a loss is exactly the same: what it is a difference of may have swallowed what it would tell. Then its
rounding is that of the numbers which longer steps bring to light.
"""
CUSP = 8
"""Quotients that hardly grow in step by chance."""
GREATEST = 1e290
"""Values beyond this are not used: quotients of them may overflow."""
ORDERS = 5
"""Columns of a tableau: more only amplify rounding."""
NEAR = {"float64": (2.0**-49, 2.0**-36, 2.0**-24), "float32": (2.0**-20, 2.0**-14)}
"""Spacings of the points at which rounding is measured: so short that nothing else shows in differences of the third order. A loss
that is computed in fewer digits than it is asked in stands still between the closest."""
POINTS = 10
FALLING = 4.0
"""Times that one estimate of a rounding error from some four differences may be the next one, if both are of nothing but rounding."""
SINGLE = 16 * 2.0**-24
"""Some roundings of single precision, which a part of a loss may be computed in."""
SPREAD = 4.0
"""A rounding error in units of its measured standard deviation that is not exceeded: errors of one sum are bounded."""
TWICE = 2.0
"""Times that the difference of two estimates may understate the error of the better one."""


@dataclass(frozen=True)
class Estimate:
    """A number, how far the truth may be from it, how much of that is rounding, and the place of the longest step that it was made from."""

    value: float
    error: float
    rounding: float = 0.0
    first: int = 0


@dataclass(frozen=True, eq=False)
class Slope:
    """F along `d` through `x`: at h = 2^-k, `ahead[k]` is f(x + hd), `behind[k]` is f(x − hd); `noise` is the rounding of one value."""

    here: float
    ahead: Floats
    behind: Floats
    noise: float
    u: float

    @cached_property
    def h(self) -> Floats:
        """The steps, longest first."""
        return np.asarray(2.0 ** -np.arange(len(self.ahead)))

    @cached_property
    def rounding(self) -> Floats:
        """ε/h of each step."""
        far = np.maximum(np.abs(self.ahead), np.abs(self.behind))
        return np.asarray((self.noise + 8 * self.u * far) / self.h)

    @property
    def forward(self) -> Floats:
        """D⁺ at each step."""
        return np.asarray((self.ahead - self.here) / self.h)

    @property
    def backward(self) -> Floats:
        """D⁻ at each step."""
        return np.asarray((self.here - self.behind) / self.h)

    @property
    def centred(self) -> Floats:
        """D⁰ at each step."""
        return np.asarray((self.ahead - self.behind) / (2 * self.h))

    @property
    def width(self) -> Floats:
        """D⁺ − D⁻ at each step."""
        return np.asarray((self.ahead - 2 * self.here + self.behind) / self.h)

    @cached_property
    def sides(self) -> tuple[Estimate, Estimate]:
        """−f'(x; −d) and f'(x; d)."""
        powers = range(1, ORDERS + 1)
        return extrapolated(self.backward, 2 * self.rounding, powers), extrapolated(self.forward, 2 * self.rounding, powers)

    @cached_property
    def jump(self) -> Estimate:
        """D⁺ − D⁻ for h → 0 where both sides have the same derivatives but the first: odd powers of h only."""
        return extrapolated(self.width, 4 * self.rounding, range(1, 2 * ORDERS, 2))

    @cached_property
    def middle(self) -> Estimate:
        """The slope where f is smooth: even powers of h only."""
        return extrapolated(self.centred, self.rounding, range(2, 2 * ORDERS + 1, 2))

    @cached_property
    def kink(self) -> bool:
        """Whether the sides differ by more than the error of both."""
        left, right = self.sides
        return abs(right.value - left.value) > left.error + right.error

    @cached_property
    def settled(self) -> bool:
        """Whether the error is small beside the slopes that it belongs to, or but rounding."""
        left, right = self.sides
        _, _, error = self.estimated
        size = np.max(np.abs([self.here, *self.ahead, *self.behind]))
        if not np.isfinite(error) or self.noise > SETTLED * np.nan_to_num(size, nan=inf) or self._cusped:
            return False
        slopes = np.abs(np.concatenate([self.backward[left.first :], self.forward[right.first :]]))
        return bool(error <= SETTLED * np.max(slopes) or error <= SWAMPED * (left.rounding + right.rounding))

    @property
    def _cusped(self) -> bool:
        """Whether quotients of one sign grow to the last, as on √|x|: less than those of a jump or of rounding, which double."""
        for quotients in (self.forward, self.backward):
            last = quotients[-CUSP:]
            with np.errstate(all="ignore"):
                ratios = last[1:] / last[:-1]
            if len(last) == CUSP and np.all((ratios > 1.05) & (ratios < 1.9)):
                return True
        return False

    @property
    def swamped(self) -> bool:
        """Whether steps that are shorter still would show nothing but rounding."""
        slopes = [abs(s) for s in (self.forward[-1], self.backward[-1]) if np.isfinite(s)]
        return bool(not np.isfinite(self.noise) or (slopes and self.rounding[-1] >= max(slopes)))

    @cached_property
    def interval(self) -> tuple[float, float, float]:
        """(low, high, error): ⟨g, d⟩ of every subgradient g of a function whose kinks along the line have one sign lies within `error` of
        [low, high]. The error is infinite if unknown.
        """
        low, high, error = self.estimated
        return low, high, error if self.settled else inf

    @cached_property
    def estimated(self) -> tuple[float, float, float]:
        """The interval and its error as the ladder gives them, settled or not."""
        left, right = self.sides
        if self.kink:
            return min(left.value, right.value), max(left.value, right.value), left.error + right.error
        middle = self.middle
        unseen = (abs(self.jump.value) + self.jump.error) / 2  # a kink so small that it does not show
        apart = max(abs(middle.value - left.value) - left.error, abs(middle.value - right.value) - right.error)
        if apart <= middle.error and middle.error + unseen <= left.error + right.error:
            return middle.value, middle.value, middle.error + unseen
        return min(left.value, right.value), max(left.value, right.value), left.error + right.error


def along(f: Loss, x: Floats, d: Floats) -> Slope:
    """Asks `f` on the ladder of steps along ±d and, for its rounding, on points beside x. x and d as `on_grid` leaves them. What is not
    finite, or so great that quotients of it are not, is NaN.
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
    """Equally spaced points along d, closest first, so near that all that shows in differences of high order is rounding. On one side of x,
    on which there may be a kink.
    """
    return [[x + x.dtype.type(i * near) * d for i in range(1, POINTS + 1)] for near in NEAR[x.dtype.name]]


def noise_beside(f: Loss, x: Floats, d: Floats) -> float:
    """A bound of the rounding of `f` along d near x.

    What `f` does between wider spaced points is rounding only if it stands still between closer ones, as it does where it is computed in
    fewer digits than it is asked in, or if it is as little as that; else it may be a feature of `f`.
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
    """Whether values, or each entry of arrays of them (first axis), are the same as the one before as often as not."""
    return np.asarray(2 * np.sum(np.diff(values, axis=0) == 0, axis=0) >= len(values) - 1)


def noise_of_each(values: Floats) -> Floats:
    """A bound of the rounding in equally spaced values, or in each entry of arrays of them (first axis): from their differences of order 3
    to 6. Differences of pure rounding have one size at every order; what else there is falls with the order, and does not count.
    """
    with np.errstate(all="ignore"):
        sizes = [np.sqrt(np.mean(np.diff(values, n=k, axis=0) ** 2, axis=0) / comb(2 * k, k)) for k in (6, 5, 4, 3)]
        greatest = sizes[0]
        for size in sizes[1:]:
            greatest = np.where(size <= FALLING * greatest, np.maximum(greatest, size), greatest)
    finite = np.all(np.isfinite(values), axis=0)
    return np.asarray(np.where(finite, SPREAD * greatest, inf))


def extrapolated(values: Floats, rounding: Floats, powers: range) -> Estimate:
    """Values at h = 2^-k extrapolated to h = 0: their error has an expansion in these powers of h."""
    usable = np.isfinite(values) & np.isfinite(rounding)
    start = int(np.max(np.flatnonzero(~usable), initial=-1)) + 1
    T, N = [values[start:]], [rounding[start:]]
    for p in powers:
        if len(T[-1]) < 2:
            break
        factor = 1 / (2.0**p - 1)
        T.append(T[-1][1:] + factor * (T[-1][1:] - T[-1][:-1]))
        N.append(N[-1][1:] * (1 + factor) + N[-1][:-1] * factor)
    best = Estimate(0.0, inf)
    for j in range(1, len(T)):
        for i in range(1, len(T[j])):
            value = T[j][i]
            apart = max(abs(value - T[j - 1][i + 1]), abs(value - T[j - 1][i]), abs(value - T[j][i - 1]))
            error = TWICE * apart + N[j][i]
            shorter = slice(i + j + 1, None)
            falling = abs(T[0][i + j] - value) * 2.0 ** -np.arange(1, len(T[0]) - i - j)
            if error < best.error and np.all(np.abs(T[0][shorter] - value) <= falling + error + N[0][shorter]):
                best = Estimate(float(value), float(error), float(N[j][i]), start + i)
    return best


def scales(x: Floats) -> Floats:
    """A power of two for each entry: its own size, but at least that of 1 or of the largest."""
    size = np.abs(x).astype(np.float64)
    least = min(1.0, float(np.max(size, initial=0.0))) or 1.0
    return np.asarray(2.0 ** np.round(np.log2(np.maximum(size, least))))


def on_grid(x: Floats, scale: Floats) -> Floats:
    """X rounded so that steps along ± its scales are exact: all but the last bits of each entry."""
    top = 2.0 ** np.ceil(np.log2(np.maximum(np.abs(x).astype(np.float64), scale)))
    unit = top * 4 * float(np.finfo(x.dtype).eps)
    return np.asarray(np.round(x / unit) * unit, dtype=x.dtype)
