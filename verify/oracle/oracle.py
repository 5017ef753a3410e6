"""What is true of f(W) = reduce_i ℓ(W x_i, y_i) + λ R(W), and what a careful candidate may answer.

A candidate works in floating point, so it is judged on the box S ± δ, δ = γ_{D+2} |X||W|ᵀ: any order of summation,
fused or not, stays inside. On top come the roundings of ℓ's own formula (`program`), of the reduction over N, of
dW = dSᵀX and of the penalty, all times `SLACK`; underflow adds smallest normals. No other tolerance exists.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from flint import arb, arb_mat, arb_series, fmpq
from numpy.typing import NDArray

from verify.oracle import exact
from verify.oracle.formula import Formula, Pieces, Quantity, Vertex, loss_formula, penalty_formula
from verify.oracle.program import Ball, Run, precision
from verify.oracle.subdifferential import Generator, Subdifferential
from verify.rounding import SLACK, gamma, smallest_normal, unit_roundoff
from verify.spec.objective import Objective

Floats = NDArray[np.floating]
Labels = NDArray[np.integer[Any]]


@dataclass(frozen=True, kw_only=True)
class Value:
    """f(W) as a ball, and the radius that a right candidate stays within, SLACK included."""

    exact: arb
    radius: float
    magnitude: float


class Oracle:
    """The truth about one objective, for candidates that compute in `dtype`."""

    def __init__(self, objective: Objective, dtype: str) -> None:
        self.objective, self.dtype = objective, dtype
        self.u, self.tiny = unit_roundoff(dtype), smallest_normal(dtype)
        self._constants = [exact.ball(p) for p in objective.parameters.values()]
        # A parameter that the dtype cannot hold is rounded once by whoever computes in it.
        self._rounded_constants = [
            c + arb(0, 0.0 if float(np.dtype(dtype).type(p)) == p else self.u * abs(p))
            for c, p in zip(self._constants, objective.parameters.values(), strict=True)
        ]

    def at(self, W: Floats, X: Floats, y: Labels, reg: float) -> Point:
        """Everything at one point. W is (C, D), X is (N, D), y is (N,) with labels in 0..C−1."""
        return Point(self, W, X, y, reg)

    def formula(self, classes: int, label: int) -> Formula:
        """ℓ for one label."""
        return loss_formula(self.objective.loss, classes, int(label))

    def inputs(self, scores: Sequence[Ball]) -> list[Ball]:
        """The inputs of a formula: the scores and the loss's parameters."""
        return [*scores, *self._constants]

    def rounded_inputs(self, scores: Sequence[arb], radii: Floats) -> list[arb]:
        """The same as a candidate may see them: scores within their radii, parameters rounded once."""
        return [*(s + arb(0, float(r)) for s, r in zip(scores, radii, strict=True)), *self._rounded_constants]

    def penalised(self, W: Floats) -> Floats:
        """A mask over the columns of W: 0 where the penalty leaves the bias out."""
        mask = np.ones(W.shape[1])
        mask[-1:] = self.objective.penalty.bias
        return mask


class Point:
    """The truth at one (W, X, y, reg); each quantity is derived when it is first asked for."""

    def __init__(self, oracle: Oracle, W: Floats, X: Floats, y: Labels, reg: float) -> None:
        self.oracle, self.W, self.X, self.y, self.reg = oracle, W, X, y, float(reg)
        self.share = fmpq(*oracle.objective.share(len(X)))

    @cached_property
    def scores(self) -> list[list[arb]]:
        """S = X Wᵀ, (N, C), exact."""
        return exact.product(self.X, self.W)

    @cached_property
    def score_radii(self) -> Floats:
        """δ, (N, C)."""
        D = self.W.shape[1]
        size = np.abs(self.X).astype(np.float64) @ np.abs(self.W).astype(np.float64).T
        return np.asarray(gamma(D + 2, self.oracle.u) * size + (D + 2) * self.oracle.tiny)

    @cached_property
    def _runs(self) -> list[tuple[Formula, Run, Run]]:
        runs, u = [], arb(self.oracle.u)
        for s, r, label in zip(self.scores, self.score_radii, self.y, strict=True):
            formula = self.oracle.formula(len(s), label)
            thin = formula.program.run(self.oracle.inputs(s))
            runs.append((formula, thin, formula.program.run(self.oracle.rounded_inputs(s, r), u)))
        return runs

    @cached_property
    def _penalty_runs(self) -> list[tuple[Formula, Run, Run]]:
        formula, u = penalty_formula(self.oracle.objective.penalty), arb(self.oracle.u)
        balls = [exact.ball(w) for w in self.W.ravel()]
        return [(formula, formula.program.run([w]), formula.program.run([w], u)) for w in balls]

    @property
    def _has_penalty(self) -> bool:
        return bool(penalty_formula(self.oracle.objective.penalty).value_terms) and self.reg != 0

    @cached_property
    def value(self) -> Value:
        """f(W). The radius: ℓ's own, γ of the reduction over N, γ of the penalty's sum, and the last additions."""
        with precision():
            parts = [f.value(thin, fat) for f, thin, fat in self._runs]
            data = sum((p.exact for p in parts), arb(0)) * self.share
            penalty, penalty_radius, penalty_size = self._penalty_value()
            total = data + self.reg * penalty
        share, u, steps = float(self.share), self.oracle.u, self._additions
        own = share * sum(p.radius for p in parts)
        size = share * sum(p.magnitude for p in parts)
        radius = own + gamma(steps, u) * size + penalty_radius + 2 * u * (size + penalty_size)
        return Value(exact=total, radius=SLACK * (radius + self._underflow), magnitude=size + penalty_size)

    @cached_property
    def gradient(self) -> Subdifferential:
        """∂f(W) over the box, with the entrywise radius within which a right candidate stays of one of its elements."""
        C, D = self.W.shape
        with precision():
            pieces = [f.pieces(thin, fat) for f, thin, fat in self._runs]
            dS = arb_mat(len(self.X), C, [_entry(p, j).exact for p in pieces for j in range(C)])
            share = arb(self.share)
            ahead = [[_hull_start(p, j) for j in range(C)] for p in pieces]
            dS += arb_mat(len(self.X), C, [x for row in ahead for x in row])
            X = arb_mat(len(self.X), D, [exact.ball(x) for x in self.X.ravel()])
            center = ((dS.transpose() * X) * share).tolist()
            penalty, penalty_radius, penalty_size = self._penalty_gradient()
            center = [[c + p for c, p in zip(cs, ps, strict=True)] for cs, ps in zip(center, penalty, strict=True)]
        absolute = np.abs(self.X).astype(np.float64) * float(self.share)
        score_size = np.array([[_magnitude(p, j) for j in range(C)] for p in pieces]).reshape(-1, C)
        score_radius = np.array([[_radius(p, j) for j in range(C)] for p in pieces]).reshape(-1, C)
        # The entries of one example's gradient may be computed from each other (1 − p for the other class, minus the sum
        # of the rest), so each carries roundings of the largest.
        score_radius += gamma(C, self.oracle.u) * np.max(score_size, axis=1, initial=0.0, keepdims=True)
        own, size = score_radius.T @ absolute, score_size.T @ absolute
        u, underflow = self.oracle.u, self._underflow * (1 + absolute.sum(axis=0))
        radius = own + gamma(self._additions, u) * size + penalty_radius + 2 * u * (size + penalty_size) + underflow
        return Subdifferential(center=center, radius=SLACK * radius, magnitude=size + penalty_size, groups=list(self._groups(pieces)))

    def along(self, d: Floats, low: float, high: float) -> list[arb]:
        """Enclosures over t in [low, high] of the Taylor coefficients f^(k)(W+td)/k!, k = 0..3.

        Raises KinkOnSegment where a switch may change on the segment.
        """
        mid, half = (high + low) / 2, (high - low) / 2
        with precision():
            t = arb(mid, half) if half else arb(mid)
            total = arb_series([0], 4)
            for s, v, label in zip(self.scores, exact.product(self.X, d), self.y, strict=True):
                formula = self.oracle.formula(len(s), label)
                line = [arb_series([a + t * b, b], 4) for a, b in zip(s, v, strict=True)]
                registers = formula.program.run(self.oracle.inputs(line)).registers
                total += sum((registers[k] for k in formula.value_terms), arb_series([0], 4))
            total *= arb(self.share)
            if self._has_penalty:
                total += self._penalty_along(d, t)
            return [total[k] for k in range(4)]

    def _penalty_along(self, d: Floats, t: arb) -> arb_series:
        formula, mask = penalty_formula(self.oracle.objective.penalty), self.oracle.penalised(self.W)
        total = arb_series([0], 4)
        for j, k in np.argwhere(np.broadcast_to(mask, self.W.shape) > 0):
            w, v = exact.ball(self.W[j, k]), exact.ball(d[j, k])
            registers = formula.program.run([arb_series([w + t * v, v], 4)]).registers
            total += sum((registers[i] for i in formula.value_terms), arb_series([0], 4))
        return total * exact.ball(self.reg)

    def _penalty_value(self) -> tuple[arb, float, float]:
        if not self._has_penalty:
            return arb(0), 0.0, 0.0
        parts = [f.value(thin, fat) for f, thin, fat in self._penalty_runs]
        counted = np.broadcast_to(self.oracle.penalised(self.W), self.W.shape).ravel()
        total = sum((p.exact for p, m in zip(parts, counted, strict=True) if m), arb(0))
        size = abs(self.reg) * sum(p.magnitude for p in parts)
        own = abs(self.reg) * sum(p.radius for p in parts)
        return total, own + gamma(self.W.size + 2, self.oracle.u) * size, size

    @cached_property
    def _penalty_pieces(self) -> list[Pieces]:
        return [f.pieces(thin, fat) for f, thin, fat in self._penalty_runs] if self._has_penalty else []

    def _penalty_gradient(self) -> tuple[list[list[arb]], Floats, Floats]:
        shape, pieces = self.W.shape, self._penalty_pieces
        if not pieces:
            zero = np.zeros(shape)
            return [[arb(0)] * shape[1] for _ in self.W], zero, zero
        mask = np.broadcast_to(self.oracle.penalised(self.W), shape).ravel()
        flat = [self.reg * (_entry(p, 0).exact + _hull_start(p, 0)) if m else arb(0) for p, m in zip(pieces, mask, strict=True)]
        # Where the penalty leaves the bias out its size still counts: a right candidate may add it and take it away.
        size = abs(self.reg) * np.array([_magnitude(p, 0) for p in pieces]).reshape(shape)
        own = abs(self.reg) * np.array([_radius(p, 0) for p in pieces]).reshape(shape)
        rows = [flat[j * shape[1] : (j + 1) * shape[1]] for j in range(shape[0])]
        return rows, own + gamma(4, self.oracle.u) * size, size

    def _groups(self, pieces: list[Pieces]) -> Iterator[list[Generator]]:
        """The hulls that span ∂f from the center: those of the examples, then those of the penalised weights."""
        for p, x in zip(pieces, self.X.astype(np.float64), strict=True):
            for vertices in p.ambiguous:
                yield _hull(vertices, len(self.W), x * float(self.share))
        mask, (rows, columns) = self.oracle.penalised(self.W), self.W.shape
        for i, p in enumerate(self._penalty_pieces):
            j, k = divmod(i, columns)
            for vertices in p.ambiguous if mask[k] else ():
                scalar = _hull(vertices, 1, self.reg * np.eye(columns)[k])
                yield [Generator(np.eye(rows)[j] * g.scores[0], g.features) for g in scalar]

    @property
    def _additions(self) -> int:
        """How many additions one entry of the sum over the examples may take, however it is arranged."""
        terms = max((f.additions for f, _, _ in self._runs), default=1)
        return len(self.X) * terms + 4

    @property
    def _underflow(self) -> float:
        steps = max((f.underflow_steps for f, _, _ in self._runs), default=1)
        return self.oracle.tiny * (steps + self._additions + self.W.size)


def _hull(vertices: list[Vertex], variables: int, features: Floats) -> list[Generator]:
    """The vertices relative to the first, as rank-one matrices."""
    rows = np.array([[float(v.entries.get(j, ZERO).exact) for j in range(variables)] for v in vertices])
    return [Generator(row - rows[0], features) for row in rows]


ZERO = Quantity(arb(0), 0.0, 0.0)


def _entry(p: Pieces, j: int) -> Quantity:
    return p.certain.get(j, ZERO)


def _hull_start(p: Pieces, j: int) -> arb:
    """The sum of the first vertices: the corner from which the hulls of the ambiguous switches are spanned."""
    return sum((vs[0].entries.get(j, ZERO).exact for vs in p.ambiguous), arb(0))


def _radius(p: Pieces, j: int) -> float:
    return _entry(p, j).radius + sum(max(v.entries.get(j, ZERO).radius for v in vs) for vs in p.ambiguous)


def _magnitude(p: Pieces, j: int) -> float:
    return _entry(p, j).magnitude + sum(max(v.entries.get(j, ZERO).magnitude for v in vs) for vs in p.ambiguous)
