"""The steepness of a formula along each score, on the whole line: the size of the numbers whose difference its slope may be computed as.

p − 1 and −exp(−s)/(1 + exp(−s)) are the same slope, and σ(ts) − 1 is another usual way of writing it: code that is right rounds at the
size 1 of p where the slope itself is next to nothing. So a slope that is bounded by L along a score, whatever that is, may be off by
roundings of L, and a second derivative likewise (p(1 − p)). L is the greatest |slope| on a grid over the whole line, and there is none
where the slope still grows at an end of it: what is computed from a sample is never more than what is due. Polynomials have nothing to
do with it: nobody computes s − t as a difference of numbers of the size of its greatest value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
from flint import arb
from numpy.typing import NDArray

from verify.oracle.formula import Formula, loss_formula
from verify.oracle.vectorised import local
from verify.spec.loss import LossSpec
from verify.tape import enclose
from verify.tape.balls import precise
from verify.tape.derive import Second

Floats = NDArray[np.float64]
T = TypeVar("T")

GRID = 2.0 ** np.concatenate([np.arange(-4.0, 8.0, 0.5), np.arange(8.0, 41.0)])
"""Distances from 0: fine where losses bend, octaves from there to where nothing but a limit is left."""

LINE = np.concatenate([-GRID[::-1], [0.0], GRID])

SETTLED = 1e-3
"""How much a slope may grow while its score grows by END octaves, to be taken for its limit. That of a logarithm grows by 5 %."""

END = 2

NOISE = 2.0**-44
"""Of the greatest slope: what roundings may leave of a difference that is 0 in the limit."""


SHOWN = 3
"""Classes of the formula that a report shows."""


def steepest(formula: Formula, constants: Sequence[float]) -> Floats:
    """L for each score (C,), with the others 0: the greatest |∂ℓ/∂s_j|; 0 where it has no bound or the formula is a polynomial."""
    C = formula.arity
    if formula.is_polynomial:
        return np.zeros(C)
    lines = np.zeros((C, C, LINE.size))
    lines[np.arange(C), np.arange(C)] = LINE
    inputs = [*lines.transpose(1, 0, 2).reshape(C, -1), *constants]
    found = _quietly(lambda: local(formula, inputs, np.zeros(inputs[0].size), 0.0))
    slopes = np.maximum(np.abs(found.low), np.abs(found.high)).reshape(C, LINE.size, C)
    return np.array([_bound(slopes[j, :, j]) for j in range(C)])


def most_curved(formula: Formula, j: int, constants: Sequence[float]) -> float:
    """The same of ∂²ℓ/∂s_j²; 0 where there are switches, too."""
    if formula.is_polynomial or formula.switches:
        return 0.0
    C, parts, given = formula.arity, formula.seconds(j), [arb(c) for c in constants]
    return _bound(np.array([_size(parts, [arb(float(t)) if k == j else arb(0) for k in range(C)] + given) for t in LINE]))


@precise
def _size(parts: Sequence[tuple[Second, int]], inputs: Sequence[arb]) -> float:
    """|Σ parts| in balls: what is derived twice has products that overflow where they themselves do not. NaN where it has no value."""
    total = arb(0)
    for part, times in parts:
        registers = enclose.run(part.tape, inputs).values
        total += times * sum((registers[k] for k in part.terms), arb(0))
    return float(abs(total).mid()) if total.is_finite() else float("nan")


def slopes_in_words(loss: LossSpec) -> str:
    """For readers of a report: whether slopes of this loss may be computed as differences, with its default parameters."""
    constants, C = [p.default for p in loss.parameters.values()], loss.scores(SHOWN)
    labels = loss.some_labels(1) if loss.targets else (0,)
    formulas = [(loss_formula(loss, C, i), [*loss.constant(i), *constants]) for i in labels]
    curved = [(f, given) for f, given in formulas if not f.is_polynomial]
    if not curved:
        return "each piece is a polynomial: its slopes are judged as the formula is written"
    bounds = np.concatenate([steepest(f, given) for f, given in curved])
    if not bounds.all():
        return "no bound of its slopes along a score was found: they are judged as the formula is written"
    return f"its slopes along a score reach {bounds.max():.6g}: they may be computed as differences of numbers of that size"


def _quietly(f: Callable[[], T]) -> T:
    with np.errstate(all="ignore"):
        return f()


def _bound(sizes: Floats) -> float:
    """The greatest size on the line, as far as double precision has it; 0 where it still grows at an end."""
    middle = LINE.size // 2
    for half in (sizes[middle:], sizes[middle::-1]):
        known = half[: int(np.argmin(np.isfinite(half)))] if not np.isfinite(half).all() else half
        if len(known) <= END or known[-1] > (1 + SETTLED) * known[-1 - END] + NOISE * max(known):
            return 0.0
    return float(np.max(sizes[np.isfinite(sizes)]))
