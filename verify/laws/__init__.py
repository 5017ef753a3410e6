"""The laws, one file per law, each opening with its inequality; and what they share."""

from types import ModuleType

from verify.laws import (
    bad_input,
    batches,
    best_step,
    bracket,
    compiled,
    consistency,
    convexity,
    crossing,
    curvature,
    descent,
    enclosure,
    formula,
    gradient,
    membership,
    one_sided,
    order,
    purity,
    symmetry,
    value,
)
from verify.laws.law import AnswerCache, Law, OutOfRange, Subject

_VALUES: tuple[ModuleType, ...] = (value, gradient, formula, curvature)
_DIFFERENCES: tuple[ModuleType, ...] = (enclosure, bracket, order, best_step, crossing)
_KINKS: tuple[ModuleType, ...] = (membership, one_sided, consistency)
_SHAPE: tuple[ModuleType, ...] = (convexity, descent)
_STRUCTURE: tuple[ModuleType, ...] = (batches, symmetry, purity, compiled, bad_input)

LAWS: dict[str, Law] = {m.LAW.name: m.LAW for m in (*_VALUES, *_DIFFERENCES, *_KINKS, *_SHAPE, *_STRUCTURE)}

__all__ = ["LAWS", "AnswerCache", "Law", "OutOfRange", "Subject"]
