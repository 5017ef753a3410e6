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
from verify.oracle.formula import Formula, any_target_formula, loss_formula, parabola, penalty_formula
from verify.oracle.ranges import overflows
from verify.oracle.subdifferential import Generator, Subdifferential
from verify.rounding import ELEMENTARY, SLACK, gamma, smallest_normal, unit_roundoff
from verify.spec.objective import Objective
from verify.tape.balls import Ball, KinkOnSegment, precise, precision
from verify.tape.enclose import Run
from verify.tape.reverse import Pieces, Quantity, Vertex

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

    def rounds_to(self, infinity: float, dtype: str) -> bool:
        """Whether a right candidate may answer this infinity: f(W) or what it may be taken for does not fit the dtype."""
        return overflows(infinity, self.exact, self.radius, dtype)


class Oracle:
    """The truth about one objective, for candidates that compute in `dtype`."""

    def __init__(self, objective: Objective, dtype: str) -> None:
        self.objective, self.dtype = objective, dtype
        self.u, self.tiny = unit_roundoff(dtype), smallest_normal(dtype)
        self.roundoff = arb(self.u)
        self._constants = [exact.ball(p) for p in objective.parameters.values()]
        self._steepest: dict[tuple[int, int], Floats] = {}
        self._most_curved: dict[tuple[int, int, int], float] = {}
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

    def steepest(self, classes: int, label: int) -> Floats:
        """L of each score: see `steepness`. Of a symmetric loss it is known for every label from that for the first."""
        from verify.oracle.steepness import steepest  # which looks at many points at once, as the bulk search does through this module

        if (classes, label) not in self._steepest:
            if self.objective.loss.claims.symmetric and label != 0:
                found = self.steepest(classes, 0).copy()
                found[[0, label]] = found[[label, 0]]
            else:
                found = steepest(self.formula(classes, label), list(self.objective.parameters.values()))
            self._steepest[classes, label] = found
        return self._steepest[classes, label]

    def most_curved(self, classes: int, label: int, j: int) -> float:
        """The same of the second derivative for score j."""
        from verify.oracle.steepness import most_curved

        if (classes, label, j) not in self._most_curved:
            found = most_curved(self.formula(classes, label), j, list(self.objective.parameters.values()))
            self._most_curved[classes, label, j] = found
        return self._most_curved[classes, label, j]

    @cached_property
    def for_any_target(self) -> Formula | None:
        """ℓ of one score with its target as a constant; None where there are classes, or the formula branches on the target."""
        return any_target_formula(self.objective.loss)

    def ways(self, classes: int, label: int) -> list[Formula]:
        """The further ways of writing ℓ for one label."""
        return [loss_formula(way, classes, int(label)) for way in self.objective.loss.written]

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
    def _steep(self) -> Floats:
        """L of each distinct example and score (N, C): how large the numbers are whose difference a slope may be computed as."""
        C = len(self.W)
        steep = [
            np.zeros(C) if f.is_polynomial_at(fat) else self.oracle.steepest(C, int(label))
            for (f, _, fat), label in zip(self._runs, self.y, strict=True)
        ]
        return np.array(steep).reshape(-1, C)

    @cached_property
    def _runs(self) -> list[tuple[Formula, Run, Run]]:
        """The loss of each distinct example: its formula, what is true, and what careful code may hold."""
        with precision():
            return [
                self._run(self.oracle.formula(len(s), label), s, r)
                for s, r, label in zip(self.scores, self.score_radii, self.y, strict=True)
            ]

    def _run(self, formula: Formula, scores: list[arb], radii: Floats) -> tuple[Formula, Run, Run]:
        thin = formula.follow(self.oracle.inputs(scores))
        return formula, thin, formula.follow(self.oracle.rounded_inputs(scores, radii), self.oracle.roundoff)

    @cached_property
    def _ways(self) -> list[list[tuple[Formula, Run, Run]]]:
        """The same of each distinct example in every further way of writing."""
        if not self.oracle.objective.loss.ways:
            return [[] for _ in self.y]
        with precision():
            return [
                [self._run(f, s, r) for f in self.oracle.ways(len(s), label)]
                for s, r, label in zip(self.scores, self.score_radii, self.y, strict=True)
            ]

    @cached_property
    def _penalty_runs(self) -> list[tuple[Formula, Run, Run]]:
        formula, u = penalty_formula(self.oracle.objective.penalty), self.oracle.roundoff
        with precision():
            return [(formula, formula.follow([w]), formula.follow([w], u)) for w in map(exact.ball, self.W.ravel())]

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
            parts = [
                _widest([f.value(thin, fat), *(w.value(*runs) for w, *runs in ways)])
                for (f, thin, fat), ways in zip(self._runs, self._ways, strict=True)
            ]
            data = sum((n * p.exact for n, p in zip(self.counts, parts, strict=True)), arb(0)) * self.share
            penalty, penalty_radius, penalty_size = self._penalty_value
            total = data + self.reg * penalty
        share, steps = float(self.share), self._additions + self.W.size * self._has_penalty
        own = share * sum(n * max(p.radius, r) for n, p, r in zip(self.counts, parts, self._shifts, strict=True))
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
        """How far each example's loss may be off where it is written with its asymptotes, as log σ(s) − s and s + log(1 + e⁻ˢ) are: by
        roundings of L·|s|, though the loss itself may be next to nothing.
        """
        scores = np.array([[float(s.abs_upper()) for s in row] for row in self.scores]).reshape(self._steep.shape)
        steep = np.maximum(self._steep, float(bool(self.oracle.objective.loss.targets)))
        return [float(x) for x in WAYS * self.oracle.u * np.sum(steep * scores, axis=1)]

    @cached_property
    def curvatures(self) -> list[list[list[Quantity] | None]]:
        """∂²ℓ/∂s_j² of each distinct example (rows) and score (columns): one quantity for each choice of ambiguous pieces, with
        the radius within which a right candidate stays. None where there are too many choices.
        """
        with precision():
            return [
                [self._choices(i, j, f.curvature(j, thin, fat)) for j in range(len(self.W))] for i, (f, thin, fat) in enumerate(self._runs)
            ]

    def _choices(self, i: int, j: int, found: list[Quantity] | None) -> list[Quantity] | None:
        """The choices of one example and score, each as wide as the widest way of writing it."""
        if found is None:
            return None
        also = [q for w, *runs in self._ways[i] for q in w.curvature(j, *runs) or ()]
        curved = self.oracle.most_curved(len(self.W), int(self.y[i]), j)
        return [self._careful(self._runs[i][0], _widest([q, *also]), curved) for q in found]

    def curvature_excused(self, example: int, choices: list[Quantity]) -> bool:
        """Whether infinity or NaN as the second derivative of a distinct example is no evidence: see `out_of_range`."""
        most = np.finfo(self.oracle.dtype).max
        return bool(self.out_of_range(slopes=True)[example]) or any(not SLACK * c.magnitude < most for c in choices)

    def _careful(self, formula: Formula, q: Quantity, curved: float) -> Quantity:
        own = max(q.radius, ROUNDINGS * self.oracle.u * curved)
        radius = own + gamma(formula.additions + 2, self.oracle.u) * q.magnitude + self._underflow
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
        with precision():
            written = [(i, w.pieces(*runs)) for i, ways in enumerate(self._ways) for w, *runs in ways]
        for i, p in written:
            score_size[i] = np.maximum(score_size[i], [_magnitude(p, j) for j in range(C)])
            score_radius[i] = np.maximum(score_radius[i], [_radius(p, j) for j in range(C)])
        # The entries of one example's gradient may be computed from each other (1 − p for the other class, minus the sum
        # of the rest), so each carries the errors of all and roundings of the largest.
        largest = np.max(score_size, axis=1, initial=0.0, keepdims=True)
        steepest = ROUNDINGS * self.oracle.u * np.max(self._steep, axis=1, initial=0.0, keepdims=True)
        joint = np.maximum(np.sum(score_radius, axis=1, keepdims=True), steepest) + gamma(C, self.oracle.u) * largest
        score_radius = np.broadcast_to(joint, score_size.shape)
        own, size = _weighed(score_radius, absolute), _weighed(score_size, absolute)
        underflow = self._underflow * (1 + absolute.sum(axis=0))
        radius = own + penalty_radius + gamma(self._additions + 2, self.oracle.u) * (size + penalty_size) + underflow
        known = np.array([[c.is_finite() for c in row] for row in center])
        return Subdifferential(
            center=center,
            radius=np.where(known, SLACK * radius, np.inf),
            magnitude=size + penalty_size,
            groups=list(self._groups(pieces)),
            dtype=self.oracle.dtype,
            excused=lambda: self._excused,
        )

    def out_of_range(self, *, slopes: bool) -> NDArray[np.bool_]:
        """Of each distinct example: whether a number on the way to its loss, or to its slopes, may not fit the dtype, or has no value at
        all, so that infinity and NaN are no evidence against a candidate. Where the formula has ways that stay finite, those count.
        """
        return self._once(("out of range", slopes), lambda: self._out_of_range(slopes))

    def _out_of_range(self, slopes: bool) -> NDArray[np.bool_]:
        largest = float(np.max(np.abs(self.X), initial=1.0)) if slopes else 1.0
        factor, dtype, fits = SLACK * self.examples * max(1.0, largest), self.oracle.dtype, self._penalty_fits
        with precision():
            return np.array(
                [
                    not fits or f.leaves(fat, dtype, factor, slopes=slopes) or self._is_outside(s, int(label), slopes)
                    for (f, _, fat), s, label in zip(self._runs, self.scores, self.y, strict=True)
                ]
            )

    def _is_outside(self, scores: list[arb], label: int, slopes: bool) -> bool:
        """Whether the formula for any target has no value there, though that for this one may have: s − t·log s for t = 0."""
        for_any = self.oracle.for_any_target
        if for_any is None:
            return False
        inputs = [*scores, exact.ball(self.oracle.objective.loss.targets[label]), *self.oracle.inputs([])]  # type: ignore[index]
        return for_any.leaves(for_any.follow(inputs), self.oracle.dtype, 1.0, slopes=slopes)

    def excuses(self, value: float, gradient: Floats) -> bool:
        """Whether what is not finite of an answer (a gradient (C, D)) need not be: see `out_of_range`."""
        lost = [slopes for slopes, found in ((False, value), (True, gradient)) if not np.all(np.isfinite(found))]
        return bool(lost) and all(self.out_of_range(slopes=slopes).any() for slopes in lost)

    @property
    def _penalty_fits(self) -> bool:
        return bool(SLACK * self._penalty_value[2] < np.finfo(self.oracle.dtype).max)

    @property
    def _excused(self) -> NDArray[np.bool_]:
        """The entries of the gradient (C, D) that such an example may reach: 0 times infinity is NaN, so all of its weights."""
        lost = self.out_of_range(slopes=True)
        if not self.oracle.objective.of_scores:
            return np.full(self.W.shape, bool(np.any(lost)))
        return np.broadcast_to(lost @ (self.X != 0) > 0, self.W.shape)

    def careful(self, size: float) -> float:
        """How far careful sums of as many terms as f has may be from each other, where their terms are of this size."""
        return SLACK * gamma(self._additions + self.W.size + 2, self.oracle.u) * size

    def along(self, d: Floats, low: float, high: float) -> list[arb]:
        """Enclosures over t in [low, high] of the Taylor coefficients f^(k)(W+td)/k!, k = 0..3.

        Raises KinkOnSegment where a switch that f depends on there may change on the segment.
        """
        return self._once(("along", d.tobytes(), low, high), lambda: self._along(d, low, high))

    def _along(self, d: Floats, low: float, high: float) -> list[arb]:
        with precision():
            t, total = _interval(low, high), arb_series([0], ORDER)
            for formula, line, weight in self._lines(d):
                total += formula.follow(line(t)).total(formula.value_terms) * weight
            return [total[k] for k in range(ORDER)]

    def slopes(self, d: Floats, low: float, high: float) -> arb:
        """A ball around ⟨∂f(W+td), d⟩ for all t in [low, high], kinks or not."""
        return self._once(("slopes", d.tobytes(), low, high), lambda: self._slopes(d, low, high))

    def _slopes(self, d: Floats, low: float, high: float) -> arb:
        with precision():
            t, total = _interval(low, high), arb(0)
            for formula, line, weight in self._lines(d):
                here = line(t)
                run = formula.run([_at(x) for x in here])
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
                runs = [(f, f.follow(line(start), ahead=True), weight, line) for f, line, weight in self._lines(d)]
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
        return self._once(("lines", d.tobytes()), lambda: self._lines_along(d))

    def _lines_along(self, d: Floats) -> Lines:
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

    @cached_property
    @precise
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


def _weighed(sizes: Floats, weights: Floats) -> Floats:
    """Sizesᵀ weights, (N, C) and (N, D), of sizes that may be infinite: a weight of 0 leaves nothing of them."""
    if np.all(np.isfinite(sizes)):
        return np.asarray(sizes.T @ weights)
    with np.errstate(invalid="ignore", over="ignore"):
        each = sizes[:, :, None] * weights[:, None, :]
    return np.asarray(np.where(weights[:, None, :] == 0, 0.0, each).sum(axis=0))


def _distinct(X: Floats, y: Labels) -> tuple[Floats, Labels, list[int]]:
    """The distinct examples in the order of their first places, and how often each occurs."""
    places: dict[tuple[bytes, int], list[int]] = {}
    for i, (x, label) in enumerate(zip(X, y, strict=True)):
        places.setdefault((x.tobytes(), int(label)), []).append(i)
    first = [at[0] for at in places.values()]
    return X[first], y[first], [len(at) for at in places.values()]


def _hull(vertices: list[Vertex], variables: int, features: Floats) -> list[Generator]:
    """The vertices relative to the first, as rank-one matrices."""
    rows = np.array([[float(v.get(j, ZERO).exact) for j in range(variables)] for v in vertices])
    return [Generator(row - rows[0], features) for row in rows]


ROUNDINGS = ELEMENTARY + 2
"""Of one of two numbers whose difference a slope is: an exponential, a sum, a quotient."""

WAYS = 2
"""Roundings of a loss that is written with its asymptotes: of the product with the slope, and of the sum."""

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
            total += formula.follow(line(t), taken=pieces).total(formula.value_terms) * weight
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


def _widest(written: list[Quantity]) -> Quantity:
    """The first, with the greatest radius and magnitude of all ways of writing it."""
    return Quantity(written[0].exact, max(q.radius for q in written), max(q.magnitude for q in written))


def _entry(p: Pieces, j: int) -> Quantity:
    return p.certain.get(j, ZERO)


def _hull_start(p: Pieces, j: int) -> arb:
    """The sum of the first vertices: the corner from which the hulls of the ambiguous switches are spanned."""
    return sum((vs[0].get(j, ZERO).exact for vs in p.ambiguous), arb(0))


def _radius(p: Pieces, j: int) -> float:
    return _entry(p, j).radius + sum(max(v.get(j, ZERO).radius for v in vs) for vs in p.ambiguous)


def _magnitude(p: Pieces, j: int) -> float:
    return _entry(p, j).magnitude + sum(max(v.get(j, ZERO).magnitude for v in vs) for vs in p.ambiguous)
