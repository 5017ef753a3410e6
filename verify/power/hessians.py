"""Wrong Hessians with a right loss and gradient, for functions of scores that return values per example.

Mistakes in a formula come from the catalogue of the diagnosis; errors of a given size are made here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from verify.candidates import Candidate, Scores
from verify.cases import Case
from verify.cases.case import NAMING
from verify.diagnosis import hessians
from verify.diagnosis.decomposition import Decomposition
from verify.form import SCORES
from verify.oracle import Oracle
from verify.power.mutants import Added, mutations, visible
from verify.spec import Objective
from verify.spec.catalogue import find_penalty
from verify.terms import Reference

Floats = NDArray[np.floating]
Change = Callable[[Floats, Decomposition], Floats]
"""From the right Hessian of all examples (N, C), and its decomposition, to another Hessian."""


def of_each_example(oracle: Oracle) -> Oracle:
    """The oracle of the loss as a function of the scores, per example: that of a booster's objective."""
    own = oracle.objective
    return Oracle(
        Objective(loss=own.loss, penalty=find_penalty("none"), reduction="sum", parameters=own.parameters, form=SCORES), oracle.dtype
    )


class Hessians:
    """Implementations of one objective of scores with only the Hessian wrong. The right answers are derived once for all of them."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        self._known: dict[tuple[bytes, bytes], Decomposition] = {}

    def made(self, change: Change = lambda H, _: H) -> Scores:
        """The loss, the gradient and the changed Hessian; prediction and target are passed as by `Scores`."""

        def shaped(A: Floats, prediction: Floats) -> Floats:
            return A.astype(prediction.dtype).reshape(prediction.shape)

        def hessian(s: Floats, t: Floats) -> Floats:
            there = self._at(s, t)
            return shaped(change(_right(there), there), s)

        f = Candidate(
            loss=lambda s, t: float(s.dtype.type(self._at(s, t).losses.sum())),
            grad=lambda s, t: shaped(self._at(s, t).all_slopes, s),
            hess=hessian,
        )
        return Scores(f=f, targets=self.oracle.objective.loss.targets, per_example=True)

    def mutants(self) -> Iterator[tuple[str, Scores]]:
        """All mutants that differ."""
        several = mutations(hessians.CATALOGUE, Reference(self.oracle))
        added = Added[Decomposition](lambda decomposition: decomposition, several)
        for m in (m for _, made in several for m in made):
            yield m.name, self.made(lambda H, there, m=m: H + added.at(there, m))  # type: ignore[misc]
        if not self.oracle.piecewise_linear:
            for e in visible(self.oracle.dtype):
                yield f"the Hessian off by {e:.0e}", self.made(off_by(e))

    def _at(self, prediction: Floats, target: NDArray[np.floating]) -> Decomposition:
        """The decomposition at scores (N,) or (N, C), and targets."""
        scores, targets = prediction.reshape(len(prediction), -1), self.oracle.objective.loss.targets
        y = np.asarray(target if targets is None else [targets.index(float(t)) for t in target], np.int64)
        key = scores.tobytes(), y.tobytes()
        if key not in self._known:
            values = {"scores": scores.copy(), "y": y.copy()}
            self._known[key] = Decomposition(self.oracle, Case(values=values, differentiated=(SCORES.point,), family=NAMING))
        return self._known[key]


def _right(there: Decomposition) -> Floats:
    """The right Hessian; on a kink that of the first piece."""
    rows = [[float(choices[0].exact) if choices else 0.0 for choices in row] for row in there.point.curvatures]
    return np.array([rows[which] for which in there.point.which])


def off_by(error: float) -> Change:
    """The Hessian with a relative error."""
    return lambda H, _: (1 + error) * H
