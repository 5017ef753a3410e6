"""A pair as the laws see it: a loss and a gradient of one array, called on copies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.candidates import Candidate, Misbehaviour
from verify.candidates.answer import array, asked, number, pair
from verify.pair.slope import Slope, along, beside, measured_noise, noise_beside, scales

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class Pair:
    """`f` is a Candidate(loss=…, grad=…) of one array, or a function of one array that returns both. `convex` is claimed or not."""

    f: Callable[..., Any]
    convex: bool = False
    seen: dict[bytes, Slope] = field(default_factory=dict, compare=False, repr=False)

    def value(self, x: Floats) -> float:
        """The loss on a copy of x. Raises Misbehaviour."""
        return self.loss(np.array(x))

    def gradient(self, x: Floats) -> Floats:
        """The gradient on a copy of x. Raises Misbehaviour."""
        return self.slope_of(np.array(x)).copy()

    def loss(self, x: Floats) -> float:
        """The loss of this very array."""
        if isinstance(self.f, Candidate):
            assert self.f.loss is not None
            return number(asked(self.f.loss, (x,)))
        return number(pair(asked(self.f, (x,)), "loss, gradient")[0])

    def slope_of(self, x: Floats) -> Floats:
        """The gradient of this very array."""
        returned = asked(self.f.grad, (x,)) if isinstance(self.f, Candidate) else pair(asked(self.f, (x,)), "loss, gradient")[1]
        g = array(returned, "gradient")
        if g.shape != x.shape and not (g.size == x.size == 1):
            raise Misbehaviour("shape", f"returned a gradient of shape {g.shape} for x of shape {x.shape}")
        return g.reshape(x.shape)

    def along(self, x: Floats, d: Floats) -> Slope:
        """The loss along ±d. The latest lines are kept: several laws look along the same one."""
        key = x.tobytes() + d.tobytes()
        if key not in self.seen:
            if len(self.seen) > KEPT:
                self.seen.clear()
            self.seen[key] = along(self.sampled, x, d)
        return self.seen[key]

    def noise(self, x: Floats) -> float:
        """A bound of the rounding of the loss around x, along no special direction: `x − mean` has none along (1, …, 1)."""
        return noise_beside(self.sampled, x, askew(x))

    def noise_of_slope(self, x: Floats, d: Floats) -> float:
        """A bound of the rounding of Σ |g_i d_i| around x, measured like that of the loss."""
        try:
            lines = [np.array([self.gradient(y).astype(np.float64) * d for y in line]) for line in beside(x, askew(x))]
        except Misbehaviour:
            return float("inf")
        return max(map(measured_noise, lines))

    def sampled(self, x: Floats) -> float:
        """The loss away from x: where it refuses there is none."""
        try:
            return self.value(x)
        except Misbehaviour as error:
            if error.code != "crashed":
                raise
            return float("nan")

    def magnitude(self, x: Floats, d: Floats) -> float:
        """The size of the terms of ⟨g, d⟩ before they cancel, as far as a black box shows it: also half way to 0 and at 0, since code
        computes p − 1 where p is 1 and the gradient all but vanishes.
        """
        sizes = [0.0]
        for t in (1.0, 0.5, 0.0):
            try:
                size = float(np.sum(np.abs(self.gradient((x * x.dtype.type(t)).astype(x.dtype)).astype(np.float64) * d)))
            except Misbehaviour:
                continue
            sizes.append(size if np.isfinite(size) else 0.0)
        return max(sizes)


def askew(x: Floats) -> Floats:
    """A direction of −1, 0 or 1 times the scale of each entry, without a pattern: points beside x along it are exact."""
    multiples = np.random.default_rng(x.size).choice((-1.0, 0.0, 1.0), size=x.shape)
    multiples.flat[0] = 1.0  # never nothing
    return np.asarray(multiples * scales(x), dtype=x.dtype)


KEPT = 64


def direction(x: Floats, seed: int) -> Floats:
    """±1 times the scale of each entry: no wrong entry is orthogonal to it by bad luck."""
    signs = np.random.default_rng(seed).choice((-1.0, 1.0), size=x.shape)
    return np.asarray(signs * scales(x), dtype=x.dtype)
