"""The conventions of a function of weights: its layout, reduction and penalty."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from verify import form
from verify.candidates.answer import Misbehaviour
from verify.candidates.linear import DATA_LAYOUTS, LAYOUTS, Linear
from verify.candidates.signature import LINEAR, extras
from verify.conventions.agreement import Decision, decide
from verify.conventions.classes import of_classes
from verify.conventions.pins import Conventions, Pins
from verify.conventions.probes import Probe, Watch
from verify.errors import UsageError
from verify.oracle import Oracle
from verify.oracle.exact import distance
from verify.spec.catalogue import find_penalty, penalties
from verify.spec.loss import LossSpec
from verify.spec.objective import REDUCTIONS, Objective

MAX_EXAMPLES = 10
"""Most examples at a first point with as many examples as classes."""
NO_PENALTY = "reg changes nothing: the loss has no penalty"
DEFAULT_REDUCTION, DEFAULT_PENALTY = "mean", "l2"


def find_out(f: Callable[..., Any], loss: LossSpec, pins: Pins, handed: Mapping[str, float], dtype: str, watch: Watch) -> Conventions:
    """The conventions of `f`, from calls at a few fixed points in every layout that is not pinned, with the parameters that it is `handed`.

    If its loss fits no combination of conventions, the layout is the one in which the loss does not depend on the order of the features,
    the penalty the one that explains the difference to λ = 0 in the loss, else in the gradient, and the rest are the pins and the defaults.
    """
    if pins.layout is not None and (pins.layout not in LAYOUTS or (pins.layout == "D" and not loss.targets)):
        allowed = [name for name in LAYOUTS if name != "D" or loss.targets]
        raise UsageError(f"layout {pins.layout} is none of weights of {loss.name}; give one of {', '.join(allowed)}.")
    parameters = {**pins.numbers(loss), **handed}
    members = list(_members(loss, pins, parameters))
    base = Linear(f=f, extras=extras(f, LINEAR, handed), targets=loss.targets)
    layouts = [pins.layout] if pins.layout else ["D", "CD", "DC"] if loss.targets else ["CD", "DC"]
    ways = [replace(base, layout=layout, data=data) for layout, data in product(layouts, DATA_LAYOUTS)]
    every, free = pins.layout is None and loss.targets is not None, [name for name in loss.parameters if name not in parameters]

    def decided(size: int, few: Sequence[int]) -> Decision[Linear]:
        points = [list(_probes(loss, dtype, size, min(examples, size))) for examples in few]
        return decide(ways, members, points, free=free, every=every, dtype=dtype, watch=watch)

    found, classes = of_classes(decided, lambda size: next(_probes(loss, dtype, size, size)), loss, pins, MAX_EXAMPLES, watch)
    if found.fits:
        candidate, objective = found.used
        told = (NO_PENALTY,) if base.takes_reg and pins.penalty is None and objective.penalty.name == "none" else ()
        known = Conventions(
            candidate=candidate, objective=objective, fits=True, doubts=found.doubts, limitations=told, question=found.question
        )
        return replace(known, objective=replace(objective, classes=classes))
    answered = sorted((asked.candidate for asked in found.answered), key=lambda way: way.data != "ND")  # usual ones first
    chosen = next((c for c in answered if _ignores_feature_order(c, found.question)), next(iter(answered), ways[0]))
    nearest = _by_penalty(members, chosen, found.question, dtype, watch) or members[0]
    nearest = replace(nearest, classes=classes)
    return Conventions(candidate=chosen, objective=nearest, fits=False, complaint=found.complaint, question=found.question)


def _members(loss: LossSpec, pins: Pins, parameters: Mapping[str, float]) -> Iterator[Objective]:
    """The family, the defaults first."""
    reductions = [pins.reduction] if pins.reduction else sorted(REDUCTIONS, key=lambda r: r != DEFAULT_REDUCTION)
    names = [pins.penalty] if pins.penalty else sorted(penalties(), key=lambda p: p != DEFAULT_PENALTY)
    for penalty, reduction in product(names, reductions):
        yield Objective(loss=loss, penalty=find_penalty(penalty), reduction=reduction, parameters=parameters)


def _probes(loss: LossSpec, dtype: str, size: int, examples: int) -> Iterator[Probe]:
    """Points with λ ≠ 0, so that all penalties differ, and with N = D = C = `size`: compiled code does not check bounds, so a layout must
    be tried on shapes that fit all of them. A single example is for candidates that accept no more.
    """
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        W, X = rng.normal(size=(loss.scores(size), size)), rng.normal(size=(size, size))
        X[:, -1] = 1
        y = rng.integers(0, len(loss.some_labels(size)), size)
        yield {"W": W.astype(dtype), "X": X[:examples].astype(dtype), "y": y[:examples], "reg": 0.375}


def _by_penalty(members: Sequence[Objective], candidate: Linear, probe: Probe, dtype: str, watch: Watch) -> Objective | None:
    """The first member whose penalty explains the difference of the loss to λ = 0, whatever else is wrong in it; if there is none, that of
    the gradient.
    """
    without = form.LINEAR.bare(probe)
    watch(without)
    try:
        there, none = candidate(**probe).kept(), candidate(**without).kept()
    except Misbehaviour:
        return None
    points = [(o, oracle.at(**probe), oracle.at(**without)) for o in members for oracle in [Oracle(o, dtype)]]
    for o, with_it, bare in points:
        penalty = with_it.value.exact - bare.value.exact
        if distance(there.value - none.value, penalty) <= with_it.value.radius + bare.value.radius:
            return o
    for o, with_it, bare in points:
        error = with_it.gradient.offset(there.gradient) - bare.gradient.offset(none.gradient)
        if np.all(np.abs(error) <= with_it.gradient.radius + bare.gradient.radius):
            return o
    return None


def _ignores_feature_order(candidate: Linear, probe: Probe) -> bool:
    """Whether swapping two features in W and X leaves the loss unchanged, up to half of the digits."""
    W, X = probe["W"], probe["X"]
    swapped = [1, 0, *range(2, W.shape[1])]
    try:
        before, after = candidate(**probe).value, candidate(**{**probe, "W": W[:, swapped], "X": X[:, swapped]}).value
    except Misbehaviour:
        return False
    return bool(abs(after - before) <= abs(before) * float(np.finfo(W.dtype).eps) ** 0.5)
