"""Scores far from 0, where exp overflows and probabilities underflow, though the loss itself is an ordinary number."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from verify.cases.case import Case
from verify.cases.grid import CLASSES, Range, lattice

SPREADS = {"float64": (512.0, 64.0), "float32": (64.0, 32.0)}
"""Spreads of one example's scores, the greatest first. Probabilities differ from 0 and 1 up to spreads of 745 and 103; beyond, an infinite
loss is a limitation of the form −log p: see the law of bad input.
"""

OFFSETS = {"float64": (1e4, 1024.0, 64.0), "float32": (100.0, 64.0)}
"""Offsets of all scores, the greatest first. exp overflows at 709 and 88 unless the scores are shifted, and the loss does not depend on the
offset.
"""


def tails(dtype: str, classes: Range = CLASSES) -> dict[str, st.SearchStrategy[Case]]:
    """Scores far apart; scores close together around a large offset of either sign, for all examples or for some."""
    return {
        "scores far apart": far_apart(dtype, classes),
        "scores far off": far_off(dtype, classes),
        "examples far apart": examples_far_apart(dtype, classes),
    }


@st.composite
def far_apart(draw: st.DrawFn, dtype: str, classes: Range = CLASSES) -> Case:
    """A lattice case times the power of two that spreads its scores by the wanted amount; a case without a spread gets one by the bias of
    the first label.
    """
    case = draw(lattice(dtype, family="scores far apart", classes=classes))
    reach = draw(st.sampled_from(SPREADS[dtype]))
    spread = float(np.max(np.ptp(case["X"].astype(np.float64) @ case["W"].astype(np.float64).T, axis=1)))
    if spread > 0:
        return case.but(W=np.asarray(case["W"] * case["W"].dtype.type(2.0 ** np.floor(np.log2(reach / spread)))))
    return case.but(W=_biased(case, [int(case["y"][0])], -reach))


SATURATED = 64.0
"""A score at which a probability rounds to 1, while no number is out of range: lost digits are visible in either dtype."""


@st.composite
def far_off(draw: st.DrawFn, dtype: str, classes: Range = CLASSES) -> Case:
    """A lattice case with the same offset in every bias. Instead of the simplest case, which is drawn first, each label meets saturated
    scores of either sign: log(1 − p) loses digits for one of two targets, on one side.
    """
    case = draw(lattice(dtype, family="scores far off", classes=classes))
    if case.seed == 0 and len(case["X"]) == 1 and not np.any(case["W"]):
        return _on_either_side(case)
    offset = draw(st.sampled_from(OFFSETS[dtype])) * draw(st.sampled_from((1, -1)))
    return case.but(W=_biased(case, list(range(len(case["W"]))), offset))


@st.composite
def examples_far_apart(draw: st.DrawFn, dtype: str, classes: Range = CLASSES) -> Case:
    """A lattice case with an offset in all scores of every other example, by a feature of its own: a shift by the greatest score of all
    examples instead of each one's own does not help the others.
    """
    case = draw(lattice(dtype, family="examples far apart", examples=(2, 6), features=(2, 5), classes=classes))
    W, X = case["W"].copy(), case["X"].copy()
    W[:, 0], X[:, 0] = draw(st.sampled_from(OFFSETS[dtype])) * draw(st.sampled_from((1, -1))), np.arange(len(X)) % 2
    return case.but(W=W, X=X)


def _biased(case: Case, rows: list[int], by: float) -> NDArray[np.floating]:
    W: NDArray[np.floating] = case["W"].copy()
    W[rows, -1] += W.dtype.type(by)
    return W


def _on_either_side(case: Case) -> Case:
    """The case with two features: the first class has a saturated score of either sign, the others 0, for each label."""
    classes, real = len(case["W"]), case["W"].dtype
    W, X = np.zeros((classes, 2), real), np.ones((2 * classes, 2), real)
    W[0, 0], X[:, 0] = SATURATED, np.tile((1, -1), classes)
    return case.but(W=W, X=X, y=np.repeat(np.arange(classes), 2))
