"""What is true of f(W) = reduce_i ℓ(W x_i, y_i) + λ R(W), and what a careful candidate may answer.

A candidate works in floating point, so it is judged on the box S ± δ, δ = γ_{D+2} |X||W|ᵀ: any order of summation,
fused or not, stays inside. On top come the roundings of ℓ's own formula (`program`), of the reduction over N, of
dW = dSᵀX and of the penalty, all times `SLACK`; underflow adds smallest normals. No other tolerance exists.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from flint import arb, arb_mat, arb_series, fmpq
from numpy.typing import NDArray

from verify.oracle import exact
from verify.oracle.formula import Formula, Pieces, Quantity, Vertex, loss_formula, parabola, penalty_formula
from verify.oracle.program import Ball, KinkOnSegment, Run, precision
from verify.oracle.subdifferential import Generator, Subdifferential
from verify.rounding import SLACK, gamma, smallest_normal, unit_roundoff
from verify.spec.objective import Objective

Floats = NDArray[np.floating]
Labels = NDArray[np.integer[Any]]
T = TypeVar("T")
Lines = list[tuple[Formula, Callable[[arb], list[Ball]], arb]]


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

    @property
    def example(self) -> Formula:
        """ℓ in its smallest form, which shows whether it has switches or is curved."""
        return self.formula(self.objective.loss.scores(2), 0)

    def inputs(self, scores: Sequence[Ball]) -> list[Ball]:
        """The inputs of a formula: the scores and the loss's parameters."""
        return [*scores, *self._constants]

    def rounded_inputs(self, scores: Sequence[arb], radii: Floats) -> list[arb]:
        """The same as a candidate may see them: scores within their radii, parameters rounded once."""
        return [*(s + arb(0, float(r)) for s, r in zip(scores, radii, strict=True)), *self._rounded_constants]

    @property
    def piecewise_linear(self) -> bool:
        """Whether neither the loss nor the penalty is curved anywhere."""
        return self.example.piecewise_linear and penalty_formula(self.objective.penalty).piecewise_linear

    def penalised(self, W: Floats) -> Floats:
        """A mask over the columns of W: 0 where the penalty leaves the bias out, or is none."""
        mask = np.full(W.shape[1], float(bool(penalty_formula(self.objective.penalty).value_terms)))
        mask[-1:] *= self.objective.penalty.bias
        return mask


class Point:
    """The truth at one (W, X, y, reg); each quantity is derived when it is first asked for.

    Examples that are equal are derived once: `X`, `y` and `counts` are those of the distinct ones.
    """

    def __init__(self, oracle: Oracle, W: Floats, X: Floats, y: Labels, reg: float) -> None:
        self.oracle, self.W, self.reg, self.examples = oracle, W, float(reg), len(X)
        self.share = fmpq(*oracle.objective.share(len(X)))
        self.X, self.y, self.counts = _distinct(X, y)
        self._known: dict[Hashable, Any] = {}

    @cached_property
    def scores(self) -> list[list[arb]]:
        """S = X Wᵀ, exact, of the distinct examples."""
        return exact.product(self.X, self.W)

    @cached_property
    def score_radii(self) -> Floats:
        """δ, as large as the scores. Scores that are given may be rounded once, as the shift by a maximum does."""
        if self.oracle.objective.of_scores:
            picked = np.abs(self.W).astype(np.float64).T[np.argmax(self.X, axis=1)]
            return np.asarray(2 * self.oracle.u * picked + self.oracle.tiny)
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
    def pattern(self) -> frozenset[tuple[int, tuple[tuple[int, ...], ...]]]:
        """Which pieces are active: of each distinct example its label and, switch by switch, the pieces that may be chosen."""
        return frozenset(
            (int(label), tuple(map(tuple, fat.possible.values()))) for label, (_, _, fat) in zip(self.y, self._runs, strict=True)
        )

    @cached_property
    def value(self) -> Value:
        """f(W). The radius: ℓ's own, the penalty's, and γ of all additions on all magnitudes: a right candidate may add example
        after example, or weight after weight, to what is already there.
        """
        with precision():
            parts = [f.value(thin, fat) for f, thin, fat in self._runs]
            data = sum((n * p.exact for n, p in zip(self.counts, parts, strict=True)), arb(0)) * self.share
            penalty, penalty_radius, penalty_size = self._penalty_value()
            total = data + self.reg * penalty
        share, steps = float(self.share), self._additions + self.W.size * self._has_penalty
        own = share * sum(n * (p.radius + r) for n, p, r in zip(self.counts, parts, self._shifts, strict=True))
        size = share * sum(n * p.magnitude for n, p in zip(self.counts, parts, strict=True))
        radius = own + penalty_radius + gamma(steps + 2, self.oracle.u) * (size + self._margins + penalty_size)
        return Value(exact=total, radius=SLACK * (radius + self._underflow), magnitude=size + penalty_size)

    @property
    def _margins(self) -> float:
        """A right candidate may count the label as one of the classes and take its constant term away again, as in
        Σ_j max(0, s_j − s_y + Δ) − Δ: it rounds at the size of the parameters where the loss itself is next to nothing.
        """
        objective = self.oracle.objective
        each = 0.0 if objective.loss.targets else sum(abs(float(p)) for p in objective.parameters.values())
        return each * float(self.share) * sum(self.counts)

    @property
    def _shifts(self) -> list[float]:
        """A loss of one score is one of two classes whose other score is 0. A right candidate may subtract either, as log σ(s) − s
        and log(1 + eˢ) do, and then rounds at the size of the score where the loss itself is next to nothing.
        """
        if not self.oracle.objective.loss.targets:
            return [0.0] * len(self.scores)
        return [2 * self.oracle.u * float(s.abs_upper()) for (s,) in self.scores]

    @cached_property
    def curvatures(self) -> list[list[list[Quantity] | None]]:
        """∂²ℓ/∂s_j² of each distinct example (rows) and score (columns): one quantity for each choice of ambiguous pieces, with
        the radius within which a right candidate stays. None where there are too many choices.
        """
        with precision():
            found = [(f, [f.curvature(j, thin, fat) for j in range(len(self.W))]) for f, thin, fat in self._runs]
        return [[None if qs is None else [self._careful(f, q) for q in qs] for qs in row] for f, row in found]

    def _careful(self, formula: Formula, q: Quantity) -> Quantity:
        radius = q.radius + gamma(formula.additions + 2, self.oracle.u) * q.magnitude + self._underflow
        return Quantity(q.exact, SLACK * radius, q.magnitude)

    @cached_property
    def gradient(self) -> Subdifferential:
        """∂f(W) over the box, with the entrywise radius within which a right candidate stays of one of its elements.

        Whoever begins with λ∇R(W) rounds at its size once an example, so γ of the sum over the examples is on both.
        """
        C, D = self.W.shape
        with precision():
            pieces = [f.pieces(thin, fat) for f, thin, fat in self._runs]
            dS = arb_mat(len(self.X), C, [_entry(p, j).exact for p in pieces for j in range(C)])
            share = arb(self.share)
            ahead = [[_hull_start(p, j) for j in range(C)] for p in pieces]
            dS += arb_mat(len(self.X), C, [x for row in ahead for x in row])
            X = arb_mat(len(self.X), D, [n * exact.ball(x) for n, row in zip(self.counts, self.X, strict=True) for x in row])
            center = ((dS.transpose() * X) * share).tolist()
            penalty, penalty_radius, penalty_size = self._penalty_gradient()
            center = [[c + p for c, p in zip(cs, ps, strict=True)] for cs, ps in zip(center, penalty, strict=True)]
        absolute = np.abs(self.X).astype(np.float64) * float(self.share) * np.array(self.counts)[:, None]
        score_size = np.array([[_magnitude(p, j) for j in range(C)] for p in pieces]).reshape(-1, C)
        score_radius = np.array([[_radius(p, j) for j in range(C)] for p in pieces]).reshape(-1, C)
        # The entries of one example's gradient may be computed from each other (1 − p for the other class, minus the sum
        # of the rest), so each carries the errors of all and roundings of the largest.
        largest = np.max(score_size, axis=1, initial=0.0, keepdims=True)
        joint = np.sum(score_radius, axis=1, keepdims=True) + gamma(C, self.oracle.u) * largest
        score_radius = np.broadcast_to(joint, score_size.shape)
        own, size = score_radius.T @ absolute, score_size.T @ absolute
        underflow = self._underflow * (1 + absolute.sum(axis=0))
        radius = own + penalty_radius + gamma(self._additions + 2, self.oracle.u) * (size + penalty_size) + underflow
        return Subdifferential(center=center, radius=SLACK * radius, magnitude=size + penalty_size, groups=list(self._groups(pieces)))

    def along(self, d: Floats, low: float, high: float) -> list[arb]:
        """Enclosures over t in [low, high] of the Taylor coefficients f^(k)(W+td)/k!, k = 0..3.

        Raises KinkOnSegment where a switch that f depends on there may change on the segment.
        """
        return self._once(("along", d.tobytes(), low, high), lambda: self._along(d, low, high))

    def _along(self, d: Floats, low: float, high: float) -> list[arb]:
        with precision():
            t, total = _interval(low, high), arb_series([0], ORDER)
            for formula, line, weight in self._lines(d):
                total += formula.program.run(line(t)).total(formula.value_terms) * weight
            return [total[k] for k in range(ORDER)]

    def slopes(self, d: Floats, low: float, high: float) -> arb:
        """A ball around ⟨∂f(W+td), d⟩ for all t in [low, high], kinks or not."""
        return self._once(("slopes", d.tobytes(), low, high), lambda: self._slopes(d, low, high))

    def _slopes(self, d: Floats, low: float, high: float) -> arb:
        with precision():
            t, total = _interval(low, high), arb(0)
            for formula, line, weight in self._lines(d):
                here = line(t)
                run = formula.program.run([_at(x) for x in here])
                total += formula.slope(run, [_rate(x) for x in here]) * weight
            return total

    def path(self, d: Floats, length: float, most: int) -> list[Stretch]:
        """The smooth stretches of t → f(W+td) on [0, length], at most `most` of them from the start.

        Kinks are where switches change, so a stretch may end where f happens to be smooth. A kink that no short number tells is a
        ball: it ends one stretch and starts the next. Raises KinkOnSegment where it is not certain which piece a switch takes.
        """
        return self._once(("path", d.tobytes(), length, most), lambda: self._path(d, length, most))

    def _path(self, d: Floats, length: float, most: int) -> list[Stretch]:
        with precision():
            stretches: list[Stretch] = []
            start, end = arb(0), arb(length)
            while len(stretches) < most:
                runs = [(f, f.program.run(line(start), ahead=True), weight, line) for f, line, weight in self._lines(d)]
                stop = end
                for f, run, _, line in runs:
                    kink = f.next_kink(run, line, start, stop)
                    stop = stop if kink is None else kink
                taken = [(f, run.possible, weight, line) for f, run, weight, line in runs]
                stretches.append(_taylor(taken, start, stop))
                if stop is end:
                    break
                start = stop
            return stretches

    def _once(self, question: Hashable, answer: Callable[[], T]) -> T:
        """Derived when it is first asked for, be it that there is a kink."""
        if question not in self._known:
            try:
                self._known[question] = answer()
            except KinkOnSegment as kink:
                self._known[question] = kink
        found = self._known[question]
        if isinstance(found, KinkOnSegment):
            raise found
        known: T = found
        return known

    def _lines(self, d: Floats) -> Lines:
        """Every formula of f with its inputs as series in t − t₀ around a given t₀, and its weight in the sum."""
        share, lines = arb(self.share), []
        for s, v, label, n in zip(self.scores, exact.product(self.X, d), self.y, self.counts, strict=True):
            lines.append((self.oracle.formula(len(s), label), self._line(s, v, self.oracle.inputs), n * share))
        if self._has_penalty:
            lines += self._penalty_lines(d)
        return lines

    def _penalty_lines(self, d: Floats) -> Lines:
        formula, reg = penalty_formula(self.oracle.objective.penalty), exact.ball(self.reg)
        counted = np.broadcast_to(self.oracle.penalised(self.W), self.W.shape) > 0
        w, v = self.W[counted], d[counted].astype(self.W.dtype)
        if formula.quadratic is None:
            return [(formula, self._line([exact.ball(a)], [exact.ball(b)], list), reg) for a, b in zip(w, v, strict=True)]
        c0, c1, c2 = formula.quadratic
        (one, w_sum, v_sum), (_, ww, wv), (_, _, vv) = exact.product(*[np.stack([np.ones_like(w), w, v])] * 2)
        along = [c0 * one + c1 * w_sum + c2 * ww, c1 * v_sum + 2 * c2 * wv, c2 * vv]
        return [(parabola(), lambda t: [arb_series([t, 1], ORDER), *along], reg)]

    @staticmethod
    def _line(at: Sequence[arb], rate: Sequence[arb], inputs: Callable[[list[Ball]], list[Ball]]) -> Callable[[arb], list[Ball]]:
        return lambda t: inputs([arb_series([a + t * b, b], ORDER) for a, b in zip(at, rate, strict=True)])

    def _penalty_value(self) -> tuple[arb, float, float]:
        """(R(W), rounding radius of λR, magnitude of its terms)."""
        formula = penalty_formula(self.oracle.objective.penalty)
        if not self._has_penalty:
            return arb(0), 0.0, 0.0
        mask = np.broadcast_to(self.oracle.penalised(self.W), self.W.shape)
        if formula.quadratic is not None:
            c0, c1, c2 = formula.quadratic
            w, absolute = self.W[mask > 0], np.abs(self.W).astype(np.float64)
            (one, w_sum), (_, ww) = exact.product(*[np.stack([np.ones_like(w), w])] * 2)
            total = c0 * one + c1 * w_sum + c2 * ww
            terms = [float(abs(c)) * float(p.sum()) for c, p in ((c0, absolute**0), (c1, absolute), (c2, absolute**2))]
            size = abs(self.reg) * sum(terms)
            own = QUADRATIC_ROUNDINGS * self.oracle.u * size
        else:
            parts = [f.value(thin, fat) for f, thin, fat in self._penalty_runs]
            total = sum((p.exact for p, m in zip(parts, mask.ravel(), strict=True) if m), arb(0))
            size = abs(self.reg) * sum(p.magnitude for p in parts)
            own = abs(self.reg) * sum(p.radius for p in parts)
        return total, own + gamma(self.W.size + 2, self.oracle.u) * size, size

    @cached_property
    def _penalty_pieces(self) -> list[Pieces]:
        smooth = penalty_formula(self.oracle.objective.penalty).quadratic is not None
        return [f.pieces(thin, fat) for f, thin, fat in self._penalty_runs] if self._has_penalty and not smooth else []

    def _penalty_gradient(self) -> tuple[list[list[arb]], Floats, Floats]:
        """(λ∇R(W), its rounding radius, the magnitude of its terms), each (C, D)."""
        formula, shape = penalty_formula(self.oracle.objective.penalty), self.W.shape
        if not self._has_penalty:
            zero = np.zeros(shape)
            return [[arb(0)] * shape[1] for _ in self.W], zero, zero
        if formula.quadratic is not None:
            _, c1, c2 = formula.quadratic
            columns = self.oracle.penalised(self.W)
            exacts = [
                [self.reg * (c1 + 2 * c2 * exact.ball(w)) if m else arb(0) for w, m in zip(ws, columns, strict=True)] for ws in self.W
            ]
            size = abs(self.reg) * (float(abs(c1)) + 2 * float(abs(c2)) * np.abs(self.W).astype(np.float64))
            return exacts, (QUADRATIC_ROUNDINGS * self.oracle.u + gamma(4, self.oracle.u)) * size, size
        pieces = self._penalty_pieces
        mask = np.broadcast_to(self.oracle.penalised(self.W), shape).ravel()
        flat = [self.reg * (_entry(p, 0).exact + _hull_start(p, 0)) if m else arb(0) for p, m in zip(pieces, mask, strict=True)]
        # Where the penalty leaves the bias out its size still counts: a right candidate may add it and take it away.
        size = abs(self.reg) * np.array([_magnitude(p, 0) for p in pieces]).reshape(shape)
        own = abs(self.reg) * np.array([_radius(p, 0) for p in pieces]).reshape(shape)
        rows = [flat[j * shape[1] : (j + 1) * shape[1]] for j in range(shape[0])]
        return rows, own + gamma(4, self.oracle.u) * size, size

    def _groups(self, pieces: list[Pieces]) -> Iterator[list[Generator]]:
        """The hulls that span ∂f from the center: those of the examples, then those of the penalised weights."""
        for p, x, n in zip(pieces, self.X.astype(np.float64), self.counts, strict=True):
            for vertices in p.ambiguous:  # equal examples choose apart: n times a simplex is the sum of n of them
                yield _hull(vertices, len(self.W), n * x * float(self.share))
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
        return self.examples * terms + 4

    @property
    def _underflow(self) -> float:
        steps = max((f.underflow_steps for f, _, _ in self._runs), default=1)
        return self.oracle.tiny * (steps + self._additions + self.W.size)


def _distinct(X: Floats, y: Labels) -> tuple[Floats, Labels, list[int]]:
    """The distinct examples in the order of their first places, and how often each occurs."""
    places: dict[tuple[bytes, int], list[int]] = {}
    for i, (x, label) in enumerate(zip(X, y, strict=True)):
        places.setdefault((x.tobytes(), int(label)), []).append(i)
    first = [at[0] for at in places.values()]
    return X[first], y[first], [len(at) for at in places.values()]


def _hull(vertices: list[Vertex], variables: int, features: Floats) -> list[Generator]:
    """The vertices relative to the first, as rank-one matrices."""
    rows = np.array([[float(v.entries.get(j, ZERO).exact) for j in range(variables)] for v in vertices])
    return [Generator(row - rows[0], features) for row in rows]


QUADRATIC_ROUNDINGS = 3
"""Roundings of one term c·w² or 2c·w, whatever the order of its factors."""

ORDER = 4
"""Taylor coefficients up to the third derivative: what a centred difference needs."""


@dataclass(frozen=True)
class Stretch:
    """A part of a line on which no switch changes: t in [start, end], the slope f' just after `start`, a ball around f'' on all of
    it, and by how much f rises.
    """

    start: arb
    end: arb
    slope: arb
    curvature: arb
    rise: arb


def _interval(low: float, high: float) -> arb:
    return arb((high + low) / 2, (high - low) / 2) if high > low else arb(low)


def _at(x: Ball) -> arb:
    return x[0] if isinstance(x, arb_series) else x


def _rate(x: Ball) -> arb:
    return x[1] if isinstance(x, arb_series) else arb(0)


def _taylor(taken: list[tuple[Formula, dict[int, list[int]], arb, Callable[[arb], list[Ball]]]], start: arb, stop: arb) -> Stretch:
    """The stretch on which every switch is on the piece that it took ahead of the start."""

    def at(t: arb) -> arb_series:
        total = arb_series([0], ORDER)
        for formula, pieces, weight, line in taken:
            total += formula.program.run(line(t), taken=pieces).total(formula.value_terms) * weight
        return total

    first, length = at(start), stop - start
    slope, curvature = first[1], 2 * at((start + stop) / 2 + arb(0, (length / 2).abs_upper()))[2]
    rise = length * slope + curvature * length**2 / 2
    if not rise.rad() < NARROW:  # the enclosure of a curve is wide, its values at the ends are not
        rise = at(stop)[0] - first[0]
    return Stretch(start, stop, slope, curvature, rise)


NARROW = 2.0**-80
"""What a rise may be uncertain by before it is asked for at the ends: less than rounding in any dtype shows."""


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
