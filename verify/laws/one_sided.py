"""D⁺(h) → f'(W; d), −D⁻(h) → f'(W; −d), D⁰ → their mean: on a kink each side has its own slope.

For small h, before the next kink, each quotient lies within h/2·[f''] and its rounding of the one-sided derivative, which is
max ⟨g, d⟩ over the subdifferential. ⟨g, d⟩ of the candidate is not compared with D⁰: it need not be equal.
"""

from flint import arb

from verify.cases import Case
from verify.difference import backward, centred, direction, forward
from verify.evidence import Finding
from verify.laws.law import Law, Subject, has_switches, within
from verify.laws.line import through
from verify.oracle import KinkOnSegment, Stretch, precise

EXPONENTS = (2, 6, 10, 14)


def measure(subject: Subject, case: Case) -> Finding:
    """Three pieces of evidence for each step that is shorter than the distance to the next kink on either side."""
    line = through(subject, case, direction(case.seed, case.W.shape, case.dtype))
    if line.truth.gradient.is_single:
        return Finding(undecided="not on a kink")
    evidence = []
    for h, W_ahead, W_behind in line.steps(*EXPONENTS):
        try:
            ahead, behind = line.truth.path(line.d, h, 2), line.truth.path(-line.d, h, 2)
        except KinkOnSegment:
            return Finding(undecided="a switch that is not straight along the line")
        if len(ahead) > 1 or len(behind) > 1:
            continue
        right, left = mean(ahead[0], h), -mean(behind[0], h)
        f_ahead, f_behind = line.value(W_ahead), line.value(W_behind)
        for method, quotient, expected, values in (
            ("forward", forward(f_ahead, line.here.value, h), right, 2),
            ("backward", backward(f_behind, line.here.value, h), left, 2),
            ("centred", centred(f_ahead, f_behind, h), (right + left) / 2, 1),
        ):
            evidence.append(within("one-sided", quotient, expected, values * line.noise / h, line.size, method=method, h=h))
    seen = any(e.sees for e in evidence)
    return Finding(evidence=tuple(evidence), undecided=None if seen else "another kink within every step, or rounding swamps them")


@precise
def mean(stretch: Stretch, h: float) -> arb:
    """The mean slope of a smooth stretch of length h: its start slope and half its curvature."""
    return stretch.slope + stretch.curvature * h / 2


LAW = Law(
    name="one-sided", statement="D⁺ → f'(W; d) and D⁻ → −f'(W; −d) on kinks", measure=measure, inapplicable=has_switches, needs_loss=True
)
