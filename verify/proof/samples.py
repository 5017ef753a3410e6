"""Real points in floats that follow a path. They prove nothing, but show where to use balls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.tape.floats import Floats
from verify.tape.primitives import nearest
from verify.tape.tape import Builder
from verify.traced.record import is_recorded

POINTS = 256
SIZES = (0.5, 1.0, 2.0, 4.0)
"""Sizes of drawn numbers, relative to those of the example."""


class Samples:
    """All registers of a builder at points around an example, computed once as they are recorded."""

    def __init__(self, b: Builder, given: Sequence[Any], variables: int, seed: int, *, held: frozenset[int], bounds: Any = ()) -> None:
        rng, rows = np.random.default_rng(seed), []
        for k, a in enumerate(given):
            if is_recorded(a, k < variables):
                flat = np.ravel(a).astype(float)
                ends = bounds[k] if bounds else (-np.inf, np.inf)
                stays = k in held or ends is None
                rows.append(np.repeat(flat[:, None], POINTS, 1) if stays else within(drawn(flat, rng), ends, rng))
        self.b, self.points = b, np.concatenate(rows) if rows else np.zeros((0, POINTS))
        self._numbers = np.zeros((0, POINTS))
        self._seen = 0
        self._floats = Floats()

    def at(self, registers: Any, guards: Mapping[int, float]) -> NDArray[np.float64]:
        """The values of these registers."""
        self._go_on(guards)
        return np.asarray(self._numbers[registers])

    def _go_on(self, guards: Mapping[int, float]) -> None:
        b = self.b
        if len(self._numbers) < b._size:
            more = np.zeros((max(b._size, 2 * len(self._numbers)) - len(self._numbers), POINTS))
            self._numbers = np.concatenate([self._numbers, more])
        self._numbers[b._inputs[: len(self.points)]] = self.points
        for r, value in guards.items():
            self._numbers[r] = value
        for r, number in b._numbers.items():
            self._numbers[r] = nearest(number)
        with np.errstate(all="ignore"):
            for i in b._instructions[self._seen :]:
                try:
                    found = self._floats.apply(i.row, [self._numbers[r] for r in i.ins], i.parameter)
                except (np.linalg.LinAlgError, ValueError):
                    found = np.full((*i.outs.shape, POINTS), np.nan)
                self._numbers[i.outs] = found
        self._seen = len(b._instructions)


def drawn(a: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """Numbers about as large as those of an example, with its sign if all of them share one."""
    size = float(np.max(np.abs(a), initial=0.0)) or 1.0
    found = rng.normal(size=(len(a), POINTS)) * size * rng.choice(SIZES, POINTS)
    near = a[:, None] * (1 + 0.25 * rng.normal(size=(len(a), POINTS)))
    found = np.where(np.arange(POINTS) % 4 == 0, near, found)
    if np.all(a > 0):
        found = np.abs(found)
    elif np.all(a < 0):
        found = -np.abs(found)
    return _held(found)


def within(x: NDArray[np.float64], ends: tuple[float, float], rng: np.random.Generator) -> NDArray[np.float64]:
    """Points with numbers beyond the ends of a domain replaced by ones between them."""
    low, high = ends
    if np.isfinite(low) and np.isfinite(high):
        between = _held(low + (high - low) * rng.uniform(0.01, 0.99, x.shape))
        return np.where((x > low) & (x < high), x, between)
    if np.isfinite(low):
        return np.where(x > low, x, low + np.abs(x - low) + 2.0**-20)
    return np.where(x < high, x, high - np.abs(x - high) - 2.0**-20) if np.isfinite(high) else x


def _held(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """The numbers rounded to some twenty significant bits, so that points are plain."""
    mantissa, exponent = np.frexp(x)
    return np.asarray(np.ldexp(np.round(mantissa * 2.0**20), exponent - 20))
