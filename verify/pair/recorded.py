"""A law on a candidate whose formula is its own loss's code, around the point that the user gave."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from itertools import islice

from verify.candidates import Misbehaviour
from verify.cases import Case
from verify.diagnosis import Diagnosis
from verify.evidence import Finding
from verify.pair.finite import no_numbers
from verify.pair.laws import MEASURES
from verify.pair.naming import told
from verify.pair.place import GIVEN, NEAR, Start, places
from verify.pair.simpler import shrunk
from verify.pair.subject import Pair
from verify.pair.trial import LOOKED_AT
from verify.traced import NotTraced
from verify.trial import Derived, Trial, Watch

WEAKER = "without a spec, judged by its own loss's code: a loss that is wrong together with its gradient passes"


@dataclass(frozen=True, kw_only=True)
class Recorded(Derived):
    """The truth is derived from the record. Where that decides nothing, differences of the same loss may. It is asked around the point
    `at`, or there `alone`.
    """

    pair: Pair
    at: Start
    alone: bool = False

    def search(self, trial: Trial) -> None:
        """Every family by itself."""
        if self.alone:
            trial.look(self.at.case(self.at.x, family=GIVEN, seed=self.seed))
        else:
            super().search(trial)

    def measure(self, case: Case) -> Finding:
        """Of a gradient that is no number, what differences say."""
        found = super().measure(case)
        if self.name != "gradient":
            return found
        if found.undecided is not None and not found.evidence and self._is_given(case):
            found = MEASURES["gradient"](self.pair, case)  # the user asks about this point
        found = no_numbers(self.pair, case, found)
        weaker = (WEAKER,) if self.pair.reference is None else ()
        return Finding(evidence=found.evidence, undecided=found.undecided, limitations=(*found.limitations, *weaker))

    def pattern(self, case: Case) -> Hashable:
        """Unknown where the code is not recorded."""
        try:
            return super().pattern(case)
        except NotTraced:
            return None

    def simplify(self, case: Case, breaks: Callable[[Case], bool]) -> None:
        """Plainer numbers; the given point stays, as a pair's does."""
        if not self._is_given(case):
            shrunk(case, self.at.x, breaks)

    def _is_given(self, case: Case) -> bool:
        return case.x.tobytes() == self.at.x.tobytes()

    def diagnose(self, case: Case, what: Finding | Misbehaviour, watch: Watch, avoided: Sequence[Case]) -> Diagnosis:
        """By the record: a line of code, if it is one; else by what all entries have in common, as a pair's gradient."""
        found = super().diagnose(case, what, watch, avoided)
        if found.code != "unknown" or isinstance(what, Misbehaviour):
            return found
        others = (p for p in islice(places(self.at, self.seed), LOOKED_AT) if p.family in (GIVEN, NEAR))
        other = told(self.pair, case, what, others, watch, avoided)
        return found if other.code == "unknown" else other
