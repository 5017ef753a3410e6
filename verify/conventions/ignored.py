"""Labels that a spec ignores, and whether a candidate supports them: code written for classes only is right as well.

Such code may look the label up, and read or write outside its arrays: it is called in a copy of the process first, with nonzero numbers
beside its arrays, since zeros would make it seem to ignore the label.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from verify.candidates import Misbehaviour
from verify.candidates.forked import in_a_copy
from verify.conventions.pins import Conventions
from verify.conventions.solving import SOLVING_POINTS, fits
from verify.oracle import InstanceOracle
from verify.problem import MEAN, Instance, Problem, Values, ignoring, small
from verify.spec.domains import Label

YES, NO = b"y", b"n"
BESIDE_ARRAYS = 7.5
"""The number beside the arrays, as far as the label reaches."""
MAX_BESIDE = 2**16
"""Most numbers beside an array: code that looks up one farther away ends its process."""


def ignored_by(problem: Problem) -> int | None:
    """The label that a loss of single examples ignores."""
    labels = (i.domain.ignored for i in problem.inputs if isinstance(i.domain, Label))
    return next(labels, None) if MEAN in problem.reductions else None


def limitation(label: int) -> str:
    """The limitation of a candidate that does not support the label."""
    return f"does not compute the loss where a label is {label}, which the spec ignores, and is judged where each label is a class"


def is_known(label: int, found: Conventions, dtype: str) -> bool:
    """Whether the combination that fits for ordinary classes also fits, with some mean, where the label is ignored."""
    way, claim = found.candidate, found.objective
    problem = ignoring(claim.stated, label)
    drawn = [small(problem, size=size, seed=seed, dtype=dtype) for size, seed in SOLVING_POINTS]
    questions = [values for values in drawn if _is_mixed(problem, values)]
    members = [Instance(problem=problem, reduction=r, parameters=claim.parameters, unsure=claim.unsure) for r in problem.reductions]
    oracles = [InstanceOracle(member, dtype) for member in members]
    for values in questions:
        oracles[0].at(**values)  # what is compiled for it is there in the copy

    def asked() -> bytes:
        try:
            known = [(values, way.answer(tuple(_among(a, label) for a in way.arguments(**values))).kept()) for values in questions]
        except Misbehaviour:
            return NO
        return YES if any(fits(oracle, way, known) for oracle in oracles) else NO

    def answered() -> bytes:
        way(**small(claim.stated, dtype=dtype))
        return YES

    survives = sys.platform != "win32" and in_a_copy(answered) == YES  # the threads of some libraries do not
    return (in_a_copy(asked) if survives else asked()) == YES


def _is_mixed(problem: Problem, values: Values) -> bool:
    """Whether some labels are ignored and others are not."""
    ignored = [values[i.name] == i.domain.ignored for i in problem.inputs if isinstance(i.domain, Label)]
    return any(bool(np.any(a) and not np.all(a)) for a in ignored)


def _among(a: Any, label: int) -> Any:
    """A view of the array surrounded by other numbers."""
    if not isinstance(a, np.ndarray):
        return a
    width = min(abs(label) + 1, MAX_BESIDE) * max(1, a.size)
    whole = np.full(a.size + 2 * width, BESIDE_ARRAYS, a.dtype)
    found = whole[width : width + a.size].reshape(a.shape)
    found[...] = a
    return found
