"""One law on one pair: the given point, then points around it, until one breaks the law."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import replace
from itertools import islice
from math import inf

import numpy as np

from verify.candidates import Misbehaviour
from verify.cases import Case
from verify.diagnosis import Diagnosis
from verify.evidence import Evidence, Finding, Verdict, judge
from verify.pair.laws import JUMP, KINK, MEASURES
from verify.pair.naming import named
from verify.pair.place import GIVEN, MOVED, Start, moved, places
from verify.pair.subject import Pair
from verify.trial import Result, Watch, Witness, unwatched

PLACES = {"quick": 6, "ci": 20, "deep": 200}
"""Points of a trial: each costs a hundred and more evaluations of the loss. Where one is moved off a kink, that is one more."""

NOT_FINITE = "the computation leaves the range of the dtype, or divides by 0"
WEAKER = "without a spec, judged by differences of its own loss: a loss that is wrong together with its gradient passes"


def run(
    law: str, pair: Pair, at: Start, dtype: str, *, profile: str, seed: int, case: Case | None = None, watch: Watch = unwatched
) -> Result:
    """The result of a law at the profile's number of places, or at one alone. `watch` hears of each before the candidate does."""
    began = time.perf_counter()
    findings: list[Finding] = []
    families: Counter[str] = Counter()
    worst: tuple[Case, Evidence] | None = None
    failure: tuple[Case, Finding | Misbehaviour] | None = None
    ahead = deque([case] if case else islice(places(at, dtype, seed), PLACES[profile]))
    while ahead:
        there = ahead.popleft()
        watch(there)
        finding = _measured(law, pair, there)
        families[there.family] += 1
        if isinstance(finding, Finding):
            findings.append(finding)
            if finding.undecided in (KINK, JUMP) and there.family != MOVED:
                ahead.appendleft(moved(there))
            if finding.worst is not None and (worst is None or finding.worst.strain > worst[1].strain):
                worst = there, finding.worst
        if isinstance(finding, Misbehaviour) or judge([finding]) is Verdict.BROKEN:
            failure = there, finding
            break
    decided = [f for f in findings if f.undecided is None and f.evidence]
    evidence = [e for f in findings for e in f.evidence]
    told = None if failure is None else _told(pair, failure, at, dtype, seed, watch)
    return Result(
        law=law,
        dtype=dtype,
        verdict=Verdict.BROKEN if failure else judge(findings),
        kind=None if told is None else told.kind,
        cases=families.total(),
        decided=len(decided),
        undecided=dict(Counter(f.undecided for f in findings if f.undecided)),
        families=dict(families),
        patterns=0,
        strain=max((e.strain for e in evidence), default=inf if failure else 0.0),
        sensitivity=min((e.resolution for f in decided for e in f.evidence), default=inf),
        ulps=None,
        seconds=time.perf_counter() - began,
        witness=_witness(failure),
        diagnosis=None if told is None else told.to_dict(),
        worst=None if worst is None else Witness(case=worst[0], evidence=worst[1]),
        limitations=tuple(sorted({t for f in findings for t in f.limitations} | ({WEAKER} if law == "gradient" else set()))),
    )


def _measured(law: str, pair: Pair, case: Case) -> Finding | Misbehaviour:
    """Away from the given point a candidate may refuse: its domain may end there."""
    try:
        return MEASURES[law](pair, case)
    except Misbehaviour as error:
        if error.code == "crashed" and case.family not in (GIVEN, "stored"):
            return Finding(undecided="refused: outside the domain")
        return error


def _told(pair: Pair, failure: tuple[Case, Finding | Misbehaviour], at: Start, dtype: str, seed: int, watch: Watch) -> Diagnosis:
    """The name of the bug, or what was measured."""
    case, what = failure
    if isinstance(what, Misbehaviour):
        return Diagnosis(what.code, f"the candidate {what}", kind="behaviour")
    worst = what.worst
    assert worst is not None
    where = worst.where
    there = f"entry {where['entry']}" if "entry" in where else where["method"]
    step = f" at h = {where['h']:g}" if "h" in where else ""
    measured = f"{there}{step} is {where['measured']:.17g}, allowed {where['expected']:.17g} ± {worst.allowed:.2g}"
    if not np.isfinite(where["measured"]):
        where_all = [where["entry"]] if "entry" in where else "all"
        return Diagnosis("overflow", f"{there} is {where['measured']}: {NOT_FINITE}", where_all, kind="precision")
    found = named(pair, case, at, dtype, seed, watch)
    if found is not None:
        return replace(found, measured=measured)
    return Diagnosis("unknown", measured, [where["entry"]] if "entry" in where else "all")


def _witness(failure: tuple[Case, Finding | Misbehaviour] | None) -> Witness | None:
    if failure is None:
        return None
    case, what = failure
    return Witness(case=case, evidence=None if isinstance(what, Misbehaviour) else what.worst)
