"""Properties of an example that code may rely on (rows that sum to 1, a sign): a break at points without them decides nothing.

Without this, p − t, which is the gradient if rows of t sum to 1, could not be distinguished from a wrong gradient. Nor can a sign that is a
domain be distinguished from one that the example happens to have: errors for the other sign are reported as a limitation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from verify.cases import Case
from verify.evidence import Measurement
from verify.laws import LAWS
from verify.problem.sampling import Shown, in_dtype, shown
from verify.traced import Code, NotTraced


def properties(example: Mapping[str, Any]) -> dict[str, Shown]:
    """The properties of the example, by input."""
    return {name: found for name, a in example.items() if (found := shown(a, alone=len(example) == 1)) is not None}


def unless_given_up(
    law: str, example: Mapping[str, Any], case: Case, found: Measurement, measure: Callable[[Case], Measurement]
) -> Measurement:
    """The law's measurement; undecided, with the property that the candidate needs, if it is broken at the case and holds at a similar one
    that has the properties of the example exactly.
    """
    if LAWS[law].of_behaviour or all(e.strain <= 1 for e in found.evidence):
        return found
    lost = {name: p for name, p in properties(example).items() if not p.exactly(np.asarray(case[name]))}
    if not lost:
        return found
    there = case.but(**{name: in_dtype(p.restored(np.asarray(case[name])), np.asarray(case[name]).dtype.name) for name, p in lost.items()})
    again = measure(there)
    if not again.evidence or not all(e.strain <= 1 for e in again.evidence):
        return found
    needs = " and ".join(f"{name} {p.phrase}" for name, p in lost.items())
    return replace(again, evidence=(), undecided=f"the code needs {needs}: it is judged where that is so")


def for_other_signs(code: Code, case: Case) -> Iterator[str]:
    """Notes on inputs of one sign: for the other sign the gradient's code denotes something else than the gradient of the loss's code, or
    the code takes another branch. It does not run there.
    """
    for name in case.differentiated:
        a = np.asarray(case[name])
        if not a.size or np.any(a == 0) or np.any(np.sign(a) != np.sign(a.flat[0])):
            continue
        own, other = ("positive", "negative") if a.flat[0] > 0 else ("negative", "positive")
        there = [case.but(**{name: b[()]}) for b in (-a, np.where(np.arange(a.size).reshape(a.shape) % 2, a, -a))]
        found = next(filter(None, (_gap_in_words(code, at, case) for at in there)), None)
        mine = [
            case.but(**{name: b[()]}) for b in (a.max() + a.min() - a, np.full_like(a, a.min()), np.full_like(a, a.max()))
        ]  # of one sign
        turned = (set[Any]().union(*(_turned(code, at, case) for at in some)) for some in (there, mine))
        if found is None and next(turned) - next(turned):
            found = "the code goes another way, which was not looked at"
        if found is not None:
            yield f"{name} is {own} in the example, and in all cases: where it is {other}, {found}. {BOTH_SIGNS}"


BOTH_SIGNS = "Give an example of both signs if it may be so"


def _gap_in_words(code: Code, there: Case, example: Case) -> str | None:
    with suppress(NotTraced):
        gap = code.gap_as_recorded(there.values, example.values)
        if gap is not None and gap.distance:
            which, index = there.place([int(k) for k in np.unravel_index(gap.place, example.x.shape)])
            place = f"{which}{index or ''} is {gap.measured:.6g} there, and {gap.expected:.6g} is due"
            return f"the gradient is not that of the loss ({place})"
    return None


def _turned(code: Code, there: Case, example: Case) -> frozenset[tuple[int, int]]:
    with suppress(NotTraced):
        return code.turns_elsewhere(there.values, example.values)
    return frozenset()
