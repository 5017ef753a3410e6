"""Properties of an example that code may rely on (rows that sum to 1): a break only at points that lack them says nothing.

Nothing else tells p − t, which is the gradient where rows of t sum to 1, from a gradient that is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from verify.cases import Case
from verify.evidence import Measurement
from verify.problem.around import Shown, in_dtype, shown

ALONE = frozenset(("consistency", "purity", "bad-input"))
"""Laws that are about a candidate's behaviour, wherever it is asked."""


def properties(example: Mapping[str, Any]) -> dict[str, Shown]:
    """What the example shows, by input."""
    return {name: found for name, a in example.items() if (found := shown(a, alone=len(example) == 1)) is not None}


def unless_given_up(
    law: str, known: Mapping[str, Shown], case: Case, found: Measurement, measure: Callable[[Case], Measurement]
) -> Measurement:
    """What a law found; undecided, with the property that the candidate needs, where it is broken at the case and holds at one like it
    that has the properties exactly.
    """
    if law in ALONE or all(e.strain <= 1 for e in found.evidence):
        return found
    lost = {name: p for name, p in known.items() if not p.exactly(np.asarray(case[name]))}
    if not lost:
        return found
    there = case.but(**{name: in_dtype(p.restored(np.asarray(case[name])), np.asarray(case[name]).dtype.name) for name, p in lost.items()})
    again = measure(there)
    if not again.evidence or not all(e.strain <= 1 for e in again.evidence):
        return found
    needs = " and ".join(f"{name} {p.phrase}" for name, p in lost.items())
    return replace(again, evidence=(), undecided=f"the code needs {needs}: it is judged where that is so")
