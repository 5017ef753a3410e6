"""Laws measure, one function judges.

`Evidence` is one measured number beside the largest one that the law allows; `judge` is the only place in the program
where numbers become a verdict. Absence of evidence is not success: it is `SILENT`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from math import inf, isfinite, isnan
from typing import Any, SupportsInt


class Verdict(Enum):
    """The verdict on a law: it holds, it is broken, or nothing was decided."""

    HOLDS = "holds"
    BROKEN = "broken"
    SILENT = "silent"


LOSS, GRADIENT, HESSIAN = "loss", "gradient", "Hessian"
"""The answers of a candidate."""


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One comparison: `measured ≤ allowed` is what the law demands.

    Where the truth is an interval, `measured` is the distance from it and `width` half its length. `magnitude` is the size of the quantity
    that was judged (same unit as `measured`); `(allowed + width) / magnitude` is then the smallest relative error that this comparison
    would have seen. `ulps` is `measured` in units of the last place of the candidate's dtype. `where` holds what a reader needs to find the
    place again: `entry`, step `h`, and the values `measured` and `expected`, which the sentence of a finding compares. `answer` names which
    of the candidate's results was compared (such as LOSS), where the law compares several.
    """

    measured: float
    allowed: float
    magnitude: float = 0.0
    width: float = 0.0
    ulps: float | None = None
    where: dict[str, Any] = field(default_factory=dict)
    answer: str | None = None

    @property
    def strain(self) -> float:
        """The ratio measured / allowed. NaN and infinity count as infinitely broken; 0/0 and a comparison that decides nothing as 0."""
        if not self.decides:
            return 0.0
        if isnan(self.measured) or self.measured == inf:
            return inf
        if self.measured == 0:
            return 0.0
        return self.measured / self.allowed if self.allowed > 0 else inf

    @property
    def decides(self) -> bool:
        """Whether the allowance is finite; otherwise the comparison decides nothing."""
        return isfinite(self.allowed)

    @property
    def resolution(self) -> float:
        """The smallest relative error of the judged quantity that would have been seen here."""
        return (self.allowed + self.width) / self.magnitude if self.magnitude > 0 else inf

    @property
    def sees(self) -> bool:
        """Whether a completely wrong quantity would be noticed: the allowance does not swamp it."""
        return self.resolution < 1


def of_entry(along: Evidence, step: float, entry: Iterable[SupportsInt], measured: float) -> Evidence:
    """A comparison along a direction that moves one entry by `step`, in units of that entry of the gradient, which is `measured`."""
    size = abs(step)
    return Evidence(
        measured=along.measured / size,
        allowed=along.allowed / size,
        magnitude=along.magnitude / size,
        width=along.width / size,
        where={"entry": [int(k) for k in entry], "measured": measured, "expected": along.where["expected"] / step},
    )


NOT_FINITE = "allowance not finite: smaller numbers would decide it"
"""The reason given where evidence has no finite allowance, and so decides nothing."""


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """All that one law found on one case.

    `undecided` is None where the law's question was answered, else the reason why it was not, in words that can be counted. Evidence counts
    against a candidate in either case; only decided cases count in its favour. `limitations` are things that a right candidate need not do
    but that its users want to know about; they do not affect the verdict. Evidence with an infinite allowance is left out; if all evidence
    is, the question is undecided.
    """

    evidence: tuple[Evidence, ...] = ()
    undecided: str | None = None
    limitations: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        kept = tuple(e for e in self.evidence if e.decides)
        if self.evidence and not kept:
            object.__setattr__(self, "undecided", self.undecided or NOT_FINITE)
        object.__setattr__(self, "evidence", kept)

    @property
    def worst(self) -> Evidence | None:
        """The evidence under the greatest strain."""
        return max(self.evidence, key=lambda e: e.strain, default=None)


def judge(measurements: Iterable[Measurement]) -> Verdict:
    """BROKEN if any strain exceeds 1 (or is NaN), SILENT if no case was decided, else HOLDS."""
    decided = 0
    for measurement in measurements:
        if not all(e.strain <= 1 for e in measurement.evidence):
            return Verdict.BROKEN
        decided += measurement.undecided is None and bool(measurement.evidence)
    return Verdict.HOLDS if decided else Verdict.SILENT
