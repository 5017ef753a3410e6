"""A right implementation made from the spec: the additive terms of ℓ and of ∂ℓ/∂s, each rounded once, and their sums.

Wrong implementations are made from it by changing one term, and wrong gradients are explained by what was changed. The terms come from
the oracle's balls on exact scores, so they are right in the tails too; on a kink the first of the tied pieces is taken.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from flint import arb
from numpy.typing import NDArray

from verify.oracle import Oracle, exact
from verify.oracle.formula import Formula, penalty_formula
from verify.tape.balls import precision
from verify.tape.enclose import Run

Floats = NDArray[np.floating]
CACHE_SIZE = 1 << 14
"""Number of cached points: those that the laws make of all the cases of a table."""


@dataclass(frozen=True)
class Role:
    """The kind of a term of the score gradient: of the label's entry or of another class's (None with one score only), behind a switch or
    not, constant or not, and its sign where it is constant.
    """

    label: bool | None
    switch: bool
    sign: int

    def __str__(self) -> str:
        kind = {1: "the positive constant term", -1: "the negative constant term", 0: "the varying term"}[self.sign]
        of = {True: "the label", False: "another class", None: "the score"}[self.label]
        return f"{kind} of {of}{', where its switch is on' if self.switch else ''}"


@dataclass(frozen=True)
class Term:
    """One addend of one example's ∂ℓ/∂s: `tied` ones count only where the other piece of a tie is taken; `switch` is the outermost
    switch that it stands behind.
    """

    entry: int
    role: Role
    value: float
    tied: bool = False
    switch: int | None = None


@dataclass(frozen=True)
class ExampleTerms:
    """One example's terms of the loss and of its gradient, its greatest |score|, and the value of each switch."""

    losses: tuple[float, ...]
    terms: tuple[Term, ...]
    greatest: float
    switches: tuple[float, ...] = ()

    def slope(self, classes: int) -> Floats:
        """∂ℓ/∂s (C,), with 0 for the tied terms."""
        ds = np.zeros(classes)
        for t in self.terms:
            if not t.tied:
                ds[t.entry] += t.value
        return ds

    @cached_property
    def ties(self) -> bool:
        """Whether the example lies on a kink."""
        return any(t.tied for t in self.terms)


@dataclass(frozen=True, eq=False)
class Parts:
    """All parts that f(W) and its gradient are summed from. Compared by identity."""

    W: Floats
    X: Floats
    y: NDArray[np.integer[Any]]
    reg: float
    share: float
    examples: list[ExampleTerms]
    penalty: float
    slope: Floats

    @cached_property
    def score_gradients(self) -> Floats:
        """∂ℓ/∂s of every example, (N, C)."""
        rows = {id(e): e.slope(len(self.W)) for e in self.examples}  # equal examples are one object
        return np.array([rows[id(e)] for e in self.examples])

    @cached_property
    def gradient(self) -> Floats:
        """∇f(W), with 0 for the tied terms."""
        return self.summed(self.score_gradients)

    def summed(self, dS: Floats) -> Floats:
        """The gradient in W for score gradients dS (N, C)."""
        return np.asarray(self.share * dS.T @ self.X.astype(np.float64) + self.slope)

    @cached_property
    def loss(self) -> float:
        """f(W)."""
        return self.share * sum(sum(e.losses) for e in self.examples) + self.penalty


class Reference:
    """Takes f apart into its terms at (W, X, y, reg)."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        self._parts: OrderedDict[tuple[Any, ...], Parts] = OrderedDict()

    @property
    def has_classes(self) -> bool:
        """Whether an example has several scores, one per class."""
        return not self.oracle.objective.loss.targets

    @property
    def is_penalised(self) -> bool:
        """Whether the penalty applies to any weights."""
        return bool(self.oracle.penalised(np.zeros((1, 2))).any())

    @cached_property
    def roles(self) -> tuple[Role, ...]:
        """The roles that occur, found on a small example of three classes with all switches on, all off, and tied."""
        found: dict[Role, None] = {}
        loss = self.oracle.objective.loss
        for first in (0.0, 9.0, -9.0):
            scores = [exact.ball(first), *(exact.ball(0.0) for _ in range(loss.scores(3) - 1))]
            for label in loss.some_labels(3):
                found |= dict.fromkeys(t.role for t in self.example(scores, label).terms if t.value)
        return tuple(found)

    @property
    def label_matters(self) -> bool:
        """Whether the formula depends on the label."""
        loss = self.oracle.objective.loss
        if loss.domain:
            return True
        return len({self.oracle.formula(loss.scores(3), label).expression for label in range(min(2, loss.labels(3)))}) > 1

    @property
    def mentioned(self) -> tuple[Collection[str], Collection[str]]:
        """The parameters that the formulas of the value and of its gradient mention."""
        return self.oracle.formula(self.oracle.objective.loss.scores(3), 0).mentioned

    def shifts(self, names: Collection[str]) -> Iterator[tuple[str, float]]:
        """Each of these parameters with the factors ½ and 2 that change its value and keep it in its domain."""
        objective = self.oracle.objective
        for name, value in objective.parameters.items():
            domain = objective.loss.parameters[name]
            for factor in (0.5, 2.0):
                if name in names and domain.low < factor * value < domain.high and factor * value != value:
                    yield name, factor

    def parts(self, W: Floats, X: Floats, y: NDArray[np.integer[Any]], reg: float) -> Parts:
        """The parts of f at W (C, D), X (N, D), y (N,)."""
        key = _key(W, X, y, reg)
        if key not in self._parts:
            self._parts[key] = self._take_apart(np.array(W), np.array(X), np.array(y), reg)
            if len(self._parts) > CACHE_SIZE:
                self._parts.popitem(last=False)
        return self._parts[key]

    def known(self, W: Floats, X: Floats, y: NDArray[np.integer[Any]], reg: float) -> Parts | None:
        """The parts at this point where they are cached, else None."""
        return self._parts.get(_key(W, X, y, reg))

    def _take_apart(self, W: Floats, X: Floats, y: NDArray[np.integer[Any]], reg: float) -> Parts:
        numerator, denominator = self.oracle.objective.share(len(X))
        known: dict[tuple[bytes, int], ExampleTerms] = {}
        for x, label in zip(X, y, strict=True):
            key = (x.tobytes(), int(label))
            if key not in known:
                known[key] = self.example(exact.product(x[None, :], W)[0], int(label))
        examples = [known[x.tobytes(), int(label)] for x, label in zip(X, y, strict=True)]
        return Parts(W, X, y, reg, numerator / denominator, examples, *self.penalty(W, reg))

    def example(self, scores: Sequence[arb], label: int) -> ExampleTerms:
        """The terms of one example with scores (C,)."""
        element = self.oracle.element(len(scores), label)
        formula = element.formula
        with precision():
            run = formula.run(element.inputs(scores))
            losses = tuple(float(run.values[t]) for t in formula.value_terms)
            switches = tuple(float(run.values[k]) for k in formula.switches)
            own = None if self.oracle.objective.loss.targets else label
            return ExampleTerms(losses, tuple(_terms(formula, run, own)), max(abs(float(s)) for s in scores), switches)

    def penalty(self, W: Floats, reg: float) -> tuple[float, Floats]:
        """The value λR(W) and the gradient λ∇R(W) of the penalty."""
        formula = penalty_formula(self.oracle.objective.penalty)
        counted = np.broadcast_to(self.oracle.penalised(W), W.shape) > 0
        value, slope = 0.0, np.zeros(W.shape)
        if not reg or not formula.value_terms:
            return value, slope
        if self.oracle.objective.penalty.per_group:
            there = self.oracle.penalty(W, reg)
            with precision():
                return (value, slope) if there is None else (float(there.value()[0]), there.gradient()[0].astype(np.float64))
        if formula.quadratic is not None:
            c0, c1, c2 = map(float, formula.quadratic)
            w = np.where(counted, W.astype(np.float64), 0.0)
            return reg * float(np.sum((c0 + c1 * w + c2 * w * w) * counted)), reg * (c1 + 2 * c2 * w) * counted
        for place in zip(*np.nonzero(counted), strict=True):
            with precision():
                run = formula.run([exact.ball(W[place])])
                value += float(sum((run.values[t] for t in formula.value_terms), arb(0)))
                slope[place] = sum(t.value for t in _terms(formula, run, 0) if not t.tied)
        return reg * value, reg * slope


def _key(W: Floats, X: Floats, y: NDArray[np.integer[Any]], reg: float) -> tuple[Any, ...]:
    return (*((a.dtype.char, a.shape, a.tobytes()) for a in (W, X, y)), reg)


def _terms(formula: Formula, run: Run, label: int | None) -> Iterator[Term]:
    """The terms of the gradient: the chain rule through the switches on the first possible piece of each, then what the other pieces would
    change.
    """
    behind: list[list[Term]] = []
    for register, pieces in zip(formula.switches, formula.piece_slopes, strict=True):
        first, *others = run.possible[register]
        taken = list(_expanded(pieces[first], behind, formula, run, label, switch=True))
        rest = [t for a in others for t in _expanded(pieces[a], behind, formula, run, label, switch=True)]
        instead = ((1, rest), (-len(others), taken)) if others else ()
        tied = [Term(t.entry, t.role, sign * t.value, tied=True) for sign, ts in instead for t in ts]
        behind.append([*taken, *tied])
    yield from _expanded(formula.slopes, behind, formula, run, label, switch=False)


def _expanded(
    slopes: tuple[dict[int, tuple[int, ...]], dict[int, tuple[int, ...]]],
    behind: list[list[Term]],
    formula: Formula,
    run: Run,
    label: int | None,
    *,
    switch: bool,
) -> Iterator[Term]:
    own, inner = slopes
    for entry, terms in own.items():
        for t in terms:
            value = float(run.values[t])
            sign = int(np.sign(value)) if formula.is_constant(t) else 0
            yield Term(entry, Role(None if label is None else entry == label, switch, sign), value)
    for k, terms in inner.items():
        weight = float(sum((run.values[t] for t in terms), arb(0)))
        yield from (Term(t.entry, t.role, weight * t.value, t.tied, k) for t in behind[k])
