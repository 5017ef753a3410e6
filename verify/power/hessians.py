"""Wrong Hessians beside a right loss and gradient, for candidates that are functions of scores and answer for each example."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from verify.candidates import Candidate, Scores
from verify.oracle import Oracle
from verify.rounding import unit_roundoff
from verify.spec import Objective
from verify.spec.catalogue import find_penalty
from verify.terms import Reference

Floats = NDArray[np.floating]
Change = Callable[[Floats, Floats], Floats]
"""(Hessian, gradient) of all examples, each (N, C) → another Hessian."""
RELATIVE = tuple(10.0**-k for k in range(3, 13))
VISIBLE = 1e3
"""Relative errors below this many unit roundoffs are not in the catalogue: right code may err by some of them."""


def of_scores(oracle: Oracle) -> Oracle:
    """The oracle of the same loss as a function of the scores, each example alone: what an objective of a booster is."""
    own = oracle.objective
    return Oracle(
        Objective(loss=own.loss, penalty=find_penalty("none"), reduction="sum", parameters=own.parameters, of_scores=True), oracle.dtype
    )


@dataclass(frozen=True)
class Hessians:
    """Implementations over one objective of scores: all are right but for the Hessian, which a change of (hess, grad) makes."""

    oracle: Oracle

    def made(self, change: Change = lambda H, g: H) -> Scores:
        """Loss, gradient and changed Hessian; prediction and target as `Scores` hands them over."""
        reference, loss = Reference(self.oracle), self.oracle.objective.loss

        def laid_out(prediction: Floats, target: NDArray[np.floating]) -> tuple[Floats, NDArray[np.int64]]:
            W = np.ascontiguousarray(prediction.reshape(len(prediction), -1).T)
            y = target if loss.targets is None else [loss.targets.index(float(t)) for t in target]
            return W, np.asarray(y, np.int64)

        def parts(prediction: Floats, target: Floats) -> tuple[float, Floats, Floats]:
            W, y = laid_out(prediction, target)
            X = np.eye(len(y), dtype=W.dtype)
            p = reference.parts(W, X, y, 0.0)
            curvatures = self.oracle.at(W, X, y, 0.0).curvatures
            H = np.array([[float(choices[0].exact) if choices else 0.0 for choices in row] for row in curvatures])
            return p.loss, p.score_gradients, H

        def shaped(A: Floats, prediction: Floats) -> Floats:
            return A.astype(prediction.dtype).reshape(prediction.shape)

        f = Candidate(
            loss=lambda s, t: float(s.dtype.type(parts(s, t)[0])),
            grad=lambda s, t: shaped(parts(s, t)[1], s),
            hess=lambda s, t: shaped(change(parts(s, t)[2], parts(s, t)[1]), s),
        )
        return Scores(f=f, targets=loss.targets, per_example=True)

    def mutants(self) -> Iterator[tuple[str, Scores]]:
        """Every one that differs: multiples only where something is curved."""
        changes: dict[str, Change] = {"the Hessian all ones": lambda H, g: np.ones_like(H) * 1.5}
        if not self.oracle.piecewise_linear:
            changes |= {
                "the Hessian left out": lambda H, g: 0 * H,
                "the Hessian doubled": lambda H, g: 2 * H,
                "the Hessian with the wrong sign": lambda H, g: -H,
                "the gradient's square for the Hessian": lambda H, g: g * g,
                "the Hessian of the next example": lambda H, g: np.roll(H, 1, axis=0) * (1 + 1e-3 * (len(H) == 1)),
            }
            u = unit_roundoff(self.oracle.dtype)
            changes |= {f"the Hessian off by {e:.0e}": times(1 + e) for e in RELATIVE if e >= VISIBLE * u}
        return ((name, self.made(change)) for name, change in changes.items())


def times(factor: float) -> Change:
    """The Hessian times a factor."""
    return lambda H, g: factor * H
