"""Maps from the point x of a sum to the inputs of its elements, exactly and as careful code has them; and how slopes go back to x."""

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
"""Of balls."""

SHIFTED = 2
"""Roundings of a number that is given: careful code may shift it, as softmax does by the greatest score, and that may round it."""


class Map(Protocol):
    """Aᵢ of n elements, each with m inputs; x has any shape. Slopes and sizes are (n, m), weights (n,)."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Of x."""

    @property
    def inputs(self) -> list[list[arb]]:
        """Aᵢ x, exact."""

    @property
    def radii(self) -> Floats:
        """How far careful code may be off them, (n, m)."""

    @property
    def largest(self) -> float:
        """The greatest factor of Aᵢ."""

    def along(self, d: Floats) -> list[list[arb]]:
        """Aᵢ d, exact."""

    def back(self, slopes: Sequence[Sequence[arb]], counts: Sequence[float]) -> Objects:
        """Σ nᵢ Aᵢᵀ sᵢ, at the precision in force."""

    def reach(self, sizes: Floats, weights: Floats) -> Floats:
        """Σ wᵢ |Aᵢ|ᵀ sizesᵢ, of sizes that may be infinite: a factor of 0 leaves nothing of them."""

    def generator(self, i: int, row: Floats, weight: float) -> Generator:
        """The weighted Aᵢᵀ of a row (m,)."""

    def touched(self, which: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """The entries of x that may hold NaN where the slopes of these elements (n,) are not finite."""


@dataclass(frozen=True, eq=False)
class Dense:
    """Scores: element i has the inputs W xᵢ, of W (C, D) and a row of X (n, D). Any order of summation, fused or not, stays inside
    γ_{D+2} |W||xᵢ|.
    """

    W: Floats
    X: Floats
    u: float
    tiny: float

    @property
    def shape(self) -> tuple[int, ...]:
        """(C, D)."""
        return self.W.shape

    @cached_property
    def inputs(self) -> list[list[arb]]:
        """X Wᵀ."""
        return exact.product(self.X, self.W)

    @cached_property
    def _sizes(self) -> Floats:
        return np.abs(self.X).astype(np.float64)

    @cached_property
    def radii(self) -> Floats:
        """(n, C)."""
        D = self.W.shape[1]
        size = self._sizes @ np.abs(self.W).astype(np.float64).T
        return np.asarray(gamma(D + 2, self.u) * size + (D + 2) * self.tiny)

    @property
    def largest(self) -> float:
        """Max |X|."""
        return float(np.max(np.abs(self.X), initial=1.0))

    def along(self, d: Floats) -> list[list[arb]]:
        """X dᵀ."""
        return exact.product(self.X, d)

    def back(self, slopes: Sequence[Sequence[arb]], counts: Sequence[float]) -> Objects:
        """SᵀX, (C, D)."""
        (C, D), n = self.W.shape, len(self.X)
        S = arb_mat(n, C, [s for row in slopes for s in row])
        X = arb_mat(n, D, [k * exact.ball(x) for k, row in zip(counts, self.X, strict=True) for x in row])
        return np.array((S.transpose() * X).tolist(), dtype=object).reshape(C, D)

    def reach(self, sizes: Floats, weights: Floats) -> Floats:
        """Sizesᵀ|X|, (C, D)."""
        lengths = self._sizes * weights[:, None]
        if np.all(np.isfinite(sizes)):
            return np.asarray(sizes.T @ lengths)
        with np.errstate(invalid="ignore", over="ignore"):
            each = sizes[:, :, None] * lengths[:, None, :]
        return np.asarray(np.where(lengths[:, None, :] == 0, 0.0, each).sum(axis=0))

    def generator(self, i: int, row: Floats, weight: float) -> Generator:
        """Row ⊗ xᵢ."""
        return RankOne(row, weight * self.X[i].astype(np.float64))

    def touched(self, which: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """All weights: 0 times infinity is NaN."""
        return np.full(self.shape, bool(np.any(which)))


@dataclass(frozen=True, eq=False)
class Select:
    """Element i has the inputs x at `places` i (n, m), numbers of entries of x in C order; each may be rounded `roundings` times, which
    may be other times for each entry of x, (size of x,).
    """

    x: Floats
    places: NDArray[np.intp]
    u: float = 0.0
    tiny: float = 0.0
    roundings: int | Floats = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Of x."""
        return self.x.shape

    @cached_property
    def inputs(self) -> list[list[arb]]:
        """As they are."""
        return [[exact.ball(v) for v in row] for row in self.x.ravel()[self.places].tolist()]

    @cached_property
    def radii(self) -> Floats:
        """0 where nothing is rounded."""
        times = np.broadcast_to(np.asarray(self.roundings, np.float64), self.x.size)[self.places]
        return np.asarray((times * self.u * np.abs(self.x.ravel()[self.places]).astype(np.float64) + self.tiny) * (times > 0))

    @property
    def largest(self) -> float:
        """1."""
        return 1.0

    def along(self, d: Floats) -> list[list[arb]]:
        """As it is."""
        return [[exact.ball(v) for v in row] for row in d.ravel()[self.places].tolist()]

    def back(self, slopes: Sequence[Sequence[arb]], counts: Sequence[float]) -> Objects:
        """Each slope to its place."""
        found = np.full(self.x.size, arb(0), dtype=object)
        for n, places, row in zip(counts, self.places.tolist(), slopes, strict=True):
            for k, s in zip(places, row, strict=True):
                found[k] += n * s
        return found.reshape(self.shape)

    def reach(self, sizes: Floats, weights: Floats) -> Floats:
        """Each size to its place."""
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
