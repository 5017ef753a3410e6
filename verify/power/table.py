"""Law × wrong implementation: which law catches which, and the smallest relative error that each law would have noticed."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from verify.candidates import Linear, Misbehaviour, Scores
from verify.cases import Case
from verify.evidence import Verdict, judge
from verify.laws import LAWS, AnswerCache, Law, Subject
from verify.oracle import Oracle, Point
from verify.power.hessians import Hessians, of_each_example
from verify.power.hessians import off_by as hessian_off_by
from verify.power.mutants import Candidate, Mutant, mutants, off_by, on_a_kink, right
from verify.spec.convexity import convex_loss
from verify.terms import Reference
from verify.trial import draw

CACHE_SIZE = 1 << 16
"""Cached truths shared by all mutants of a table: every point that the laws need."""
FINEST, COARSEST, STEPS = -16.0, 0.0, 6
"""Sensitivities are searched between 1e-16 and 1, by bisection of the exponent: six halvings leave a factor of 10^(1/4)."""

FLAT_SHARE = 1e-3
"""Share of the greatest slope below which a slope is in a tail."""

TAIL_SCORES = (8.0, 16.0, 32.0)
"""Scores at which exponentials are that small."""


@dataclass(frozen=True, kw_only=True)
class Power:
    """`kills` has for each mutant the laws that break; `sensitivity` for each law the smallest relative error that it noticed, in one entry
    of the gradient ("gradient"), in the loss ("loss") or in the Hessian ("hessian"), and for the law `gradient` in an entry with all slopes
    below FLAT_SHARE times the loss's greatest ("tail"), where rounding errors of that size are allowed; `false_alarms` are laws that break
    for the right implementation: there must be none.
    """

    loss: str
    penalty: str
    dtype: str
    cases: int
    laws: tuple[str, ...]
    families: dict[str, str]
    kills: dict[str, tuple[str, ...]]
    sensitivity: dict[str, dict[str, float]]
    false_alarms: tuple[str, ...]

    @property
    def survivors(self) -> list[str]:
        """The mutants that break no law."""
        return [name for name, laws in self.kills.items() if not laws]

    @property
    def idle(self) -> list[str]:
        """The laws that no mutant breaks."""
        return [law for law in self.laws if not any(law in laws for laws in self.kills.values())]

    def to_dict(self) -> dict[str, Any]:
        """The table as part of the document."""
        return {
            "loss": self.loss,
            "penalty": self.penalty,
            "dtype": self.dtype,
            "cases": self.cases,
            "laws": list(self.laws),
            "mutants": [{"name": name, "family": family} for name, family in self.families.items()],
            "kills": {name: list(laws) for name, laws in self.kills.items()},
            "sensitivity": self.sensitivity,
            "survivors": self.survivors,
            "idle": self.idle,
            "false alarms": list(self.false_alarms),
        }


def measure(oracle: Oracle, *, profile: str, seed: int, laws: Sequence[str] | None = None) -> Power:
    """The kill table of one objective at one dtype. Cases are drawn once and nothing is shrunk: all mutants get the same."""
    reference, truths = Reference(oracle), OrderedDict[Hashable, Point]()
    cases = draw(oracle, profile=profile, seed=seed)

    def subject(f: Candidate, answers: AnswerCache | None = None) -> Subject:
        # Misuse leads to limitations only, which no table counts.
        return Subject(candidate=Linear(f=f), oracle=oracle, truths=truths, kept=CACHE_SIZE, answers=answers, answered={"misuse": ()})

    wrong = [m for m in mutants(reference) if not _is_right(oracle, reference, m, cases)]
    looks_compiled = subject(next(m.f for m in wrong if hasattr(m.f, "py_func")))
    asked = [LAWS[name] for name in laws or LAWS if LAWS[name].why_not(looks_compiled) is None]

    def broken(law: Law, f: Candidate, answers: AnswerCache | None = None) -> bool:
        judged = subject(f, answers)
        return law.why_not(judged) is None and any(breaks(law, judged, case) for case in cases)

    def killers(m: Mutant) -> tuple[str, ...]:
        answers = answers_of(m)
        return tuple(law.name for law in asked if broken(law, m.f, answers))

    def sees(law: Law) -> dict[str, float]:
        flat = [case for case in _tails(oracle) if _is_flat(oracle, reference, case)] if law.name == "gradient" else []
        return sensitivity(
            {
                "gradient": lambda e: broken(law, off_by(reference, e)),
                "loss": lambda e: broken(law, off_by(reference, e, loss=True)),
                "tail": lambda e: any(breaks(law, subject(off_by(reference, e)), case) for case in flat),
            }
        )

    asks_hessians = laws is None or "curvature" in laws
    hessians = _hessians(oracle, profile=profile, seed=seed) if asks_hessians else _Hessians({}, {}, ())
    return Power(
        loss=oracle.objective.loss.name,
        penalty=oracle.objective.penalty.name,
        dtype=oracle.dtype,
        cases=len(cases),
        laws=(*(law.name for law in asked), *hessians.sensitivity),
        families={m.name: m.family for m in wrong} | dict.fromkeys(hessians.kills, "hessian"),
        kills={m.name: killers(m) for m in wrong} | hessians.kills,
        sensitivity={law.name: sees(law) for law in asked} | hessians.sensitivity,
        false_alarms=(*(law.name for law in asked if broken(law, right(reference))), *hessians.false_alarms),
    )


def _is_right(oracle: Oracle, reference: Reference, m: Mutant, cases: Sequence[Case]) -> bool:
    """Whether a mutant's answer is one of the right answers at every case where it differs: for |s| at 0 the slope 0 is as right as ±1, and
    where both pieces of a switch have one slope there is no kink. Undecided, so False, if no such case was drawn, and if the set may only
    be an outer bound: on several kinks at once, unless convexity is proved.
    """
    if m.when is None:
        return False
    held = [(case.values, parts) for case in cases if m.when(parts := reference.parts(**case.values))]
    if not held:
        return m.when is on_a_kink and any(case.family == "kink" for case in cases)
    tied = max(len({t.switch for t in e.terms if t.tied}) for _, parts in held for e in parts.examples)
    exact = tied <= 1 or convex_loss(oracle.objective.loss)
    return exact and all(oracle.at(**values).gradient.distance(m.f(**values)[1]).strain <= 1 for values, _ in held)


def _tails(oracle: Oracle) -> Iterator[Case]:
    """One example whose label's score, or whose only score, is far from the others, on either side."""
    loss = oracle.objective.loss
    for far, label in product((*TAIL_SCORES, *(-far for far in TAIL_SCORES)), loss.some_labels(2)):
        W = np.zeros((loss.scores(2), 1), oracle.dtype)
        W[label if len(W) > 1 else 0] = far
        yield Case(values={"W": W, "X": np.ones((1, 1), oracle.dtype), "y": np.array([label]), "reg": 0.0}, family="tail")


def _is_flat(oracle: Oracle, reference: Reference, case: Case) -> bool:
    """Whether only slopes far below the greatest are summed there."""
    steep = np.array([oracle.steepest(len(case["W"]), int(label)) for label in case["y"]])
    slopes = np.abs(reference.parts(**case.values).score_gradients)
    return not case["reg"] and bool(np.all(slopes < FLAT_SHARE * steep.max(axis=1, keepdims=True)))


@dataclass(frozen=True)
class _Hessians:
    """The part of a table for the same loss as a function of scores: the law `curvature` on wrong Hessians."""

    kills: dict[str, tuple[str, ...]]
    sensitivity: dict[str, dict[str, float]]
    false_alarms: tuple[str, ...]


def _hessians(oracle: Oracle, *, profile: str, seed: int) -> _Hessians:
    catalogue, law, truths = Hessians(of_each_example(oracle)), LAWS["curvature"], OrderedDict[Hashable, Point]()
    cases = draw(catalogue.oracle, profile=profile, seed=seed)

    def broken(f: Scores) -> bool:
        subject = Subject(candidate=f, oracle=catalogue.oracle, truths=truths, kept=CACHE_SIZE)
        return any(breaks(law, subject, case) for case in cases)

    caught: dict[str, tuple[str, ...]] = {name: (law.name,) if broken(f) else () for name, f in catalogue.mutants()}
    seen = sensitivity({"hessian": lambda e: broken(catalogue.made(hessian_off_by(e)))})
    return _Hessians(caught, {law.name: seen}, (law.name,) if broken(catalogue.made()) else ())


def answers_of(m: Mutant) -> AnswerCache | None:
    """The cache of a mutant's answers for all laws; None for one whose answers vary."""
    return None if m.wavers else AnswerCache()


def breaks(law: Law, subject: Subject, case: Case) -> bool:
    """Whether the law breaks on this case, including by misbehaviour."""
    try:
        return judge([law.measure(subject, case)]) is Verdict.BROKEN
    except Misbehaviour:
        return True


def sensitivity(seen: Mapping[str, Callable[[float], bool]]) -> dict[str, float]:
    """The smallest relative error of each kind that is noticed, for kinds of which any is."""
    found = {what: least(is_seen) for what, is_seen in seen.items()}
    return {what: error for what, error in found.items() if error is not None}


def least(seen: Callable[[float], bool]) -> float | None:
    """The smallest relative error that is noticed, by bisection of its exponent; None if even the largest is not."""
    if not seen(10.0**COARSEST):
        return None
    low, high = FINEST, COARSEST
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if seen(10.0**middle) else (middle, high)
    return float(f"{10.0**high:.2g}")
