"""Every entry against the numerical gradient of the core's loss, which uses values only."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

from verify.cases import Case
from verify.evidence import Evidence, Measurement
from verify.laws import Subject
from verify.spec.objective import Objective

STEP = 2.0**-30
"""The core's differences do not cancel, so the step may be this short: hardly any kink lies within it."""


def numerical(subject: Subject, case: Case) -> Measurement:
    """One piece of evidence: the entry farthest outside [D⁻(h), D⁺(h)], relative to the oracle's rounding bound.

    For a convex loss, entries of each subgradient lie between the two. Undecided for a loss that is not convex or has no kernel.
    """
    kernel = _kernel(subject.scored.objective)
    if kernel is None:
        return Measurement(undecided="no convex loss of the core")
    from verify.core.differences import numerical_gradient  # loads numba, which reading a report does not need

    delta = subject.scored.objective.parameters.get("delta")
    middle, ahead = (numerical_gradient(kernel, **case.values, h=STEP, method=m, delta=delta) for m in ("centred", "forward"))
    between = np.stack([ahead.gradient, 2 * middle.gradient - ahead.gradient])
    if subject.scored.objective.reduction == "sum":
        penalty = 2 * kernel.factor * case["reg"] * case["W"] * subject.scored.penalised(case["W"])
        between = len(case["X"]) * (between - penalty) + penalty
    g, allowed = np.asarray(subject.raw_answer(case).gradient, np.float64), subject.truth(case).gradient.radius
    low, high = between.min(axis=0), between.max(axis=0)
    outside = np.where(np.isfinite(g), np.maximum(np.maximum(low - g, g - high), 0), np.inf)
    j, k = (int(i) for i in np.unravel_index(int(np.argmax(outside / allowed)), g.shape))
    evidence = Evidence(
        measured=float(outside[j, k]),
        allowed=float(allowed[j, k]),
        magnitude=float(np.median(np.abs(between))),
        width=float(np.max(high - low)) / 2,
        where={"entry": [j, k], "measured": float(g[j, k]), "expected": float(low[j, k] + high[j, k]) / 2},
    )
    return Measurement(evidence=(evidence,))


def _kernel(objective: Objective) -> Any:
    """The core's function of this loss and penalty; None if there is none, or if subgradients need not lie between the slopes."""
    module = f"verify.core.{objective.loss.name}"
    if not objective.claims_convexity or not objective.loss.name.isidentifier() or find_spec(module) is None:
        return None
    return getattr(import_module(module), objective.penalty.name.replace("-", "_"), None)
