"""D⁺(h) = Σ_i (Δt_i/h)·f'(x + t_i d; d) + smooth terms ± 2ε/h: across kinks the forward quotient has a closed form.

With one kink at t·h and jump J of the slope this is f' + J·(1 − t): the error does not fall with h until the segment no longer reaches the
kink. The stretches between kinks, the slope at the start of each and the rise over each are exact, or, where a switch is curved along the
line, known to the last digits of the balls.
"""

from itertools import pairwise

from flint import arb

from verify.cases import Case
from verify.difference import direction, forward
from verify.evidence import LOSS, Evidence, Measurement
from verify.laws.law import Law, Subject, unless_kinked, within
from verify.laws.line import MAY_JUMP, through
from verify.oracle import KinkOnSegment, Stretch, precise

EXPONENTS = (0, 2, 4, 8)
MOST_STRETCHES = 12
NO_KINK = "no kink within the steps"
SWAMPED = "rounding swamps the change of the slope: float64, or a sharper kink, would decide it"
UNCLEAR = "a switch may touch its kink without crossing it: a formula whose switches cross theirs would decide it"


def measure(subject: Subject, case: Case) -> Measurement:
    """One piece of evidence for each step whose segment crosses at least one kink."""
    line = through(subject, case, direction(case.seed, case.x.shape, case.dtype))
    evidence, unclear, torn = list[Evidence](), False, False
    for h, ahead, _ in line.steps(*EXPONENTS):
        if line.truth.turned(line.d, h, MOST_STRETCHES) > MOST_STRETCHES:
            continue
        try:
            path = line.truth.path(line.d, h, MOST_STRETCHES + 1)
        except KinkOnSegment:
            unclear = True
            continue
        if len(path) < 2 or len(path) > MOST_STRETCHES:
            continue
        quotient = forward(line.value(ahead), line.here.value, h)
        jump = max(abs(float(b.slope - a.slope)) for a, b in pairwise(path))
        where = {"method": "forward", "h": h, "kinks": len(path) - 1}
        found = within(quotient, mean_slope(path, h), 2 * line.noise_at(h) / h, jump, **where)
        if line.is_torn(found, 0.0, h):
            torn = True
        else:
            evidence.append(found)
    seen = any(e.sees for e in evidence)
    why = MAY_JUMP if torn else SWAMPED if evidence else UNCLEAR if unclear else NO_KINK
    return Measurement(evidence=tuple(evidence), undecided=None if seen else why)


@precise
def mean_slope(path: list[Stretch], h: float) -> arb:
    """(1/h)·∫ f' along the path."""
    return sum((s.rise for s in path), arb(0)) / h


LAW = Law(
    name="crossing",
    statement="across kinks, D⁺(h) is the mean of the slopes between them",
    measure=measure,
    judges=(LOSS,),
    inapplicable=unless_kinked,
    needs_loss=True,
    along_lines=True,
)
