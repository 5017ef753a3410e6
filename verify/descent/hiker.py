"""The story of the blindfolded hiker in numbers: everything that the page shows, as one document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from verify.descent import compare, three_examples
from verify.descent.bounds import certain_step, subgradient_gap, truth_of
from verify.descent.history import History, Progress
from verify.descent.landscape import describe, line, plane, view_of
from verify.descent.methods import first_state, prepare
from verify.descent.names import SETTINGS
from verify.descent.optimisers import Floats, State, gradient_descent
from verify.descent.problem import TrainingProblem, digits_split
from verify.descent.run import descend
from verify.descent.sweep import step_sweep
from verify.report.progress import OnPart

SCHEMA = "verify-hiker/1"
LOSS, SMOOTH, REG = "multiclass_hinge", "softmax_cross_entropy", 1e-4
SHOWN_EXAMPLES = 20
"""Examples in the pictures of the landscape."""


def hiker(*, seed: int = 0, evaluations: int = 300, on_part: OnPart = lambda _, __: None) -> dict[str, Any]:
    """The document of the page: landscape, terms, comparison, promises, step sizes; on the embedded digits."""
    on_part(0.0, "the landscape")
    few = digits_split().first(SHOWN_EXAMPLES)
    views = {loss: view_of(TrainingProblem(split=few, loss=loss, reg=0.0), seed=seed) for loss in (LOSS, SMOOTH)}
    scenery = {loss: describe(view, "start", seed) | {"line": line(view)} for loss, view in views.items()}
    scenery[LOSS]["plane"] = plane(views[LOSS])
    problem = TrainingProblem(split=digits_split(), loss=LOSS, reg=REG)
    histories = []
    for i, name in enumerate(SETTINGS):
        on_part(0.1 + 0.12 * i, name)
        histories.append(descend(problem, prepare(problem, name, seed=seed), evaluations=evaluations))
    on_part(0.7, "the steps")
    raw = TrainingProblem(split=digits_split(raw=True), loss=LOSS, reg=REG)
    return {
        "schema": SCHEMA,
        "seed": seed,
        "landscape": scenery,
        "terms": three_examples.document(),
        "comparison": compare.document(histories),
        "curves": {h.name: [asdict(r) for r in h.rows if r.evaluations == int(r.evaluations)] for h in histories},
        "promises": promises(problem, histories, seed),
        "sweep": step_sweep(raw, seed=seed, on_part=lambda part, told: on_part(0.7 + 0.3 * part, told)),
    }


def promises(problem: TrainingProblem, histories: Sequence[History], seed: int) -> dict[str, Any]:
    """The guarantees of theory for gradient descent, and what happened.

    The first step: how far along −g a decrease is certain, and how large it is at half of that. The whole run: the gap to the best weights
    V that any method found, against the bound of `subgradient_gap`.
    """
    W = first_state(problem, seed).W
    value, g = problem(W)
    certain = certain_step(truth_of(problem, W), g)
    half = certain.step / 2
    best = min(histories, key=lambda h: h.state.best)
    return {
        "certain_step": certain.step,
        "ends_at_kink": certain.kink,
        "square": float(np.sum(g * g)),
        "half_step": half,
        "half_fall_promised": -half / 2 * certain.slope,
        "half_fall": value - problem(W - half * g)[0],
        "smoothness": problem.smoothness,
    } | _gap(problem, histories, best, W)


def _gap(problem: TrainingProblem, histories: Sequence[History], best: History, W: Floats) -> dict[str, Any]:
    """The run of `gradient` again, since its gradients were not kept."""
    (walk,) = (h for h in histories if h.name == "gradient")
    step, steps = float(walk.about["settings"]["step"]), walk.state.iteration
    V = best.state.W if best.state.best_at is None else best.state.best_at
    distance = float(np.linalg.norm(W - V))
    state, squares = first_state(problem, int(walk.about["settings"]["seed"])), []
    for _ in range(steps):
        squares.append(float(np.sum(problem(state.W)[1] ** 2)))
        state = gradient_descent(problem, state, step=step)
    return {
        "steps": steps,
        "step": step,
        "against": best.name,
        "distance": distance,
        "gap": walk.state.best - best.state.best,
        "bound": subgradient_gap(distance, step, squares),
    }


def curves_of(document: Mapping[str, Any]) -> list[History]:
    """The document's curves as histories, for the picture, without the final weights."""
    about, state = {"chance": document["comparison"]["chance"]}, State(W=np.zeros((0, 0)))
    return [
        History(about=about | {"method": name}, rows=tuple(Progress(**r) for r in document["curves"][name]), state=state)
        for name in SETTINGS
    ]
