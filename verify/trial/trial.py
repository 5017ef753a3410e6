"""A trial: a law is asked at one case after the other, what it finds is counted, and a counterexample is made simple and named.

What differs between a truth that an oracle derives and one that is estimated stands behind `LawOnCandidate`: where cases come from, what is
simpler than a case, and what a mistake is called.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Protocol

from verify.candidates import Misbehaviour
from verify.cases import Case
from verify.evidence import Evidence, Measurement, Verdict, judge
from verify.trial.result import Result, Witness, order_of

if TYPE_CHECKING:
    from verify.diagnosis import Diagnosis


class Watch(Protocol):
    """Hears of each case before the candidate does; also of those at which it is asked only so that cases are `drawn`."""

    def __call__(self, case: Case, /, *, drawn: bool = False) -> None:
        """The case comes next."""


def unwatched(_: Case, /, *, drawn: bool = False) -> None:
    """Nobody hears of it."""


class LawOnCandidate(Protocol):
    """One law on one candidate at one dtype, as a trial needs it."""

    @property
    def name(self) -> str:
        """The law's."""

    @property
    def dtype(self) -> str:
        """The name of it."""

    def measure(self, case: Case) -> Measurement:
        """The law on a case. Raises Misbehaviour."""

    def pattern(self, case: Case) -> Hashable:
        """Which pieces of the loss are active at a case; None where that is not known."""

    def search(self, trial: Trial) -> None:
        """Has the trial look at cases until one breaks the law."""

    def simplify(self, case: Case, breaks: Callable[[Case], bool]) -> None:
        """Tells simpler cases than one that breaks the law; `breaks` says whether one breaks it likewise, and keeps it then."""

    def diagnose(self, case: Case, what: Measurement | Misbehaviour, watch: Watch, avoided: Sequence[Case]) -> Diagnosis:
        """The name of the mistake that broke the law at a case. `watch` hears of each case that is asked for that; none of `avoided` is."""


@dataclass
class Tally:
    """What is counted while the engine draws; it stops counting when it begins to shrink."""

    measurements: list[Measurement] = field(default_factory=list)
    families: Counter[str] = field(default_factory=Counter)
    patterns: set[Hashable] = field(default_factory=set)
    worst: tuple[Case, Evidence] | None = None
    farthest: tuple[Case, Evidence] | None = None
    failure: tuple[Case, Measurement | Misbehaviour] | None = None
    held: int = 0
    undecided: Counter[str] = field(default_factory=Counter)

    def count(self, pattern: Callable[[], Hashable], case: Case, measurement: Measurement | Misbehaviour, *, broken: bool) -> None:
        """Takes note of what was found at a case."""
        if self.failure is None:
            self.families[case.family] += 1
            if (active := pattern()) is not None:
                self.patterns.add(active)
            if isinstance(measurement, Measurement):
                self.measurements.append(measurement)
                self._compare(case, measurement)
        if broken:
            self.failure = (case, measurement)

    def _compare(self, case: Case, measurement: Measurement) -> None:
        """Keeps the case if none before it was under greater strain, or farther off in ulps."""
        for e in measurement.evidence:
            if self.worst is None or e.strain > self.worst[1].strain:
                self.worst = (case, e)
            if e.ulps is not None and (self.farthest is None or e.ulps > (self.farthest[1].ulps or 0.0)):
                self.farthest = (case, e)


class Trial:
    """One `question`, asked once. `watch` hears of each case before the candidate does."""

    def __init__(self, question: LawOnCandidate, watch: Watch = unwatched) -> None:
        self.question, self.watch, self.tally, self._began = question, watch, Tally(), time.perf_counter()

    @property
    def failure(self) -> tuple[Case, Measurement | Misbehaviour] | None:
        """The simplest case so far that breaks the law, and what was found there."""
        return self.tally.failure

    def run(self) -> Result:
        """Stops at the first break, which is made as simple as it can be."""
        self.question.search(self)
        if self.failure is not None:
            self.question.simplify(self.failure[0], self._likewise(_way(self.failure[1])))
        return self._result()

    def again(self, case: Case, avoided: Sequence[Case] = ()) -> Result:
        """One case alone, without any search: what a stored counterexample comes to now. Its mistake is named without those `avoided`."""
        self.examine(case)
        return self._result(avoided)

    def examine(self, case: Case) -> Measurement | Misbehaviour:
        """Measures the law on a case and counts what was found."""
        self.watch(case)
        measurement: Measurement | Misbehaviour
        try:
            measurement = self.question.measure(case)
        except Misbehaviour as error:
            measurement = error
        broken = isinstance(measurement, Misbehaviour) or judge([measurement]) is Verdict.BROKEN
        self.tally.count(lambda: self.question.pattern(case), case, measurement, broken=broken)
        return measurement

    def _likewise(self, wanted: object) -> Callable[[Case], bool]:
        """Whether a case breaks the law in the same way: a crash is no smaller wrong number."""

        def breaks(case: Case) -> bool:
            before = self.failure
            measurement = self.examine(case)
            if self.failure is before:
                return False
            if _way(measurement) == wanted:
                return True
            self.tally.failure = before
            return False

        return breaks

    def _result(self, avoided: Sequence[Case] = ()) -> Result:
        tally, measurements, seconds = self.tally, self.tally.measurements, time.perf_counter() - self._began
        evidence = [e for f in measurements for e in f.evidence]
        decided = [f for f in measurements if f.undecided is None and f.evidence]
        witness, named = None, None
        if tally.failure is not None:
            case, what = tally.failure
            witness = Witness(case=case, evidence=None if isinstance(what, Misbehaviour) else what.worst)
            self.watch(case)  # the last before those that are asked to name the mistake
            named = self.question.diagnose(case, what, self.watch, avoided)
        return Result(
            law=self.question.name,
            dtype=self.question.dtype,
            verdict=Verdict.BROKEN if tally.failure else judge(measurements),
            kind=None if named is None else named.kind,
            cases=tally.families.total(),
            decided=len(decided) + tally.held,
            undecided=dict(Counter(f.undecided for f in measurements if f.undecided) + tally.undecided),
            families=dict(tally.families),
            patterns=len(tally.patterns),
            strain=max((e.strain for e in evidence), default=inf if tally.failure else 0.0),
            sensitivity=min((e.resolution for f in decided for e in f.evidence), default=inf),
            ulps=max((e.ulps for e in evidence if e.ulps is not None), default=None),
            seconds=seconds,
            witness=witness,
            diagnosis=None if named is None else named.to_dict(),
            worst=_place(tally.worst),
            farthest=_place(tally.farthest),
            spread=dict(sorted(Counter(order_of(e.ulps) for e in evidence if e.ulps is not None).items())),
            limitations=tuple(sorted({told for f in measurements for told in f.limitations})),
        )


def _way(what: Measurement | Misbehaviour) -> object:
    from verify.diagnosis import is_lost

    return what.code if isinstance(what, Misbehaviour) else is_lost(what.worst)


def _place(found: tuple[Case, Evidence] | None) -> Witness | None:
    return None if found is None else Witness(case=found[0], evidence=found[1])
