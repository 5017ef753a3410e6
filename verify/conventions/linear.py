"""The conventions of a function of weights: its layout, reduction and penalty."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from verify.candidates.answer import Misbehaviour
from verify.candidates.linear import DATA_LAYOUTS, LAYOUTS, Linear, takes_reg
from verify.conventions.parameter import sized, solved
from verify.conventions.pins import Conventions, Pins
from verify.conventions.probes import Probe, Watch, answers
from verify.errors import UsageError
from verify.oracle import Oracle, Value
from verify.oracle.exact import distance
from verify.spec.catalogue import find_penalty, penalties
from verify.spec.loss import LossSpec
from verify.spec.objective import REDUCTIONS, Objective

PROBE_SIZE = 4
DEFAULT_REDUCTION, DEFAULT_PENALTY = "mean", "l2"


def find_out(f: Callable[..., Any], loss: LossSpec, pins: Pins, dtype: str, watch: Watch) -> Conventions:
    """The conventions of `f`, by calling it on a few fixed points in every layout that is not pinned.

    Where its loss fits no member of the family, the layout is the one in which it does not depend on the order of the
    features, and the rest are the pins and the defaults.
    """
    if pins.layout is not None and (pins.layout not in LAYOUTS or (pins.layout == "D" and not loss.targets)):
        allowed = [name for name in LAYOUTS if name != "D" or loss.targets]
        raise UsageError(f"layout {pins.layout} is none of weights of {loss.name}; give one of {', '.join(allowed)}.")
    members, probes = list(_members(loss, pins)), list(_probes(loss, dtype))
    answered: list[tuple[Linear, list[float]]] = []
    complaint: Misbehaviour | None = None
    base = Linear(f=f, takes_reg=takes_reg(f), targets=loss.targets)
    layouts = [pins.layout] if pins.layout else ["D", "CD", "DC"] if loss.targets else ["CD", "DC"]
    for layout, data in product(layouts, DATA_LAYOUTS):
        candidate = replace(base, layout=layout, data=data)
        try:
            values = [answer.value for answer in answers(candidate, probes, watch)]
        except Misbehaviour as error:
            complaint = complaint or error
            continue
        answered.append((candidate, values))
        for objective in members:
            if _agrees(objective, values, probes, dtype):
                return Conventions(candidate=candidate, objective=objective, fits=True)
    for candidate, values in answered if pins.delta is None else ():
        for objective in (o for m in members for o in solved(m, values[0], lambda o: float(_truth(o, probes[0], dtype).exact))):
            if _agrees(objective, values, probes, dtype) and _still_agrees(objective, candidate, sized(probes[0]), dtype, watch):
                return Conventions(candidate=candidate, objective=objective, fits=True)
    ways = [c for c, _ in answered] or [replace(base, layout=layouts[0])]
    chosen = next((c for c in ways if _ignores_feature_order(c, probes[0])), ways[0])
    complaint = None if answered else complaint
    return Conventions(candidate=chosen, objective=members[0], fits=False, complaint=complaint, question=probes[0])


def _members(loss: LossSpec, pins: Pins) -> Iterator[Objective]:
    """The family, the defaults first."""
    reductions = [pins.reduction] if pins.reduction else sorted(REDUCTIONS, key=lambda r: r != DEFAULT_REDUCTION)
    names = [pins.penalty] if pins.penalty else sorted(penalties(), key=lambda p: p != DEFAULT_PENALTY)
    parameters = {} if pins.delta is None else {"delta": pins.delta}
    for penalty, reduction in product(names, reductions):
        yield Objective(loss=loss, penalty=find_penalty(penalty), reduction=reduction, parameters=parameters)


def _probes(loss: LossSpec, dtype: str) -> Iterator[Probe]:
    """Points with λ ≠ 0, so that all penalties differ, and with N = D = C: compiled code does not check its bounds, so
    a layout must be tried on shapes that fit all of them.
    """
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        W, X = rng.normal(size=(loss.scores(PROBE_SIZE), PROBE_SIZE)), rng.normal(size=(PROBE_SIZE, PROBE_SIZE))
        X[:, -1] = 1
        yield W.astype(dtype), X.astype(dtype), rng.integers(0, loss.labels(PROBE_SIZE), PROBE_SIZE), 0.375


def _agrees(objective: Objective, values: list[float], probes: list[Probe], dtype: str) -> bool:
    truths = [_truth(objective, probe, dtype) for probe in probes]
    return all(distance(v, t.exact) <= t.radius for t, v in zip(truths, values, strict=True))


def _still_agrees(objective: Objective, candidate: Linear, probes: list[Probe], dtype: str, watch: Watch) -> bool:
    try:
        return _agrees(objective, [a.value for a in answers(candidate, probes, watch)], probes, dtype)
    except Misbehaviour:
        return False


def _truth(objective: Objective, probe: Probe, dtype: str) -> Value:
    return Oracle(objective, dtype).at(*probe).value


def _ignores_feature_order(candidate: Linear, probe: Probe) -> bool:
    """Whether swapping two features in W and X leaves the loss as it is, up to half of the digits."""
    W, X, y, reg = probe
    swapped = [1, 0, *range(2, PROBE_SIZE)]
    try:
        before, after = candidate(W, X, y, reg).value, candidate(W[:, swapped], X[:, swapped], y, reg).value
    except Misbehaviour:
        return False
    return bool(abs(after - before) <= abs(before) * float(np.finfo(W.dtype).eps) ** 0.5)
