"""A numba candidate agrees with its own Python source: compiled and interpreted differ by rounding at most.

Gradients are compared where no switch is ambiguous: contraction may move a score by one rounding, and a tie with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from verify.cases import Case
from verify.evidence import Evidence, Finding
from verify.laws.batches import entrywise
from verify.laws.law import Law, Subject


def python_of(f: Callable[..., Any]) -> Callable[..., Any] | None:
    """The Python function behind a numba dispatcher, else None."""
    source: Callable[..., Any] | None = getattr(f, "py_func", None)
    return source


def inapplicable(subject: Subject) -> str | None:
    """Applies to functions that numba compiled."""
    return None if python_of(subject.candidate.f) else "the candidate is not compiled by numba"


def measure(subject: Subject, case: Case) -> Finding:
    """Loss and gradient of both."""
    source = python_of(subject.candidate.f)
    assert source is not None
    interpreted = replace(subject, candidate=replace(subject.candidate, f=source))
    compiled, plain, truth = subject.answer(case), interpreted.answer(case), subject.truth(case)
    where = {"method": "loss", "measured": compiled.value, "expected": plain.value}
    error, allowed = abs(compiled.value - plain.value), 2 * truth.value.radius
    loss = Evidence(law="compiled", measured=error, allowed=allowed, magnitude=truth.value.magnitude, where=where)
    evidence = [loss] if subject.candidate.has_loss else []
    if truth.gradient.is_single:
        radius, size = 2 * truth.gradient.radius, truth.gradient.magnitude
        evidence.append(entrywise("compiled", "gradient", compiled.gradient, plain.gradient, radius, size))
    return Finding(evidence=tuple(evidence))


LAW = Law(name="compiled", statement="compiled and interpreted agree", measure=measure, inapplicable=inapplicable)
