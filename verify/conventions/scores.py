"""The conventions of a function of scores: whether it answers for each example, the order of its arguments, and its reduction.

Its own loss decides; where it returns none, its gradient does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from verify.candidates import Answer, Misbehaviour, Scores
from verify.candidates.scores import ORDERS
from verify.candidates.signature import order, weighted
from verify.conventions.parameter import sized, solved
from verify.conventions.pins import Conventions, Pins
from verify.conventions.probes import Probe, Watch, answers
from verify.errors import UsageError
from verify.oracle import Oracle
from verify.oracle.exact import distance
from verify.spec.catalogue import find_penalty
from verify.spec.loss import LossSpec
from verify.spec.objective import REDUCTIONS, Objective

PROBE_SIZE = 4
ONE_ARRAY = ("PREDICTIONTARGET", "TARGETPREDICTION")
"""Orders in which scores are called: data sets are for objectives."""


def find_out(f: Callable[..., Any], loss: LossSpec, pins: Pins, signatures: Sequence[str], dtype: str, watch: Watch) -> Conventions:
    """The conventions of `f`, by calling it on a few fixed points in every way that is not pinned.

    Where it fits no member of the family, the first way stands in which it answers.
    """
    if pins.penalty not in (None, "none"):
        raise UsageError(f"penalty {pins.penalty!r} is a function of weights; a function of scores has none.")
    members, probes = list(_members(loss, pins, signatures)), list(_probes(loss, dtype))
    answered: list[tuple[Scores, list[Answer]]] = []
    approximate = pins.hessian == "approximate"
    complaint: Misbehaviour | None = None
    ways = list(_ways(f, loss, pins, signatures))
    for way in ways:
        try:
            found = list(answers(way, probes, watch))
        except Misbehaviour as error:
            complaint = complaint or error
            continue
        answered.append((way, found))
        for objective in members:
            if _agrees(objective, way, found, probes, dtype):
                return Conventions(candidate=way, objective=objective, fits=True, approximate=approximate)
    for way, found in answered if pins.delta is None else ():
        for objective in (o for m in members for o in solved(m, found[0].value, lambda o: _value(o, probes[0], dtype))):
            if _agrees(objective, way, found, probes, dtype) and _still_agrees(objective, way, sized(probes[0]), dtype, watch):
                return Conventions(candidate=way, objective=objective, fits=True, approximate=approximate)
    chosen, complaint = (answered[0][0], None) if answered else (ways[0], complaint)
    known = Conventions(candidate=chosen, objective=members[0], fits=False, complaint=complaint, approximate=approximate)
    return replace(known, question=probes[0])


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
    parameters = {} if pins.delta is None else {"delta": pins.delta}
    for reduction in [pins.reduction] if pins.reduction else sorted(REDUCTIONS, key=lambda r: r != default):
        yield Objective(loss=loss, penalty=find_penalty("none"), reduction=reduction, parameters=parameters, of_scores=True)


def _probes(loss: LossSpec, dtype: str) -> Iterator[Probe]:
    """Points at which no score is a label, and the label differs from example to example."""
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        W = rng.normal(size=(loss.scores(PROBE_SIZE), PROBE_SIZE)).astype(dtype)
        yield W, np.eye(PROBE_SIZE, dtype=dtype), (np.arange(PROBE_SIZE) + seed) % loss.labels(PROBE_SIZE), 0.0


def _still_agrees(objective: Objective, way: Scores, probes: list[Probe], dtype: str, watch: Watch) -> bool:
    try:
        return _agrees(objective, way, list(answers(way, probes, watch)), probes, dtype)
    except Misbehaviour:
        return False


def _value(objective: Objective, probe: Probe, dtype: str) -> float:
    return float(Oracle(objective, dtype).at(*probe).value.exact)


def _agrees(objective: Objective, way: Scores, answers: list[Answer], probes: list[Probe], dtype: str) -> bool:
    truths = [Oracle(objective, dtype).at(*probe) for probe in probes]
    if way.has_loss:
        return all(distance(a.value, t.value.exact) <= t.value.radius for t, a in zip(truths, answers, strict=True))
    return all(t.gradient.distance(a.gradient).strain <= 1 for t, a in zip(truths, answers, strict=True))
