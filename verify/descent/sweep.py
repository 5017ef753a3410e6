"""The notes' experiment with step sizes: the loss after one step of 1e-10 … 1e-1 along the negative numerical gradient.

Beside each loss stands what the oracle predicts of it, the nearest kink, where the prediction ends, and the step from which
the loss is higher than it was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from verify.descent.bounds import truth_of
from verify.descent.methods import first_state
from verify.descent.numerical import Counted, numerical_gradient
from verify.descent.optimisers import Floats
from verify.descent.problem import TrainingProblem
from verify.report.progress import OnPart

SCHEMA = "verify-step-sweep/1"
STEPS = tuple(10.0**k for k in range(-10, 0))
TRIALS = (("centred", 1e-5), ("forward", 1e-5), ("centred", 1e-15), ("forward", 1e-15))
"""The notes' h, and one that is too small: there W + h changes the loss by less than its last bit, and the quotient is noise."""

BISECTIONS = 60
"""Enough to bring an interval down to neighbouring floats."""

DOUBLINGS = 60


def step_sweep(problem: TrainingProblem, *, seed: int = 0, on_part: OnPart = lambda _, __: None) -> dict[str, Any]:
    """The whole experiment from small random weights, as the document.

    `prediction`: η·slope + η²/2·curvature with the oracle's f' and f'' at W along −g, g being the centred numerical gradient. For
    a piecewise linear loss it is exact up to `kink`, the nearest kink on the way (None: there is none). `lowest` and
    `rises_from` are found by bisection, right for convex losses: the step at which the loss is least, and that from which it is
    higher than at W; None where there is none.
    """
    f, W = Counted(problem), first_state(problem, seed).W
    trials, g = _trials(problem, f, W, on_part)
    on_part(0.9, "the steps")
    original = f(W)
    truth = truth_of(problem, W)
    slope = -truth.gradient.support(g) if truth.gradient.is_single else truth.gradient.support(-g)
    stretch = truth.path(-g, STEPS[-1] * 2.0**DOUBLINGS, 1)[0]
    curvature = float(2 * truth.along(-g, 0.0, 0.0)[2].mid())
    kink = float(stretch.end.mid()) if stretch.end < STEPS[-1] * 2.0**DOUBLINGS else None
    rows = []
    for eta in STEPS:
        loss = f(W - eta * g)
        predicted = eta * slope + eta**2 / 2 * curvature
        rows.append(
            {"step": eta, "loss": loss, "change": loss - original, "predicted": predicted, "before_kink": kink is None or eta < kink}
        )
    convex = problem.objective.claims_convexity
    return {
        "schema": SCHEMA,
        "loss": problem.loss,
        "reg": problem.reg,
        "data": problem.split.name,
        "digest": problem.split.digest,
        "seed": seed,
        "training_examples": problem.examples,
        "weights": W.size,
        "original": original,
        "value_noise": truth.value.radius,
        "gradient": trials,
        "slope": slope,
        "curvature": curvature,
        "square": float(np.sum(g * g)),
        "kink": kink,
        "steps": rows,
        "lowest": _lowest(problem, W, g) if convex else None,
        "rises_from": _rises_from(lambda eta: problem(W - eta * g)[0], original) if convex else None,
    }


def _trials(problem: TrainingProblem, f: Counted, W: Floats, on_part: OnPart) -> tuple[list[dict[str, Any]], Floats]:
    """The numerical gradients with their evaluations and their errors against the kernel's own; and the first of them."""
    exact, found, first = problem(W)[1], [], W
    size = float(np.max(np.abs(exact)))
    for i, (method, h) in enumerate(TRIALS):
        before = f.evaluations
        g = numerical_gradient(f, W, h=h, method=method, on_part=_within(on_part, i, f"{method}, h = {h:g}"))
        error = float(np.max(np.abs(g - exact)))
        spent = f.evaluations - before
        found.append({"method": method, "h": h, "evaluations": spent, "error": error, "relative_error": error / size})
        first = g if i == 0 else first
    return found, first


def _within(on_part: OnPart, trial: int, label: str) -> Callable[[float], None]:
    return lambda part: on_part(0.9 * (trial + part) / len(TRIALS), label)


def _lowest(problem: TrainingProblem, W: Floats, g: Floats) -> float | None:
    """The step at which the loss along −g is least: where its slope changes sign."""

    def rising(eta: float) -> bool:
        return float(np.sum(problem(W - eta * g)[1] * -g)) >= 0

    return _first(rising)


def _rises_from(loss: Callable[[float], float], original: float) -> float | None:
    """The least step, to the last bits, after which the loss is not below `original`: None where there is none."""
    return _first(lambda eta: loss(eta) >= original)


def _first(true_from: Callable[[float], bool]) -> float | None:
    """The point from which on a monotone condition holds."""
    low, high = 0.0, STEPS[-1]
    for _ in range(DOUBLINGS):
        if true_from(high):
            break
        low, high = high, 2 * high
    else:
        return None
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        low, high = (low, middle) if true_from(middle) else (middle, high)
    return high
