"""D⁺(h) − ⟨g, d⟩ ∈ h/2·[f''] ± r and D⁰(h) − ⟨g, d⟩ ∈ h²/6·[f'''] ± r: differences converge to the gradient at their order.

[f''] and [f'''] are enclosures along d over the segment x ± hd, which must cross no kink; r = 2ε/h (forward) or ε/h (centred) plus the
rounding of ⟨g, d⟩, with ε the rounding bound of one loss value. The envelope has two sides: inside the window, where its lower side is at
least WINDOW·r on two neighbouring rungs, an error within it does fall like h (like h²), so the order is confirmed, not only bounded. Where
the truncation term is identically zero, the quotient must be *exact*.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from flint import arb

from verify.cases import Case
from verify.difference import Floats, centred, direction, forward
from verify.evidence import GRADIENT, LOSS, Evidence, Measurement
from verify.laws.law import Law, Subject, within
from verify.laws.line import Line, through
from verify.oracle import KinkOnSegment
from verify.rounding import DENSE_RUNGS, SPARSE_RUNGS, WINDOW


@dataclass(frozen=True)
class Rung:
    """One quotient at one step: its signed error, the enclosure of its truncation term, and its rounding r."""

    method: str
    h: float
    error: float
    truncation: arb
    rounding: float

    @property
    def in_window(self) -> bool:
        """Whether truncation certainly dominates rounding, so that the order shows."""
        return float(self.truncation.abs_lower()) >= WINDOW * self.rounding

    def closer(self, line: Line) -> Rung:
        """The rung with its truncation from the true values at its ends."""
        truncation, rounding = line.exactly(self.method, self.h)
        return replace(self, truncation=truncation, rounding=rounding)

    def evidence(self, line: Line) -> Evidence:
        """Evidence on the error against its envelope."""
        found = within(self.error, self.truncation, self.rounding, line.size, method=self.method, h=self.h)
        middle = float(self.truncation.mid())
        return replace(found, where=found.where | {"measured": line.slope + self.error, "expected": line.slope + middle})


def measure(subject: Subject, case: Case) -> Measurement:
    """One piece of evidence for each method and rung on which no kink is crossed."""
    line = through(subject, case, direction(case.seed, case.x.shape, case.dtype))
    if not line.truth.gradient.is_single:
        return Measurement(undecided="on a kink")
    rungs = list(_rungs(line))
    if not rungs:
        return Measurement(undecided="a kink within every step: a point farther from it would decide it")
    answered = any(_confirmed(rs) or _exact(rs, line.size) for rs in _by_method(rungs))
    if not answered and (found := _closer(line, rungs)):
        rungs, answered = [*(r for r in rungs if r not in found), *found], True
    evidence = tuple(r.evidence(line) for r in rungs)
    return Measurement(
        evidence=evidence,
        undecided=None if answered else "no window: rounding swamps every step; float64, or a more curved point, would decide it",
    )


def _rungs(line: Line) -> Iterator[Rung]:
    for h, ahead, behind, taylor in _smooth(line):
        f_ahead, f_behind = line.value(ahead), line.value(behind)
        noise, here = line.noise_at(h, -h) / h, line.here.value
        yield Rung("forward", h, forward(f_ahead, here, h) - line.slope, h * taylor[2], 2 * noise + line.slope_noise)
        yield Rung("centred", h, centred(f_ahead, f_behind, h) - line.slope, h**2 * taylor[3], noise + line.slope_noise)


def _smooth(line: Line) -> Iterator[tuple[float, Floats, Floats, list[arb]]]:
    """(h, x + hd, x − hd, Taylor coefficients) from the longest step on which f is known to be smooth: DENSE_RUNGS
    neighbours, then every SPARSE_RUNGS-th step. Shorter segments lie within the longer ones, so they are smooth too.
    """
    found = 0
    for h, ahead, behind in line.rungs:
        if found < DENSE_RUNGS or (found - DENSE_RUNGS) % SPARSE_RUNGS == 0:
            try:
                taylor = line.truth.along(line.d, -h, h)
            except KinkOnSegment:
                continue
            if not all(c.is_finite() for c in taylor):
                continue  # the enclosures over this segment are too wide
            yield h, ahead, behind, taylor
        found += 1


def _by_method(rungs: list[Rung]) -> list[list[Rung]]:
    return [[r for r in rungs if r.method == m] for m in ("forward", "centred")]


def _closer(line: Line, rungs: list[Rung]) -> list[Rung]:
    """Two neighbouring rungs that confirm their order by the true values at their ends; empty if none do."""
    for rs in _by_method(rungs):
        for pair in pairwise(rs):
            # The rounding at x alone is part of that of every rung: where it swamps the enclosure, the truth is swamped, too.
            if all(float(r.truncation.abs_upper()) >= WINDOW * line.truth.value.radius / r.h for r in pair):
                found = [r.closer(line) for r in pair]
                if _confirmed(found):
                    return found
    return []


def _confirmed(rungs: list[Rung]) -> bool:
    """Whether two neighbouring rungs inside the window have truncation terms that fall from one to the other like the order."""
    return any(a.in_window and b.in_window and a.h == 2 * b.h and _falls(a, b) for a, b in pairwise(rungs))


def _falls(longer: Rung, shorter: Rung) -> bool:
    """Whether truncation falls by 2 (by 4) and not by a neighbouring power of two; an enclosure of several sizes may fit both."""
    power = 1 if longer.method == "forward" else 2
    ratio = longer.truncation / shorter.truncation
    return not (ratio < 2 ** (power - 0.5) or ratio > 2 ** (power + 0.5))


def _exact(rungs: list[Rung], size: float) -> bool:
    """Whether the truncation term is identically zero, with the slope well above its rounding at some rung."""
    return all(r.truncation.is_zero() for r in rungs) and any(0 < WINDOW * r.rounding <= size for r in rungs)


LAW = Law(
    name="order",
    statement="D⁺ errs like h, D⁰ like h²; exactly 0 where f is linear (quadratic)",
    measure=measure,
    judges=(GRADIENT, LOSS),
    needs_loss=True,
    along_lines=True,
)
