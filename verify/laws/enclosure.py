"""D(h) ∈ [min, max]⟨∂f, d⟩ over the segment ⊕ 2ε/h (⊕ ε/h centred): Lebourg's mean value theorem, kink or not.

It needs no distance from kinks, only that f does not jump. Source: F. H. Clarke, Optimization and Nonsmooth Analysis, theorem 2.3.7.
"""

from verify.cases import Case
from verify.difference import centred, direction, forward
from verify.evidence import LOSS, Evidence, Measurement
from verify.laws.law import Law, Subject, within
from verify.laws.line import MAY_JUMP, through

EXPONENTS = (0, 3, 7, 12)
TOO_WIDE = "every enclosure is wider than the slopes: float64, whose steps are shorter, would decide it"


def measure(subject: Subject, case: Case) -> Measurement:
    """Two pieces of evidence for each step: the forward and the centred quotient."""
    line = through(subject, case, direction(case.seed, case.x.shape, case.dtype))
    evidence, torn = list[Evidence](), False
    for h, ahead, behind in line.steps(*EXPONENTS):
        f_ahead, f_behind, noise = line.value(ahead), line.value(behind), line.noise_at(h, -h)
        for method, quotient, low, values in (
            ("forward", forward(f_ahead, line.here.value, h), 0.0, 2),
            ("centred", centred(f_ahead, f_behind, h), -h, 1),
        ):
            slopes = line.truth.slopes(line.d, low, h)
            if slopes.is_finite():
                found = within(quotient, slopes, values * noise / h, line.size, method=method, h=h)
                if line.is_torn(found, low, h):
                    torn = True
                else:
                    evidence.append(found)
    seen = any(e.sees for e in evidence)
    return Measurement(evidence=tuple(evidence), undecided=None if seen else MAY_JUMP if torn else TOO_WIDE)


LAW = Law(
    name="enclosure",
    statement="D(h) ∈ [min, max]⟨∂f, d⟩ over the segment, kinks or not",
    measure=measure,
    judges=(LOSS,),
    needs_loss=True,
    along_lines=True,
)
