"""Mistakes in the weights of examples: they are forgotten, squared, or those of other examples; and in which of the answers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from verify.candidates import Misbehaviour
from verify.cases import Case
from verify.diagnosis import reference_cases
from verify.diagnosis.wording import Diagnosis
from verify.evidence import Evidence
from verify.laws import Subject
from verify.laws.weighting import Floats, Weighing

SCENES = 4
"""Ordinary cases with weights of every kind: on the case that broke the law alone, most mistakes look alike."""

MISTAKES: dict[str, Callable[[Floats], Floats]] = {
    "forgotten": np.ones_like,
    "squared": np.square,
    "under a root": np.sqrt,
    "divided by their sum": lambda w: w / w.sum(),
    "divided by their mean": lambda w: w / w.mean(),
    "those of other examples": lambda w: w[::-1].copy(),
    "doubled": lambda w: 2 * w,
}
"""The factor of each example in place of its weight."""


def named(subject: Subject, case: Case, worst: Evidence) -> Diagnosis:
    """The mistake, for each quantity that disagrees with the weights."""
    objective, dtype = subject.scored.objective, subject.scored.dtype
    places = [
        Weighing(subject, case),
        *(Weighing(subject, decomposition.case) for decomposition in reference_cases.ordinary(objective, dtype)[:SCENES]),
    ]
    answered = [here for here in places if _answers(here)]
    found: dict[str, list[str]] = {}
    for what in dict.fromkeys(what for here in answered for what in here.sums):
        mistake = _mistake([here for here in answered if what in here.sums], what)
        if mistake is not None:
            found.setdefault(mistake, []).append(f"the {what}")
    where = str(worst.where["method"]).partition(",")[0]
    place = f"entry {worst.where['entry']} of the {where}" if "entry" in worst.where else f"the {where}"
    measured = f"{place} is {worst.where['measured']:.17g} with weights, allowed {worst.where['expected']:.17g} ± {worst.allowed:.2g}"
    sentences = [f"the weights are {how} in {' and '.join(whats)}" for how, whats in found.items() if how]
    message = "; ".join(sentences) or f"the {where} of an example is not as many times that without weights as its weight says"
    return Diagnosis("weights", message, measured=measured)


def _answers(here: Weighing) -> bool:
    try:
        return bool(here.weighted and here.sums)
    except Misbehaviour:
        return False


def _mistake(places: list[Weighing], what: str) -> str | None:
    """The mistake; None if nothing is wrong, "" if no mistake explains it everywhere."""
    if all(_fits(here, what, lambda w: w) for here in places):
        return None
    return next((how for how, change in MISTAKES.items() if all(_fits(here, what, change) for here in places)), "")


def _fits(here: Weighing, what: str, change: Callable[[Floats], Floats]) -> bool:
    for share in here.shares(here.weights):
        error, allowed, due = here.apart(what, share, change(here.weights))
        if np.all((error <= allowed) | ~np.isfinite(due)):
            return True
    return False
