"""f_w = Σ w_i ℓ_i: with weights of the examples, each counts w_i times as much as it does alone, in the loss, the gradient and the Hessian.

A part of the law `batches`, for candidates that take weights, relative to their own answers on single examples: with weights that are
equal, unequal, 0, and of many magnitudes. A mean may be divided by N or by the sum of the weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from verify.candidates import Answer, Misbehaviour
from verify.cases import Case
from verify.evidence import GRADIENT, HESSIAN, LOSS, Evidence
from verify.laws.law import Subject
from verify.rounding import SLACK, gamma
from verify.tape.reverse import Quantity

Floats = NDArray[np.floating]

MAX_EXAMPLES = 8
"""Most examples: each is also judged alone, and weights of more show nothing new."""
MAX_CLASSES = 6
"""Most classes with which Hessians are compared: second derivatives of more are expensive to derive, and show nothing new about weights."""
MAX_EXPONENT = 12
"""Weights lie between 2^-12 and 2^12: far apart, with gradients of ordinary scores within the range of float32."""
HESSIAN_FLOOR = 2.0**-6
"""A declared approximation of the Hessian may be kept above a small floor: only entries above this are known to be in proportion."""


def weights_of(case: Case) -> Floats:
    """Weights (N,) of a case: exact in every dtype, not all 0 and not all 1; always the same for the same case."""
    N, rng = len(case["y"]), np.random.default_rng((case.seed, len(case["y"])))
    if case.seed % 4 == 0:
        return np.full(N, 2.0)
    if case.seed % 4 == 1:
        return 2.0 ** rng.integers(-MAX_EXPONENT, MAX_EXPONENT + 1, N) * 3
    found = rng.integers(0, 4, N) * (1.0 if case.seed % 4 == 2 else 0.625)
    found[rng.integers(N)] = 1.5
    return found


@dataclass(frozen=True)
class Sum:
    """Σ w_i a_i over single examples: the parts a_i, their rounding radii and their sizes, each along the first axis."""

    parts: Floats
    radius: Floats
    size: Floats

    def of(self, weights: Floats) -> Floats:
        """The sum."""
        return np.asarray(np.einsum("i,i...->...", weights, self.parts))

    def allowed(self, weights: Floats, u: float, tiny: float) -> Floats:
        """The bound of a right candidate's error: roundings of the examples, on both sides, of the products and of their sum, in any order
        and with weights that were divided by their sum.
        """
        own, size = (np.einsum("i,i...->...", weights, a) for a in (self.radius, self.size))
        return np.asarray(2 * own + SLACK * (gamma(2 * len(weights) + 8, u) * size + tiny * (weights.sum() + len(weights))))


@dataclass(frozen=True)
class Weighing:
    """A candidate's answer to a case with weights, beside its answers on single examples."""

    subject: Subject
    case: Case

    @cached_property
    def bare(self) -> Case:
        """The case without a penalty, which weights do not change."""
        return self.case.but(**self.subject.form.bare(self.case.values))

    @cached_property
    def weights(self) -> Floats:
        """The weights (N,) of the case."""
        return weights_of(self.case)

    @cached_property
    def plain(self) -> dict[str, Floats]:
        """The answer without weights."""
        return _quantities(self.subject.answer(self.bare))

    @cached_property
    def weighted(self) -> dict[str, Floats]:
        """The answer with weights. Raises Misbehaviour where the candidate writes to them."""
        candidate = self.subject.candidate.weighted(tuple(self.weights.tolist()))
        arguments = candidate.arguments(**self.bare.values)
        before = [np.array(a) if isinstance(a, np.ndarray) else a for a in arguments]
        answer = candidate.answer(arguments).kept()
        for name, a, b in zip(candidate.names, arguments, before, strict=False):
            if isinstance(a, np.ndarray) and not np.array_equal(a, b, equal_nan=True):
                raise Misbehaviour("mutates-input", f"changes its input {name}")
        return _quantities(answer)

    @cached_property
    def sums(self) -> dict[str, Sum]:
        """The sum that each quantity must be, as far as it is determined: a candidate may choose on a tie.

        For a function of scores, the gradient and the Hessian of each example stand side by side in the answer without weights.
        """
        form, has_loss = self.subject.form, self.subject.candidate.has_loss
        alone = [self.bare.but(**form.of_examples(self.bare.values, [i])) for i in range(len(self.case["y"]))]
        found = self._side_by_side(len(alone) if self.subject.scored.objective.reduction == "mean" else 1) if form.is_apart else {}
        if has_loss or not form.is_apart:
            answers, truths = [_quantities(self.subject.answer(c)) for c in alone], [self.subject.truth(c) for c in alone]
            if has_loss:
                found[LOSS] = _sum([(a[LOSS], t.value.radius, t.value.magnitude) for a, t in zip(answers, truths, strict=True)])
            if not form.is_apart and all(t.gradient.is_single for t in truths):
                slopes = [(a[GRADIENT], t.gradient.radius, t.gradient.magnitude) for a, t in zip(answers, truths, strict=True)]
                found[GRADIENT] = _sum(slopes)
        return found

    def _side_by_side(self, times: int) -> dict[str, Sum]:
        found, truth = dict[str, Sum](), self.subject.truth(self.bare)
        if truth.gradient.is_single:
            found[GRADIENT] = Sum(*(_each(times * a) for a in (self.plain[GRADIENT], truth.gradient.radius, truth.gradient.magnitude)))
        if self.subject.candidate.has_curvature and self.subject.form.classes(self.case.values) <= MAX_CLASSES:
            parts = times * self.plain[HESSIAN], _single(truth.curvatures, "radius"), _single(truth.curvatures, "magnitude")
            found[HESSIAN] = Sum(*map(_each, parts))
        return found

    def shares(self, weights: Floats) -> tuple[float, ...]:
        """The factors that the sum may have."""
        if self.subject.scored.objective.reduction == "sum":
            return (1.0,)
        return 1 / len(weights), 1 / float(weights.sum())

    def apart(self, what: str, share: float, counted: Floats | None = None) -> tuple[Floats, Floats, Floats]:
        """(|found − due|, allowed, due) of one quantity, with example i `counted[i]` times, by default w_i times."""
        weights = self.weights if counted is None else counted
        s, oracle = self.sums[what], self.subject.scored
        with np.errstate(all="ignore"):  # entries that are not finite are not judged
            due, allowed = share * s.of(weights), share * s.allowed(weights, oracle.u, oracle.tiny)
            return np.abs(self.weighted[what] - due), allowed, due

    def is_sum(self, what: str) -> bool:
        """Whether the answer without weights is the sum over the examples: otherwise errors in weighting cannot be told from errors without
        weights.
        """
        ones, oracle = np.ones(len(self.case["y"])), self.subject.scored
        s, share = self.sums[what], self.shares(ones)[0]
        with np.errstate(all="ignore"):
            due = share * s.of(ones)
            near = np.abs(self.plain[what] - due) <= share * s.allowed(ones, oracle.u, oracle.tiny)
        return bool(np.all(near | ~np.isfinite(due)))


def measure(subject: Subject, case: Case) -> Iterator[Evidence]:
    """For each quantity the entry with the greatest strain; none where the candidate takes no weights."""
    if not subject.candidate.takes_weights or len(case["y"]) > MAX_EXAMPLES:
        return
    here = Weighing(subject, case)
    asked = [what for what in here.sums if here.is_sum(what)]
    strains = {share: [_worst(here, what, share) for what in asked] for share in here.shares(here.weights)}
    share = min(strains, key=lambda s: max((e.strain for e in strains[s] if e is not None), default=0.0))
    yield from (e for e in strains[share] if e is not None)


def _worst(here: Weighing, what: str, share: float) -> Evidence | None:
    error, allowed, due = here.apart(what, share)
    greatest = float(np.finfo(here.case.dtype).max) / 2.0**MAX_EXPONENT
    judged = np.isfinite(due) & np.isfinite(allowed) & (np.abs(due) < greatest) & (allowed < greatest)
    if what == HESSIAN and here.subject.approximate:
        judged &= (np.abs(here.plain[what]) > HESSIAN_FLOOR) & (np.abs(due) > HESSIAN_FLOOR)
    if not np.any(judged):
        return None
    strain = np.where(judged, np.where(np.isnan(error), np.inf, error / allowed), -1.0)
    at = tuple(int(i) for i in np.unravel_index(int(np.argmax(strain)), strain.shape))
    where = {"method": f"{what}, weighted", "measured": float(here.weighted[what][at]), "expected": float(due[at]), "weights": True}
    return Evidence(
        measured=float(error[at]),
        allowed=float(allowed[at]),
        magnitude=abs(float(due[at])),
        where=where | ({"entry": list(at)} if at else {}),
    )


def _quantities(answer: Answer) -> dict[str, Floats]:
    found: dict[str, Floats] = {LOSS: np.array(answer.value, np.float64), GRADIENT: answer.gradient.astype(np.float64)}
    return found if answer.curvature is None else found | {HESSIAN: answer.curvature.astype(np.float64)}


def _sum(examples: Sequence[tuple[Floats, Floats | float, Floats | float]]) -> Sum:
    """The Sum of (part, radius, size) of each example."""
    return Sum(*(np.array([e[k] for e in examples]) for k in range(3)))


def _single(choices: Sequence[Sequence[Sequence[Quantity] | None]], name: str) -> Floats:
    """The radius or the magnitude of each second derivative (N, C), infinite where it has several limits."""
    return np.array([[getattr(c[0], name) if c and len(c) == 1 else np.inf for c in row] for row in choices], np.float64)


def _each(rows: Floats) -> Floats:
    """Rows (N, C), one per example, as parts (N, N, C) that are 0 elsewhere."""
    return np.where(np.eye(len(rows))[:, :, None].astype(bool), rows[:, None, :], 0.0)
