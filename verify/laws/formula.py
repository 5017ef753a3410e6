"""∇L = G in real arithmetic: the function that the gradient's code denotes is the gradient of the function that the loss's code denotes.

Both codes are recorded and evaluated in balls, so no rounding enters and there is no tolerance: a distance is proved, or there is none.
Constants that the language has rounded before keep their rounded values.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

import numpy as np

from verify.candidates import Misbehaviour
from verify.cases import Case
from verify.evidence import Evidence, Measurement
from verify.laws.law import Law, Subject
from verify.problem import small
from verify.rounding import VAGUE_UNCERTAINTY
from verify.traced import NotTraced

KINK = "on a kink of the loss: membership asks there"
UNKNOWN_CONSTANTS = "numbers that were rounded before the code got them, as 1/√3 is, leave open what it denotes there"
ROUNDED_CONSTANTS = (
    "constants of the loss and of the gradient differ by less than float32 rounds them: float64 code would be held to their digits"
)
MAX_ALLOWANCE = 1e-30
"""The allowance relative to the size of the gradient: less than any intended difference."""


def measure(subject: Subject, case: Case) -> Measurement:
    """One piece of evidence: the entry with the widest gap."""
    try:
        gap = subject.oracle.code.gap(case.values)
    except NotTraced as error:
        return Measurement(undecided=f"not recorded: {error}")
    if gap is None:
        return Measurement(undecided=KINK)
    if gap.distance and (other := _strayed(subject, case.values)) is not None:
        return Measurement(undecided=f"not recorded: {other}")
    if not gap.distance and max(VAGUE_UNCERTAINTY * gap.size, MAX_ALLOWANCE) < gap.widest < inf:
        sharp = subject.oracle.code.sharp_gap(case.values, gap)
        if sharp is None:
            return Measurement(undecided=UNKNOWN_CONSTANTS)
        gap = sharp
    entry = _entry(case, gap.place)
    name, index = case.place(entry)
    where: dict[str, object] = {"entry": entry, "input": name, "index": index, "measured": gap.measured, "expected": gap.expected}
    if gap.line is not None:
        where |= {"file": gap.line.file, "line": gap.line.number, "code": gap.line.code}
    limitations: tuple[str, ...] = ()
    if gap.guarded:
        added = " and ".join(f"{g:g}" for g in gap.guarded)
        limitations = (f"the loss adds {added}, which the gradient's code may leave out: differences up to what it changes are not judged",)
    if gap.rounded:
        limitations += (ROUNDED_CONSTANTS,)
    size = gap.size or 1.0
    where["gap"] = gap.distance / size
    evidence = Evidence(measured=gap.distance, allowed=MAX_ALLOWANCE * size, magnitude=size, width=gap.width, where=where)
    return Measurement(evidence=(evidence,), limitations=limitations)


def _entry(case: Case, place: int) -> list[int]:
    return [int(k) for k in np.unravel_index(place, case.x.shape)]


def why_not(subject: Subject) -> str | None:
    """Applies where the formula is the candidate's own code and its gradient's code is recorded as well."""
    code = subject.oracle.code
    if code is None:
        return "asked where the formula is the loss's own code"
    values = small(subject.named.problem, dtype=subject.oracle.dtype)
    try:
        code.written(values)
        other = _strayed(subject, values)
    except NotTraced as error:
        return f"the gradient's code cannot be recorded: {error}"
    return None if other is None else f"the gradient's code is not what was recorded of it: {other}"


def _strayed(subject: Subject, values: Mapping[str, Any]) -> str | None:
    """A sentence on the entry where the running code returns something other than was recorded, else None: code may inspect the type of its
    arguments and act differently.
    """
    try:
        gradient = subject.candidate(**values).gradient
    except Misbehaviour:  # other laws report this
        return None
    found = subject.oracle.code.strayed(values, gradient)
    if found is None:
        return None
    place, recorded = found
    return f"entry {place} of it comes out as {float(np.ravel(gradient)[place]):.17g}, where {recorded:.17g} was recorded"


LAW = Law(
    name="formula",
    statement="the gradient's code denotes the gradient of the loss's code",
    measure=measure,
    inapplicable=why_not,
    decisive=True,
    in_balls=True,
    of_signs=True,
)
