"""The number of classes that a candidate supports: any number, or one that is fixed in its code."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from verify.candidates.answer import Misbehaviour
from verify.candidates.way import Way
from verify.conventions.agreement import Decision, W
from verify.conventions.pins import Pins
from verify.conventions.probes import Probe, Watch
from verify.errors import UsageError
from verify.spec.loss import LossSpec

USUAL_CLASSES = 4
"""Number of classes at the first points."""
OTHER_CLASSES = (3, 2, 5, 6, 7, 8, 9, 10)
"""Numbers of classes to try if the usual one is refused, or may be the only one accepted."""

Decided = Callable[[int, Sequence[int]], Decision[W]]
"""The decision for this number of classes, at points of these numbers of examples; the later ones are used if it answers at the earlier
ones in no way.
"""


def of_classes(
    decided: Decided[W], probe: Callable[[int], Probe], loss: LossSpec, pins: Pins, examples: int, watch: Watch
) -> tuple[Decision[W], int | None]:
    """The decision, and the number of classes that the candidate is judged with, None for any.

    It is pinned or inferred: the candidate answers for that number, with some combination of conventions if it answers for several, and
    refuses all others.
    """
    if pins.classes is not None and loss.targets:
        raise UsageError(f"classes is {pins.classes}, and {loss.name} has one score and no classes; leave it out.")
    found = decided(pins.classes or USUAL_CLASSES, (examples, 1))
    if pins.classes or loss.targets:
        return found, pins.classes
    if found.fits:
        way, _ = found.used
        return found, None if any(_answers(way, probe(classes), watch) for classes in OTHER_CLASSES) else USUAL_CLASSES
    if found.answered:
        return found, None
    asked = ((classes, decided(classes, (examples,))) for classes in OTHER_CLASSES)
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
