"""A law on a candidate whose formula is its own loss's code, around the point that the user gave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from math import inf, isfinite

import numpy as np

from verify.candidates import Misbehaviour
from verify.cases import Case
from verify.diagnosis import Diagnosis
from verify.evidence import Evidence, Finding
from verify.laws.gradient import input_of
from verify.oracle.exact import fits
from verify.pair.finite import no_numbers
from verify.pair.laws import MEASURES
from verify.pair.naming import told
from verify.pair.place import GIVEN, NEAR, Start, places
from verify.pair.simpler import shrunk
from verify.pair.subject import Pair
from verify.pair.trial import LOOKED_AT
from verify.rounding import HALF
from verify.traced import NotTraced
from verify.trial import Derived, Result, Trial, Watch

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
        if self._is_given(case):  # the user asks about this point
            lost = self._out_of_range(case)
            found = found if lost is None else Finding(evidence=(lost, *found.evidence))
            if found.undecided is not None and not found.evidence:
                found = MEASURES["gradient"](self.pair, case)
        found = no_numbers(self.pair, case, found)
        weaker = (WEAKER,) if self.pair.reference is None else ()
        return Finding(evidence=found.evidence, undecided=found.undecided, limitations=(*found.limitations, *weaker))

    def _out_of_range(self, case: Case) -> Evidence | None:
        """A loss, or an entry of the gradient, that is not finite where the record, which has no limit of the exponent, denotes a number of
        the dtype: there is nothing to allow, whatever number on the way has left the range. The user says that the point is one to ask at.
        """
        try:
            truth, answer = self.subject.truth(case), self.subject.reply(case)
        except NotTraced:
            return None
        due = truth.value.exact
        if not isfinite(answer.value) and fits(due, case.dtype) and not truth.value.rounds_to(answer.value, case.dtype):
            where = {"method": "the loss at the given point", "measured": answer.value, "expected": float(due)}
            return Evidence(law="gradient", measured=inf, allowed=0.0, magnitude=abs(float(due)), where=where)
        slopes, g = truth.gradient, answer.gradient
        lost = [e for e in np.argwhere(~np.isfinite(g)) if fits(slopes.center[tuple(e)], case.dtype)] if slopes.is_single else []
        if not lost:
            return None
        entry = tuple(int(i) for i in lost[0])
        expected = float(slopes.center[entry])
        where = {"entry": [*entry], **input_of(case, entry), "measured": float(g[entry]), "expected": expected}
        return Evidence(law="gradient", measured=inf, allowed=0.0, magnitude=abs(expected), where=where)

    def noted(self, result: Result) -> Result:
        """With the operation that loses the digits where that is no fault, but half of them are lost: beside the largest error in ulps."""
        place, code = result.farthest, self.subject.oracle.problem.code  # type: ignore[union-attr]  # code is what it is judged by
        if place is None or place.evidence is None or not (result.ulps or 0.0) > HALF[result.dtype]:
            return result
        where = place.evidence.where
        entry = int(np.ravel_multi_index(tuple(where["entry"]), place.case.x.shape)) if "entry" in where else None
        found = code.origin(place.case.values, entry)
        if found is None:
            return result
        evidence = replace(place.evidence, where=where | {"loses": str(found)})
        return replace(result, farthest=replace(place, evidence=evidence))

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
        if other.code != "unknown":
            return other
        return replace(found, code="precision") if found.kind == "precision" else found
