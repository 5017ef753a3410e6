"""D⁺(h) → f'(x; d), −D⁻(h) → f'(x; −d), D⁰ → their mean: on a kink each side has its own slope.

For small h, before the next kink, each quotient lies within h/2·[f''] and its rounding of the one-sided derivative, which is max ⟨g, d⟩
over the subdifferential. A kink that only rounding moved away from x counts with its distance, as in `crossing`. ⟨g, d⟩ of the candidate is
not compared with D⁰, since it need not be equal.
"""

from verify.cases import Case
from verify.difference import Floats, backward, centred, direction, forward
from verify.evidence import LOSS, Measurement
from verify.laws.crossing import UNCLEAR, mean_slope
from verify.laws.law import Law, Subject, unless_kinked, within
from verify.laws.line import through
from verify.oracle import KinkOnSegment, Point, Stretch
from verify.rounding import AT_START

EXPONENTS = (2, 6, 10, 14)
MOST_AT_START = 2
"""Kinks of one step that rounding may have moved off its start."""
SWAMPED = "another kink within every step, or rounding swamps them: float64, or a point with fewer kinks, would decide it"


def measure(subject: Subject, case: Case) -> Measurement:
    """Three pieces of evidence for each step that is shorter than the distance to the next kink on either side."""
    line = through(subject, case, direction(case.seed, case.x.shape, case.dtype))
    if line.truth.gradient.is_single and not line.truth.is_at_a_switch:
        return Measurement(undecided="not on a kink")
    evidence, unclear = [], False
    for h, x_ahead, x_behind in line.steps(*EXPONENTS):
        try:
            ahead = _path(line.truth, line.d, h)
            behind = ahead and _path(line.truth, -line.d, h)
        except KinkOnSegment:
            unclear = True
            continue
        if not ahead or not behind:
            continue
        right, left = mean_slope(ahead, h), -mean_slope(behind, h)
        f_ahead, f_behind, noise = line.value(x_ahead), line.value(x_behind), line.noise_at(h, -h)
        for method, quotient, expected, values in (
            ("forward", forward(f_ahead, line.here.value, h), right, 2),
            ("backward", backward(f_behind, line.here.value, h), left, 2),
            ("centred", centred(f_ahead, f_behind, h), (right + left) / 2, 1),
        ):
            evidence.append(within(quotient, expected, values * noise / h, line.size, method=method, h=h))
    seen = any(e.sees for e in evidence)
    return Measurement(evidence=tuple(evidence), undecided=None if seen else UNCLEAR if unclear and not evidence else SWAMPED)


def _path(truth: Point, d: Floats, h: float) -> list[Stretch]:
    """The path of a step whose kinks are all at its start, up to rounding, since no float meets a margin of 0.9 exactly; empty for other
    steps.
    """
    for stretches in range(1, MOST_AT_START + 2):
        path = truth.path(d, h, stretches)
        if path[-1].end == h:
            return path
        if not path[-1].end < AT_START * h:
            break
    return []


LAW = Law(
    name="one-sided",
    statement="D⁺ → f'(x; d) and D⁻ → −f'(x; −d) on kinks",
    measure=measure,
    judges=(LOSS,),
    inapplicable=unless_kinked,
    needs_loss=True,
    along_lines=True,
)
