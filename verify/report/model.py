"""The model of a report: what was judged, with what outcome, in what environment."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isfinite, isnan
from pathlib import Path
from typing import Any

from verify import disk_cache
from verify.campaign.task import Inapplicable, Outcome, Refused, laws
from verify.campaign.witness import NO_LOSS, as_data, identity
from verify.candidates.signature import OF_SCORES
from verify.evidence import Verdict
from verify.problem.named import problem_named
from verify.profiles import DTYPES
from verify.report.findings import with_findings
from verify.rounding import keeps_subnormals
from verify.spec.catalogue import find_loss, find_spec
from verify.spec.loss import LossSpec
from verify.spec.shipped import plain
from verify.trial import Result, Witness
from verify.versions import DISTRIBUTION, versions

SCHEMA = "verify-report/1"
LIBRARIES = ("hypothesis", "numba", "numpy", "python-flint", "scipy", "sympy")


@dataclass(frozen=True, kw_only=True)
class Report:
    """All outcomes of one command. `results` has one entry for each candidate, dtype and law that applies, in that order; `inapplicable`
    has the other laws with the reason, `refused` the candidates that could not be judged. `ended_by` is the signal or error that ended the
    run early, if any: what was not judged by then is silent.
    """

    outcomes: tuple[Outcome, ...]
    inapplicable: tuple[Inapplicable, ...]
    profile: str
    seed: int
    seconds: float
    refused: tuple[Refused, ...] = ()
    ended_by: str | Exception | None = None

    @classmethod
    def of(
        cls,
        outcomes: Sequence[Outcome | Inapplicable],
        *,
        profile: str,
        seed: int,
        seconds: float,
        refused: Sequence[Refused] = (),
        ended_by: str | Exception | None = None,
    ) -> Report:
        """The report of these outcomes."""
        judged = tuple(o for o in outcomes if isinstance(o, Outcome))
        rest = tuple(o for o in outcomes if isinstance(o, Inapplicable))
        given: dict[str, Any] = {"profile": profile, "seed": seed, "seconds": seconds, "ended_by": ended_by}
        return cls(outcomes=judged, inapplicable=rest, refused=tuple(refused), **given)

    @property
    def results(self) -> list[Result]:
        """The results, without the inapplicable laws."""
        return [o.result for o in self.outcomes]

    @property
    def verdict(self) -> Verdict:
        """BROKEN if any law is broken, else SILENT if any is silent, else HOLDS. Nothing judged is SILENT."""
        verdicts = {r.verdict for r in self.results}
        worst = (v for v in (Verdict.BROKEN, Verdict.SILENT) if v in verdicts)
        return next(worst, Verdict.HOLDS if verdicts else Verdict.SILENT)

    def __bool__(self) -> bool:
        """Whether everything holds: `assert verify.check(…)` fails for broken and for silent results."""
        return self.verdict is Verdict.HOLDS

    @property
    def conventions(self) -> dict[str, dict[str, Any]]:
        """The inferred conventions of each candidate: layout, reduction, penalty, parameters."""
        found, first = dict[str, dict[str, Any]](), dict[str, str]()
        for o in self.outcomes:
            if o.conventions is not None:
                name, loss = o.task.request.name, o.task.request.loss
                found[name if first.setdefault(name, loss) == loss else f"{name} ({loss})"] = o.conventions
        return found

    @property
    def ended(self) -> set[str]:
        """The candidates that hung or ended their process."""
        return {o.task.request.name for o in self.outcomes if o.result.diagnosis and o.result.diagnosis["code"] in ("crashed", "hung")}

    @property
    def judged(self) -> int:
        """The number of answers: outcomes and inapplicable laws."""
        return len(self.outcomes) + len(self.inapplicable)

    @property
    def reused(self) -> int:
        """The number of answers taken from earlier runs."""
        return sum(o.reused for o in self.outcomes) + sum(i.reused for i in self.inapplicable)

    @property
    def laws(self) -> tuple[str, ...] | None:
        """The laws that were requested by name; None for all."""
        tasks = [o.task for o in self.outcomes] + [i.task for i in self.inapplicable]
        asked = {t.request.laws for t in tasks}
        return None if None in asked or not asked else tuple(dict.fromkeys(law for laws in asked for law in laws or ()))

    @property
    def losses(self) -> dict[str, dict[str, Any]]:
        """The losses of the requests, each with its formula, parameters and source."""
        names = dict.fromkeys(o.task.request.loss for o in self.outcomes)
        return {name: self._described(name) for name in names if name != NO_LOSS}

    @staticmethod
    def _described(name: str) -> dict[str, Any]:
        if problem_named(name) is not None:
            from verify.problem import described_problem

            return described_problem(find_spec(name))
        spec = find_loss(name)
        return plain("told", spec, lambda: _described(spec))

    def __str__(self) -> str:
        """The report as plain text, for `print` and notebooks."""
        from verify.report.text import plain

        return plain(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """The JSON document. Infinite and undefined numbers are the strings "inf" and "nan"."""
        document = {
            "schema": SCHEMA,
            "verdict": self.verdict.value,
            "environment": environment()
            | {"seconds": [round(r.seconds, 3) for r in self.results], "wall": round(self.seconds, 3)}
            | ({"reused": reused} if (reused := [i for i, o in enumerate(self.outcomes) if o.reused]) else {}),
            "seed": self.seed,
            "profile": self.profile,
            "selection": None if self.laws is None else list(self.laws),
            "losses": self.losses,
            "laws": {law: statement for law, statement in laws().items() if law in {o.result.law for o in self.outcomes}},
            "places": {o.task.request.name: o.place for o in self.outcomes if o.place is not None},
            "results": [_entry(o) for o in self.outcomes],
            "inapplicable": [
                {"candidate": o.task.request.name, "dtype": o.task.dtype, "law": o.task.law, "reason": o.reason} for o in self.inapplicable
            ],
            "conventions": self.conventions,
            **self._refusals(),
        }
        disk_cache.write()
        return with_findings(document)

    def _refusals(self) -> dict[str, Any]:
        entries = [{"candidate": r.request.name, "loss": r.request.loss, "reason": r.reason} for r in self.refused]
        return {"refused": entries} if entries else {}


def _described(spec: LossSpec) -> dict[str, Any]:
    from verify.oracle.lipschitz import slopes_in_words
    from verify.spec.mathml import described  # with sympy's printers

    return described(spec) | {"slopes": slopes_in_words(spec)}


def environment() -> dict[str, Any]:
    """The header: everything that may differ between two runs of the same code."""
    return installed() | {"floats": {dtype: _floats(dtype) for dtype in DTYPES}, "libraries": libraries()}


@lru_cache(maxsize=1)
def installed() -> dict[str, Any]:
    """The parts of the header that do not change during this process, and take time to find out."""
    return {
        "verify": versions([DISTRIBUTION])[DISTRIBUTION],
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "processor": processor(),
        "cores": os.cpu_count(),
    }


@lru_cache(maxsize=1)
def libraries() -> dict[str, str]:
    """The versions of the libraries that take part in judging."""
    return versions(LIBRARIES)


def processor() -> str:
    """The processor's name, as far as the system reports it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, None) or platform.processor()


def _floats(dtype: str) -> str:
    """How this process handles subnormal numbers: a library built with -ffast-math may flush them to zero for all code."""
    return "subnormals kept" if keeps_subnormals(dtype) else "subnormals flushed to zero"


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
        entry["witness"] = _witness(r.witness, o.task.request.loss) | {"id": identity(o)}
        if o.conventions is not None and o.conventions.get("signature") in OF_SCORES:
            entry["witness"]["signature"] = o.conventions["signature"]
        if o.upstream:
            entry["witness"]["upstream"] = o.upstream
        if isinstance(o.task.request.candidate, str):  # another process could not find it
            entry["witness"]["replay"] = f"verify replay {identity(o)}"
    else:
        entry |= {name: _witness(w, o.task.request.loss) for name, w in (("worst", r.worst), ("farthest", r.farthest)) if w is not None}
    if r.spread:
        entry["spread"] = {str(order): n for order, n in r.spread.items()}
    if r.diagnosis is not None:
        entry["diagnosis"] = r.diagnosis
    if o.printed:
        entry["printed"] = o.printed
    return entry


def _witness(w: Witness, loss: str) -> dict[str, Any]:
    """The case in exact hexadecimal floats, with what was measured and what is allowed."""
    found = as_data(w.case, loss)
    if w.case.values.keys() == {"x"}:  # a pair without a spec
        found |= {"x": [float(v).hex() for v in w.case.x.ravel()], "shape": list(w.case.x.shape)}
    if w.evidence is not None:
        where = {k: number(v) if isinstance(v, float) else v for k, v in w.evidence.where.items()}
        found |= where | {"error": number(w.evidence.measured), "allowed": number(w.evidence.allowed)}
    return found


def number(x: float) -> float | str:
    """A float in a form that JSON can hold."""
    return x if isfinite(x) else "nan" if isnan(x) else "inf" if x > 0 else "-inf"
