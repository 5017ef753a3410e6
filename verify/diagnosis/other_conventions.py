"""Right, but by another convention than requested: another penalty, a sum for a mean, another margin.

Without pins the candidate's own loss decides the convention that it is judged by, so this shows only with pins. Loss and gradient must be
right together: a gradient with another convention than the loss is wrong.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, product

from verify.candidates import Misbehaviour, Scores
from verify.conventions.parameter import solved
from verify.diagnosis import reference_cases
from verify.diagnosis.decomposition import Decomposition
from verify.diagnosis.memoised import Memoised
from verify.diagnosis.residuals import at_gradient, at_loss
from verify.oracle import Oracle
from verify.spec import Objective
from verify.spec.catalogue import penalties
from verify.spec.objective import REDUCTIONS

ASKED = 4
"""Number of ordinary cases on which loss and gradient must both be right."""


def another(subject: Memoised) -> tuple[str, str] | None:
    """The code and a sentence on the convention by which loss and gradient are right together; else None."""
    mine, has_loss = subject.scored.objective, subject.candidate.has_loss
    if _holds(subject, mine, most=1 if has_loss else ASKED):  # gradients alone may agree on one
        return None
    if (cut := _cut_otherwise(subject)) is not None:
        return cut
    for other in _others(subject):
        if _holds(subject, other, most=ASKED):
            start = "loss and gradient agree with each other: they are" if has_loss else "the gradient is that of"
            return _code(other, mine), f"{start} {_words(other, mine)}, where {_words(mine, other)} is asked for"
    return None


def _cut_otherwise(subject: Memoised) -> tuple[str, str] | None:
    """The code and a sentence if scores and gradients come in one row, and the candidate uses the other order."""
    candidate = subject.candidate
    if not isinstance(candidate, Scores) or not candidate.flat:
        return None
    cut = "ROWMAJOR" if candidate.cut == "CLASSMAJOR" else "CLASSMAJOR"
    other = replace(subject, candidate=replace(candidate, cut=cut), remembered={})
    if not _holds(other, subject.scored.objective, most=ASKED):
        return None
    return "transposed", f"scores and gradient are cut up {WORDS[cut]}, where {WORDS[candidate.cut]} is asked for"


WORDS = {"ROWMAJOR": "example by example (row-major)", "CLASSMAJOR": "class by class (class-major)"}


def _others(subject: Memoised) -> Iterator[Objective]:
    mine = subject.scored.objective
    for penalty, reduction in product(penalties().values() if mine.form.is_penalised else [mine.penalty], REDUCTIONS):
        if (penalty.name, reduction) != (mine.penalty.name, mine.reduction):
            yield replace(mine, penalty=penalty, reduction=reduction)
    cases = [decomposition.case for decomposition in reference_cases.ordinary(mine, subject.scored.dtype)[:ASKED]]
    try:
        questions = [(c.values, subject.answer(c)) for c in cases if mine.parameters]
    except Misbehaviour:
        return
    yield from solved([mine], questions, tuple(mine.parameters), subject.scored.dtype, by_gradient=not subject.candidate.has_loss)


def _holds(subject: Memoised, objective: Objective, *, most: int) -> bool:
    """Whether the loss is right on `most` ordinary cases; and the gradient too, for more than one case."""
    decompositions = islice(reference_cases.ordinary(subject.scored.objective, subject.scored.dtype), most)
    oracle = Oracle(objective, subject.scored.dtype)
    asked = ((at_loss,) if subject.candidate.has_loss else ()) + ((at_gradient,) if most > 1 else ())
    residuals = (residual(subject, Decomposition(oracle, s.case)) for s in decompositions for residual in asked)
    return all(residual is not None and not residual.broken for residual in residuals)


def _code(objective: Objective, other: Objective) -> str:
    if objective.reduction != other.reduction:
        return "reduction"
    return "penalty-factor" if objective.penalty is not other.penalty else "margin"


def _words(objective: Objective, other: Objective) -> str:
    """The convention in words, with its margin if that differs."""
    penalty = f" with the penalty {objective.penalty.name}" if objective.form.is_penalised else ""
    differing = [f"{name} = {value:g}" for name, value in objective.parameters.items() if other.parameters[name] != value]
    return f"a {objective.reduction}{penalty}{''.join(f' and {text}' for text in differing)}"
