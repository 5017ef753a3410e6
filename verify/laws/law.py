"""What a law is: a name, its inequality, and a function that measures it on one case."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from verify.candidates import Answer, Linear
from verify.cases import Case
from verify.evidence import Finding
from verify.oracle import Oracle, Point


@dataclass(frozen=True, kw_only=True)
class Subject:
    """A candidate beside the truth it is judged by."""

    candidate: Linear
    oracle: Oracle

    def answer(self, case: Case, W: NDArray[np.floating] | None = None) -> Answer:
        """What the candidate answers at the case, or at another W with the same data."""
        return self.candidate(case.W if W is None else W, case.X, case.y, case.reg)

    def truth(self, case: Case, W: NDArray[np.floating] | None = None) -> Point:
        """What is true there."""
        return self.oracle.at(case.W if W is None else W, case.X, case.y, case.reg)


@dataclass(frozen=True, kw_only=True)
class Law:
    """`measure(subject, case)` returns what it found; it never judges."""

    name: str
    statement: str
    measure: Callable[[Subject, Case], Finding]
