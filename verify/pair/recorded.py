"""A law on a candidate whose formula is its own loss's code, around the point that the user gave."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from math import inf, isfinite

import numpy as np

from verify.candidates import Misbehaviour, process_globals
from verify.cases import Case
from verify.diagnosis import Diagnosis
from verify.evidence import Evidence, Measurement, Verdict, judge
from verify.laws.gradient import input_of
from verify.laws.law import OutOfRange
from verify.oracle.exact import fits
from verify.pair.finite import no_numbers
from verify.pair.laws import MEASURES
from verify.pair.naming import diagnosed
from verify.pair.place import GIVEN, NEAR, Start, places
from verify.pair.properties import for_other_signs, properties, unless_given_up
from verify.pair.screened import screened, there
from verify.pair.shrinking import shrunk
from verify.pair.subject import Pair
from verify.pair.trial import LOOKED_AT
from verify.problem import small
from verify.rounding import HALF
from verify.traced import NotTraced
from verify.trial import Derived, Result, Trial, Watch

SHOWN = ("value", "gradient")
"""Laws whose strain says how good a candidate's arithmetic is."""
IN_BALLS = (*SHOWN, "formula", "membership")
"""Laws that say at the example itself what balls do: the others are of differences, which double precision decides as well."""
OF_SIGNS = ("formula", "gradient")
"""Laws that tell what was not looked at, since they hold: signs that the example lacks."""
BESIDE = (1, 2, 3)
"""Seeds of points near to the example."""
SMALL = 2000
"""Operations of code that balls go through in a few milliseconds."""
ALONG = ("enclosure", "order", "best-step", "descent", "crossing", "one-sided")
"""Laws that ask along lines, at ten points or more for each case."""
FEW, LARGE = 6, 300
"""Cases at which they ask code that goes another way at nearly every point, and from how many operations on: it is recorded anew at each,
which takes a tenth of a second where torch takes an operator apart, as `grid_sample`.
"""
TURNS = "its code goes another way at nearly every point, and is recorded anew at each: it is asked along six lines"
FACTORS = ("eigenvalues", "eigenvectors")
"""Operations of which singular vectors are made."""
OTHERWISE = "computes something else when its code is recorded again at the same point: {1:.6g}, and was {0:.6g}"
"""Of code that goes by what it keeps."""
WEAKER = "without a spec, judged by its own loss's code: a loss that is wrong together with its gradient passes"


@dataclass(frozen=True, kw_only=True)
class RecordedPair(Derived):
    """The truth is derived from the record. Where that decides nothing, differences of the same loss may. It is asked around the point
    `at`, or there `alone`.
    """

    pair: Pair
    at: Start
    alone: bool = False
    screened: set[Hashable] = field(default_factory=set, repr=False, compare=False)
    """The cases at which double precision left no doubt."""
    confirmed: list[Hashable] = field(default_factory=list, repr=False, compare=False)
    """The first case that broke the law, at which the code was recorded again."""
    asked: set[Hashable] = field(default_factory=set, repr=False, compare=False)
    """The cases at which a law along lines asked."""

    def search(self, trial: Trial) -> None:
        """Every family by itself."""
        if self.alone:
            trial.examine(self.at.case(self.at.x, family=GIVEN, seed=self.seed))
        else:
            super().search(trial)

    def measure(self, case: Case) -> Measurement:
        """Where the case gives up what the example shows, what is found where it does not. Raises Misbehaviour where code is broken that is
        no longer what was recorded.
        """
        found = unless_given_up(self.name, properties(self.at.values), case, self._measured(case), self._measured)
        if not self.confirmed and judge([found]) is Verdict.BROKEN:
            changed = self.subject.oracle.code.changed(case.values)
            if changed is not None:
                was, now = changed
                raise Misbehaviour("nondeterministic", OTHERWISE.format(was, now))
            self.confirmed.append(case.key)
        return found

    def _measured(self, case: Case) -> Measurement:
        """In double precision where that leaves no doubt, but for the example of some laws. Of a gradient that is no number, what
        differences say.
        """
        if self._is_enough(case):
            return Measurement(undecided=TURNS)
        found = None if self.name in IN_BALLS and self._is_given(case) else self._screened(case)
        found = super().measure(case) if found is None else found
        if self.name != "gradient":
            return found
        if self._is_given(case):  # the user asks about this point
            lost = self._out_of_range(case)
            found = found if lost is None else Measurement(evidence=(lost, *found.evidence))
            if found.undecided is not None and not found.evidence:
                found = MEASURES["gradient"](self.pair, case)
        by_differences = no_numbers(self.pair, case, found)
        if by_differences is not found and (self._is_given(case) or self._is_defined(case)):
            found = by_differences
        weaker = (WEAKER,) if self.pair.reference is None else ()
        return Measurement(evidence=found.evidence, undecided=found.undecided, limitations=(*found.limitations, *weaker))

    def _is_enough(self, case: Case) -> bool:
        """Whether a law along lines has asked at enough points: a case that it knows is asked again."""
        if self.name not in ALONG or case.key in self.asked:
            return False
        if len(self.asked) >= FEW and self.subject.once("turns", self._turns):
            return True
        self.asked.add(case.key)
        return False

    def _turns(self) -> bool:
        """Whether the code is large, and what it does at the example holds at no point beside it."""
        code, problem, dtype = self.subject.oracle.code, self.subject.named.problem, self.subject.oracle.dtype
        try:
            record, _ = code.record(small(problem, dtype=dtype))
        except NotTraced:
            return False
        beside = (small(problem, seed=seed, dtype=dtype) for seed in BESIDE)
        return record.tape.operations >= LARGE and not any(record.holds([values[name] for name in code.names]) for values in beside)

    def _screened(self, case: Case) -> Measurement | None:
        """In double precision; of small code not what the strain is shown of, which has its exact digits for little."""
        try:
            if self.name in SHOWN and self._operations(case) <= SMALL:
                return None
            with np.errstate(all="ignore"):
                found = process_globals.undisturbed(lambda: screened(self.name, self.subject, case), self.subject.forget_all)
        except (NotTraced, OutOfRange, Misbehaviour):
            return None
        if found is not None and found.evidence:
            self.screened.add(case.key)
        return found

    def _is_defined(self, case: Case) -> bool:
        """Whether all factors of matrices are known: of one without full rank there are none, whatever floats make of it."""
        code = self.subject.oracle.code
        try:
            factored = any(i.op in FACTORS for i in code.record(case.values)[0].tape.instructions)
            return not factored or bool(code.enclosed(case.values).is_finite())
        except NotTraced:
            return False

    def _operations(self, case: Case) -> int:
        code = self.subject.oracle.code
        operations: int = code.record(case.values)[0].tape.operations
        return operations

    def pattern(self, case: Case) -> Hashable:
        """Which pieces are taken."""
        try:
            return there(self.subject, case).pattern
        except NotTraced:
            return None

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
            return Evidence(measured=inf, allowed=0.0, magnitude=abs(float(due)), where=where)
        slopes, g = truth.gradient, answer.gradient
        lost = [e for e in np.argwhere(~np.isfinite(g)) if fits(slopes.center[tuple(e)], case.dtype)] if slopes.is_single else []
        if not lost:
            return None
        entry = tuple(int(i) for i in lost[0])
        expected = float(slopes.center[entry])
        where = {"entry": [*entry], **input_of(case, entry), "measured": float(g[entry]), "expected": expected}
        return Evidence(measured=inf, allowed=0.0, magnitude=abs(expected), where=where)

    def noted(self, result: Result) -> Result:
        """With the operation that loses the digits where that is no fault, but half of them are lost: beside the largest error in ulps. Of
        the formula with what it is for signs that the example lacks.
        """
        if self.name in OF_SIGNS and result.verdict is Verdict.HOLDS and not self.alone:
            given = self.at.case(self.at.x, family=GIVEN, seed=self.seed)
            told = self.subject.once("signs that the example lacks", lambda: [*for_other_signs(self.subject.oracle.code, given)])
            result = replace(result, limitations=(*result.limitations, *told))
        if self.name == "formula":
            return result
        result = self._with_balls(result)
        place, code = result.farthest, self.subject.oracle.code
        if place is None or place.evidence is None or not (result.ulps or 0.0) > HALF[result.dtype]:
            return result
        where = place.evidence.where
        entry = int(np.ravel_multi_index(tuple(where["entry"]), place.case.x.shape)) if "entry" in where else None
        found = code.origin(place.case.values, entry)
        if found is None:
            return result
        evidence = replace(place.evidence, where=where | {"loses": str(found)})
        return replace(result, farthest=replace(place, evidence=evidence))

    def _with_balls(self, result: Result) -> Result:
        """With what balls say where the candidate was under the greatest strain, and where it is farthest off: that is shown."""
        if self.name not in SHOWN or result.worst is None or result.verdict is not Verdict.HOLDS:
            return result
        places = {name: place for name in ("worst", "farthest") if (place := getattr(result, name)) is not None}
        asked = {p.case.key: Derived.measure(self, p.case).worst for p in places.values() if p.case.key in self.screened}
        told = {name: replace(p, evidence=asked.get(p.case.key) or p.evidence) for name, p in places.items()}
        strain, far = told["worst"].evidence.strain, told["farthest"].evidence if "farthest" in told else None
        return replace(result, **told, strain=strain, ulps=result.ulps if far is None else far.ulps)

    def simplify(self, case: Case, breaks: Callable[[Case], bool]) -> None:
        """Plainer numbers; the given point stays, as a pair's does."""
        if not self._is_given(case):
            shrunk(case, self.at.x, breaks)

    def _is_given(self, case: Case) -> bool:
        return case.x.tobytes() == self.at.x.tobytes()

    def diagnose(self, case: Case, what: Measurement | Misbehaviour, watch: Watch, avoided: Sequence[Case]) -> Diagnosis:
        """By the record: a line of code, if it is one; else by what all entries have in common, as a pair's gradient."""
        found = super().diagnose(case, what, watch, avoided)
        if found.code != "unknown" or isinstance(what, Misbehaviour):
            return found
        others = (p for p in islice(places(self.at, self.seed), LOOKED_AT) if p.family in (GIVEN, NEAR))
        other = diagnosed(self.pair, case, what, others, watch, avoided)
        if other.code != "unknown":
            return other
        return replace(found, code="precision") if found.kind == "precision" else found
