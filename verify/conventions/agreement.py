"""The combinations of conventions that a candidate's answers agree with; if several do, more points are used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

import numpy as np

from verify.candidates import Answer, Labelled, Misbehaviour
from verify.conventions.parameter import M, loss_system, more_probes, sized, solutions
from verify.conventions.probes import Probe, Watch
from verify.oracle import Oracle
from verify.oracle.exact import distance
from verify.spec.objective import Objective

W = TypeVar("W", bound=Labelled)

FAR_FACTORS = (0.125, 4.0, 64.0, 1024.0)
"""Factors of the weights for what no ordinary point distinguishes: a bend that lies far out, or a loss that is 0 nearby."""
CONFIRMING_FACTORS = (0.5, 2.0)
"""Factors of the weights at which a solution is confirmed: wrong numbers satisfy as many equations as there are unknowns, too."""
PARAMETER_FACTORS = (0.5, 2.0)
"""Factors of a parameter: if they change nothing at the points used, these do not determine the parameter."""


@dataclass(kw_only=True)
class Questioned(Generic[W]):
    """One way to call a candidate, the points where it was called so, and its answers. Raises Misbehaviour where it gives none."""

    candidate: W
    dtype: str
    watch: Watch
    probes: list[Probe] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def ask(self, probes: Sequence[Probe]) -> None:
        """Calls the candidate at further points."""
        for probe in probes:
            self.watch(probe)
            self.answers.append(self.candidate(**probe))
            self.probes.append(probe)

    def ask_where_finite(self, probes: Sequence[Probe]) -> None:
        """Calls the candidate at further points, without those where it gives no answer: it overflows there, which is no convention."""
        for probe in probes:
            with suppress(Misbehaviour):
                self.ask([probe])
                if not np.isfinite(self.answers[-1].value if self.candidate.has_loss else self.answers[-1].gradient).all():
                    self.probes.pop(), self.answers.pop()

    def agrees(self, objective: Objective) -> bool:
        """Whether every answer has the objective's loss, or its gradient if there is no loss."""
        return self._all(objective, self._gradient if not self.candidate.has_loss else self._value)

    def gradient_agrees(self, objective: Objective) -> bool:
        """Whether every answer has the objective's gradient."""
        return self._all(objective, self._gradient)

    def _all(self, objective: Objective, at: Callable[[Oracle, Probe, Answer], bool]) -> bool:
        oracle = Oracle(objective, self.dtype)
        return all(at(oracle, p, a) for p, a in zip(self.probes, self.answers, strict=True))

    @staticmethod
    def _value(oracle: Oracle, probe: Probe, answer: Answer) -> bool:
        truth = oracle.at(**probe).value
        return distance(answer.value, truth.exact) <= truth.radius

    @staticmethod
    def _gradient(oracle: Oracle, probe: Probe, answer: Answer) -> bool:
        return bool(oracle.at(**probe).gradient.distance(answer.gradient).strain <= 1)

    def fitting(self, members: Sequence[Objective], *, free: Sequence[str]) -> list[Objective]:
        """The members that agree, the likeliest first; `free` are the parameters that may have other values than theirs.

        If there are several, weights of other sizes are used too, where the candidate answers.
        """
        fits = self._with_elsewhere([m for m in members if self.agrees(m)], free)
        for probe in sized(self.probes[0], members[0].form, FAR_FACTORS):
            if len(fits) < 2:
                break
            self.ask_where_finite([probe])
            fits = [m for m in fits if self.agrees(m)]
        return fits if any(m in members for m in fits) else []

    def _with_elsewhere(self, fits: list[Objective], free: Sequence[str]) -> list[Objective]:
        return fits + [m for m in elsewhere(fits[0], free) if self.agrees(m)] if fits else fits

    def solved(self, members: Sequence[Objective], free: Sequence[str]) -> Iterator[Objective]:
        """The members with values of some free parameters for which they agree, also for weights of other sizes."""
        everywhere = replace(self, probes=[*self.probes], answers=[*self.answers])
        everywhere.ask_where_finite(more_probes(self.probes, members[0]))
        questions = list(zip(everywhere.probes, everywhere.answers, strict=True))
        system = loss_system(members, questions, self.dtype, by_gradient=not self.candidate.has_loss)
        for objective in solutions(system, free) if system is not None else ():
            if everywhere.agrees(objective) and self._agrees_elsewhere(objective):
                assert system is not None
                yield system.sure(objective)

    def _agrees_elsewhere(self, objective: Objective) -> bool:
        """Whether the objective agrees for sizes of weights that it was not solved from; and for fewer examples, if the candidate accepts
        them: with a fixed number of three, a mean times three equals the sum.
        """
        there = replace(self, probes=[], answers=[])
        try:
            there.ask([p for probe in self.probes for p in sized(probe, objective.form, CONFIRMING_FACTORS)])
        except Misbehaviour:
            return False
        first = self.probes[0]
        with suppress(Misbehaviour):
            there.ask([objective.form.of_examples(first, slice(-1))] if len(first["y"]) > 1 else [])
        return there.agrees(objective)


def elsewhere(objective: M, free: Sequence[str]) -> Iterator[M]:
    """The member with each of its free parameters at other values of its domain."""
    for name in free:
        t, domain = objective.parameters[name], objective.domains[name]
        for other in (factor * t if t else factor for factor in PARAMETER_FACTORS):
            if domain.low < other < domain.high:
                yield objective.at({name: other})


@dataclass(frozen=True, kw_only=True)
class Decision(Generic[W]):
    """The ways to call the candidate in which it agrees with some combination, the ways in which it answers, and else its complaint at
    `question`.
    """

    fits: list[tuple[Questioned[W], list[Objective]]]
    answered: list[Questioned[W]]
    complaint: Misbehaviour | None
    question: Probe

    @property
    def used(self) -> tuple[W, Objective]:
        """The way that is used and its member: if the loss leaves several, the first that agrees with the gradient too."""
        fits = next(((a, ms) for a, ms in self.fits if len(self.fits) > 1 and a.gradient_agrees(ms[0])), self.fits[0])
        return fits[0].candidate, fits[1][0]

    @property
    def doubts(self) -> dict[str, tuple[object, ...]]:
        """By convention, the values that no point used distinguishes, the chosen one first."""
        way, used = self.used
        every = [used, *(o for _, members in self.fits for o in members)]
        told: dict[str, list[object]] = {
            "layout": [w.convention for w in (way, *(a.candidate for a, _ in self.fits))],
            "reduction": [o.reduction for o in every],
            "penalty": [o.penalty.name for o in every],
            **{name: [o.parameters[name] for o in every] for name in used.parameters},
        }
        return {name: unique for name, values in told.items() if len(unique := tuple(dict.fromkeys(values))) > 1}


def decide(
    ways: Sequence[W],
    members: Sequence[Objective],
    points: Sequence[Sequence[Probe]],
    *,
    free: Sequence[str],
    every: bool,
    dtype: str,
    watch: Watch,
) -> Decision[W]:
    """Tries each way, up to the first that fits unless `every` one is needed; uses the later points if it answers at the earlier ones in no
    way.

    `free` are the parameters that may have other values than the members'.
    """
    fits: list[tuple[Questioned[W], list[Objective]]] = []
    answered: list[Questioned[W]] = []
    complaint: Misbehaviour | None = None
    question = points[0][0]
    for probes in points:
        for way in ways:
            questioned = Questioned(candidate=way, dtype=dtype, watch=watch)
            try:
                questioned.ask(probes)
            except Misbehaviour as error:
                complaint = complaint or error
                question = probes[0] if str(error) == str(complaint) else question
                continue
            answered.append(questioned)
            found = questioned.fitting(members, free=free)
            fits += [(questioned, found)] if found else []
            if found and not every:
                break
        if answered:
            complaint = None
            break
    if free and not fits:
        fits = [(q, [o]) for q in answered if (o := next(q.solved(members, free), None)) is not None][:1]
    return Decision(fits=fits, answered=answered, complaint=complaint, question=question)
