"""Kinks through a point, detected by a walk around it.

Along one line [D⁻, D⁺] contains ⟨g, d⟩ of every subgradient g only if all kinks through the point have one sign: for relu(x₀) − relu(x₁) at
0 along (1, 1) both slopes are 0, and the subgradient (1, 0) has 1. A walk around the point, in a plane through it without a special
direction, crosses each kink separately, and there the slope jumps by its own amount.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from verify.pair.slope import Loss
from verify.problem.sampling import scales

Floats = NDArray[np.floating]

RADII = {"float64": (2.0**-18, 2.0**-10), "float32": (2.0**-8, 2.0**-4)}
"""Radii of a walk, relative to the scales: small, since kinks that do not pass through the point must not be met; and larger, where
rounding matters less.
"""
STRIDES = 8
"""Steps from the middle of a side of the square to its corner."""
PLANES = 2
"""Number of planes: two kinks that one walk meets at once are met one after the other in another plane."""
SHARE = 1 / 16
"""Share of an excess that kinks must have to explain it: a walk meets them at other angles than the line does."""
RISEN = 2.0
"""Factor by which a jump must exceed its change, and that of its limit, with the radius: the jump of a kink is constant, the effect of
curvature halves, and its limit becomes a quarter.
"""


def excused(f: Loss, slope: Loss, x: Floats, noise: float, excess: float, allowed: float) -> bool:
    """Whether kinks through x may explain that ⟨g, d⟩ lies outside [D⁻, D⁺] by `excess`: they have both signs; or, as far as they are
    detected, one sign, and ⟨g, d⟩ lies among its own values at points around x, up to `allowed`. `slope` is ⟨g, d⟩ at a point.
    """
    if x.size == 1:
        return False  # all that there is lies on the line
    for radius in RADII[x.dtype.name]:
        up, down = jumps(f, x, radius, noise)
        if min(up, down) >= SHARE * excess:
            return True
        if max(up, down) >= SHARE * excess:
            here = slope(x)
            r = x.dtype.type(radius)
            around = [slope(x + r * v) for a, b in _planes(x) for v in (a + b, a - b, b - a, -a - b)]
            if min(around) - allowed <= here <= max(around) + allowed:
                return True
    return False


def jumps(f: Loss, x: Floats, radius: float, noise: float) -> tuple[float, float]:
    """The total upward and downward jumps of the slope on kinks through x: walks at this radius, a half and a quarter of it meet them
    alike.
    """
    found = []
    for a, b in _planes(x):
        sides = np.concatenate([_jumps(f, x, p, q, radius, noise) for p, q in ((a, b), (b, -a), (-a, -b), (-b, a))])
        found.append((float(np.sum(sides, where=sides > 0)), float(-np.sum(sides, where=sides < 0))))
    up, down = zip(*found, strict=True)
    return max(up), max(down)


def _jumps(f: Loss, x: Floats, a: Floats, b: Floats, radius: float, noise: float) -> Floats:
    """The jumps of the slope along b on the side a ± b of the square, 0 unless they are certain."""
    far, middle, near = (_bends(f, x, a, b, radius * part) for part in (1.0, 0.5, 0.25))
    limit = 2 * near - middle
    changed = np.maximum(np.abs(near - middle), np.abs(limit - (2 * middle - far)))
    unsure = (
        RISEN * changed + 4 * (2 * 4 + 2) * noise * STRIDES / radius
    )  # each is made of values 1, 2 and 1 times, over radius / 4 and / 2
    return np.asarray(np.where(np.abs(limit) > unsure, limit, 0.0))


def _bends(f: Loss, x: Floats, a: Floats, b: Floats, radius: float) -> Floats:
    """The changes of the slope along b from stride to stride."""
    r = x.dtype.type(radius)
    values = [f(x + r * (a + x.dtype.type(i / STRIDES) * b)) for i in range(-STRIDES - 1, STRIDES + 2)]
    return np.asarray(np.diff(values, n=2) * STRIDES / radius)


def _planes(x: Floats) -> Iterator[tuple[Floats, Floats]]:
    """Pairs of directions whose entries are small multiples of a small part of their scales, so that points on the square are exact."""
    rng = np.random.default_rng(x.size)
    for _ in range(PLANES):
        multiples = rng.integers(5, 16, size=(2, *x.shape)) / 16 * rng.choice((-1.0, 1.0), size=(2, *x.shape))
        a, b = (multiples * scales(x)).astype(x.dtype)
        yield a, b
