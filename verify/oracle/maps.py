"""Maps from the point x of a sum to the inputs of its elements, exact and as careful code computes them; and back from slopes to x."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from flint import arb, arb_mat
from numpy.typing import NDArray

from verify.oracle import exact
from verify.oracle.subdifferential import Generator, RankOne, Scattered
from verify.rounding import gamma

Floats = NDArray[np.floating]
Objects = NDArray[Any]
"""An array of balls."""

SHIFTED = 2
"""Roundings of a given number: careful code may shift it, as softmax does by the greatest score, which may round it."""


class Map(Protocol):
    """The maps Aᵢ of n elements, each with m inputs; x has any shape. Slopes and sizes are (n, m), weights (n,)."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of x."""

    @property
    def inputs(self) -> list[list[arb]]:
        """The inputs Aᵢ x, exact."""

    @property
    def radii(self) -> Floats:
        """The error bounds of careful code for the inputs, (n, m)."""

    @property
    def largest(self) -> float:
        """The greatest factor of Aᵢ."""

    def along(self, d: Floats) -> list[list[arb]]:
        """The directions Aᵢ d, exact."""

    def back(self, slopes: Sequence[Sequence[arb]], counts: Sequence[float]) -> Objects:
        """The gradient Σ nᵢ Aᵢᵀ sᵢ, at the present precision."""

    def reach(self, sizes: Floats, weights: Floats) -> Floats:
        """The sum Σ wᵢ |Aᵢ|ᵀ sizesᵢ, for sizes that may be infinite: a factor of 0 makes them 0."""

    def generator(self, i: int, row: Floats, weight: float) -> Generator:
        """The weighted Aᵢᵀ of a row (m,)."""

    def touched(self, which: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The entries of x that may become NaN if the slopes of these elements (n,) are not finite."""


@dataclass(frozen=True, eq=False)
class Dense:
    """Scores: element i has the inputs W xᵢ, for W (C, D) and a row of X (n, D). Any order of summation, fused or not, stays within γ_{D+2}
    |W||xᵢ|.
    """

    W: Floats
    X: Floats
    u: float
    tiny: float

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape (C, D)."""
        return self.W.shape

    @cached_property
    def inputs(self) -> list[list[arb]]:
        """The scores X Wᵀ."""
        return exact.product(self.X, self.W)

    @cached_property
    def _sizes(self) -> Floats:
        return np.abs(self.X).astype(np.float64)

    @cached_property
    def radii(self) -> Floats:
        """The error bounds (n, C)."""
        D = self.W.shape[1]
        size = self._sizes @ np.abs(self.W).astype(np.float64).T
        return np.asarray(gamma(D + 2, self.u) * size + (D + 2) * self.tiny)

    @property
    def largest(self) -> float:
        """The maximum of |X|."""
        return float(np.max(np.abs(self.X), initial=1.0))

    def along(self, d: Floats) -> list[list[arb]]:
        """The directions X dᵀ."""
        return exact.product(self.X, d)

    def back(self, slopes: Sequence[Sequence[arb]], counts: Sequence[float]) -> Objects:
        """The gradient SᵀX, (C, D)."""
        (C, D), n = self.W.shape, len(self.X)
        S = arb_mat(n, C, [s for row in slopes for s in row])
        X = arb_mat(n, D, [k * exact.ball(x) for k, row in zip(counts, self.X, strict=True) for x in row])
        return np.array((S.transpose() * X).tolist(), dtype=object).reshape(C, D)

    def reach(self, sizes: Floats, weights: Floats) -> Floats:
        """The sizes Sizesᵀ|X|, (C, D)."""
        lengths = self._sizes * weights[:, None]
        if np.all(np.isfinite(sizes)):
            return np.asarray(sizes.T @ lengths)
        with np.errstate(invalid="ignore", over="ignore"):
            each = sizes[:, :, None] * lengths[:, None, :]
        return np.asarray(np.where(lengths[:, None, :] == 0, 0.0, each).sum(axis=0))

    def generator(self, i: int, row: Floats, weight: float) -> Generator:
        """The row ⊗ xᵢ."""
        return RankOne(row, weight * self.X[i].astype(np.float64))

    def touched(self, which: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """All weights, since 0 times infinity is NaN."""
        return np.full(self.shape, bool(np.any(which)))


@dataclass(frozen=True, eq=False)
class Select:
    """Element i has the inputs x at `places` i (n, m), indices of entries of x in C order; each may be rounded `roundings` times, one
    number or one for each entry of x, (size of x,).
    """

    x: Floats
    places: NDArray[np.intp]
    u: float = 0.0
    tiny: float = 0.0
    roundings: int | Floats = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of x."""
        return self.x.shape

    @cached_property
    def inputs(self) -> list[list[arb]]:
        """The selected entries."""
        return [[exact.ball(v) for v in row] for row in self.x.ravel()[self.places].tolist()]

    @cached_property
    def radii(self) -> Floats:
        """The error bounds: 0 without roundings."""
        times = np.broadcast_to(np.asarray(self.roundings, np.float64), self.x.size)[self.places]
        return np.asarray((times * self.u * np.abs(self.x.ravel()[self.places]).astype(np.float64) + self.tiny) * (times > 0))

    @property
    def largest(self) -> float:
        """The factor 1."""
        return 1.0

    def along(self, d: Floats) -> list[list[arb]]:
        """The selected entries of d."""
        return [[exact.ball(v) for v in row] for row in d.ravel()[self.places].tolist()]

    def back(self, slopes: Sequence[Sequence[arb]], counts: Sequence[float]) -> Objects:
        """The slopes added at their places."""
        found = np.full(self.x.size, arb(0), dtype=object)
        for n, places, row in zip(counts, self.places.tolist(), slopes, strict=True):
            for k, s in zip(places, row, strict=True):
                found[k] += n * s
        return found.reshape(self.shape)

    def reach(self, sizes: Floats, weights: Floats) -> Floats:
        """The sizes added at their places."""
        found = np.zeros(self.x.size)
        np.add.at(found, self.places.ravel(), (np.broadcast_to(sizes, self.places.shape) * weights[:, None]).ravel())
        return found.reshape(self.shape)

    def generator(self, i: int, row: Floats, weight: float) -> Generator:
        """The row at its places."""
        return Scattered(self.shape, self.places[i], weight * row)

    def touched(self, which: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The places of these elements."""
        found = np.zeros(self.x.size, bool)
        found[self.places[which].ravel()] = True
        return found.reshape(self.shape)


def identity(x: Floats) -> Select:
    """One element, of all entries of x."""
    return Select(x, np.arange(x.size, dtype=np.intp)[None, :])
