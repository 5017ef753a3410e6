"""Difference quotients along a direction, and the steps at which they are taken.

Forward D⁺(h) = (f(x+hd) − f(x))/h has truncation error h/2·f''; centred D⁰(h) = (f(x+hd) − f(x−hd))/(2h) has h²/6·f'''.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.rounding import DIRECTION_BITS, LADDER

Floats = NDArray[np.floating]

DIRECTIONS = 256
"""Number of cached directions: those of the cases of one law at the profile `ci`, which the next law uses again."""


def joined(arrays: Sequence[Floats]) -> Floats:
    """The entries of several arrays in one row; a single array as it is."""
    return arrays[0] if len(arrays) == 1 else np.concatenate([a.ravel() for a in arrays])


def parted(x: NDArray[Any], arrays: Sequence[Any]) -> list[NDArray[Any]]:
    """Splits x, or all of its entries in a row, into arrays of the given shapes: the inverse of `joined`."""
    shapes = [np.shape(a) for a in arrays]
    if shapes == [x.shape]:
        return [x]
    parts = np.split(x.ravel(), np.cumsum([prod(shape) for shape in shapes])[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]


def backward(behind: float, here: float, h: float) -> float:
    """D⁻(h) from f(x−hd) and f(x)."""
    return (here - behind) / h


def forward(ahead: float, here: float, h: float) -> float:
    """D⁺(h) from f(x+hd) and f(x)."""
    return (ahead - here) / h


def centred(ahead: float, behind: float, h: float) -> float:
    """D⁰(h) from f(x+hd) and f(x−hd)."""
    return (ahead - behind) / (2 * h)


def moved(x: Floats, d: Floats, t: float) -> Floats | None:
    """The point x + t·d in x's dtype, or None if it would have to be rounded."""
    step = x.dtype.type(t) * d
    return x + step if _exact_sum(x, step) else None


def ladder(x: Floats, d: Floats) -> list[tuple[float, Floats, Floats]]:
    """(h, x + hd, x − hd) for h = 2^-k, longest first; only steps at which both points are exact in x's dtype.

    A point that had to be rounded would make the quotient one of another direction.
    """
    lengths = [2.0**-k for k in LADDER[x.dtype.name]]
    step = np.array(lengths, x.dtype).reshape(-1, *[1] * x.ndim) * d
    exact = _exact_sums(x, step) & _exact_sums(x, -step)
    return [rung for rung, fits in zip(zip(lengths, x + step, x - step, strict=True), exact.tolist(), strict=True) if fits]


def _exact_sum(a: Floats, b: Floats) -> bool:
    """Whether a + b is exact."""
    return bool(_exact_sums(a, b[None])[0])


def _exact_sums(a: Floats, b: Floats) -> NDArray[np.bool_]:
    """For each array in b, whether a + b is exact (Knuth's TwoSum leaves no remainder)."""
    s = a + b
    part = s - a
    lost = ((a - (s - part)) + (b - part)).reshape(len(b), -1)
    return np.asarray(~np.any(lost, axis=1))


def on_grid(x: Floats) -> Floats:
    """The point x rounded to multiples of two units in the last place of its largest entry (at least of 1), so that steps on a dyadic grid
    stay exact. The smaller entries lose their last bits.
    """
    top = 2.0 ** (np.ceil(np.log2(max(1.0, float(np.max(np.abs(x), initial=0.0))))) + 1)
    unit = x.dtype.type(top * np.finfo(x.dtype).eps)
    return (np.round(x / unit) * unit).astype(x.dtype)


@lru_cache(maxsize=DIRECTIONS)
def direction(seed: int, shape: tuple[int, ...], dtype: str) -> Floats:
    """A dense random direction of about unit length, its entries integers of DIRECTION_BITS bits times a power of two. It is read-only,
    since all laws share it for a case.
    """
    found = coarse(np.random.default_rng(seed).uniform(-1, 1, size=shape), dtype)
    found.flags.writeable = False
    return found


def coarse(v: Floats, dtype: str) -> Floats:
    """The vector v scaled to about unit length and rounded to DIRECTION_BITS bits of its largest entry, so that steps along it are exact.
    Never zero, even where v is.
    """
    most = 2**DIRECTION_BITS
    top = float(np.max(np.abs(v), initial=0.0))
    raw = np.round(v / top * most) if top > 0 else np.zeros(v.shape)
    if not raw.any():
        raw.flat[0] = most
    scale = 2.0 ** -np.round(np.log2(np.linalg.norm(raw)))
    return np.asarray(raw * scale, dtype=dtype)
