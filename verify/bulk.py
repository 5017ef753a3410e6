"""The bulk search: a law's inequality on hundreds of thousands of problems, in double precision. It finds suspects and judges nobody.

What is wrong for one number of examples in seven, or once in ten thousand cases, no hundred cases meet. A suspect becomes a
counterexample only where the law itself breaks on it, on the oracle's balls.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from math import inf

import numpy as np

from verify.candidates import answers, python_of
from verify.cases import Case
from verify.cases.bulk import ROUND, Batch, batches
from verify.laws import Law, Subject
from verify.laws.law import Screen
from verify.oracle import vectorised

ROUNDS = {"ci": 2, "deep": 100}
"""How often every number of examples is met, by profile; elsewhere nothing is searched."""

COMPILED, INTERPRETED = 2048, 128
"""Examples of a batch. A call of what is not compiled costs ten to a thousand times as much."""

SECONDS = {"ci": 2.0, "deep": 120.0}
"""Processor time after which no further batch is asked. Only candidates that take milliseconds a call come that far."""


@dataclass(frozen=True)
class SearchPart:
    """A part of a large search, from number 1 on, and how often it meets every number of examples."""

    number: int = 0
    rounds: int = 0


WHOLE = SearchPart()
"""No part: the search of a profile."""


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """The problem of a batch that is under the greatest strain, where that is too great, and its number in the `batch`."""

    strain: float
    size: int
    batch: Batch
    number: int

    @property
    def case(self) -> Case:
        """The problem as a case."""
        return self.batch.case(self.number)


@dataclass(frozen=True, kw_only=True)
class Round:
    """What came of asking every number of examples once: how many problems held, how many of them prove less since they lie on a tie,
    how many did not hold, and a suspect of each batch.
    """

    held: int
    tied: int
    failed: int
    suspects: tuple[Suspect, ...]


def search(
    law: Law, subject: Subject, *, profile: str, seed: int, watch: Callable[[Case], None], part: SearchPart = WHOLE
) -> Iterator[Round]:
    """One round after the other, none where the law has no screen, or the penalty is over groups; `watch` hears of a problem of each batch
    before the candidate does. A `part` of a large search has problems of its own, by whatever profile, and all of them.
    """
    oracle = subject.oracle.scored
    if law.screen is None or oracle is None or oracle.objective.penalty.per_group:
        return
    rounds, began = part.rounds or ROUNDS.get(profile, 0), time.process_time()
    seconds = inf if part.rounds else SECONDS.get(profile, 0.0)
    left = batches(oracle, seed=seed, examples=examples_of(subject), rounds=rounds, part=part.number)
    for _ in range(rounds):
        round_, screened = list(islice(left, ROUND)), []
        for batch, truth in zip(round_, vectorised.at(oracle, [b.problems for b in round_]), strict=True):
            if time.process_time() - began > seconds:
                break
            watch(batch.case(0))
            screened.append(_screened(law.screen, subject, batch, truth))
        held, tied, failed, suspects = zip(*screened, strict=True) if screened else ((),) * 4
        yield Round(held=sum(held), tied=sum(tied), failed=sum(failed), suspects=tuple(s for s in suspects if s is not None))
        if len(screened) < ROUND:
            return


def examples_of(subject: Subject) -> int:
    """How many examples a batch has."""
    return COMPILED if python_of(subject.candidate.f) is not None else INTERPRETED


def _screened(screen: Screen, subject: Subject, batch: Batch, truth: vectorised.Vectorised) -> tuple[int, int, int, Suspect | None]:
    """(held, tied, failed, suspect) of one batch."""
    strain, single = screen(*answers(subject.candidate, batch.problems), truth)
    holds = strain <= 1  # NaN does not
    (N, D, C), worst = batch.size, int(np.argmax(np.where(np.isnan(strain), np.inf, strain)))
    counts = int(np.sum(holds & single)), int(np.sum(holds & ~single)), int(np.sum(~holds))
    if not counts[2]:
        return *counts, None
    return *counts, Suspect(strain=float(strain[worst]), size=(N + C) * D, batch=batch, number=worst)
