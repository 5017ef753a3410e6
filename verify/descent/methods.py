"""The five methods with their settings, ready for `run`: their step, and its cost in losses of examples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf

import numpy as np

from verify.descent.names import SETTINGS
from verify.descent.optimisers import State, gradient_descent, local_search, minibatch_descent, random_search, sgd
from verify.descent.problem import TrainingProblem, between
from verify.errors import UsageError, of_type, unknown

START = 1e-3
"""Standard deviation of the initial weights: small, as in the notes, so that every score is near 0 and no class is preferred."""

SCALE = 0.1
"""Scale of random search's weights: scores of the digits are then about as large as the hinge's margin, and rise above chance."""

RADIUS = 0.03
"""Radius of local search. On the digits 300 steps of 0.01 are too short to get far, steps of 0.1 are rarely accepted."""

STEPS = {"gradient": 1.0, "minibatch": 1.0, "sgd": 0.25}
"""The step size η in units of 1/L (`TrainingProblem.smoothness`). One example's gradient is longer and noisier than the mean's: hence the
quarter.
"""

BATCH = 64


@dataclass(frozen=True, kw_only=True)
class Method:
    """`advance(state)` takes one step of `name`; `batch` is the number of losses of examples that it computes, None for all."""

    name: str
    settings: Mapping[str, float | int]
    advance: Callable[[State], State]
    batch: int | None = None

    def seen(self, iterations: int, examples: int) -> int:
        """The number of losses of single examples that this many steps compute."""
        if self.batch is None:
            return iterations * examples
        passes, rest = divmod(iterations, self.per_pass(examples))
        return passes * examples + rest * self.batch

    def per_pass(self, examples: int) -> int:
        """The number of steps that process every example once."""
        return 1 if self.batch is None else -(-examples // self.batch)


def prepare(problem: TrainingProblem, name: str, *, seed: int, **given: float | int | None) -> Method:
    """The method of this name on this problem. Settings that are not given have their defaults; unknown ones are refused.

    Raises UsageError for an unknown name or setting and for invalid values.
    """
    if name not in SETTINGS:
        raise unknown("method", name, SETTINGS)
    settings = {"seed": seed} | _settings(problem, name, given)
    N = problem.examples
    steps: dict[str, Callable[[State], State]] = {
        "random-search": lambda s: random_search(problem, s, scale=settings["scale"], seed=seed),
        "local-search": lambda s: local_search(problem, s, radius=settings["radius"], seed=seed),
        "gradient": lambda s: gradient_descent(problem, s, step=settings["step"]),
        "minibatch": lambda s: minibatch_descent(problem, s, examples=N, batch=int(settings["batch"]), step=settings["step"], seed=seed),
        "sgd": lambda s: sgd(problem, s, examples=N, step=settings["step"], seed=seed),
    }
    batch = {"minibatch": settings.get("batch"), "sgd": 1}.get(name)
    return Method(name=name, settings=settings, advance=steps[name], batch=None if batch is None else int(batch))


def first_state(problem: TrainingProblem, seed: int) -> State:
    """The start of every method: normal weights of standard deviation START."""
    W = START * np.random.default_rng(seed).normal(size=problem.shape)
    return State(W=W.astype(problem.dtype))


def _settings(problem: TrainingProblem, name: str, given: Mapping[str, float | int | None]) -> dict[str, float | int]:
    for key, value in given.items():
        if value is not None and key not in SETTINGS[name]:
            raise UsageError(f"{name} has no {key}. It takes: {', '.join(SETTINGS[name])}.")
    defaults: dict[str, float | int] = {"scale": SCALE, "radius": RADIUS, "batch": min(BATCH, problem.examples)}
    defaults["step"] = STEPS.get(name, 1.0) / problem.smoothness
    chosen = {key: defaults[key] if given.get(key) is None else given[key] for key in SETTINGS[name]}
    for key, value in chosen.items():
        if key == "batch":
            between(key, value, 1, problem.examples, whole=True)
        else:
            positive(key, value)
    return {key: value for key, value in chosen.items() if value is not None}


def positive(kind: str, given: object) -> None:
    """Raises UsageError unless it is a finite number greater than 0."""
    of_type(kind, given, (int, float), "a finite number greater than 0")
    if not (isinstance(given, (int, float)) and 0 < given < inf):
        raise UsageError(f"{kind} is {given!r}; give a finite number greater than 0.")
