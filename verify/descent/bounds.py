"""Bounds of gradient descent on these losses: the guaranteed progress of a step, and of k steps.

Sources: A. Beck and M. Teboulle, SIAM J. Imaging Sciences 2 (2009), theorem 3.1, for the smooth case; N. Z. Shor, Minimization Methods for
Non-Differentiable Functions, Springer 1985, chapter 2, for subgradients. Both proofs hold for every point V, not only for a minimiser.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

from verify.descent.optimisers import Floats
from verify.descent.problem import TrainingProblem
from verify.oracle import Oracle, Point

HALVINGS = 12
"""How often a segment is halved in search of a curvature bound: balls over long segments are wide, or infinite."""


@dataclass(frozen=True, kw_only=True)
class Certain:
    """A step along −g that is certain to lower the loss by at least `decrease`; `kink` says that the next kink ends it, not 1/L.

    `slope` is the true f'(W; −g) and `curvature` the greatest f'' on the step, both along −g, not normalised. `step` is 0 where
    −g does not descend.
    """

    step: float
    decrease: float
    slope: float
    curvature: float
    kink: bool


def truth_of(problem: TrainingProblem, W: Floats) -> Point:
    """The oracle's truth of a problem at W."""
    return Oracle(problem.objective, problem.dtype.name).at(W=W, X=problem.split.X, y=problem.split.y, reg=problem.reg)


def certain_step(truth: Point, g: Floats, *, longest: float = 1.0) -> Certain:
    """The longest η ≤ `longest` found with η ≤ 1/L and no kink before: f(W − ηg) ≤ f(W) + (η/2)·f'(W; −g).

    L is sup f'' over the step, divided by −f'(W; −g) = ‖g‖²: the oracle's bound in balls, no estimate. Proof: Taylor with the
    second derivative at its greatest. Raises KinkOnSegment where a switch does not depend on η by a straight line.
    """
    best = Certain(step=0.0, decrease=0.0, slope=0.0, curvature=0.0, kink=False)
    for k in range(HALVINGS):
        stretch = truth.path(-g, longest * 2.0**-k, 1)[0]
        slope, curvature = float(stretch.slope.upper()), float(stretch.curvature.upper())
        reach = float(stretch.end.lower())
        limit = -slope / curvature if curvature > 0 else inf if curvature == curvature else 0.0
        step = max(0.0, min(reach, limit)) if slope < 0 else 0.0
        if step > best.step:
            best = Certain(step=step, decrease=-step / 2 * slope, slope=slope, curvature=curvature, kink=limit > reach < longest * 2.0**-k)
        if step >= longest * 2.0**-k / 2 or best.kink:
            break
    return best


def subgradient_gap(distance: float, step: float, squares: Sequence[float]) -> float:
    """min_{i<k} f(W_i) − f(V) ≤ (‖W_0 − V‖² + η² Σ_{i<k} ‖g_i‖²) / (2ηk), for convex f, any subgradients g_i and any V.

    `distance` is ‖W_0 − V‖, `squares` are the k numbers ‖g_i‖². Proof: ‖W_{i+1} − V‖² = ‖W_i − V‖² − 2η⟨g_i, W_i − V⟩ + η²‖g_i‖²
    and ⟨g_i, W_i − V⟩ ≥ f(W_i) − f(V); sum over i.
    """
    return (distance**2 + step**2 * sum(squares)) / (2 * step * len(squares))


def smooth_gap(distance: float, step: float, steps: int) -> float:
    """f(W_k) − f(V) ≤ ‖W_0 − V‖² / (2ηk), for convex smooth f, η ≤ 1/L and any V.

    Proof: f(W_{i+1}) ≤ f(V) + (‖W_i − V‖² − ‖W_{i+1} − V‖²)/(2η) by convexity and the decrease; sum over i, where the loss falls.
    """
    return distance**2 / (2 * step * steps)
