"""The steepness of a formula in each score, on the whole line: the size of the numbers as whose difference its slope may be computed.

p − 1 and −exp(−s)/(1 + exp(−s)) are the same slope, and σ(ts) − 1 is another usual way of writing it: right code rounds at the size 1 of p
where the slope itself is almost 0. So a slope that is bounded by L in a score may be off by roundings of L, and a second derivative
likewise (p(1 − p)). L is the greatest |slope| on a grid over the whole line; there is none if the slope still grows at an end of it. A
value from a sample never exceeds the true bound. Polynomials are excluded: nobody computes s − t as a difference of numbers of the size of
its greatest value.
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
"""Distances from 0: dense where losses bend, octaves from there to where only a limit is left."""

LINE = np.concatenate([-GRID[::-1], [0.0], GRID])

MAX_GROWTH = 1e-3
"""The most that a slope may grow while its score grows by END octaves, to count as its limit. That of a logarithm grows by 5 %."""

END = 2

DIFFERENCE_ERROR = 2.0**-44
"""Relative to the greatest slope, the rounding error of a difference that is 0 in the limit."""


SHOWN_CLASSES = 3
"""Classes of the formula that a report shows."""


def steepest(formula: Formula, constants: Sequence[float]) -> Floats:
    """L for each score (C,), with the others 0: the greatest |∂ℓ/∂s_j|; 0 if it is unbounded or the formula is a polynomial."""
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
    """The greatest |∂²ℓ/∂s_j²|; 0 if it is unbounded, the formula is a polynomial, or there are switches."""
    if formula.is_polynomial or formula.switches:
        return 0.0
    C, parts, given = formula.arity, formula.seconds(j), [arb(c) for c in constants]
    return _bound(np.array([_size(parts, [arb(float(t)) if k == j else arb(0) for k in range(C)] + given) for t in LINE]))


@precise
def _size(parts: Sequence[tuple[Second, int]], inputs: Sequence[arb]) -> float:
    """|Σ parts| in balls: second derivatives contain products that overflow though they themselves do not. NaN if it is undefined."""
    total = arb(0)
    for part, times in parts:
        registers = enclose.run(part.tape, inputs).values
        total += times * sum((registers[k] for k in part.terms), arb(0))
    return float(abs(total).mid()) if total.is_finite() else float("nan")


def slopes_in_words(loss: LossSpec) -> str:
    """A sentence for reports: whether slopes of this loss may be computed as differences, with its default parameters."""
    constants, C = [p.default for p in loss.parameters.values()], loss.scores(SHOWN_CLASSES)
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
    """The greatest size on the line, within double precision; 0 if it still grows at an end."""
    middle = LINE.size // 2
    for half in (sizes[middle:], sizes[middle::-1]):
        known = half[: int(np.argmin(np.isfinite(half)))] if not np.isfinite(half).all() else half
        if len(known) <= END or known[-1] > (1 + MAX_GROWTH) * known[-1 - END] + DIFFERENCE_ERROR * max(known):
            return 0.0
    return float(np.max(sizes[np.isfinite(sizes)]))
