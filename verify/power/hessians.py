"""Wrong Hessians beside a right loss and gradient, for candidates that are functions of scores and answer for each example."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from verify.candidates import Candidate, Scores
from verify.form import SCORES
from verify.oracle import Oracle
from verify.power.mutants import visible
from verify.spec import Objective
from verify.spec.catalogue import find_penalty
from verify.terms import Reference

Floats = NDArray[np.floating]
Change = Callable[[Floats, Floats], Floats]
"""(Hessian, gradient) of all examples, each (N, C) → another Hessian."""


def of_each_example(oracle: Oracle) -> Oracle:
    """The oracle of the same loss as a function of the scores, each example alone: what an objective of a booster is."""
    own = oracle.objective
    return Oracle(
        Objective(loss=own.loss, penalty=find_penalty("none"), reduction="sum", parameters=own.parameters, form=SCORES), oracle.dtype
    )


@dataclass(frozen=True)
class Right:
    """The loss, and the slopes and second derivatives of all examples, each (N, C)."""

    loss: float
    slopes: Floats
    hessian: Floats


@dataclass(frozen=True)
class Hessians:
    """Implementations over one objective of scores: all are right but for the Hessian, which a change of (hess, grad) makes.

    What is right is derived once for all of them.
    """

    oracle: Oracle
    _known: dict[tuple[bytes, bytes], Right] = field(default_factory=dict, init=False, repr=False, compare=False)

    @cached_property
    def _reference(self) -> Reference:
        return Reference(self.oracle)

    def made(self, change: Change = lambda H, g: H) -> Scores:
        """Loss, gradient and changed Hessian; prediction and target as `Scores` hands them over."""

        def shaped(A: Floats, prediction: Floats) -> Floats:
            return A.astype(prediction.dtype).reshape(prediction.shape)

        f = Candidate(
            loss=lambda s, t: float(s.dtype.type(self._at(s, t).loss)),
            grad=lambda s, t: shaped(self._at(s, t).slopes, s),
            hess=lambda s, t: shaped(change(self._at(s, t).hessian, self._at(s, t).slopes), s),
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

    def _at(self, prediction: Floats, target: NDArray[np.floating]) -> Right:
        """What is right at scores (N,) or (N, C), and targets; on a kink the first of the pieces."""
        scores, targets = prediction.reshape(len(prediction), -1), self.oracle.objective.loss.targets
        y = np.asarray(target if targets is None else [targets.index(float(t)) for t in target], np.int64)
        key = scores.tobytes(), y.tobytes()
        if key not in self._known:
            point = self.oracle.at(scores=scores, y=y)
            examples = [self._reference.example(row, int(label)) for row, label in zip(point.data.map.inputs, y, strict=True)]
            self._known[key] = Right(
                loss=sum(sum(e.losses) for e in examples),
                slopes=np.array([e.slope(scores.shape[1]) for e in examples]),
                hessian=np.array([[float(choices[0].exact) if choices else 0.0 for choices in row] for row in point.curvatures]),
            )
        return self._known[key]


def times(factor: float) -> Change:
    """The Hessian times a factor."""
    return lambda H, g: factor * H
