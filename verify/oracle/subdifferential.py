"""A subdifferential as a set: center + Σ_groups conv{generators} + Σ balls, and the distance of a returned gradient from it.

The ambiguous switches of all examples are decided together, since they share W: intervals for each entry would accept values that no single
choice of multipliers explains.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any, Protocol

import numpy as np
from flint import arb
from numpy.typing import NDArray

from verify.oracle.least_squares import non_negative, of_simplices
from verify.tape.balls import precision
from verify.tape.ranges import overflows

Floats = NDArray[np.floating]

NEGLIGIBLE = 1e-9
"""Multipliers below this are also tried as zero; the better of both answers is kept, so nothing is lost."""

MANY_MULTIPLIERS, ENTRIES_PER_GROUP = 128, 1 / 4
"""Number of multipliers, and of entries per group, beyond which the nearest element is searched among vertices of the whole set, where that
is faster: bounded least squares takes seconds for thousands of groups, the search among vertices where there are equally many entries.
"""
TRIES = 8
"""How often a ball is given more vertices."""
GAIN = 0.9
"""Factor by which a further attempt must reduce the remaining distance."""
CLOSE_ENOUGH = 0.5
"""Distance from the set, in radii, that is near enough: well within the allowance."""


class Generator(Protocol):
    """One vertex of one switch, relative to the first vertex of its group."""

    @property
    def matrix(self) -> Floats:
        """The vertex in the shape of x."""

    def dot(self, d: Floats) -> float:
        """⟨generator, d⟩."""


@dataclass(frozen=True)
class RankOne:
    """The product of scores (C,) ⊗ features (D,)."""

    scores: Floats
    features: Floats

    @property
    def matrix(self) -> Floats:
        """The product, (C, D)."""
        return np.outer(self.scores, self.features)

    def dot(self, d: Floats) -> float:
        """⟨generator, d⟩, without building the matrix."""
        return float(self.scores @ d @ self.features)


@dataclass(frozen=True)
class Scattered:
    """Values at some entries of x, by their indices in C order."""

    shape: tuple[int, ...]
    places: NDArray[np.intp]
    values: Floats

    @property
    def matrix(self) -> Floats:
        """The values in the shape of x, 0 elsewhere."""
        whole = np.zeros(int(np.prod(self.shape)))
        np.add.at(whole, self.places, self.values)
        return whole.reshape(self.shape)

    def dot(self, d: Floats) -> float:
        """⟨generator, d⟩ over its entries."""
        return float(self.values @ d.ravel()[self.places])


@dataclass(frozen=True)
class BallGenerator:
    """A ball, {Σ lengths_k · u_k at places_k : ‖u‖₂ ≤ 1}, which no finite number of vertices spans."""

    shape: tuple[int, ...]
    places: NDArray[np.intp]
    lengths: Floats

    def support(self, d: Floats) -> Any:
        """The maximum of ⟨g, d⟩, in the precision of d."""
        unit, size = self._along(d)
        return size * np.sqrt(np.sum(unit**2))

    def farthest(self, d: Floats) -> Scattered:
        """The g that attains the maximum; 0 if d is 0 at all places."""
        unit, _ = self._along(d)
        return Scattered(self.shape, self.places, np.asarray(self.lengths * unit / (np.sqrt(np.sum(unit**2)) or 1.0), np.float64))

    def _along(self, d: Floats) -> tuple[Floats, Any]:
        """The scaled entries of d, and their size separately, so that squares neither vanish nor overflow."""
        along = self.lengths * d.ravel()[self.places]
        size = np.max(np.abs(along), initial=0.0)
        return along / (size or 1.0), size

    def judged(self, which: NDArray[np.bool_]) -> BallGenerator:
        """The ball with 0 in the other entries."""
        return BallGenerator(self.shape, self.places, np.where(which.ravel()[self.places], self.lengths, 0.0))


@dataclass(frozen=True)
class JudgedEntries:
    """A generator restricted to the judged entries."""

    whole: Generator
    judged: NDArray[np.bool_]

    @property
    def matrix(self) -> Floats:
        """The generator, with 0 in the other entries."""
        return np.where(self.judged, self.whole.matrix, 0.0)

    def dot(self, d: Floats) -> float:
        """⟨generator, d⟩ over the judged entries."""
        return float(np.sum(self.matrix * d))


@dataclass(frozen=True)
class Distance:
    """The distance of a gradient from the nearest allowed one, with each entry scaled by its radius.

    `strain` is attained by explicit multipliers, so it is an upper bound; `certified` is proved by a separating direction, so it is a lower
    bound. They agree without ambiguous switches. The `proof` is computed only when it is needed: hundreds of switches may be ambiguous.
    """

    strain: float
    proof: Callable[[], float]
    entry: tuple[int, ...]
    allowed: float
    residual: float
    nearest: float

    @property
    def certified(self) -> float:
        """The proved lower bound."""
        return self.proof()


@dataclass(frozen=True, kw_only=True)
class Subdifferential:
    """The set, with the radius that rounding allows around it and the magnitude of its terms, each in the shape of x.

    `rounds` are the balls among its parts, as of a norm at 0. An entry with an infinite radius is not judged. `excused()` says in which
    entries infinity and NaN are no evidence either.
    """

    center: NDArray[Any]
    radius: Floats
    magnitude: Floats
    groups: list[list[Generator]]
    dtype: str = "float64"
    excused: Callable[[], NDArray[np.bool_]] | None = None
    rounds: Sequence[BallGenerator] = ()

    @property
    def is_single(self) -> bool:
        """Whether no switch is ambiguous, so that the set is one gradient."""
        return not self.groups and not self.rounds

    def judged(self, g: Floats) -> NDArray[np.bool_]:
        """The entries of g that are evidence: those with a finite radius, without entries that are not finite and need not be. An infinity
        to which the true entry rounds is right, and is evidence.
        """
        finite, known = np.isfinite(g), np.isfinite(self.radius)
        if not finite.all() and self.excused is not None:
            known &= finite | ~self.excused()
        return known | self._rounded_to(g)

    def _rounded_to(self, g: Floats) -> NDArray[np.bool_]:
        """The infinite entries to which the true ones round."""
        found = np.zeros(g.shape, bool)
        for at in _entries(np.isinf(g)) if self.is_single else ():
            found[at] = overflows(float(g[at]), self.center[at], float(self.radius[at]), self.dtype)
        return found

    def distance(self, g: Floats) -> Distance:
        """The scaled distance of g from the set, in the `judged` entries. NaN and infinity are infinitely far."""
        measured = self.judged(g) & ~self._rounded_to(g)
        for at in _entries(measured & ~np.isfinite(g))[:1]:
            return Distance(np.inf, lambda: np.inf, at, float(self.radius[at]), float("nan"), float(self.center[at]))
        if not measured.all():
            return self._in(measured).distance(np.where(measured, g, 0.0))
        offset = self.offset(g)
        if self.is_single:
            return self._worst(offset, g, None)
        inscribed, residual, tau = self._nearest_of(offset)

        def proof() -> float:
            plain = np.asarray(residual, dtype=np.float64) / self.radius
            directions = (plain, *(inscribed._orthogonal(residual, tau, least) for least in (NEGLIGIBLE, 0.0)))
            return max(self._certificate(q, offset) for q in directions)

        return self._worst(residual, g, proof)

    def _nearest_of(self, offset: Floats) -> tuple[Subdifferential, Floats, list[Floats]]:
        """The remaining offset from the nearest element, and the multipliers. Balls are approximated by vertices: each attempt adds two, in
        the direction of the remaining offset (Frank and Wolfe) and of the offset from the other parts, and fits all of them again.
        """
        if not self.rounds:
            return self, *self._nearest(offset)
        vertices: list[list[Generator]] = [[Scattered(r.shape, r.places, 0.0 * r.lengths), r.farthest(offset)] for r in self.rounds]
        size = inf
        for _ in range(TRIES):
            inscribed = replace(self, groups=[*self.groups, *vertices], rounds=())
            residual, tau = inscribed._nearest(offset)
            before, size = size, float(np.linalg.norm(residual / self.radius))
            if self._strain(residual) <= CLOSE_ENOUGH or not size < GAIN * before:
                break
            direction = np.asarray(residual / self.radius**2, np.float64)
            others = np.asarray(offset - self._span(tau[: len(self.groups)]), np.float64)
            vertices = [[*own, r.farthest(direction), r.farthest(others)] for own, r in zip(vertices, self.rounds, strict=True)]
        return inscribed, residual, tau

    def _in(self, judged: NDArray[np.bool_]) -> Subdifferential:
        """The set restricted to these entries: the others are 0, with radius 1."""
        center = self.center.copy()
        center[~judged] = arb(0)
        groups: list[list[Generator]] = [[JudgedEntries(g, judged) for g in group] for group in self.groups]
        rounds = [r.judged(judged) for r in self.rounds]
        return replace(self, center=center, radius=np.where(judged, self.radius, 1.0), groups=groups, rounds=rounds)

    def strain(self, offset: Floats) -> float:
        """An upper bound of the distance of g from the set, in radii, for `offset` = g − center: `distance` without its proof."""
        first = self._strain(offset)
        return first if self.is_single or first <= 1 else self._strain(self._nearest_of(offset)[1])

    def _nearest(self, offset: Floats) -> tuple[Floats, list[Floats]]:
        """The remaining offset from the nearest element of the set, and its multipliers."""
        start = self._multipliers(offset, self.radius)
        found = [(offset - self._span(m), m) for m in (start, self._polished(start, offset))]
        return min(found, key=lambda f: self._strain(f[0]))

    def _strain(self, residual: Floats) -> float:
        return float(np.max(np.abs(residual) / self.radius))

    def support(self, d: Floats) -> float:
        """The maximum of ⟨g, d⟩ over the set: the one-sided derivative f'(W; d) if f is convex. Rounded in float64."""
        with precision():
            total = sum((arb(float(x)) * c for x, c in zip(d.flat, self.center.flat, strict=True)), arb(0))
        return float(total) + sum(max(g.dot(d) for g in group) for group in self.groups) + sum(float(r.support(d)) for r in self.rounds)

    def least_norm(self) -> Floats:
        """The element of least Euclidean norm: its negative is a direction of descent unless it is 0."""
        center = self.center.astype(np.float64)
        if self.is_single:
            return center
        if self.rounds:
            return -np.asarray(replace(self, radius=np.full(self.radius.shape, NEGLIGIBLE))._nearest_of(-center)[1], dtype=np.float64)
        return center + np.asarray(self._span(self._multipliers(-center, np.ones(self.radius.shape))), dtype=np.float64)

    def offset(self, g: Floats) -> Floats:
        """The offset g − center, rounded only once: the error, if the set is one gradient."""
        with precision():
            found = [float(arb(float(x)) - c) for x, c in zip(g.flat, self.center.flat, strict=True)]
        return np.array(found).reshape(g.shape)

    def _multipliers(self, offset: Floats, radius: Floats) -> list[Floats]:
        """The multipliers τ, one simplex for each group, of the combination nearest in scaled least squares.

        Bounded least squares with nonnegative multipliers; each simplex is one more, heavier, equation. The result is projected onto the
        simplices, so that it proves membership however well the solver did.
        """
        columns = np.stack([g.matrix.ravel() for group in self.groups for g in group], axis=1)
        seen = np.any(columns != 0, axis=1)
        scale = 1 / radius.ravel()[seen]
        A, b = columns[seen] * scale[:, None], offset.ravel()[seen] * scale
        size = np.max(np.abs(A), initial=0.0)
        if size == 0:
            return [np.full(len(group), 1 / len(group)) for group in self.groups]
        owner = np.repeat(np.arange(len(self.groups)), [len(group) for group in self.groups])
        if len(owner) > MANY_MULTIPLIERS and len(b) < ENTRIES_PER_GROUP * len(self.groups):
            tau = of_simplices(A / size, b / size, np.flatnonzero(np.diff(owner, prepend=-1)))
            return [tau[owner == k] for k in range(len(self.groups))]
        simplex = 10.0 * (owner == np.arange(len(self.groups))[:, None])
        tau = non_negative(np.vstack([A / size, simplex]), np.concatenate([b / size, np.full(len(self.groups), 10.0)]))
        split = [tau[owner == k] for k in range(len(self.groups))]
        return [t / t.sum() if t.sum() > 0 else np.full(len(t), 1 / len(t)) for t in split]

    def _polished(self, start: list[Floats], offset: Floats) -> list[Floats]:
        """One step of iterative refinement for the multipliers that are not zero: the solver leaves an error of a few u·cond in them, which
        would otherwise show as strain.
        """
        radius = self.radius.ravel()
        tau = [np.where(t > NEGLIGIBLE, t, 0.0) for t in start]
        pivots = [int(np.argmax(t)) for t in tau]
        free = [(k, a) for k, t in enumerate(tau) for a in np.flatnonzero(t) if a != pivots[k]]
        for t, p in zip(tau, pivots, strict=True):
            t[p] = 1 - (t.sum() - t[p])
        if free:
            columns = [(self.groups[k][a].matrix - self.groups[k][pivots[k]].matrix).ravel() / radius for k, a in free]
            residual = np.asarray(offset - self._span(tau), dtype=np.float64).ravel() / radius
            correction = np.linalg.lstsq(np.stack(columns, axis=1), residual, rcond=None)[0]
            for (k, a), change in zip(free, correction, strict=True):
                change = np.clip(tau[k][a] + change, 0.0, 1.0) - tau[k][a]
                tau[k][a] += change
                tau[k][pivots[k]] -= change
        return [np.clip(t, 0.0, 1.0) / np.clip(t, 0.0, 1.0).sum() for t in tau]

    def _span(self, multipliers: list[Floats]) -> Floats:
        total = np.zeros(self.radius.shape, dtype=np.longdouble)
        for tau, group in zip(multipliers, self.groups, strict=True):
            for t, g in zip(tau, group, strict=True):
                total += np.longdouble(t) * g.matrix
        return total

    def _orthogonal(self, residual: Floats, tau: list[Floats], least: float) -> Floats:
        """The scaled residual without its components along the free multipliers, those above `least`: along these the solver's errors would
        dominate the certificate. A multiplier as small as these errors counts as an error for one solver and as free for another, so both
        are tried.
        """
        free = [
            (self.groups[k][a].matrix - self.groups[k][int(np.argmax(t))].matrix).ravel() / self.radius.ravel()
            for k, t in enumerate(tau)
            for a in np.flatnonzero(t > least)
            if a != int(np.argmax(t))
        ]
        q = np.asarray(residual / self.radius, dtype=np.float64).ravel()
        if free:
            basis, r = np.linalg.qr(np.stack(free, axis=1))
            basis = basis[:, np.abs(np.diag(r)) > NEGLIGIBLE * np.max(np.abs(r), initial=0.0)]
            for _ in range(2):  # twice is enough (Kahan, Parlett)
                q = q - basis @ (basis.T @ q)
        return q.reshape(self.radius.shape)

    def _certificate(self, direction: Floats, offset: Floats) -> float:
        """A lower bound of the distance: no element of the set is nearer along this direction (in scaled entries)."""
        if not np.any(direction):
            return 0.0
        q = (direction / np.max(np.abs(direction)) / self.radius).astype(np.longdouble)
        reach = sum(max(np.sum(q * g.matrix) for g in group) for group in self.groups) + sum(r.support(q) for r in self.rounds)
        return float((np.sum(q * offset) - reach) / np.sum(np.abs(q) * self.radius))

    def _worst(self, residual: Floats, g: Floats, proof: Callable[[], float] | None) -> Distance:
        strains = np.abs(residual) / self.radius
        at = tuple(int(i) for i in np.unravel_index(int(np.argmax(strains)), strains.shape))
        strain, left = float(strains[at]), float(residual[at])
        return Distance(strain, proof or (lambda: strain), at, float(self.radius[at]), abs(left), float(g[at]) - left)


def _entries(which: NDArray[np.bool_]) -> list[tuple[int, ...]]:
    return [tuple(at) for at in np.argwhere(which).tolist()]
