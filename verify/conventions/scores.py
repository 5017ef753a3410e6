"""The conventions of a function of scores: whether it answers for each example, the order of its arguments, and its reduction.

Its own loss decides; where it returns none, its gradient does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from verify.candidates import Scores
from verify.candidates.scores import ORDERS
from verify.candidates.signature import order, weighted
from verify.conventions.agreement import decide
from verify.conventions.pins import Conventions, Pins
from verify.conventions.probes import Probe, Watch
from verify.errors import UsageError
from verify.spec.catalogue import find_penalty
from verify.spec.loss import LossSpec
from verify.spec.objective import REDUCTIONS, Objective

PROBE_SIZE = 4
ONE_ARRAY = ("PREDICTIONTARGET", "TARGETPREDICTION")
"""Orders in which scores are called: data sets are for objectives."""


def find_out(f: Callable[..., Any], loss: LossSpec, pins: Pins, signatures: Sequence[str], dtype: str, watch: Watch) -> Conventions:
    """The conventions of `f`, by calling it on a few fixed points in every way that is not pinned.

    Where it fits no member of the family, the first way stands in which it answers, as a mean, or of each example alone.
    """
    if pins.penalty not in (None, "none"):
        raise UsageError(f"penalty {pins.penalty!r} is a function of weights; a function of scores has none.")
    members, ways = list(_members(loss, pins, signatures)), list(_ways(f, loss, pins, signatures))
    points = [list(_probes(loss, dtype, examples)) for examples in (PROBE_SIZE, 1)]
    every = pins.layout is None and loss.targets is not None
    free = pins.free(loss) if any(way.has_loss for way in ways) else ()
    found = decide(ways, members, points, free=free, every=every, dtype=dtype, watch=watch)
    approximate = pins.hessian == "approximate"
    if found.fits:
        way, objective = found.used
        return Conventions(candidate=way, objective=objective, fits=True, approximate=approximate, doubts=found.doubts)
    chosen = found.answered[0].candidate if found.answered else ways[0]
    nearest = next((o for o in members if (o.reduction == "sum") == (isinstance(chosen, Scores) and chosen.per_example)), members[0])
    known = Conventions(candidate=chosen, objective=nearest, fits=False, complaint=found.complaint, approximate=approximate)
    return replace(known, question=found.question)


def _ways(f: Callable[..., Any], loss: LossSpec, pins: Pins, signatures: Sequence[str]) -> Iterator[Scores]:
    """How `f` may be called, the likeliest first."""
    if pins.layout is not None and pins.layout not in ORDERS:
        raise UsageError(f"layout {pins.layout} is one of weights; for a function of scores give one of {', '.join(ORDERS.values())}.")
    told = pins.layout or order(f)
    for column, signature in product((False, True) if loss.targets else (False,), signatures):
        base = Scores(f=f, targets=loss.targets, column=column)
        if signature == "scores":
            yield from (replace(base, order=o) for o in ([told] if told in ONE_ARRAY else ONE_ARRAY))
            continue
        for arguments in [told] if told else ORDERS:
            yield replace(base, per_example=True, order=arguments, weighted=weighted(f) and arguments != "PREDICTIONDATASET")


def _members(loss: LossSpec, pins: Pins, signatures: Sequence[str]) -> Iterator[Objective]:
    """The family, the defaults first: a mean, but of each example alone in an objective."""
    default = "sum" if signatures[0] == "objective" else "mean"
    for reduction in [pins.reduction] if pins.reduction else sorted(REDUCTIONS, key=lambda r: r != default):
        yield Objective(loss=loss, penalty=find_penalty("none"), reduction=reduction, parameters=pins.parameters, of_scores=True)


def _probes(loss: LossSpec, dtype: str, examples: int) -> Iterator[Probe]:
    """Points at which no score is a label, and the label differs from example to example."""
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        W = rng.normal(size=(loss.scores(PROBE_SIZE), PROBE_SIZE)).astype(dtype)
        y = (np.arange(PROBE_SIZE) + seed) % loss.labels(PROBE_SIZE)
        yield W[:, :examples], np.eye(examples, dtype=dtype), y[:examples], 0.0
