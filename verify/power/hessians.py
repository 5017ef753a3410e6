"""Wrong Hessians beside a right loss and gradient, for candidates that are functions of scores and answer for each example."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from verify.candidates import Candidate, Scores
from verify.oracle import Oracle
from verify.power.mutants import visible
from verify.spec import Objective
from verify.spec.catalogue import find_penalty
from verify.terms import Parts, Reference

Floats = NDArray[np.floating]
Change = Callable[[Floats, Floats], Floats]
"""(Hessian, gradient) of all examples, each (N, C) → another Hessian."""


def of_scores(oracle: Oracle) -> Oracle:
    """The oracle of the same loss as a function of the scores, each example alone: what an objective of a booster is."""
    own = oracle.objective
    return Oracle(
        Objective(loss=own.loss, penalty=find_penalty("none"), reduction="sum", parameters=own.parameters, of_scores=True), oracle.dtype
    )


@dataclass(frozen=True)
class Hessians:
    """Implementations over one objective of scores: all are right but for the Hessian, which a change of (hess, grad) makes.

    What is right is derived once for all of them.
    """

    oracle: Oracle
    _known: dict[tuple[bytes, bytes], Floats] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def _reference(self) -> Reference:
        return Reference(self.oracle)

    def made(self, change: Change = lambda H, g: H) -> Scores:
        """Loss, gradient and changed Hessian; prediction and target as `Scores` hands them over."""

        def shaped(A: Floats, prediction: Floats) -> Floats:
            return A.astype(prediction.dtype).reshape(prediction.shape)

        f = Candidate(
            loss=lambda s, t: float(s.dtype.type(self._parts(s, t).loss)),
            grad=lambda s, t: shaped(self._parts(s, t).score_gradients, s),
            hess=lambda s, t: shaped(change(self._hessian(self._parts(s, t)), self._parts(s, t).score_gradients), s),
        )
        return Scores(f=f, targets=self.oracle.objective.loss.targets, per_example=True)

    def mutants(self) -> Iterator[tuple[str, Scores]]:
        """Every one that differs: multiples only where something is curved."""
        changes: dict[str, Change] = {
            "a constant for the Hessian": lambda H, g: np.full_like(H, 1.5),
            "the gradient for the Hessian": lambda H, g: g,
            "the gradient's square for the Hessian": lambda H, g: g * g,
        }
        if not self.oracle.piecewise_linear:
            changes |= {
                "the Hessian left out": times(0.0),
                "the Hessian doubled": times(2.0),
                "the Hessian with the wrong sign": times(-1.0),
            }
            changes |= {f"the Hessian off by {e:.0e}": times(1 + e) for e in visible(self.oracle.dtype)}
        return ((name, self.made(change)) for name, change in changes.items())

    def _parts(self, prediction: Floats, target: NDArray[np.floating]) -> Parts:
        """Scores (N,) or (N, C) as W (C, N), and targets as labels."""
        W, targets = np.ascontiguousarray(prediction.reshape(len(prediction), -1).T), self.oracle.objective.loss.targets
        y = target if targets is None else [targets.index(float(t)) for t in target]
        return self._reference.parts(W, np.eye(len(prediction), dtype=W.dtype), np.asarray(y, np.int64), 0.0)

    def _hessian(self, p: Parts) -> Floats:
        """(N, C): the first of the pieces on a kink, as the gradient takes it."""
        key = (p.W.tobytes(), p.y.tobytes())
        if key not in self._known:
            curvatures = self.oracle.at(p.W, p.X, p.y, 0.0).curvatures
            self._known[key] = np.array([[float(choices[0].exact) if choices else 0.0 for choices in row] for row in curvatures])
        return self._known[key]


def times(factor: float) -> Change:
    """The Hessian times a factor."""
    return lambda H, g: factor * H
