"""A law on a candidate whose formula is its own loss's code, around the user's point."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from math import inf, isfinite

import numpy as np

from verify.candidates import Misbehaviour, process_globals
from verify.cases import Case
from verify.diagnosis import Diagnosis
from verify.evidence import Evidence, Measurement, Verdict, judge
from verify.laws.gradient import input_of
from verify.laws.law import OutOfRange
from verify.laws.paths import there
from verify.laws.surroundings import borrowed, seed_all
from verify.oracle.exact import fits
from verify.pair.finite import no_numbers
from verify.pair.laws import JUMPS_THERE, MEASURES
from verify.pair.naming import diagnosed
from verify.pair.place import GIVEN, NEAR, Start, places
from verify.pair.properties import for_other_signs, unless_given_up
from verify.pair.screened import look_ahead, screened
from verify.pair.shrinking import shrunk
from verify.pair.subject import Pair, direction
from verify.pair.trial import LOOKED_AT
from verify.problem import small
from verify.rounding import HALF_DIGITS_ULPS
from verify.traced import NotTraced
from verify.trial import Derived, Result, Trial, Watch

BESIDE = (1, 2, 3)
"""Seeds of points near the example."""
AHEAD = 64
"""Cases at which the truth is computed together: nearly all of profile quick and `ci`, whose search is over in a second or two."""
SMALL = 2000
"""Operations of code whose value balls compute as fast as double precision with radii does. Its gradient takes them two or three times as
long.
"""
FEW, LARGE = 6, 300
"""Number of cases for laws along lines on code that takes other branches at nearly every point, and the number of operations from which
on this applies: such code is recorded anew at each point, which takes a tenth of a second where torch decomposes an operator, such as
`grid_sample`.
"""
LINES = 2
"""Lines through the example along which a jump of the loss is looked for: along one, two may cancel."""
JUMPS = "the loss jumps here, and has no gradient: a point beside the jump would decide it"
TURNS = "its code goes another way at nearly every point, and is recorded anew at each: it is asked along six lines"
FACTORS = ("eigenvalues", "eigenvectors")
"""Operations that singular vectors are made of."""
OTHERWISE = "computes something else when its code is recorded again at the same point: {1:.6g}, and was {0:.6g}"
"""Sentence on code that depends on what it keeps."""
WEAKER = "without a spec, judged by its own loss's code: a loss that is wrong together with its gradient passes"


@dataclass(frozen=True, kw_only=True)
class RecordedPair(Derived):
    """The truth is derived from the record; where that decides nothing, differences of the same loss may. It is judged around the point
    `at`, or there only (`alone`).
    """

    pair: Pair
    at: Start
    alone: bool = False
    screened: set[Hashable] = field(default_factory=set, repr=False, compare=False)
    """The cases that double precision decided."""
    confirmed: list[Hashable] = field(default_factory=list, repr=False, compare=False)
    """The first case that broke the law, at which the code was recorded again."""
    asked: set[Hashable] = field(default_factory=set, repr=False, compare=False)
    """The cases of a law along lines."""

    def search(self, trial: Trial) -> None:
        """Searches each family by itself, with the truth known beforehand at the first cases of all."""
        if self.alone:
            trial.examine(self.at.case(self.at.x, family=GIVEN, seed=self.seed))
            return
        few = self.law.along_lines and self.subject.once("turns", self._turns)
        with borrowed():
            drawn = (drawn.case for _, family in self._families(trial.watch) for drawn in family)
            cases = partial(self._announced, [*islice(drawn, FEW if few else AHEAD)], trial.watch)
            with np.errstate(all="ignore"):
                process_globals.undisturbed(partial(look_ahead, self.name, self.subject, cases), self.subject.forget_all)
        super().search(trial)

    @staticmethod
    def _announced(cases: Sequence[Case], watch: Watch) -> Iterator[Case]:
        """The cases, each as it is looked ahead to."""
        for case in cases:
            seed_all()
            watch(case, drawn=True)
            yield case

    def measure(self, case: Case) -> Measurement:
        """Measures the law; if the case lacks a property of the example, at a case that has it. Raises Misbehaviour if code that breaks the
        law no longer computes what was recorded.
        """
        found = process_globals.undisturbed(
            lambda: unless_given_up(self.name, self.at.values, case, self._measured(case), self._measured), self.subject.forget_all
        )
        if not self.confirmed and judge([found]) is Verdict.BROKEN:
            changed = self.subject.oracle.code.changed(case.values)
            if changed is not None:
                was, now = changed
                raise Misbehaviour("nondeterministic", OTHERWISE.format(was, now))
            self.confirmed.append(case.key)
        return found

    def _measured(self, case: Case) -> Measurement:
        """The measurement in double precision if that decides, except at the example for some laws. For a gradient that is not finite, by
        differences.
        """
        if self._is_enough(case):
            return Measurement(undecided=TURNS)
        found = None if self.law.in_balls and self._is_given(case) else self._screened(case)
        found = super().measure(case) if found is None else found
        if self.name != "gradient":
            return found
        if self._is_given(case):  # the user asks about this point
            lost = self._out_of_range(case)
            found = found if lost is None else Measurement(evidence=(lost, *found.evidence))
            if found.undecided is not None and not found.evidence:
                found = MEASURES["gradient"](self.pair, case)
            if all(e.strain <= 1 for e in found.evidence) and (told := self._jump(case)) is not None:
                found = Measurement(evidence=found.evidence, undecided=JUMPS, limitations=(*found.limitations, told))
        by_differences = no_numbers(self.pair, case, found)
        if by_differences is not found and (self._is_given(case) or self._is_defined(case)):
            found = by_differences
        weaker = (WEAKER,) if self.pair.reference is None else ()
        return Measurement(evidence=found.evidence, undecided=found.undecided, limitations=(*found.limitations, *weaker))

    def _jump(self, case: Case) -> str | None:
        """A sentence on a jump of the loss at the case, where no gradient is right; None where there is none."""
        with suppress(NotTraced):
            truth = self.subject.truth(case)
            for k in range(LINES):
                if (ends := truth.jump(direction(case.x, k))) is not None:
                    lower, upper = sorted(ends)
                    return JUMPS_THERE.format(f", between {lower:.6g} and {upper:.6g}")
        return None

    def _is_enough(self, case: Case) -> bool:
        """Whether a law along lines has been measured at enough points; a known case is measured again."""
        if not self.law.along_lines or case.key in self.asked:
            return False
        if len(self.asked) >= FEW and self.subject.once("turns", self._turns):
            return True
        self.asked.add(case.key)
        return False

    def _turns(self) -> bool:
        """Whether the code is large, and its branches at the example hold at no point near it."""
        code, problem, dtype = self.subject.oracle.code, self.subject.named.problem, self.subject.oracle.dtype
        try:
            record, _ = code.record(small(problem, dtype=dtype))
        except NotTraced:
            return False
        beside = (small(problem, seed=seed, dtype=dtype) for seed in BESIDE)
        return record.tape.operations >= LARGE and not any(record.holds([values[name] for name in code.names]) for values in beside)

    def _screened(self, case: Case) -> Measurement | None:
        """The measurement in double precision; not for the value of small code, whose exact digits are as cheap."""
        try:
            if self.name == "value" and self._operations(case) <= SMALL:
                return None
            with np.errstate(all="ignore"):
                found = screened(self.name, self.subject, case)
        except (NotTraced, OutOfRange, Misbehaviour):
            return None
        if found is not None and found.evidence:
            self.screened.add(case.key)
        return found

    def _is_defined(self, case: Case) -> bool:
        """Whether all factors of matrices are known: a matrix without full rank has none, whatever floats make of it."""
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
        """The active pieces."""
        try:
            return there(self.subject, case).pattern
        except NotTraced:
            return None

    def _out_of_range(self, case: Case) -> Evidence | None:
        """Evidence on a loss, or an entry of the gradient, that is not finite where the recorded value, without a limit of the exponent, is
        a number of the dtype: there is no allowance, whichever intermediate number has left the range, since the user gave this point.
        """
        try:
            truth, answer = self.subject.truth(case), self.subject.raw_answer(case)
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
        """The result with the operation that loses digits, if half of them are lost without breaking the law: with the largest error in
        ulps. For the law `formula`, with the signs that the example lacks.
        """
        if self.law.of_signs and result.verdict is Verdict.HOLDS and not self.alone:
            given = self.at.case(self.at.x, family=GIVEN, seed=self.seed)
            told = self.subject.once("signs that the example lacks", lambda: [*for_other_signs(self.subject.oracle.code, given)])
            result = replace(result, limitations=(*result.limitations, *told))
        if self.name == "formula":
            return result
        result = self._with_balls(result)
        place, code = result.farthest, self.subject.oracle.code
        if place is None or place.evidence is None or not (result.ulps or 0.0) > HALF_DIGITS_ULPS[result.dtype]:
            return result
        where = place.evidence.where
        entry = int(np.ravel_multi_index(tuple(where["entry"]), place.case.x.shape)) if "entry" in where else None
        found = code.origin(place.case.values, entry)
        if found is None:
            return result
        evidence = replace(place.evidence, where=where | {"loses": str(found)})
        return replace(result, farthest=replace(place, evidence=evidence))

    def _with_balls(self, result: Result) -> Result:
        """The result with ball evidence where the candidate has the greatest strain and the greatest error, which are shown."""
        if not self.law.of_arithmetic or result.worst is None or result.verdict is not Verdict.HOLDS:
            return result
        places = {name: place for name in ("worst", "farthest") if (place := getattr(result, name)) is not None}
        asked = {p.case.key: Derived.measure(self, p.case).worst for p in places.values() if p.case.key in self.screened}
        told = {name: replace(p, evidence=asked.get(p.case.key) or p.evidence) for name, p in places.items()}
        strain, far = told["worst"].evidence.strain, told["farthest"].evidence if "farthest" in told else None
        return replace(result, **told, strain=strain, ulps=result.ulps if far is None else far.ulps)

    def simplify(self, case: Case, breaks: Callable[[Case], bool]) -> None:
        """Tries plainer numbers; the given point stays, as for a pair."""
        if not self._is_given(case):
            shrunk(case, self.at.x, breaks)

    def _is_given(self, case: Case) -> bool:
        return case.x.tobytes() == self.at.x.tobytes()

    def diagnose(self, case: Case, what: Measurement | Misbehaviour, watch: Watch, avoided: Sequence[Case]) -> Diagnosis:
        """The diagnosis from the record: a line of code, if there is one; else by what all entries have in common, as for a pair's
        gradient.
        """
        found = super().diagnose(case, what, watch, avoided)
        if found.code != "unknown" or isinstance(what, Misbehaviour):
            return found
        others = (p for p in islice(places(self.at, self.seed), LOOKED_AT) if p.family in (GIVEN, NEAR))
        other = diagnosed(self.pair, case, what, others, watch, avoided)
        if other.code != "unknown":
            return other
        return replace(found, code="precision") if found.kind == "precision" else found
