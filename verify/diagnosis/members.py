"""Right, but of another member of the family than was asked for: another penalty, or a sum for a mean.

Where nothing is pinned the candidate's own loss decides which member it is judged as, so this is seen where something is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, product

from verify.diagnosis import panel
from verify.diagnosis.looks import at_gradient, at_loss
from verify.diagnosis.scene import Scene
from verify.laws import Subject
from verify.oracle import Oracle
from verify.spec import Objective
from verify.spec.catalogue import penalties
from verify.spec.objective import REDUCTIONS

ASKED = 4
"""Ordinary cases on which loss and gradient must both be right."""


def another(subject: Subject) -> str | None:
    """A sentence where loss and gradient are right together for another member, None where they are for none."""
    mine = subject.oracle.objective
    if mine.of_scores or _holds(subject, mine, most=1):
        return None
    for other in _others(mine):
        if _holds(subject, other, most=ASKED):
            return f"loss and gradient agree with each other: they are {_words(other)}, where {_words(mine)} is asked for"
    return None


def _others(mine: Objective) -> Iterator[Objective]:
    for penalty, reduction in product(penalties().values(), REDUCTIONS):
        if (penalty.name, reduction) != (mine.penalty.name, mine.reduction):
            yield replace(mine, penalty=penalty, reduction=reduction)


def _holds(subject: Subject, objective: Objective, *, most: int) -> bool:
    """Whether the loss is right on as many ordinary cases; and the gradient too, where more than one is asked."""
    scenes = islice(panel.ordinary(subject.oracle.objective, subject.oracle.dtype), most)
    oracle = Oracle(objective, subject.oracle.dtype)
    looks = (look(subject, Scene(oracle, s.case)) for s in scenes for look in ((at_loss,) if most == 1 else (at_loss, at_gradient)))
    return all(look is not None and not look.broken for look in looks)


def _words(objective: Objective) -> str:
    return f"a {objective.reduction} with the penalty {objective.penalty.name}"
