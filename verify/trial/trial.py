"""A trial: judges a law on one case after the other, counts the measurements, and simplifies and names a counterexample.

What differs between a derived and an estimated truth is behind `LawOnCandidate`: the source of cases, what is simpler than a case, and the
names of mistakes.
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
from verify.errors import NoGPUError
from verify.evidence import Evidence, Measurement, Verdict, judge
from verify.trial.result import Result, Witness, order_of

if TYPE_CHECKING:
    from verify.diagnosis import Diagnosis


class Watch(Protocol):
    """Called with each case before the candidate is; also for calls made only so that cases are `drawn`."""

    def __call__(self, case: Case, /, *, drawn: bool = False) -> None:
        """Announces the next case."""


def unwatched(_: Case, /, *, drawn: bool = False) -> None:
    """A watch that ignores the cases."""


class LawOnCandidate(Protocol):
    """One law on one candidate at one dtype: the interface of a trial."""

    @property
    def name(self) -> str:
        """The law's name."""

    @property
    def dtype(self) -> str:
        """The dtype's name."""

    def measure(self, case: Case) -> Measurement:
        """Measures the law on a case. Raises Misbehaviour."""

    def pattern(self, case: Case) -> Hashable:
        """The pieces of the loss that are active at a case; None where they are unknown."""

    def search(self, trial: Trial) -> None:
        """Has the trial examine cases until one breaks the law."""

    def simplify(self, case: Case, breaks: Callable[[Case], bool]) -> None:
        """Tries simpler cases than one that breaks the law; `breaks` tells whether one breaks it in the same way, and then keeps it."""

    def diagnose(self, case: Case, what: Measurement | Misbehaviour, watch: Watch, avoided: Sequence[Case]) -> Diagnosis:
        """The mistake that broke the law at a case. `watch` receives each further case that is needed; none of `avoided` is used."""


@dataclass
class Tally:
    """Counts of the cases that the engine draws, without those of shrinking."""

    measurements: list[Measurement] = field(default_factory=list)
    families: Counter[str] = field(default_factory=Counter)
    patterns: set[Hashable] = field(default_factory=set)
    worst: tuple[Case, Evidence] | None = None
    farthest: tuple[Case, Evidence] | None = None
    failure: tuple[Case, Measurement | Misbehaviour] | None = None
    held: int = 0
    undecided: Counter[str] = field(default_factory=Counter)

    def count(self, pattern: Callable[[], Hashable], case: Case, measurement: Measurement | Misbehaviour, *, broken: bool) -> None:
        """Adds the measurement of a case."""
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
        """Keeps the case if it has the greatest strain so far, or the greatest error in ulps."""
        for e in measurement.evidence:
            if self.worst is None or e.strain > self.worst[1].strain:
                self.worst = (case, e)
            if e.ulps is not None and (self.farthest is None or e.ulps > (self.farthest[1].ulps or 0.0)):
                self.farthest = (case, e)


class Trial:
    """One `question` put to a candidate once. `watch` is called with each case before the candidate is."""

    def __init__(self, question: LawOnCandidate, watch: Watch = unwatched) -> None:
        self.question, self.watch, self.tally, self._began = question, watch, Tally(), time.perf_counter()

    @property
    def failure(self) -> tuple[Case, Measurement | Misbehaviour] | None:
        """The simplest case so far that breaks the law, and what was measured there."""
        return self.tally.failure

    def run(self) -> Result:
        """Searches until the first break, which is simplified as far as possible."""
        self.question.search(self)
        if self.failure is not None:
            self.question.simplify(self.failure[0], self._likewise(_way(self.failure[1])))
        return self._result()

    def again(self, case: Case, avoided: Sequence[Case] = ()) -> Result:
        """Judges one case only, without a search. Its mistake is named without the cases `avoided`."""
        self.examine(case)
        return self._result(avoided)

    def examine(self, case: Case) -> Measurement | Misbehaviour:
        """Measures the law on a case and counts the measurement."""
        self.watch(case)
        measurement: Measurement | Misbehaviour
        try:
            measurement = self.question.measure(case)
        except Misbehaviour as error:
            measurement = error
        except NoGPUError:
            if self.failure is None:
                raise
            measurement = Measurement(undecided="needs a GPU")  # a fault that was found before stands
        broken = isinstance(measurement, Misbehaviour) or judge([measurement]) is Verdict.BROKEN
        self.tally.count(lambda: self.question.pattern(case), case, measurement, broken=broken)
        return measurement

    def _likewise(self, wanted: object) -> Callable[[Case], bool]:
        """The test whether a case breaks the law in the same way: a crash is no simpler form of a wrong number."""

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

    def _named(self, case: Case, what: Measurement | Misbehaviour, avoided: Sequence[Case]) -> Diagnosis:
        try:
            return self.question.diagnose(case, what, self.watch, avoided)
        except NoGPUError:
            from verify.diagnosis import unnamed

            return unnamed(what)

    def _result(self, avoided: Sequence[Case] = ()) -> Result:
        tally, measurements, seconds = self.tally, self.tally.measurements, time.perf_counter() - self._began
        evidence = [e for f in measurements for e in f.evidence]
        decided = [f for f in measurements if f.undecided is None and f.evidence]
        witness, named = None, None
        if tally.failure is not None:
            case, what = tally.failure
            witness = Witness(case=case, evidence=None if isinstance(what, Misbehaviour) else what.worst)
            self.watch(case)  # the last before those that are asked to name the mistake
            named = self._named(case, what, avoided)
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
