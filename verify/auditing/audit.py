"""The audit of one candidate at some points: its questions and their results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any

import numpy as np

from verify.auditing.bisection import wrong_entries
from verify.auditing.directions import Ground, rademacher, settled
from verify.auditing.entries import numerical
from verify.candidates import Way
from verify.cases import Case
from verify.errors import UsageError
from verify.evidence import Evidence, Measurement, Verdict, judge
from verify.laws import LAWS, Subject
from verify.oracle import Oracle

DIRECTIONS = 3
"""Number of random directions: two wrong entries may cancel in one of them."""

KINK_OFFSET = 2.0**-6
"""Distance, in scores, of the generic point from a given one: off every kink that the given one lies on."""


@dataclass(frozen=True, kw_only=True)
class AuditPart:
    """One of the `QUESTIONS` at one point. `entries` are the wrong entries found; `complete` says whether no
    further disagreement was seen.
    """

    question: str
    point: str
    measurements: tuple[Measurement, ...]
    entries: tuple[Evidence, ...] = ()
    complete: bool = False

    @property
    def verdict(self) -> Verdict:
        """The verdict on the measurements."""
        return judge(self.measurements)

    @property
    def strain(self) -> float:
        """The greatest strain of all measurements; 0 without any."""
        return max((e.strain for f in self.measurements for e in f.evidence), default=0.0)

    @property
    def sensitivity(self) -> float:
        """The smallest relative error of a typical entry that every measurement would have noticed."""
        return max((e.resolution for f in self.measurements for e in f.evidence), default=inf)

    def to_dict(self) -> dict[str, Any]:
        """The part for the report."""
        undecided = sorted({f.undecided for f in self.measurements if f.undecided is not None})
        entries = [e.where | {"allowed": e.allowed} for e in self.entries]
        told = {"question": self.question, "point": self.point, "verdict": self.verdict.value, "undecided": undecided}
        numbers = {"strain": self.strain, "sensitivity": self.sensitivity}
        return told | {k: v if np.isfinite(v) else str(v) for k, v in numbers.items()} | {"entries": entries, "complete": self.complete}


@dataclass(frozen=True, kw_only=True)
class Audit:
    """All parts of an audit, with the sizes of its problem: `shape` is that of W, (C, D)."""

    examples: int
    shape: tuple[int, int]
    dtype: str
    parts: tuple[AuditPart, ...]

    @property
    def verdict(self) -> Verdict:
        """BROKEN if a part is, SILENT if nothing was decided at all."""
        return judge([f for p in self.parts for f in p.measurements])

    @property
    def entries(self) -> list[tuple[int, int]]:
        """The wrong entries of W, (C, D), each once, in the order in which they were found."""
        return list(dict.fromkeys((e.where["entry"][0], e.where["entry"][1]) for p in self.parts for e in p.entries))

    def to_dict(self) -> dict[str, Any]:
        """The audit for the report."""
        parts = [p.to_dict() for p in self.parts]
        return {"examples": self.examples, "shape": list(self.shape), "dtype": self.dtype, "verdict": self.verdict.value, "parts": parts}


def audit(candidate: Way, cases: Sequence[Case], oracle: Oracle | None = None, *, seed: int = 0) -> Audit:
    """Compares every entry of the candidate's gradient, at each of the cases, which are of one size, and beside them, with the candidate's
    own loss, and, with an oracle, with the truth.

    Raises Misbehaviour where the candidate gives no answer, and UsageError where it is not a function of weights of several classes.
    """
    if not candidate.is_of_matrices:
        raise UsageError("an audit asks for f(W, X, y, reg) and a loss of several classes: elsewhere no gradient is large.")
    parts = [part for case in cases for part in _parts(candidate, settled(case), oracle, seed)]
    return Audit(examples=len(cases[0]["X"]), shape=cases[0].x.shape, dtype=cases[0].dtype, parts=tuple(parts))


def _parts(candidate: Way, case: Case, oracle: Oracle | None, seed: int) -> Iterator[AuditPart]:
    if oracle is not None:
        subject = Subject(candidate=candidate, oracle=oracle)
        yield from _against_truth(subject, case)
        # Where a loss is not convex, a subgradient's slopes need not lie between the one-sided ones: only smooth points are used.
        if oracle.objective.claims_convexity or subject.truth(case).gradient.is_single:
            yield _own_loss(candidate, case, seed)
    yield _own_loss(candidate, _beside(case, seed), seed)


def _against_truth(subject: Subject, case: Case) -> Iterator[AuditPart]:
    for question in ("value", "gradient", "numerical"):
        measurement = numerical(subject, case) if question == "numerical" else LAWS[question].measure(subject, case)
        wrong = tuple(e for e in measurement.evidence if not e.strain <= 1 and "entry" in e.where)
        yield AuditPart(question=question, point=case.family, measurements=(measurement,), entries=wrong)


def _own_loss(candidate: Way, case: Case, seed: int) -> AuditPart:
    ground = Ground(candidate=candidate, case=case)
    everything = np.arange(case.x.size)
    evidence = [ground.along(rademacher(case, everything, seed=seed + i)) for i in range(DIRECTIONS)]
    measurements = tuple(Measurement(evidence=(e,), undecided=None if e.sees else "a kink or noise hides a whole entry") for e in evidence)
    broken = [i for i, e in enumerate(evidence) if not e.strain <= 1]
    entries, complete = wrong_entries(ground, seed=seed + broken[0]) if broken else ([], False)
    return AuditPart(question="own loss", point=case.family, measurements=measurements, entries=tuple(entries), complete=complete)


def _beside(case: Case, seed: int) -> Case:
    """A generic point nearby, with scores moved by about KINK_OFFSET."""
    d = rademacher(case, np.arange(case.x.size), seed=seed + DIRECTIONS)
    uneven = np.random.default_rng(seed).uniform(0.5, 1, size=d.shape).astype(case.dtype)
    beside = case.at(case.x + case.x.dtype.type(KINK_OFFSET) * d * uneven)
    return settled(replace(beside, family=f"beside {case.family}"))
