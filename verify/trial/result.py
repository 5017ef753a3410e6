"""The verdict of one law on one candidate, with counts, witness and diagnosis."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from math import ceil, inf, isfinite, log2
from typing import Any

from verify.cases import Case
from verify.evidence import Evidence, Verdict


@dataclass(frozen=True, kw_only=True)
class Witness:
    """The smallest case found that breaks the law, and what was measured there."""

    case: Case
    evidence: Evidence | None


@dataclass(frozen=True, kw_only=True)
class Result:
    """The result of one law on one candidate at one dtype.

    `families` counts the cases by the strategy that built them, `patterns` the different sets of active pieces visited; `worst` is the case
    with the greatest strain, `farthest` the one with the error `ulps`, and `spread` counts the cases by the binary order of their ulps: k
    stands for errors of 2^(k−1) to 2^k, 0 for those up to 1, −1 for none at all; `limitations` are what the candidate refuses or accepts
    without breaking a law.
    """

    law: str
    dtype: str
    verdict: Verdict
    kind: str | None
    cases: int
    decided: int
    undecided: dict[str, int]
    families: dict[str, int]
    patterns: int
    strain: float
    sensitivity: float
    ulps: float | None
    seconds: float
    witness: Witness | None = None
    diagnosis: dict[str, Any] | None = None
    worst: Witness | None = None
    farthest: Witness | None = None
    spread: dict[int, int] = field(default_factory=dict)
    limitations: tuple[str, ...] = ()

    def with_limitations(self, limitations: tuple[str, ...]) -> Result:
        """The result with further limitations, before its own."""
        return replace(self, limitations=(*limitations, *self.limitations)) if limitations else self

    @classmethod
    def unanswered(
        cls,
        *,
        law: str,
        dtype: str,
        diagnosis: dict[str, Any] | None = None,
        undecided: dict[str, int] | None = None,
        witness: Witness | None = None,
        cases: int = 0,
        seconds: float = 0.0,
    ) -> Result:
        """The result of a trial without an answer: with a diagnosis, the candidate's behaviour broke the law; without one, it is silent."""
        return cls(
            law=law,
            dtype=dtype,
            verdict=Verdict.BROKEN if diagnosis else Verdict.SILENT,
            kind="behaviour" if diagnosis else None,
            cases=cases,
            decided=0,
            undecided=undecided or {},
            families={},
            patterns=0,
            strain=inf if diagnosis else 0.0,
            sensitivity=inf,
            ulps=None,
            seconds=seconds,
            witness=witness,
            diagnosis=diagnosis,
        )


def order_of(ulps: float) -> int:
    """The binary order of an error: the least k with ulps ≤ 2^k, 0 for up to one ulp; −1 for no error, 1025 for an infinite one."""
    if not isfinite(ulps):
        return 1025
    return -1 if ulps == 0 else max(0, ceil(log2(ulps)))
