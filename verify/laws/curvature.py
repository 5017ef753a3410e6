"""|h_ij − ∂²ℓ_i/∂s_j²| ≤ rounding: the returned Hessian is the second derivative of the active piece; at kinks, of any piece there.

A declared approximation need only be finite, and positive where the second derivative certainly is.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite

from verify.cases import Case
from verify.evidence import HESSIAN, Evidence, Measurement
from verify.laws.law import OUT_OF_RANGE, Law, Subject
from verify.oracle.exact import distance
from verify.rounding import ulps
from verify.tape.reverse import Quantity


def measure(subject: Subject, case: Case) -> Measurement:
    """One piece of evidence for each example and score."""
    found, point = subject.raw_answer(case).curvature, subject.truth(case)
    assert found is not None
    share = 1 if subject.scored.objective.reduction == "sum" else len(case["y"])
    judged = _approximate if subject.approximate else _exact
    evidence = []
    lost = False
    for i, row in enumerate(point.curvatures):
        for j, choices in enumerate(row):
            h = float(found[i, j])
            if choices is None or not all(isfinite(c.radius) for c in choices) or (not isfinite(h) and point.curvature_excused(i, choices)):
                lost = lost or choices is not None
                continue
            evidence.append(judged(h, list(_shared(choices, share)), [i, j], case.dtype))
    why = OUT_OF_RANGE if lost else "too many kinks at once: a point on fewer would decide it"
    return Measurement(evidence=tuple(evidence), undecided=None if evidence else why)


def _shared(choices: list[Quantity], share: int) -> Iterator[Quantity]:
    """Each example's second derivatives, divided by N for a mean."""
    for c in choices:
        yield Quantity(c.exact / share, c.radius / share, c.magnitude / share)


def _exact(h: float, choices: list[Quantity], entry: list[int], dtype: str) -> Evidence:
    """Evidence on the distance of h from the nearest one-sided limit."""
    errors = {distance(h, c.exact): c for c in choices}
    error = min(errors) if isfinite(h) else float("nan")
    nearest = errors.get(error, choices[0])
    expected = float(nearest.exact)
    where = {"entry": entry, "measured": h, "expected": expected}
    far = ulps(error, expected, dtype)
    return Evidence(measured=error, allowed=nearest.radius, magnitude=abs(expected), ulps=far, where=where)


def _approximate(h: float, choices: list[Quantity], entry: list[int], dtype: str) -> Evidence:  # noqa: ARG001
    """Evidence on how far an h that is not positive lies below the second derivative that it approximates."""
    least = min(choices, key=lambda c: float(c.exact))
    expected = float(least.exact)
    short = 0.0 if isfinite(h) and h > 0 else max(expected - h, 0.0) if isfinite(h) else float("nan")
    where = {"entry": entry, "measured": h, "expected": expected}
    return Evidence(measured=short, allowed=least.radius, magnitude=abs(expected), where=where)


def inapplicable(subject: Subject) -> str | None:
    """Applies to candidates that return a Hessian."""
    return None if subject.candidate.has_curvature else "the candidate returns no Hessian"


LAW = Law(
    name="curvature",
    statement="the Hessian's diagonal is the second derivative of the active piece",
    measure=measure,
    judges=(HESSIAN,),
    steers=True,
    inapplicable=inapplicable,
)
