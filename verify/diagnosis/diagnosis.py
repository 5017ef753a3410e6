"""From a broken law to the name of the bug."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

import numpy as np

from verify.candidates import Misbehaviour
from verify.cases import Case
from verify.diagnosis import panel
from verify.diagnosis.changes import changes
from verify.diagnosis.regression import Explanation, Sight, System
from verify.diagnosis.scene import Floats, Scene
from verify.diagnosis.words import Teller
from verify.evidence import Evidence, Finding
from verify.laws import Subject


@dataclass(frozen=True)
class Diagnosis:
    """`code` names the bug, `message` tells it, `entries` are those concerned (all, some in words, or a list); `measured` is the number
    that broke the law, where the message is not about it; `kind` is wrong, precision or behaviour.
    """

    code: str
    message: str
    entries: str | list[list[int]] = "all"
    kind: str = "wrong"
    measured: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """For the report and the stored witness."""
        found: dict[str, Any] = {"code": self.code, "message": self.message, "entries": self.entries}
        return found if self.measured is None else found | {"measured": self.measured}


def diagnose(law: str, subject: Subject, case: Case, what: Finding | Misbehaviour) -> Diagnosis:
    """The name of the bug that made `case` break a law, `unknown` where nothing explains it."""
    if isinstance(what, Misbehaviour):
        return Diagnosis(what.code, f"the candidate {what}", kind="behaviour")
    worst = what.worst
    assert worst is not None
    measured = _sentence(worst)
    entries: Any = [worst.where["entry"]] if "entry" in worst.where else "all"
    if _overflows(worst):
        return Diagnosis("overflow", f"{measured}: the computation leaves the range of the dtype", entries, "precision")
    if law == "value":
        return Diagnosis("value", measured, entries)
    named = of_gradient(subject, case) if law in ABOUT_GRADIENTS else None
    return Diagnosis("unknown", measured, entries) if named is None else replace(named, measured=measured)


ABOUT_GRADIENTS = ("gradient", "membership", "bracket", "order", "best-step", "descent", "convexity", "batches", "symmetry")
"""Laws that a wrong gradient breaks; the others are broken by a wrong loss only."""


def _sentence(worst: Evidence) -> str:
    """What was measured and what is allowed."""
    place = f"entry {worst.where['entry']}" if "entry" in worst.where else worst.where.get("method", "the loss")
    step = f" at h = {worst.where['h']:g}" if "h" in worst.where else ""
    return f"{place}{step} is {worst.where['measured']:.17g}, allowed {worst.where['expected']:.17g} ± {worst.allowed:.2g}"


def _overflows(worst: Evidence) -> bool:
    """Whether a number is not finite where a finite one is due."""
    return "measured" in worst.where and not isfinite(worst.where["measured"]) and isfinite(worst.where["expected"])


@dataclass(frozen=True)
class Look:
    """The candidate's gradient on one scene, and its strain under the gradient law."""

    scene: Scene
    gradient: Floats
    strain: float

    @property
    def broken(self) -> bool:
        """Whether the gradient law is broken here."""
        return not self.strain <= 1


def of_gradient(subject: Subject, witness: Case) -> Diagnosis | None:
    """The bug behind a wrong gradient; None where no explanation fits."""
    oracle = subject.oracle
    looks = [look for c in (witness, *panel.ordinary(oracle.dtype)) if (look := _look(subject, Scene(oracle, c))) is not None]
    smooth = [look for look in looks if look.scene.point.gradient.is_single and np.all(np.isfinite(look.gradient))]
    if not any(look.broken for look in smooth):
        return None
    found = _best(System([_sight(look) for look in smooth]).explained())
    if found is None:
        return None
    told = Teller(oracle).tell(found.terms)
    return Diagnosis(told[0].code, "; ".join(t.sentence for t in told), told[0].entries if len(told) == 1 else "all")


def _look(subject: Subject, scene: Scene) -> Look | None:
    """None where the candidate gives no answer."""
    try:
        g = subject.answer(scene.case).gradient
    except Misbehaviour:
        return None
    return Look(scene, g, scene.point.gradient.distance(g).strain)


def _sight(look: Look) -> Sight:
    truth = look.scene.point.gradient
    radius, size = float(np.max(truth.radius)), float(np.max(truth.magnitude))
    return Sight(truth.offset(look.gradient), radius, radius / max(size, radius), changes(look.scene))


def _best(found: list[Explanation]) -> Explanation | None:
    """The one with the simplest coefficients; among equals the first of the catalogue."""
    return min(found, key=lambda e: not e.exact, default=None)
