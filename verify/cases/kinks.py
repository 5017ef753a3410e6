"""Points exactly on kinks, and beside them: from a distance of 0.1 down to one unit in the last place.

A switch of one example is solved for one class's bias: with a column of ones in X, moving W[j, −1] by −gap/slope makes the switch exactly
0. On the lattice the solution is representable, and the oracle's exact sign confirms it. A margin of 0.9 is a float of many digits: a score
that is the bias alone may hold it, otherwise the nearest one is taken, where rounding decides the tie.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Container, Hashable, Iterable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from flint import arb
from hypothesis import strategies as st
from numpy.typing import NDArray

from verify.cases.case import Case
from verify.cases.conversion import among, one_score
from verify.cases.grid import CLASSES, lattice
from verify.oracle import Oracle, exact
from verify.tape.balls import precision

MOST_KINKS = 4
SECANT_LENGTH, MOST_STEPS, TIED_GAP = 2.0**-40, 16, 2.0**-60
"""Newton's method on a curved gap: the length of the secant, accurate to a third of the balls' digits, so that each round gains as many;
the number of rounds; and the remaining gap at the end, less than any float of a drawn size can show.
"""

CACHE_SIZE = 1024
"""Cached points on kinks: all laws on a candidate draw many of the same."""

_known: WeakKeyDictionary[Oracle, OrderedDict[Hashable, tuple[NDArray[np.floating], dict[int, bool]]]] = WeakKeyDictionary()

EXPONENTS = {"float64": (3, 54), "float32": (3, 25)}
"""A point near a kink is 2^-k away: from about 0.1 down to one unit in the last place."""


def has_kinks(oracle: Oracle) -> bool:
    """Whether the loss has switches."""
    return bool(oracle.example.switches)


@st.composite
def kinks(draw: st.DrawFn, dtype: str, oracle: Oracle) -> Case:
    """A lattice point moved onto 1 to MOST_KINKS kinks, which two examples may share."""
    case, solved = draw(_solved(dtype, oracle))
    return replace(case, family="kink" if any(solved.values()) else "kink, rounded" if solved else "kink missed")


@st.composite
def near_kinks(draw: st.DrawFn, dtype: str, oracle: Oracle) -> Case:
    """A lattice point slightly beside 1 to MOST_KINKS kinks; the side and the distance follow from the case's seed, so that a few cases
    cover all distances.
    """
    case, solved = draw(_solved(dtype, oracle))
    rng, W = np.random.default_rng(case.seed), case["W"].copy()
    for j in solved:
        W[j, -1] = beside(W[j, -1], int(rng.choice((1, -1))), int(rng.integers(*EXPONENTS[dtype], endpoint=True)))
    return replace(case.but(W=W), family="near a kink" if solved else "kink missed")


@st.composite
def _solved(draw: st.DrawFn, dtype: str, oracle: Oracle) -> tuple[Case, dict[int, bool]]:
    """The case on its kinks, and the classes whose biases were solved for them, each with whether its kink is hit exactly."""
    case = one_score(draw(lattice(dtype, classes=among(oracle, CLASSES))), oracle)
    W, X, y = case["W"], case["X"], case["y"]
    if len(X) > 1 and draw(st.booleans()):
        X, y = X.copy(), y.copy()
        X[1], y[1] = X[0], y[0]
        case = case.but(X=X, y=y)
    places: list[tuple[int, int]] = []
    for _ in range(draw(st.integers(1, MOST_KINKS))):
        i = draw(st.integers(0, len(X) - 1))
        gaps = len(oracle.formula(len(W), int(y[i])).gaps)
        if gaps:  # a loss may have kinks for some labels only
            places.append((i, draw(st.integers(0, gaps - 1))))
    known, key = _known.setdefault(oracle, OrderedDict()), (case.key, *places)
    if key not in known:
        known[key] = _onto(oracle, case, places)
        if len(known) > CACHE_SIZE:
            known.popitem(last=False)
    W, solved = known[key]
    return case.but(W=W), solved


def _onto(oracle: Oracle, case: Case, places: Sequence[tuple[int, int]]) -> tuple[NDArray[np.floating], dict[int, bool]]:
    """The weights moved onto the kinks of these examples, each with one of its gaps, and the classes that were moved."""
    W, X, y = case["W"].copy(), case["X"], case["y"]
    solved: dict[int, bool] = {}
    for i, gap in places:
        found = _moved(oracle, W, X[i], int(y[i]), gap, solved)
        solved |= {} if found is None else dict([found])
    return W, solved


def beside(w: np.floating, side: int, bits: int) -> np.floating:
    """The number moved by ±2^-bits, or to the next float if that is farther."""
    there, following = w + w.dtype.type(side * 2.0**-bits), np.nextafter(w, w.dtype.type(side * np.inf))
    return max(there, following) if side > 0 else min(there, following)


def solve(oracle: Oracle, W: NDArray[np.floating], x: NDArray[np.floating], label: int, gap: int, fixed: Container[int]) -> int | None:
    """Moves the bias of one class that is not fixed, in place, so that the gap is 0; returns the class.

    If no bias has the tie, the other weights of a class are cleared, whose score then is its bias. None if no free class moves the gap, or
    no float gives 0.
    """
    before = W.copy()
    found = _moved(oracle, W, x, label, gap, fixed)
    if found is None or not found[1]:
        W[:] = before
        return None
    return found[0]


def tie(
    oracle: Oracle,
    W: NDArray[np.floating],
    X: NDArray[np.floating],
    y: NDArray[np.integer[Any]],
    examples: Iterable[int],
    rng: np.random.Generator,
) -> list[int]:
    """Moves one bias after the other, in place, so that one switch of each of these examples, drawn by `rng`, is 0; returns the moved
    classes.
    """
    solved: list[int] = []
    for i in examples:
        gaps = len(oracle.formula(len(W), int(y[i])).gaps)
        j = solve(oracle, W, X[i], int(y[i]), int(rng.integers(gaps)), solved) if gaps else None
        solved += [] if j is None else [j]
    return solved


def _moved(
    oracle: Oracle, W: NDArray[np.floating], x: NDArray[np.floating], label: int, gap: int, fixed: Container[int]
) -> tuple[int, bool] | None:
    """Moves the bias of one class as `solve` does; returns it, and whether the gap is exactly 0; otherwise
    the bias is the nearest float.
    """
    formula, found = oracle.formula(len(W), label), None
    for cleared, j in product((False, True), (j for j in range(len(W)) if j not in fixed)):
        before = W[j].copy()
        W[j, :-1] *= not cleared
        bias = _tied(oracle, W, x, label, gap, j)
        if bias is not None:
            W[j, -1] = bias
            if formula.sign(_seen(oracle, exact.product(x[None, :], W)[0], label), gap) == 0:
                return j, True
            found = found or (j, W[j].copy())
        W[j] = before
    if found is None:
        return None
    j, W[found[0]] = found
    return j, False


def _tied(oracle: Oracle, W: NDArray[np.floating], x: NDArray[np.floating], label: int, gap: int, j: int) -> np.floating | None:
    """The float nearest to the bias of class j at which the gap is 0: by a secant if the gap is linear, else by Newton's method."""
    formula, scores = oracle.formula(len(W), label), exact.product(x[None, :], W)[0]

    def at(moved: arb) -> arb:
        return formula.gap(_seen(oracle, [s + (moved if k == j else 0) for k, s in enumerate(scores)], label), gap)

    with precision():
        straight = zero(at, 1.0, 1)
        moved = zero(at, SECANT_LENGTH, MOST_STEPS) if straight is None else straight
        bias = None if moved is None else W.dtype.type(float(exact.ball(W[j, -1]) + moved))
    return bias if bias is not None and np.isfinite(bias) else None


def zero(at: Callable[[arb], arb], step: float, most: int) -> arb | None:
    """A zero of a function near 0, by secants of this step; None if `most` of them do not reach one."""
    moved = arb(0)
    left = at(moved)
    for _ in range(most):
        slope = (at(moved + step) - left) / step
        if slope.contains(0) or not slope.is_finite():
            return None
        moved = (moved - left / slope).mid()
        left = at(moved)
    return moved if abs(left) < TIED_GAP else None


def _seen(oracle: Oracle, scores: Sequence[arb], label: int) -> list[arb]:
    """The inputs of a formula with its parameters rounded to the dtype, since that decides where a candidate has a tie."""
    return [*scores, *oracle.target(label), *oracle.seen]
