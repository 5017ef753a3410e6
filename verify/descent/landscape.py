"""Slices of the loss: L(W + aW₁) along a line, L(W + aW₁ + bW₂) in a plane, for single examples and for their average.

Weights and directions are rounded to grids on which every point of a slice is exact, so that the value drawn at a is the loss at exactly W
+ aW₁.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from math import ceil, log2
from typing import Any

import numpy as np

from verify.descent.bounds import truth_of
from verify.descent.kinks import Kink, kink_lines, kinks_along
from verify.descent.methods import first_state, positive, prepare
from verify.descent.optimisers import Floats
from verify.descent.problem import TrainingProblem, between
from verify.difference import direction, on_grid
from verify.errors import unknown
from verify.report.progress import OnPart

PLACES = {"start": 0, "descended": 100}
"""Where a slice is taken: at the small random weights where descent starts, or after this many steps."""

STEPS = 128
"""Points of a line to either side; a plane has a quarter of them."""


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """A problem, the middle W of the slices, their directions W₁ and W₂, and the greatest |a|, |b|."""

    problem: TrainingProblem
    W: Floats
    directions: tuple[Floats, Floats]
    reach: float

    def at(self, a: float, b: float = 0.0) -> Floats:
        """The weights W + aW₁ + bW₂."""
        real = self.W.dtype.type
        return np.asarray(self.W + real(a) * self.directions[0] + real(b) * self.directions[1])

    def one(self, example: int) -> TrainingProblem:
        """The problem of a single training example."""
        s = self.problem.split
        alone = replace(s, X=s.X[example : example + 1], y=s.y[example : example + 1])
        return TrainingProblem(split=alone, loss=self.problem.loss, reg=self.problem.reg)


def view_of(problem: TrainingProblem, *, at: str = "start", reach: float = 32.0, seed: int = 0) -> View:
    """A view along two random directions of about unit length. `reach` is rounded up to a power of two.

    Raises UsageError for a place that does not exist and a reach that is not a number greater than 0.
    """
    if at not in PLACES:
        raise unknown("place", at, PLACES)
    positive("reach", reach)
    between("reach", reach, 0, 2.0**20)
    state, descent = first_state(problem, seed), prepare(problem, "gradient", seed=seed)
    for _ in range(PLACES[at]):
        state = descent.advance(state)
    first, second = (direction(10 * seed + k, problem.shape, problem.dtype.name) for k in (1, 2))
    return View(problem=problem, W=on_grid(state.W), directions=(first, second), reach=2.0 ** ceil(log2(reach)))


def line(view: View, *, on_part: OnPart = lambda _, __: None) -> dict[str, Any]:
    """The slice L(W + aW₁), |a| ≤ reach: each example's losses at `a` and its exact kinks, and the average of all.

    Losses carry the kernel's rounding, kinks none but their last bit.
    """
    a = [k * view.reach / STEPS for k in range(-STEPS, STEPS + 1)]
    weights = [view.at(x) for x in a]
    examples = []
    for i, label in enumerate(view.problem.split.y):
        f = view.one(i)
        kinks = _kinks(view, f)
        bends = [{"a": k.t, "loss": f(view.at(k.t))[0], "slope_before": k.before, "slope_after": k.after} for k in kinks]
        examples.append({"label": int(label), "losses": [f(W)[0] for W in weights], "kinks": bends})
        on_part((i + 1) / len(view.problem.split.y), f"{len(kinks)} kinks")
    return {"a": a, "examples": examples, "average": [view.problem(W)[0] for W in weights]}


def _kinks(view: View, f: TrainingProblem) -> list[Kink]:
    """The kinks of one example's line, measured from its left end; t becomes a."""
    left = truth_of(f, view.at(-view.reach))
    found = kinks_along(left, view.directions[0], 2 * view.reach)
    return [Kink(t=k.t - view.reach, before=k.before, after=k.after) for k in found]


def plane(view: View) -> dict[str, Any]:
    """The slice L(W + aW₁ + bW₂), |a|, |b| ≤ reach: the first example's losses and its lines of kinks, and the average.

    `first` and `average` have a row for each b and a column for each a.
    """
    a = [k * view.reach / (STEPS // 4) for k in range(-STEPS // 4, STEPS // 4 + 1)]
    f = view.one(0)
    points = [truth_of(f, W) for W in (view.at(0), view.at(1), view.at(0, 1))]
    return {
        "a": a,
        "b": a,
        "first": [[f(view.at(x, y))[0] for x in a] for y in a],
        "average": [[view.problem(view.at(x, y))[0] for x in a] for y in a],
        "kink_lines": [asdict(k) for k in kink_lines(*points)],
    }


def describe(view: View, at: str, seed: int) -> dict[str, Any]:
    """The view in the words of the document."""
    p = view.problem
    about = {"loss": p.loss, "reg": p.reg, "data": p.split.name, "digest": p.split.digest, "training_examples": p.examples}
    return about | {"at": at, "seed": seed, "reach": view.reach, "length": [float(np.linalg.norm(d)) for d in view.directions]}
