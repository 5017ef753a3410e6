"""One case taken apart: the parts of the true gradient as matrices (C, D), and what they are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.cases import Case
from verify.oracle import Oracle, Point, exact
from verify.oracle.program import Ball
from verify.terms import Example, Reference, Role, Term

Floats = NDArray[np.floating]
Counts = Callable[[Example, Term, int], float]


class Scene:
    """The truth about one case. `sum_of` makes a matrix of the example's score gradients; everything else is made with it."""

    def __init__(self, oracle: Oracle, case: Case) -> None:
        self.oracle, self.case = oracle, case
        self.W, self.X, self.y = case.W.astype(np.float64), case.X.astype(np.float64), case.y
        self.N, self.C, self.D, self.reg = len(self.X), *self.W.shape, float(case.reg)

    @cached_property
    def point(self) -> Point:
        """What a right candidate answers."""
        return self.oracle.at(self.case.W, self.case.X, self.case.y, self.case.reg)

    @cached_property
    def scores(self) -> Floats:
        """S = X Wᵀ (N, C), rounded."""
        return np.asarray(self.X @ self.W.T)

    @cached_property
    def _parts(self) -> Any:
        return Reference(self.oracle).parts(self.case.W, self.case.X, self.case.y, self.case.reg)

    @property
    def share(self) -> float:
        """1/N for a mean, 1 for a sum."""
        return float(self._parts.share)

    @property
    def examples(self) -> list[Example]:
        """Each example's terms."""
        found: list[Example] = self._parts.examples
        return found

    def slopes(self, count: Counts) -> Floats:
        """∂ℓ/∂s (N, C) with every term counted as `count(example, term, label)` says."""
        dS = np.zeros((self.N, self.C))
        for ds, e, label in zip(dS, self.examples, self.y, strict=True):
            for t in e.terms:
                ds[t.entry] += count(e, t, int(label)) * t.value
        return dS

    def sum_of(self, dS: Floats, X: Floats | None = None) -> Floats:
        """The data term's gradient (C, D) from score gradients (N, C)."""
        return np.asarray(self.share * dS.T @ (self.X if X is None else X))

    @cached_property
    def by_role(self) -> dict[Role, Floats]:
        """Score gradients (N, C) of each role, ties left out."""
        roles = dict.fromkeys(t.role for e in self.examples for t in e.terms if not t.tied)
        return {role: self.slopes(_of_role(role)) for role in roles}

    @cached_property
    def label_slopes(self) -> Floats:
        """Score gradients of the label's own terms."""
        return self._of(label=True)

    @cached_property
    def other_slopes(self) -> Floats:
        """Score gradients of the other classes' terms."""
        return self._of(label=False)

    def _of(self, *, label: bool) -> Floats:
        return np.asarray(sum((dS for role, dS in self.by_role.items() if role.label is label), np.zeros((self.N, self.C))))

    @cached_property
    def all_slopes(self) -> Floats:
        """∂ℓ/∂s (N, C)."""
        return self.label_slopes + self.other_slopes

    @cached_property
    def data(self) -> Floats:
        """The data term's gradient."""
        return self.sum_of(self.all_slopes)

    @cached_property
    def penalty(self) -> Floats:
        """λ∇R(W)."""
        return np.asarray(self._parts.slope)

    @property
    def whole(self) -> Floats:
        """∇f(W), of the first piece at ties."""
        return self.data + self.penalty

    @cached_property
    def active(self) -> NDArray[np.int64]:
        """How many switches are on in each example: those that the label's entry has a term of."""
        on = [{t.switch for t in e.terms if t.switch is not None and t.value and not t.tied} for e in self.examples]
        return np.array([len(s) for s in on])

    def relabelled(self, y: NDArray[np.int64]) -> Floats:
        """The data term's gradient with other labels."""
        return Scene(self.oracle, replace(self.case, y=y)).data

    def with_parameters(self, parameters: Mapping[str, float]) -> Floats:
        """The data term's gradient with other parameters, also outside of their domain: a forgotten margin is one of 0."""
        return Scene(_Shifted(self.oracle, parameters), self.case).data


def _of_role(role: Role) -> Counts:
    return lambda e, t, label: float(t.role == role and not t.tied)


class _Shifted(Oracle):
    """The oracle of a formula with parameters that its spec need not allow."""

    def __init__(self, oracle: Oracle, parameters: Mapping[str, float]) -> None:
        super().__init__(oracle.objective, oracle.dtype)
        self._shifted = [exact.ball(parameters.get(name, value)) for name, value in oracle.objective.parameters.items()]

    def inputs(self, scores: Sequence[Ball]) -> list[Ball]:
        """Scores and the shifted parameters."""
        return [*scores, *self._shifted]
