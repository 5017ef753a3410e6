"""Conversion of a case of linear scores to the form of an objective."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from verify.cases.case import Case
from verify.cases.grid import Range
from verify.oracle import Oracle
from verify.spec.loss import LossSpec


def among(oracle: Oracle, classes: Range) -> Range:
    """The numbers of classes of cases: those given, unless a candidate supports only one."""
    fixed = oracle.objective.classes
    return classes if fixed is None else (fixed, fixed)


def one_score(case: Case, oracle: Oracle) -> Case:
    """The case with only the first class if an example has one score, with valid labels; else unchanged."""
    loss = oracle.objective.loss
    return case.but(W=case["W"][:1].copy(), y=of_targets(loss, case["y"], case.seed)) if loss.targets else case


def of_targets(loss: LossSpec, y: NDArray[np.int64], seed: int | NDArray[np.int64]) -> NDArray[np.int64]:
    """Labels of targets from labels of classes. For a domain the seed reaches all, far from each other; 0 leaves the simplest."""
    return (y * (1 + seed) + seed if loss.domain else y) % loss.labels(1)


def adapted(case: Case, oracle: Oracle) -> Case:
    """The case with the values that the objective is a function of."""
    form, case = oracle.objective.form, one_score(case, oracle)
    return replace(case, values=form.of_linear(case.values), differentiated=(form.point,))
