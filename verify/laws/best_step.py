"""At h* = 2√(ε/|f''|) (centred: (3ε/|f'''|)^⅓) the error is within its bound, and no step beyond 30·h* does better.

Below h* rounding grows like 1/h: at h = 1e-15 the quotient may be off by 2ε/h, and by no more. Only steps above the minimum are compared
with it: below, one rounding may vanish by luck, or all of them on dyadic data.
"""

from __future__ import annotations

from flint import arb

from verify.cases import Case
from verify.difference import Floats, centred, direction, forward, moved
from verify.evidence import GRADIENT, LOSS, Evidence, Measurement
from verify.laws.law import Law, Subject, within
from verify.laws.line import Line, through
from verify.oracle import KinkOnSegment
from verify.rounding import BEYOND_BEST_STEP

METHODS = ("forward", "centred")
MOST_CLOSER = 2
"""Steps beyond the best that are examined more closely, the longest first: the farther beyond, the more certainly they do worse."""
GARBAGE = 2.0**-50
"""The power of two nearest to 1e-15: the step at which textbooks show the forward difference failing."""


def measure(subject: Subject, case: Case) -> Measurement:
    """For each method: the error at the best step, at every step beyond it, and of the forward quotient at 1e-15."""
    line = through(subject, case, direction(case.seed, case.x.shape, case.dtype))
    if not line.truth.gradient.is_single:
        return Measurement(undecided="on a kink")
    rungs = [(h, ahead, behind, taylor) for h, ahead, behind in line.rungs if (taylor := _smooth(line, h))]
    if not rungs:
        return Measurement(undecided="a kink within every step: a point farther from it would decide it")
    evidence = [e for method in METHODS for e in _beyond(line, method, rungs)]
    decided = bool(evidence)
    evidence += _garbage(line)
    return Measurement(
        evidence=tuple(evidence),
        undecided=None if decided else "no step is certainly beyond the best one: float64, or a more curved point, would decide it",
    )


def _smooth(line: Line, h: float) -> list[arb] | None:
    try:
        taylor = line.truth.along(line.d, -h, h)
    except KinkOnSegment:
        return None
    return taylor if all(c.is_finite() for c in taylor) else None


def _beyond(line: Line, method: str, rungs: list[tuple[float, Floats, Floats, list[arb]]]) -> list[Evidence]:
    """The error at the best rung against its envelope, and the error at every longer rung, which must be larger."""
    power, values = (1, 2) if method == "forward" else (2, 1)
    truncation = {h: h**power * t[power + 1] for h, _, _, t in rungs}
    rounding = {h: values * line.truth.value.radius / h + line.slope_noise for h in truncation}  # about: a guess finds the best step
    best = min(truncation, key=lambda h: float(truncation[h].abs_upper()) + rounding[h])
    longer = [h for h in truncation if h >= BEYOND_BEST_STEP * best]

    def rounded(h: float) -> float:
        return values * line.noise_at(h, -h) / h + line.slope_noise

    rounding[best] = rounded(best)
    bound = {best: float(truncation[best].abs_upper()) + rounding[best]}

    def worse() -> list[float]:
        found = [h for h in longer if float(truncation[h].abs_lower()) - rounding[h] > bound[best]]
        rounding.update((h, rounded(h)) for h in found if h not in asked)
        asked.update(found)
        return [h for h in found if float(truncation[h].abs_lower()) - rounding[h] > bound[best]]

    asked: set[float] = {best}

    beyond = worse()
    if longer and not beyond and float(truncation[best].abs_upper()) > 0:
        # Enclosures over the longest steps are wide: these are asked for the true values at their ends.
        for h in (best, *longer[:MOST_CLOSER]):
            truncation[h], rounding[h] = line.exactly(method, h)
            asked.add(h)
        bound[best] = float(truncation[best].abs_upper()) + rounding[best]
        beyond = worse()
    found = []
    for h, ahead, behind, _ in rungs if beyond else ():
        if h == best or h in beyond:
            f_ahead = line.value(ahead)
            quotient = forward(f_ahead, line.here.value, h) if method == "forward" else centred(f_ahead, line.value(behind), h)
            place = f"{method}, {'best' if h == best else 'beyond the best'} step"
            found.append(within(quotient - line.slope, truncation[h], rounding[h], line.size, method=place, h=h))
    return found


def _garbage(line: Line) -> list[Evidence]:
    """The error of the forward quotient at 1e-15 against its bound 2ε/h."""
    ahead = moved(line.case.x, line.d, GARBAGE)
    if ahead is None:
        return []
    try:
        truncation = GARBAGE * line.truth.along(line.d, 0.0, GARBAGE)[2]
    except KinkOnSegment:
        return []
    error = forward(line.value(ahead), line.here.value, GARBAGE) - line.slope
    noise = 2 * line.noise_at(GARBAGE) / GARBAGE + line.slope_noise
    return [within(error, truncation, noise, 0.0, method="forward", h=GARBAGE)]


def inapplicable(subject: Subject) -> str | None:
    """Applies where f is curved: elsewhere quotients are exact, and all steps are equally good."""
    return "nothing is curved, so no step is best" if subject.oracle.piecewise_linear else None


LAW = Law(
    name="best-step",
    statement="the error of a difference is least near the predicted step",
    measure=measure,
    judges=(GRADIENT, LOSS),
    inapplicable=inapplicable,
    needs_loss=True,
    along_lines=True,
)
