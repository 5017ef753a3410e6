"""The number of classes that a candidate answers for: any number, or one that is fixed in its code."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from verify.candidates.answer import Misbehaviour
from verify.candidates.way import Way
from verify.conventions.agreement import Decision, W
from verify.conventions.pins import Pins
from verify.conventions.probes import Probe, Watch
from verify.errors import UsageError
from verify.spec.loss import LossSpec

USUAL = 4
"""Classes of the first questions."""
OTHERS = (3, 2, 5, 6, 7, 8, 9, 10)
"""Numbers of classes that are asked about where the usual one is refused, or is the only one that may be taken."""

Decided = Callable[[int, Sequence[int]], Decision[W]]
"""What is decided on that many classes, on questions of so many examples; the later ones where it answers to the earlier ones in no way."""


def of_classes(
    decided: Decided[W], probe: Callable[[int], Probe], loss: LossSpec, pins: Pins, examples: int, watch: Watch
) -> tuple[Decision[W], int | None]:
    """What is decided, and the number of classes that the candidate is asked about, None for any.

    That is the pinned one, or one that is found out: the candidate answers for that many, by some combination of conventions if it does so
    for several, and refuses all the others.
    """
    if pins.classes is not None and loss.targets:
        raise UsageError(f"classes is {pins.classes}, and {loss.name} has one score and no classes; leave it out.")
    found = decided(pins.classes or USUAL, (examples, 1))
    if pins.classes or loss.targets:
        return found, pins.classes
    if found.fits:
        way, _ = found.used
        return found, None if any(_answers(way, probe(classes), watch) for classes in OTHERS) else USUAL
    if found.answered:
        return found, None
    asked = ((classes, decided(classes, (examples,))) for classes in OTHERS)
    others = {classes: other for classes, other in asked if other.answered}
    fixed = {classes: other for classes, other in others.items() if other.fits} or others
    if len(fixed) != 1:
        return found, None
    ((classes, other),) = fixed.items()
    return other, classes


def _answers(way: Way, probe: Probe, watch: Watch) -> bool:
    watch(probe)
    try:
        way(**probe)
    except Misbehaviour:
        return False
    return True
