"""Points exactly on kinks, and beside them: from a distance of 0.1 down to one unit in the last place.

A switch of one example is solved for one class's bias: with a column of ones in X, moving W[j, −1] by −gap/slope puts
the switch at exactly 0. On the lattice the solution is representable, and the oracle's exact sign confirms it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from flint import arb
from hypothesis import strategies as st
from numpy.typing import NDArray

from verify.cases.case import Case
from verify.cases.fitted import among, one_score
from verify.cases.grid import CLASSES, lattice
from verify.oracle import Oracle, exact
from verify.oracle.program import precision

MOST_KINKS = 4
NEAREST = {"float64": (3, 54), "float32": (3, 25)}
"""A point near a kink is 2^-k away: from about 0.1 down to one unit in the last place."""


def has_kinks(oracle: Oracle) -> bool:
    """Whether the loss has switches at all."""
    return bool(oracle.example.lifted.switches)


@st.composite
def kinks(draw: st.DrawFn, dtype: str, oracle: Oracle) -> Case:
    """A lattice point moved onto 1 to MOST_KINKS kinks, which two examples may share."""
    case, solved = draw(_solved(dtype, oracle))
    return replace(case, family="kink" if solved else "kink missed")


@st.composite
def near_kinks(draw: st.DrawFn, dtype: str, oracle: Oracle) -> Case:
    """The same, and then a little beside each of them; the side and the distance follow from the case's seed, so that a few
    cases spread over all distances.
    """
    case, solved = draw(_solved(dtype, oracle))
    rng, W = np.random.default_rng(case.seed), case.W.copy()
    for j in solved:
        W[j, -1] = _beside(W[j, -1], int(rng.choice((1, -1))), int(rng.integers(*NEAREST[dtype], endpoint=True)))
    return replace(case, W=W, family="near a kink" if solved else "kink missed")


@st.composite
def _solved(draw: st.DrawFn, dtype: str, oracle: Oracle) -> tuple[Case, list[int]]:
    """The case on its kinks, and the classes whose biases were solved for them."""
    case = one_score(draw(lattice(dtype, classes=among(oracle, CLASSES))), oracle)
    W, X, y = case.W.copy(), case.X.copy(), case.y.copy()
    if len(X) > 1 and draw(st.booleans()):
        X[1], y[1] = X[0], y[0]
    solved: list[int] = []
    for _ in range(draw(st.integers(1, MOST_KINKS))):
        i = draw(st.integers(0, len(X) - 1))
        switches = len(oracle.formula(len(W), int(y[i])).lifted.switches)
        if not switches:
            continue  # a loss may have kinks for some labels only
        j = solve(oracle, W, X[i], int(y[i]), draw(st.integers(0, switches - 1)), solved)
        solved += [] if j is None else [j]
    return replace(case, W=W, X=X, y=y), solved


def _beside(w: np.floating, side: int, bits: int) -> np.floating:
    """W moved by ±2^-bits, or to the next float where that is further."""
    there, following = w + w.dtype.type(side * 2.0**-bits), np.nextafter(w, w.dtype.type(side * np.inf))
    return max(there, following) if side > 0 else min(there, following)


def solve(oracle: Oracle, W: NDArray[np.floating], x: NDArray[np.floating], label: int, switch: int, fixed: list[int]) -> int | None:
    """Moves the bias of one class that is not fixed, in place, so that the switch is exactly 0; returns the class.

    None where no free class moves the switch or the solution is not representable.
    """
    formula = oracle.formula(len(W), label)
    scores = exact.product(x[None, :], W)[0]
    with precision():
        gap = formula.gap(oracle.inputs(scores), switch)
        for j in (j for j in range(len(W)) if j not in fixed):
            moved = [s + (1 if k == j else 0) for k, s in enumerate(scores)]
            slope = formula.gap(oracle.inputs(moved), switch) - gap
            if slope.is_zero() or not slope.is_exact():
                continue
            bias = arb(float(W[j, -1])) - gap / slope
            if not (bias.is_finite() and arb(float(W.dtype.type(float(bias)))).overlaps(bias)):
                continue
            before, W[j, -1] = W[j, -1], W.dtype.type(float(bias))
            if formula.sign(oracle.inputs(exact.product(x[None, :], W)[0]), switch) == 0:
                return j
            W[j, -1] = before
    return None
