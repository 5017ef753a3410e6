"""One case taken apart: the parts of the true gradient as matrices with one row per class, and their terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.cases import Case
from verify.errors import UsageError
from verify.oracle import Oracle, Point, exact
from verify.spec import Objective
from verify.spec.margins import with_margin
from verify.terms import ExampleTerms, Reference, Role, Term

Floats = NDArray[np.floating]
Labels = NDArray[np.integer[Any]]
Counts = Callable[[ExampleTerms, Term, int], float]


class Decomposition:
    """The truth of one case. `slopes` computes score gradients of chosen terms, `sum_of` their matrix: in W (C, D), one column per feature;
    in scores (C, N), one column per example.
    """

    def __init__(self, oracle: Oracle, case: Case) -> None:
        self.oracle, self.case, self.form = oracle, case, oracle.objective.form
        self.double = self.form.double(case.values)
        self.y: NDArray[np.int64] = case["y"]
        self.N, self.C = len(self.y), self.form.classes(case.values)
        self.shape = self.form.by_class(case.x).shape
        numerator, denominator = oracle.objective.share(self.N)
        self.share = numerator / denominator
        self._reference = Reference(oracle)
        self._known: dict[tuple[bytes, int], ExampleTerms] = {}
        self._elsewhere: dict[tuple[str, str], Decomposition] = {}

    @cached_property
    def point(self) -> Point:
        """The truth at the case."""
        return self.oracle.at(**self.case.values)

    @cached_property
    def scores(self) -> Floats:
        """The rounded scores (N, C)."""
        return self.form.scores(self.double)

    @property
    def W(self) -> Floats:
        """The weights (C, D), of linear scores."""
        return np.asarray(self.double["W"])

    @property
    def X(self) -> Floats:
        """The data (N, D), of linear scores."""
        return np.asarray(self.double["X"])

    @property
    def D(self) -> int:
        """The number of features, of linear scores."""
        return int(self.X.shape[1])

    @property
    def reg(self) -> float:
        """The strength λ; 0 without a penalty."""
        return float(self.case.values.get("reg", 0.0))

    def examples(self, y: Labels) -> list[ExampleTerms]:
        """Each example's terms under the labels y; equal examples are derived once."""
        found = []
        for x, which, label in zip(self.case[self.form.rows], self.point.which, y, strict=True):
            key = (x.tobytes(), int(label))
            if key not in self._known:
                self._known[key] = self._reference.example(self.point.data.map.inputs[which], int(label))
            found.append(self._known[key])
        return found

    def slopes(self, count: Counts, y: Labels | None = None) -> Floats:
        """The score gradients ∂ℓ/∂s (N, C) with every term multiplied by `count(example, term, label)`."""
        dS, y = np.zeros((self.N, self.C)), self.y if y is None else y
        for ds, e, label in zip(dS, self.examples(y), y, strict=True):
            for t in e.terms:
                ds[t.entry] += count(e, t, int(label)) * t.value
        return dS

    def sum_of(self, dS: Floats, X: Floats | None = None) -> Floats:
        """The data term's gradient from score gradients (N, C), with other data X if given."""
        values = self.double if X is None else {**self.double, "X": X}
        return self.form.by_class(self.form.gradient(values, np.asarray(self.share * dS)))

    @cached_property
    def by_role(self) -> dict[Role, Floats]:
        """The score gradients (N, C) of each role, without ties."""
        roles = dict.fromkeys(t.role for e in self.examples(self.y) for t in e.terms if not t.tied)
        return {role: self.slopes(_of_role(role)) for role in roles}

    @cached_property
    def label_slopes(self) -> Floats:
        """The score gradients of the label's own terms: for one score, the difference to those with a target of 0."""
        return self._of(label=True)

    @cached_property
    def other_slopes(self) -> Floats:
        """The score gradients of the other classes' terms: for one score, those with a target of 0."""
        return self._of(label=False)

    def _of(self, *, label: bool) -> Floats:
        if self.targets is None:
            return np.asarray(sum((dS for role, dS in self.by_role.items() if role.label is label), np.zeros((self.N, self.C))))
        without = self.with_targets(lambda _: 0.0)
        others = np.zeros((self.N, self.C)) if without is None else without.all_slopes
        return self.all_slopes - others if label else others

    @cached_property
    def all_slopes(self) -> Floats:
        """∂ℓ/∂s (N, C)."""
        return np.asarray(sum(self.by_role.values(), np.zeros((self.N, self.C))))

    @cached_property
    def curvature(self) -> Floats | None:
        """The second derivatives ∂²ℓ_i/∂s_j² (N, C); None if an example lies on a kink of one."""
        rows = self.point.curvatures
        if any(choices is None or len(choices) != 1 for row in rows for choices in row):
            return None
        known = [[float(choices[0].exact) for choices in row if choices] for row in rows]
        return np.array([known[which] for which in self.point.which])

    @cached_property
    def targets(self) -> Floats | None:
        """The targets (N,) of a loss of one score, else None."""
        known = self.oracle.objective.loss.targets
        return None if known is None else np.array(known)[self.y]

    def with_targets(self, change: Callable[[float], float]) -> Decomposition | None:
        """The case with other targets; None if the formula has no slope at them."""
        assert self.targets is not None
        values, y = np.unique([change(float(t)) for t in self.targets], return_inverse=True)
        return self._with(lambda own: _retargeted(own, tuple(values.tolist())), y.astype(np.int64))

    def with_margin(self, how: str) -> Decomposition | None:
        """The case with another constant in the switches; None if the formula does not show which."""
        return self._with(lambda own: _remargined(own, how), self.case["y"])

    def _with(self, other: Callable[[Objective], Objective], y: NDArray[np.int64]) -> Decomposition | None:
        try:
            decomposition = Decomposition(Oracle(other(self.oracle.objective), self.oracle.dtype), self.case.but(y=y))
            return decomposition if np.all(np.isfinite(decomposition.all_slopes)) else None
        except (UsageError, ArithmeticError, TypeError, ValueError):  # a target that float32 does not hold, log 0, an `if` on the target
            return None

    @cached_property
    def data(self) -> Floats:
        """The data term's gradient."""
        return self.sum_of(self.all_slopes)

    @cached_property
    def penalty(self) -> Floats:
        """The penalty's gradient λ∇R(W)."""
        return self._penalty[1]

    @cached_property
    def _penalty(self) -> tuple[float, Floats]:
        return self._reference.penalty(self.case["W"], self.reg) if self.form.is_penalised else (0.0, np.zeros(self.shape))

    @cached_property
    def whole(self) -> Floats:
        """The gradient ∇f(W), with the first piece at ties."""
        return self.data + self.penalty

    @cached_property
    def parts(self) -> dict[str, Floats]:
        """The parts of the gradient that code computes in one line each."""
        label, others = self.sum_of(self.label_slopes), self.sum_of(self.other_slopes)
        return {"whole": self.whole, "data": self.data, "label": label, "others": others, "penalty": self.penalty}

    @cached_property
    def active(self) -> NDArray[np.int64]:
        """The number of switches that are on in each example."""
        examples = self.examples(self.y)
        return np.array([len({t.switch for t in e.terms if t.switch is not None and t.value and not t.tied}) for e in examples])

    @cached_property
    def losses(self) -> Floats:
        """The loss of each example (N,)."""
        return np.array([sum(e.losses) for e in self.examples(self.y)])

    @cached_property
    def loss_terms(self) -> Floats:
        """The terms of each example's loss (N, terms) if all examples have equally many; else (N, 0)."""
        terms = [e.losses for e in self.examples(self.y)]
        return np.array(terms if len({len(t) for t in terms}) == 1 else [()] * self.N)

    @cached_property
    def penalty_value(self) -> float:
        """λR(W)."""
        return self._penalty[0]

    @cached_property
    def by_class(self) -> Floats:
        """The score gradients (C, N, C) of the switches that compare each class with the label."""
        found = np.zeros((self.C, self.N, self.C))
        for i, (e, label) in enumerate(zip(self.examples(self.y), self.y, strict=True)):
            moved: dict[int, set[int]] = {}
            for t in e.terms:
                if t.switch is not None:
                    moved.setdefault(t.switch, set()).add(t.entry)
            for t in e.terms:
                others = moved.get(-1 if t.switch is None else t.switch, set()) - {int(label)}
                if not t.tied and len(others) == 1:
                    (j,) = others
                    found[j, i, t.entry] += t.value
        return found

    def relabelled(self, y: Labels) -> Floats:
        """The data term's gradient with other labels."""
        return self.sum_of(self.slopes(_untied, y))

    def with_parameters(self, parameters: Mapping[str, float]) -> Floats:
        """The data term's gradient with other parameters, even outside of their domain: a forgotten margin is one of 0."""
        return self.shifted(parameters).data

    def cast(self, dtype: str) -> Decomposition:
        """The case in another dtype, cached."""
        return self._once(("cast", dtype), lambda: self.case.but(**{name: self.case[name].astype(dtype) for name in self.form.real}))

    def judged_in(self, dtype: str) -> Decomposition:
        """The same numbers with the rounding bounds of another dtype, cached."""
        return self._once(("judged in", dtype), lambda: self.case)

    def _once(self, key: tuple[str, str], case: Callable[[], Case]) -> Decomposition:
        if key not in self._elsewhere:
            self._elsewhere[key] = Decomposition(Oracle(self.oracle.objective, key[1]), case())
        return self._elsewhere[key]

    def shifted(self, parameters: Mapping[str, float]) -> Decomposition:
        """The case with other parameters."""
        return Decomposition(_Shifted(self.oracle, parameters), self.case)


def _untied(_: ExampleTerms, t: Term, label: int) -> float:
    return float(not t.tied)


def _of_role(role: Role) -> Counts:
    return lambda e, t, label: float(t.role == role and not t.tied)


@lru_cache(maxsize=256)
def _retargeted(objective: Objective, targets: tuple[float, ...]) -> Objective:
    """The objective with other targets, cached, so that its formulas are compiled once."""
    return replace(objective, loss=replace(objective.loss, target=None, targets=targets))


@lru_cache(maxsize=256)
def _remargined(objective: Objective, how: str) -> Objective:
    return replace(objective, loss=with_margin(objective.loss, how))


class _Shifted(Oracle):
    """The oracle of a formula with parameters that its spec may not allow."""

    def __init__(self, oracle: Oracle, parameters: Mapping[str, float]) -> None:
        super().__init__(oracle.objective, oracle.dtype)
        self.constants = [exact.ball(parameters.get(name, value)) for name, value in oracle.objective.parameters.items()]
