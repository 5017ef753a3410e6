"""One report model: what was judged, what came of it, in what environment."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from math import isfinite, isnan
from typing import Any

from verify.campaign.task import Inapplicable, Outcome
from verify.campaign.witness import identity
from verify.evidence import Verdict
from verify.trial import Result, Witness

SCHEMA = "verify-report/1"
LIBRARIES = ("hypothesis", "numba", "numpy", "python-flint", "scipy", "sympy")


@dataclass(frozen=True, kw_only=True)
class Report:
    """All outcomes of one command. `results` has one entry for each candidate, dtype and law that applies, in that order;
    `inapplicable` has the others with the reason.
    """

    outcomes: tuple[Outcome, ...]
    inapplicable: tuple[Inapplicable, ...]
    profile: str
    seed: int
    seconds: float

    @classmethod
    def of(cls, outcomes: Sequence[Outcome | Inapplicable], *, profile: str, seed: int, seconds: float) -> Report:
        """The report of what the tasks came to."""
        judged = tuple(o for o in outcomes if isinstance(o, Outcome))
        rest = tuple(o for o in outcomes if isinstance(o, Inapplicable))
        return cls(outcomes=judged, inapplicable=rest, profile=profile, seed=seed, seconds=seconds)

    @property
    def results(self) -> list[Result]:
        """The results alone."""
        return [o.result for o in self.outcomes]

    @property
    def verdict(self) -> Verdict:
        """BROKEN if any law is broken, else SILENT if any is silent, else HOLDS. Nothing judged is SILENT."""
        verdicts = {r.verdict for r in self.results}
        worst = (v for v in (Verdict.BROKEN, Verdict.SILENT) if v in verdicts)
        return next(worst, Verdict.HOLDS if verdicts else Verdict.SILENT)

    @property
    def conventions(self) -> dict[str, dict[str, Any]]:
        """What was found out about each candidate: layout, reduction, penalty, parameters."""
        return {o.task.request.name: o.conventions for o in self.outcomes if o.conventions is not None}

    def __str__(self) -> str:
        """The report as plain text, for `print` and notebooks."""
        from verify.report.text import plain  # the renderings import the model

        return plain(self)

    def to_dict(self) -> dict[str, Any]:
        """The JSON document. Infinite and undefined numbers are the strings "inf" and "nan"."""
        return {
            "schema": SCHEMA,
            "verdict": self.verdict.value,
            "environment": environment() | {"seconds": [round(r.seconds, 3) for r in self.results], "wall": round(self.seconds, 3)},
            "seed": self.seed,
            "profile": self.profile,
            "results": [_entry(o) for o in self.outcomes],
            "inapplicable": [
                {"candidate": o.task.request.name, "dtype": o.task.dtype, "law": o.task.law, "reason": o.reason} for o in self.inapplicable
            ],
            "conventions": self.conventions,
        }


def environment() -> dict[str, Any]:
    """The header: what may differ between two runs of the same code."""
    libraries = {name: metadata.version(name) for name in LIBRARIES}
    return {
        "verify": metadata.version("verify-gradients"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "libraries": libraries,
    }


def _entry(o: Outcome) -> dict[str, Any]:
    r = o.result
    entry: dict[str, Any] = {
        "candidate": o.task.request.name,
        "loss": o.task.request.loss,
        "dtype": r.dtype,
        "law": r.law,
        "verdict": r.verdict.value,
        "kind": r.kind,
        "cases": r.cases,
        "decided": r.decided,
        "undecided": r.undecided,
        "families": r.families,
        "patterns": r.patterns,
        "strain": number(r.strain),
        "sensitivity": number(r.sensitivity),
        "ulps": None if r.ulps is None else number(r.ulps),
    }
    if r.limitations:
        entry["limitations"] = list(r.limitations)
    if r.witness is not None:
        entry["witness"] = _witness(r.witness) | {"id": identity(o), "replay": f"verify replay {identity(o)}"}
    if r.diagnosis is not None:
        entry["diagnosis"] = r.diagnosis
    return entry


def _witness(w: Witness) -> dict[str, Any]:
    """The case in exact hexadecimal floats, and what was measured there against what is allowed."""
    found = w.case.to_dict()
    if w.evidence is not None:
        where = {k: number(v) if isinstance(v, float) else v for k, v in w.evidence.where.items()}
        found |= where | {"error": number(w.evidence.measured), "allowed": number(w.evidence.allowed)}
    return found


def number(x: float) -> float | str:
    """A float that JSON can hold."""
    return x if isfinite(x) else "nan" if isnan(x) else "inf" if x > 0 else "-inf"
