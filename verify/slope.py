"""The slope of a black box along a line, with an estimate of its error: the substitute for the truth where there is no spec.

D⁺(h) and D⁻(h) have an expansion in h, their mean one in h² where f is smooth. Each is extrapolated to h = 0 (Richardson). An entry of the
tableau is trusted as far as two step sizes and two orders agree with it, and only if shorter steps come closer to it: so neither a kink
within the longest steps nor a period that they share goes unnoticed. The caller says how often the step is halved, and how much rounding
may add to a value.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import inf

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

MAX_LIMIT_ERROR = 2.0**-6
"""Largest error of a limit, relative to the slopes. A limit that does not exist (log h, √h, 1/h) has errors of a third of the slopes or
more at the steps used, or of 1/log(1/h), a thirtieth at the shortest.
"""
MAX_ROUNDINGS = 8.0
"""Roundings that may separate two estimates of one limit: each is off by its own and UNDERSTATED times that of the other."""
CUSP_QUOTIENTS = 8
"""Number of quotients that hardly keep growing by chance."""
ORDERS = 5
"""Columns of a tableau; more only amplify rounding."""
UNDERSTATED = 2.0
"""Factor by which the difference of two estimates may understate the error of the better one."""


@dataclass(frozen=True)
class Estimate:
    """An estimate, a bound of its error, the part of that due to rounding, and the index of the longest step that it uses."""

    value: float
    error: float
    rounding: float = 0.0
    first: int = 0


@dataclass(frozen=True, eq=False)
class Slope:
    """The values of f along `d` through `x`: at h = 2^-(longest + k), `ahead[k]` is f(x + hd), `behind[k]` is f(x − hd). `noise` is the
    rounding error of one value; where values are larger than at x it grows with the unit roundoff `u`.
    """

    here: float
    ahead: Floats
    behind: Floats
    noise: float
    u: float
    longest: int = 0

    @cached_property
    def h(self) -> Floats:
        """The steps, longest first."""
        return np.asarray(2.0 ** -(self.longest + np.arange(len(self.ahead))))

    @cached_property
    def rounding(self) -> Floats:
        """The rounding error ε/h of the quotients at each step."""
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
        """The one-sided slopes −f'(x; −d) and f'(x; d)."""
        powers = range(1, ORDERS + 1)
        return extrapolated(self.backward, 2 * self.rounding, powers), extrapolated(self.forward, 2 * self.rounding, powers)

    @cached_property
    def jump(self) -> Estimate:
        """The limit of D⁺ − D⁻ for h → 0, where both sides differ only in their first derivative: odd powers of h only."""
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
        """Whether the error is small beside the slopes, or mere rounding."""
        left, right = self.sides
        _, _, error = self.estimated
        size = np.max(np.abs([self.here, *self.ahead, *self.behind]))
        if not np.isfinite(error) or self.noise > MAX_LIMIT_ERROR * np.nan_to_num(size, nan=inf) or self._cusped:
            return False
        slopes = np.abs(np.concatenate([self.backward[left.first :], self.forward[right.first :]]))
        return bool(error <= MAX_LIMIT_ERROR * np.max(slopes) or error <= MAX_ROUNDINGS * (left.rounding + right.rounding))

    @property
    def _cusped(self) -> bool:
        """Whether quotients of one sign keep growing up to the last step, as on √|x|. Doubling counts only where rounding is too small to
        cause it: what looks like a jump then is one, or is finer than the last step.
        """
        for quotients in (self.forward, self.backward):
            last = quotients[-CUSP_QUOTIENTS:]
            if len(last) < CUSP_QUOTIENTS:
                return False
            fastest = 2.1 if np.all(np.abs(last) > MAX_ROUNDINGS * self.rounding[-CUSP_QUOTIENTS:]) else 1.9
            with np.errstate(all="ignore"):
                ratios = last[1:] / last[:-1]
            if np.all((ratios > 1.05) & (ratios < fastest)):
                return True
        return False

    @property
    def swamped(self) -> bool:
        """Whether still shorter steps would show only rounding."""
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


def extrapolated(values: Floats, rounding: Floats, powers: range) -> Estimate:
    """Values at h = 2^-k extrapolated to h = 0, with an error that expands in these powers of h: the entry of the tableau with the least
    error that no shorter step contradicts.
    """
    usable = np.isfinite(values) & np.isfinite(rounding)
    start = int(np.max(np.flatnonzero(~usable), initial=-1)) + 1
    T, N = values[start:].tolist(), rounding[start:].tolist()  # ladders are short: arrays of them would cost more
    first, noise, entries = T, N, list[tuple[float, int, int, float, float]]()
    for j, p in enumerate(powers, 1):
        a = 1 / (2.0**p - 1)
        before, T = T, [t + a * (t - longer) for longer, t in pairwise(T)]
        N = [n * (1 + a) + longer * a for longer, n in pairwise(N)]
        for i in range(1, len(T)):
            error = UNDERSTATED * max(abs(T[i] - before[i + 1]), abs(T[i] - before[i]), abs(T[i] - T[i - 1])) + N[i]
            if error < inf:
                entries.append((error, j, i, T[i], N[i]))
    for error, j, i, value, own in sorted(entries):
        off = abs(first[i + j] - value)
        if all(abs(t - value) <= off * 2.0**-k + error + n for k, (t, n) in enumerate(zip(first[i + j :], noise[i + j :], strict=True))):
            return Estimate(value, error, own, start + i)
    return Estimate(0.0, inf)
