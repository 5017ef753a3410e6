"""Points near an example with the same signs, since code may take a logarithm; and other properties of an example's numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

SIMILAR_FACTOR = 4.0
"""Factor between two entries of similar size: data and a scale that multiplies them are not equated."""
BITS = 3
"""Significant bits of a rounded entry: margins and thresholds of the user's code are round numbers too."""
MAX_CHANGE = 0.25
"""Largest relative change of an entry."""

NEARER_DISTANCES = (2.0**-4, -(2.0**-4), 2.0**-8, -(2.0**-8))
"""Relative distances towards another point that is refused, and away from it."""


def scales(x: Floats) -> Floats:
    """A power of two for each entry: its own size, but at least that of 1 or of the largest."""
    size = np.abs(x).astype(np.float64)
    least = min(1.0, float(np.max(size, initial=0.0))) or 1.0
    return np.asarray(2.0 ** np.round(np.log2(np.maximum(size, least))))


def sizes(x: Floats) -> Floats:
    """The size of each entry; for a zero its scale."""
    return np.asarray(np.where(x == 0, scales(x), x))


def near(x: Floats, rng: np.random.Generator) -> Floats:
    """Each entry changed by up to a quarter of its size, zeros by up to a quarter of their scale."""
    return np.asarray(x + sizes(x) * rng.uniform(-MAX_CHANGE, MAX_CHANGE, x.shape), dtype=x.dtype)


def on_the_way(x: NDArray[Any], there: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Another point, and points on the way to it from x: the domain of code, which refuses points outside, may end between them."""
    yield there
    for part in NEARER_DISTANCES:
        yield np.asarray(x + (there - x) * part, dtype=x.dtype) if x.dtype.kind == "f" and x.shape == there.shape else there


def rounded(x: Floats, rng: np.random.Generator) -> Floats:
    """A near point with entries of few bits: exact ties and kinks become likely."""
    return of_few_bits(near(x, rng), BITS)


def of_few_bits(x: Floats, bits: int, rounded: Callable[[Floats], Floats] = np.round) -> Floats:
    """Each entry with this many significant bits."""
    mantissa, exponent = np.frexp(x.astype(np.float64))
    return np.asarray(np.ldexp(rounded(mantissa * 2**bits) / 2**bits, exponent), dtype=x.dtype)


def tied(x: Floats, rng: np.random.Generator) -> Floats:
    """A rounded point in which some entries of one sign, and of about one size, are equal."""
    y = rounded(x, rng).ravel()
    for sign in (1, -1):
        own = np.flatnonzero(np.sign(y) == sign)
        if own.size:
            first = rng.choice(own)
            alike = own[(y[own] / y[first] <= SIMILAR_FACTOR) & (y[first] / y[own] <= SIMILAR_FACTOR) & (own != first)]
            if alike.size:
                y[rng.choice(alike, size=rng.integers(1, alike.size + 1), replace=False)] = y[first]
    return y.reshape(x.shape)


def zeroed(x: Floats, rng: np.random.Generator) -> Floats:
    """A near point in which some entries are 0."""
    return np.asarray(near(x, rng) * (rng.uniform(size=x.shape) < 0.5), dtype=x.dtype)


DRAWS: dict[str, Callable[[Floats, np.random.Generator], Floats]] = {"near": near, "rounded": rounded, "tied": tied, "zeroed": zeroed}


def has_zeros(x: Floats) -> bool:
    """Whether 0 is among the numbers of an example, or between them."""
    return bool((x == 0).any() or ((x > 0).any() and (x < 0).any()))


def in_dtype(a: Any, dtype: str) -> Any:
    """A value with its real numbers in a dtype; others unchanged."""
    return np.asarray(a).astype(dtype)[()] if np.asarray(a).dtype.kind == "f" else a


@dataclass(frozen=True)
class Shown:
    """A property of an input in an example: a `phrase` after its name, a test whether numbers have it `exactly`, and similar numbers that
    do.
    """

    phrase: str
    exactly: Callable[[Floats], bool]
    restored: Callable[[Floats], Floats]


SIMPLEX_STEP = 2.0**-16
"""Rows that sum to 1 consist of multiples of this, whose sums no dtype rounds."""
MIN_SORTED = 4
"""Least number of values whose order is no accident: one in 24 samples of four is sorted."""
SUM_ROUNDINGS = 4
"""Roundings, per number, by which a sum may miss 1."""


def shown(a: Any, *, alone: bool = False) -> Shown | None:
    """The common property of an input's numbers that is no accident, and that code may rely on: masks, one 1 per row, rows, or all, that
    sum to 1, symmetry, order. None if there is none. An input that is `alone` is examined differently than by a few points.
    """
    x = np.asarray(a)
    if x.dtype.kind != "f" or not x.ndim:
        return None
    rows = x.ndim > 0 and 1 < x.shape[-1] < SUM_ROUNDINGS / SIMPLEX_STEP / 8 and bool(np.all(x >= 0))
    if rows and bool(np.all(np.abs(x.sum(-1, dtype=np.float64) - 1) <= SUM_ROUNDINGS * x.shape[-1] * np.finfo(x.dtype).eps)):
        if bool(np.all((x == 0) | (x == 1))):
            return None if alone else _as_it_is(x, "to have one 1 a row, and zeros")
        return Shown("to sum to 1 along its rows", _sums_to_one, lambda y: _summing_to_one(y, x))
    if x.size >= MIN_SORTED and not alone and (low := float(x.min())) in (0.0, -1.0) and set(np.unique(x).tolist()) == {low, 1.0}:
        return _as_it_is(x, f"to be {low:g} or 1")
    symmetric = x.ndim == 2 and np.array_equal(x, x.T)
    several = x.ndim > 1 and 1 < x.size < SUM_ROUNDINGS / SIMPLEX_STEP / 8 and bool(np.all(x >= 0))
    if several and abs(float(x.sum(dtype=np.float64)) - 1) <= SUM_ROUNDINGS * x.size * np.finfo(x.dtype).eps:
        told = "to be symmetric, and to sum to 1" if symmetric else "to sum to 1"
        return Shown(told, lambda y: _is_joint(y, symmetric), lambda y: _joint(y, x, symmetric))
    if symmetric and np.any(x != np.diag(np.diag(x))) and np.ptp(x) > 0:
        return Shown("to be symmetric", lambda y: bool(np.array_equal(y, y.T)), lambda y: np.triu(y) + np.triu(y, 1).T)
    if x.ndim == 1 and x.size >= MIN_SORTED and np.ptp(x) > 0:
        if np.all(np.diff(x) >= 0):
            return Shown("to ascend", lambda y: bool(np.all(np.diff(y) >= 0)), np.sort)
        if np.all(np.diff(x) <= 0):
            return Shown("to descend", lambda y: bool(np.all(np.diff(y) <= 0)), lambda y: np.sort(y)[::-1].copy())
    return None


def _as_it_is(x: Floats, phrase: str) -> Shown:
    return Shown(phrase, lambda y: bool(np.array_equal(y, x)), lambda y: x.astype(y.dtype))


def _sums_to_one(x: Floats) -> bool:
    return all(sum(map(Fraction, row)) == 1 for row in x.reshape(-1, x.shape[-1]).tolist())


def _summing_to_one(x: Floats, example: Floats) -> Floats:
    """Rows of multiples of `SIMPLEX_STEP` near these numbers; those that are above 0 in the example stay so."""
    wide = np.abs(x.astype(np.float64))
    wide = np.where(wide.sum(-1, keepdims=True) > 0, wide, np.abs(example.astype(np.float64)))
    parts = np.round(wide / wide.sum(-1, keepdims=True) / SIMPLEX_STEP)
    parts = np.where(example > 0, np.maximum(parts, 1), parts)
    rows = parts.reshape(-1, parts.shape[-1])
    rows[np.arange(len(rows)), rows.argmax(1)] -= rows.sum(1) - 1 / SIMPLEX_STEP
    return np.asarray(rows.reshape(parts.shape) * SIMPLEX_STEP, x.dtype)


def _is_joint(x: Floats, symmetric: bool) -> bool:
    return sum(map(Fraction, x.ravel().tolist())) == 1 and (not symmetric or bool(np.array_equal(x, x.T)))


def _joint(x: Floats, example: Floats, symmetric: bool) -> Floats:
    """Multiples of `SIMPLEX_STEP` near these numbers that sum to 1, and 0 where the example is 0: as for joint probabilities."""
    wide = np.where(example == 0, 0.0, np.abs(x.astype(np.float64)))
    wide = wide + wide.T if symmetric else wide
    wide = wide if wide.sum() > 0 else example.astype(np.float64)
    parts = np.where(example > 0, np.maximum(np.round(wide / wide.sum() / SIMPLEX_STEP), 1), 0)
    off = int(parts.sum() - 1 / SIMPLEX_STEP)
    if symmetric and np.any(parts != np.diag(np.diag(parts))):  # two are moved together, but for one on the diagonal if one is left
        if off % 2:
            k = int(np.argmax(np.diag(parts)))
            parts[k, k], off = parts[k, k] - 1, off - 1
        i, j = np.unravel_index(int(np.argmax(parts - np.diag(np.diag(parts)))), parts.shape)
        parts[i, j] = parts[j, i] = parts[i, j] - off / 2
    else:
        parts.ravel()[parts.argmax()] -= off
    return np.asarray(parts * SIMPLEX_STEP, x.dtype)


def keeping(example: Any, drawn: Any, *, alone: bool) -> Any:
    """Numbers drawn around an example, with its properties."""
    found = shown(example, alone=alone)
    return drawn if found is None else found.restored(np.asarray(drawn))[()]
