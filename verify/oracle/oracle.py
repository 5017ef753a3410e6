"""The truth of f(W) = reduce_i ℓ(W x_i, y_i) + λ R(W), or of φ(S), for candidates that compute in a dtype: see `point`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from flint import arb, fmpq
from numpy.typing import NDArray

from verify.difference import on_grid
from verify.form import LINEAR, SCORES, Form
from verify.oracle import exact
from verify.oracle.elements import Element, Elements
from verify.oracle.formula import Formula, any_target_formula, loss_formula, penalty_formula
from verify.oracle.maps import SHIFTED, Dense, Map, Select
from verify.oracle.penalty import Groups, Weights
from verify.oracle.point import Point
from verify.oracle.truth import Truth
from verify.spec.objective import Objective
from verify.spec.relations import Relation

Floats = NDArray[np.floating]


class Oracle(Truth):
    """The truth about one objective."""

    def __init__(self, objective: Objective, dtype: str) -> None:
        super().__init__(objective, dtype)
        self.objective = objective
        self._elements: dict[tuple[int, int], Element] = {}
        self._steepest: dict[tuple[int, int], Floats] = {}
        self._most_curved: dict[tuple[int, int, int], float] = {}

    def at(self, /, **values: Any) -> Point:
        """The truth at one point, for the values that the objective's form names: W (C, D), X (N, D), y (N,) with labels in 0..C−1 and reg;
        or scores (N, C) and y.
        """
        form = self.objective.form
        alike = form.first_alike(values)
        counts = Counter(alike)  # in the order of the first ones
        data = Elements(
            elements=[self.element(form.classes(values), int(label)) for label in values["y"][[*counts]]],
            map=MAPS[form](values, [*counts], self.u, self.tiny),
            counts=[*counts.values()],
            number=len(alike),
            share=fmpq(*self.objective.share(len(alike))),
            dtype=self.dtype,
            u=self.u,
            tiny=self.tiny,
        )
        penalty = self.penalty(values["W"], float(values["reg"])) if form.is_penalised else None
        place = {i: k for k, i in enumerate(counts)}
        which = [place[i] for i in alike]
        return Point(x=values[form.point], data=data, penalty=penalty, dtype=self.dtype, u=self.u, tiny=self.tiny, which=which)

    def penalty(self, W: Floats, reg: float) -> Weights | Groups | None:
        """λR at W; None if it is always 0."""
        penalty = self.objective.penalty
        formula = penalty_formula(penalty)
        if not formula.value_terms or reg == 0:
            return None
        if penalty.per_group is None:
            return Weights(formula=formula, W=W, counted=self.penalised(W), reg=reg, u=self.u)
        found = Groups(penalty=penalty, W=W, reg=reg, dtype=self.dtype, u=self.u, tiny=self.tiny)
        return None if found.is_empty else found

    def element(self, classes: int, label: int) -> Element:
        """ℓ of one example with this label."""
        if (classes, label) not in self._elements:
            self._elements[classes, label] = self._element(classes, label)
        return self._elements[classes, label]

    def _element(self, classes: int, label: int) -> Element:
        loss = self.objective.loss
        target = self.target(label)
        everywhere = None if self.for_any_target is None else (self.for_any_target, (exact.ball(loss.targets[label]),))  # type: ignore[index]
        return Element(
            formula=self.formula(classes, label),
            key=label,
            ways=tuple(self.ways(classes, label)),
            constants=(*target, *self.constants),
            rounded=(*target, *self._rounded_constants),
            steep=lambda: self.steepest(classes, label),
            curved=lambda j: self.most_curved(classes, label, j),
            # A right candidate may count the label as one of the classes and subtract its constant term again, as in
            # Σ_j max(0, s_j − s_y + Δ) − Δ: it rounds at the size of the parameters where the loss itself is next to nothing.
            aside=0.0 if loss.targets else sum(abs(float(p)) for p in self.objective.parameters.values()),
            asymptotic=bool(loss.targets),
            everywhere=everywhere,
        )

    def target(self, label: int) -> list[arb]:
        """The target as a constant of the formula, if it is one."""
        return [exact.ball(t) for t in self.objective.loss.constant(label)]

    def numbers(self, label: int) -> list[float]:
        """The constants of the formula for one label as floats."""
        return [*self.objective.loss.constant(label), *map(float, self.objective.parameters.values())]

    def formula(self, classes: int, label: int) -> Formula:
        """ℓ for one label."""
        return loss_formula(self.objective.loss, classes, int(label))

    def steepest(self, classes: int, label: int) -> Floats:
        """L for each score: see `steepness`. For a symmetric loss it follows for every label from that for the first."""
        from verify.oracle.lipschitz import steepest  # which looks at many points at once, as the bulk search does through this module

        if (classes, label) not in self._steepest:
            if self.objective.loss.claims.symmetric and label != 0:
                found = self.steepest(classes, 0).copy()
                found[[0, label]] = found[[label, 0]]
            else:
                found = steepest(self.formula(classes, label), self.numbers(label))
            self._steepest[classes, label] = found
        return self._steepest[classes, label]

    def most_curved(self, classes: int, label: int, j: int) -> float:
        """The steepness of the second derivative in score j."""
        from verify.oracle.lipschitz import most_curved

        if (classes, label, j) not in self._most_curved:
            found = most_curved(self.formula(classes, label), j, self.numbers(label))
            self._most_curved[classes, label, j] = found
        return self._most_curved[classes, label, j]

    @cached_property
    def for_any_target(self) -> Formula | None:
        """ℓ of one score with its target as a constant; None if there are classes, or the formula branches on the target."""
        return any_target_formula(self.objective.loss)

    def ways(self, classes: int, label: int) -> list[Formula]:
        """The further ways of writing ℓ for one label."""
        return [loss_formula(way, classes, int(label)) for way in self.objective.loss.written]

    @property
    def example(self) -> Formula:
        """ℓ in its smallest form, which shows whether it has switches or is curved."""
        return self.formula(self.objective.loss.scores(2), 0)

    @property
    def scored(self) -> Oracle:
        """Itself."""
        return self

    @property
    def relations(self) -> tuple[Relation, ...]:
        """The relations of the objective."""
        return self.objective.relations

    def examine(self) -> None:
        """Raises UsageError if the loss contradicts its claims."""
        from verify.oracle.loss_claims import examine_what_is_new  # not needed if the formula is compiled already

        examine_what_is_new(self.objective.loss, self.parameters)

    @property
    def seen(self) -> list[arb]:
        """The parameters rounded to the dtype, since that decides where a candidate has a tie."""
        return [exact.held(p, self.dtype) for p in self.parameters.values()]

    def stretched(self, values: Mapping[str, Any], d: Floats) -> tuple[Floats, Floats]:
        """(x, d): the point on the grid on which steps are exact, and the unchanged direction."""
        return on_grid(values[self.objective.form.point]), d

    def moves(self, values: Mapping[str, Any], d: Floats) -> float:
        """The most that a unit step along d may move any score."""
        form = self.objective.form
        return float(np.max(form.scores(form.sizes({**values, form.point: d})), initial=0.0))

    def elsewhere(self, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Other values: the point moved by 1."""
        x = values[self.objective.form.point]
        return {**values, self.objective.form.point: x + x.dtype.type(1)}

    @property
    def has_switches(self) -> bool:
        """Whether the loss has kinks."""
        return bool(self.example.switches)

    @property
    def piecewise_linear(self) -> bool:
        """Whether both the loss and the penalty are piecewise linear."""
        return self.example.piecewise_linear and penalty_formula(self.objective.penalty).piecewise_linear

    def penalised(self, W: Floats) -> Floats:
        """A mask over the columns of W: 0 where the penalty leaves the bias out, or there is none."""
        mask = np.full(W.shape[1], float(bool(penalty_formula(self.objective.penalty).value_terms)))
        mask[-1:] *= self.objective.penalty.bias
        return mask


def _linear(values: Mapping[str, Any], first: Sequence[int], u: float, tiny: float) -> Map:
    return Dense(values["W"], values["X"][first], u, tiny)


def _own(values: Mapping[str, Any], first: Sequence[int], u: float, tiny: float) -> Map:
    """The map for a function of scores: the scores of each example themselves."""
    scores = values["scores"]
    return Select(scores, np.arange(scores.size, dtype=np.intp).reshape(scores.shape)[first], u, tiny, SHIFTED)


MAPS: dict[Form, Callable[[Mapping[str, Any], Sequence[int], float, float], Map]] = {LINEAR: _linear, SCORES: _own}
"""The map from the point to the scores of the distinct examples, by the form of the objective."""
