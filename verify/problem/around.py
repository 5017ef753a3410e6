"""Points around an example, which keep the signs of its numbers: a logarithm may wait behind them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

ALIKE = 4.0
"""Times that one entry may be another to be of its size: data and a scale that multiplies them are not equated."""
BITS = 3
"""Significant bits of a rounded entry: margins and thresholds of the user's code are round numbers too."""
FARTHEST = 0.25
"""Part of its size by which an entry is moved at most."""


def scales(x: Floats) -> Floats:
    """A power of two for each entry: its own size, but at least that of 1 or of the largest."""
    size = np.abs(x).astype(np.float64)
    least = min(1.0, float(np.max(size, initial=0.0))) or 1.0
    return np.asarray(2.0 ** np.round(np.log2(np.maximum(size, least))))


def sizes(x: Floats) -> Floats:
    """The size of each entry, of a zero its scale."""
    return np.asarray(np.where(x == 0, scales(x), x))


def near(x: Floats, rng: np.random.Generator) -> Floats:
    """Each entry off by up to a quarter of its size, zeros by up to a quarter of their scale."""
    return np.asarray(x + sizes(x) * rng.uniform(-FARTHEST, FARTHEST, x.shape), dtype=x.dtype)


def rounded(x: Floats, rng: np.random.Generator) -> Floats:
    """A near point with entries of few bits: exact ties and kinks become likely."""
    return of_few_bits(near(x, rng), BITS)


def of_few_bits(x: Floats, bits: int, rounded: Callable[[Floats], Floats] = np.round) -> Floats:
    """Each entry with so many significant bits."""
    mantissa, exponent = np.frexp(x.astype(np.float64))
    return np.asarray(np.ldexp(rounded(mantissa * 2**bits) / 2**bits, exponent), dtype=x.dtype)


def tied(x: Floats, rng: np.random.Generator) -> Floats:
    """A rounded point in which some entries of one sign, and of one size or nearly so, are equal."""
    y = rounded(x, rng).ravel()
    for sign in (1, -1):
        own = np.flatnonzero(np.sign(y) == sign)
        if own.size:
            first = rng.choice(own)
            alike = own[(y[own] / y[first] <= ALIKE) & (y[first] / y[own] <= ALIKE) & (own != first)]
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
    """A value with its real numbers in a dtype; others are as they are."""
    return np.asarray(a).astype(dtype)[()] if np.asarray(a).dtype.kind == "f" else a
