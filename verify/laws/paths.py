"""The paths that code takes, and the cases at which a candidate's behaviour is asked in full.

What code does besides computing, and with arrays in other layouts, depends on which of its lines run, and hardly on numbers: it is asked
at the first cases, and wherever something is new. Of recorded code that is a piece or a branch on one of its lines, as the law `formula`
asks balls; of other candidates a piece of the formula. In both it is a length of an array that is twice any other, or less than half, and a
plain number that is 0, or is not.
"""

from __future__ import annotations

from collections.abc import Hashable, Set
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from verify.cases import Case
from verify.laws.law import Subject
from verify.oracle import InstanceOracle
from verify.traced import NotTraced

if TYPE_CHECKING:
    from verify.traced.approximate import ApproximateGradient

PATHS = "paths"
FIRST = 4
"""Cases asked in full whatever the code does there: the example, and three others."""


@dataclass
class _Paths:
    """What was taken so far, at which cases, and whether one of them was broken."""

    taken: set[Hashable] = field(default_factory=set)
    seen: set[Hashable] = field(default_factory=set)
    broken: bool = False

    def is_new(self, subject: Subject, case: Case) -> bool:
        """Whether the case is one of the first, or something is taken there that was not before, or nobody knows."""
        if case.key in self.seen:
            return False
        first = len(self.seen) < FIRST
        self.seen.add(case.key)
        taken = _taken(subject, case)
        new = first or taken is None or not taken <= self.taken
        self.taken |= taken or set()
        return new


def _taken(subject: Subject, case: Case) -> Set[Hashable] | None:
    """The pieces taken at a case, and the sizes of its arrays; None where the pieces are unknown."""
    sizes = {(name, axis, n.bit_length()) for name, a in case.values.items() for axis, n in enumerate(np.shape(a))}
    zeros = {(name, bool(a == 0)) for name, a in case.values.items() if np.ndim(a) == 0}
    code = subject.oracle.code
    if code is None:
        return sizes | zeros | {pieces for _, switches in subject.truth(case).pattern for pieces in switches}
    try:
        record, _ = code.record(case.values)
        found = code.taken(case.values, there(subject, case))
    except NotTraced:
        return None
    return sizes | zeros | found if record.steady else None


def is_asked_in_full(subject: Subject, case: Case) -> bool:
    """Whether the behaviour of a candidate is to be asked in full at a case. If it is asked again at a case, it need not be, unless it was
    broken somewhere.
    """
    paths = subject.once(PATHS, _Paths)
    return paths.broken or paths.is_new(subject, case)


def forget(subject: Subject) -> None:
    """Begins anew: what was asked in an earlier search says nothing of the candidate now."""
    for one in (subject, *subject.elsewhere.values()):
        one.answered.pop(PATHS, None)


def ask_everywhere(subject: Subject) -> None:
    """Has all further cases asked in full: one is broken, and simpler ones may be."""
    subject.once(PATHS, _Paths).broken = True


def there(subject: Subject, case: Case) -> ApproximateGradient:
    """The slopes of recorded code at a case in double precision, with the active pieces. Raises NotTraced."""
    from verify.traced.ahead import slopes_at  # not needed where no code is recorded

    code = subject.oracle.code
    assert code is not None
    return slopes_at(code, case.values, moved_by_careful_code(subject.named, case))


def moved_by_careful_code(oracle: InstanceOracle, case: Case) -> NDArray[np.float64]:
    """The relative amount by which careful code may have moved each number: softmax is shifted by the greatest one."""
    return np.asarray(oracle.roundings(case.values) * oracle.u, np.float64)
