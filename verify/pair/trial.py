"""A law with an estimated truth: at the given point, then at points around it, until one breaks the law."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from verify.candidates import Misbehaviour
from verify.cases import Case
from verify.diagnosis import Diagnosis
from verify.evidence import Measurement
from verify.pair.laws import JUMP, KINK, MEASURES
from verify.pair.naming import diagnosed
from verify.pair.place import GIVEN, MOVED, NEAR, Start, moved, places
from verify.pair.properties import unless_given_up
from verify.pair.shrinking import shrunk
from verify.pair.subject import Pair
from verify.trial import Trial, Watch

PLACES = {"quick": 6, "ci": 20, "deep": 200}
"""Points of a trial: each costs a hundred and more evaluations of the loss. A point moved off a kink is one more."""

LOOKED_AT = 12
"""Places from which those near the given point are taken, to name a mistake."""

WEAKER = "without a spec, judged by differences of its own loss: a loss that is wrong together with its gradient passes"


@dataclass(frozen=True, kw_only=True)
class Estimated:
    """A law on a pair around the point `at`, or there only."""

    law: str
    pair: Pair
    at: Start
    dtype: str
    profile: str
    seed: int
    alone: bool = False

    @property
    def name(self) -> str:
        """The law's name."""
        return self.law

    def measure(self, case: Case) -> Measurement:
        """Measures the law; if the case lacks a property of the example, at a case that has it."""
        return unless_given_up(self.law, self.at.values, case, self._measured(case), self._measured)

    def _measured(self, case: Case) -> Measurement:
        """Measures the law. Away from the given point a candidate may refuse: its domain may end there."""
        try:
            measurement = MEASURES[self.law](self.pair, case)
        except Misbehaviour as error:
            if error.code == "crashed" and case.family not in (GIVEN, "stored"):
                return Measurement(undecided="refused: outside the domain")
            raise
        weaker = self.law == "gradient" and self.pair.reference is None
        return replace(measurement, limitations=(*measurement.limitations, WEAKER)) if weaker else measurement

    def pattern(self, case: Case) -> None:
        """None: the pieces of the loss are unknown."""

    def search(self, trial: Trial) -> None:
        """Examines the profile's number of places, and one beside each where differences decide nothing."""
        ahead = deque(islice(places(self.at, self.seed), 1 if self.alone else PLACES[self.profile]))
        while ahead and trial.failure is None:
            there = ahead.popleft()
            measurement = trial.examine(there)
            if isinstance(measurement, Measurement) and measurement.undecided in (KINK, JUMP) and there.family != MOVED and not self.alone:
                ahead.appendleft(moved(there))

    def simplify(self, case: Case, breaks: Callable[[Case], bool]) -> None:
        """Tries plainer numbers, for a point that the search found. The given point stays if it breaks the law: the user knows what it
        means, and wants to know what is wrong there.
        """
        if case.family != GIVEN:
            shrunk(case, self.at.x, breaks)

    def diagnose(self, case: Case, what: Measurement | Misbehaviour, watch: Watch, avoided: Sequence[Case]) -> Diagnosis:
        """The diagnosis from differences at the case, at the given point and at others near it."""
        others = (p for p in islice(places(self.at, self.seed), LOOKED_AT) if p.family in (GIVEN, NEAR))
        return diagnosed(self.pair, case, what, others, watch, avoided)
