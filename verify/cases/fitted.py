"""A case for W, X and y, turned into one for what the objective is a function of."""

from __future__ import annotations

import numpy as np

from verify.cases.case import Case
from verify.cases.grid import Range
from verify.oracle import Oracle


def among(oracle: Oracle, classes: Range) -> Range:
    """The numbers of classes that cases are drawn with: those, unless a candidate answers for one number only."""
    fixed = oracle.objective.classes
    return classes if fixed is None else (fixed, fixed)


def one_score(case: Case, oracle: Oracle) -> Case:
    """The first class alone where an example has one score, labels within those that there are; else as it is."""
    loss = oracle.objective.loss
    return case.but(W=case["W"][:1].copy(), y=case["y"] % loss.labels(1)) if loss.targets else case


def fitted(case: Case, oracle: Oracle) -> Case:
    """For a function of the scores: W (C, N) is Sᵀ, S = X Wᵀ as it comes out in the dtype, and X the unit matrix. No penalty."""
    case = one_score(case, oracle)
    if not oracle.objective.of_scores:
        return case
    scores = case["W"] @ case["X"].T
    return case.but(W=np.ascontiguousarray(scores), X=np.eye(len(case["X"]), dtype=scores.dtype), reg=0.0)
