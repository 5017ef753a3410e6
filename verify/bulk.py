"""The bulk search: a law's inequality on hundreds of thousands of problems, in double precision. It finds suspects and judges nobody.

A hundred cases do not meet an error that shows for one number of examples in seven, or once in ten thousand cases. A suspect becomes a
counterexample only if the law itself, judged with the oracle's balls, breaks on it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from math import inf

import numpy as np
from numpy.typing import NDArray

from verify.candidates import answers, python_of
from verify.cases import Case
from verify.cases.bulk import ROUND, Batch, batches
from verify.laws import LAWS, Law, Subject
from verify.oracle import vectorised

ROUNDS = {"ci": 2, "deep": 100}
"""Rounds of the search by profile; in other profiles nothing is searched. A round visits every number of examples once."""

COMPILED, INTERPRETED = 2048, 128
"""Problems in a batch for compiled and for interpreted candidates. A call of interpreted code costs ten to a thousand times as much."""

SECONDS = {"ci": 2.0, "deep": 120.0}
"""Processor time after which no further batch is started. Only candidates that take milliseconds per call reach it."""


@dataclass(frozen=True)
class SearchPart:
    """A part of a large search, numbered from 1, and how often it visits every number of examples."""

    number: int = 0
    rounds: int = 0


WHOLE_SEARCH = SearchPart()
"""The search of a profile, not a part of a large one."""


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """The problem of a batch with the greatest strain, if that is too great; `batch` holds this problem alone."""

    strain: float
    size: int
    batch: Batch

    @property
    def case(self) -> Case:
        """The suspect as a case."""
        return self.batch.case(0)


@dataclass(frozen=True, kw_only=True)
class Round:
    """The result of visiting every number of examples once: how many problems held, how many of these prove less because they lie on a tie,
    how many did not hold, and a suspect of each batch.
    """

    held: int
    tied: int
    failed: int
    suspects: tuple[Suspect, ...]


def search(
    law: Law, subject: Subject, *, profile: str, seed: int, watch: Callable[[Case], None], part: SearchPart = WHOLE_SEARCH
) -> Iterator[Round]:
    """Yields the rounds of a bulk search: none if the law has no screen or the penalty is over groups. `watch` gets a problem of each batch
    before the candidate is called. A `part` of a large search has its own problems and visits all of them, whatever the profile.
    """
    oracle = subject.oracle.scored
    if law.screen is None or oracle is None or oracle.objective.penalty.per_group:
        return
    rounds, seconds = part.rounds or ROUNDS.get(profile, 0), inf if part.rounds else SECONDS.get(profile, 0.0)
    if not rounds:
        return

    def begun(laws: Iterable[Law]) -> _Search:
        left = batches(oracle, seed=seed, examples=examples_of(subject), rounds=rounds, part=part.number)
        return _Search(subject, laws, left, seconds)

    if part.number or subject.answers is None:
        mine = begun([law])
    else:
        mine = subject.answers.once(("in bulk", profile, seed), lambda: begun(x for x in LAWS.values() if x.why_not(subject) is None))
    for k in range(rounds):
        if k == len(mine.rounds):
            if mine.is_over:
                return
            mine.go_on(watch)
        yield mine.rounds[k][law.name]


class _Search:
    """One search shared by all laws that have a screen: the candidate's answers and the truth are computed once."""

    def __init__(self, subject: Subject, laws: Iterable[Law], left: Iterator[Batch], seconds: float) -> None:
        self._subject, self._left, self._seconds = subject, left, seconds
        self._screens = {law.name: law.screen for law in laws if law.screen is not None}
        self.rounds: list[dict[str, Round]] = []
        self.is_over = False

    def go_on(self, watch: Callable[[Case], None]) -> None:
        """Computes one more round; the last is cut short when the time is over."""
        oracle, began = self._subject.scored, time.process_time()
        round_, screened = list(islice(self._left, ROUND)), {name: list[_Screened]() for name in self._screens}
        asked = 0
        for batch, truth in zip(round_, vectorised.at(oracle, [b.problems for b in round_]), strict=True):
            if time.process_time() - began > self._seconds:
                break
            watch(batch.case(0))
            answered = answers(self._subject.candidate, batch.problems)
            for name, screen in self._screens.items():
                screened[name].append(_screened(batch, *screen(*answered, truth)))
            asked += 1
        self.rounds.append({name: _round(found) for name, found in screened.items()})
        self._seconds -= time.process_time() - began
        self.is_over = asked < ROUND


_Screened = tuple[int, int, int, Suspect | None]
"""(held, tied, failed, suspect) of one batch."""


def _round(screened: Sequence[_Screened]) -> Round:
    held, tied, failed, suspects = zip(*screened, strict=True) if screened else ((),) * 4
    return Round(held=sum(held), tied=sum(tied), failed=sum(failed), suspects=tuple(s for s in suspects if s is not None))


def examples_of(subject: Subject) -> int:
    """The number of problems in a batch: larger for compiled candidates."""
    return COMPILED if python_of(subject.candidate.f) is not None else INTERPRETED


def _screened(batch: Batch, strain: NDArray[np.float64], single: NDArray[np.bool_]) -> _Screened:
    holds = strain <= 1  # NaN does not
    (N, D, C), worst = batch.size, int(np.argmax(np.where(np.isnan(strain), np.inf, strain)))
    counts = int(np.sum(holds & single)), int(np.sum(holds & ~single)), int(np.sum(~holds))
    if not counts[2]:
        return *counts, None
    return *counts, Suspect(strain=float(strain[worst]), size=(N + C) * D, batch=batch.part(worst))
