"""The conventions of a function of scores: whether it returns values per example, the order of its arguments, and its reduction.

Its own loss decides; if it returns none, its gradient does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from verify import form
from verify.candidates import Candidate, Misbehaviour, Scores, extras
from verify.candidates.linear import LAYOUTS
from verify.candidates.scores import CUTS, ORDERS, UNREDUCED
from verify.candidates.signature import SCORES, FixedArgument, WeightsArgument, names_a_target, order
from verify.conventions.agreement import Decision, decide
from verify.conventions.classes import of_classes
from verify.conventions.pins import Conventions, Pins, parted
from verify.conventions.probes import Probe, Watch
from verify.conventions.weights import OF_CLASSES, are_of_classes
from verify.errors import UsageError
from verify.spec.catalogue import find_penalty
from verify.spec.loss import LossSpec
from verify.spec.objective import REDUCTIONS, Objective

ONE_ARRAY = ("PREDICTIONTARGET", "TARGETPREDICTION")
"""Orders of scores and targets: data sets are for objectives."""
EXAMPLES = 4
"""Number of examples at a first point."""


def find_out(
    f: Callable[..., Any], loss: LossSpec, pins: Pins, handed: Mapping[str, float], signatures: Sequence[str], dtype: str, watch: Watch
) -> Conventions:
    """The conventions of `f`, from calls at a few fixed points in every way that is not pinned, with the parameters that it is `handed`.

    If it fits no combination of conventions, the first way is used in which it answers, as a mean, or per example. Whether N·C numbers are
    ordered by example or by class is then decided by permuting examples.
    """
    if pins.penalty not in (None, "none"):
        raise UsageError(f"penalty {pins.penalty!r} is a function of weights; a function of scores has none.")
    parameters = {**pins.numbers(loss), **handed}
    members, ways = list(_members(loss, pins, parameters, signatures)), list(_ways(f, loss, pins, handed, signatures))
    every = pins.layout is None and loss.targets is not None
    free = [name for name in loss.parameters if name not in parameters]
    if not ways:  # a loss of each example comes from one function of scores alone
        raise UsageError(f"reduction {pins.reduction!r} does not go with signature {signatures[0]!r} here. Leave one of them out.")

    def decided(classes: int, few: Sequence[int]) -> Decision[Scores]:
        points = [list(_probes(loss, dtype, examples, classes)) for examples in few]
        return decide(ways, members, points, free=free, every=every, dtype=dtype, watch=watch)

    found, classes = of_classes(decided, lambda n: next(_probes(loss, dtype, EXAMPLES, n)), loss, pins, EXAMPLES, watch)
    approximate = pins.hessian == "approximate"
    if found.fits:
        way, objective = found.used
        known = Conventions(
            candidate=way, objective=objective, fits=True, approximate=approximate, doubts=found.doubts, question=found.question
        )
    else:
        way = _chosen([asked.candidate for asked in found.answered], found.question) or ways[0]
        objective = next((o for o in members if (o.reduction == "sum") == way.per_example), members[0])
        known = Conventions(candidate=way, objective=objective, fits=False, complaint=found.complaint, approximate=approximate)
        known = replace(known, question=found.question)
    if known.complaint is None and found.question is not None and _weighs_classes(way, found.question, watch):
        way = replace(way, extras=tuple(FixedArgument(e.otherwise) if isinstance(e, WeightsArgument) else e for e in way.extras))
        known = replace(known, limitations=(*known.limitations, OF_CLASSES))
    weighs = known.complaint is None and way.order == "PREDICTIONDATASET" and _weighs(way, found.question)
    return replace(known, candidate=replace(way, weighs=weighs), objective=replace(objective, classes=classes))


def _ways(f: Callable[..., Any], loss: LossSpec, pins: Pins, handed: Mapping[str, float], signatures: Sequence[str]) -> Iterator[Scores]:
    """The ways to call `f`, the likeliest first: scores as a matrix before numbers in one row."""
    pinned, cut = (None, None) if pins.layout is None else parted(pins.layout)
    if pins.layout in LAYOUTS or (cut and loss.targets):
        kind = "one of weights; for a function of scores" if pins.layout in LAYOUTS else f"one of several scores; for {loss.name}"
        allowed = [*ORDERS.values(), *(() if loss.targets else CUTS.values())]
        raise UsageError(f"layout {pins.layout} is {kind} give one of {', '.join(allowed)}.")
    told = pinned or order(f)
    cuts = ("",) if loss.targets else (cut,) if cut else (*CUTS, "")
    base = Scores(f=f, targets=loss.targets, extras=extras(f, SCORES, handed))
    returns = list(_returned(f, pins, signatures))
    for cut, column, what in product(cuts, (False, True) if loss.targets else (False,), returns):
        orders = ONE_ARRAY if what == "scores" else tuple(ORDERS)
        likely = [told] if pinned or told != "PREDICTIONTARGET" or names_a_target(f) else [told, "PREDICTIONDATASET"]
        for arguments in [o for o in likely if o in orders] or orders:
            way = replace(base, cut=cut or "", column=column, order=arguments, per_example=what != "scores", each=what == "each")
            weightless = arguments == "PREDICTIONDATASET"
            yield replace(way, extras=tuple(e for e in way.extras if not isinstance(e, WeightsArgument))) if weightless else way


def _returned(f: Callable[..., Any], pins: Pins, signatures: Sequence[str]) -> Iterator[str]:
    """The possible results: a loss and a gradient, those of each example, or a gradient and a Hessian of each."""
    if pins.reduction != UNREDUCED:
        yield from signatures
    if "scores" in signatures and not isinstance(f, Candidate) and pins.reduction in (None, UNREDUCED, "sum"):
        yield "each"


def _members(loss: LossSpec, pins: Pins, parameters: Mapping[str, float], signatures: Sequence[str]) -> Iterator[Objective]:
    """The family, the defaults first: a mean, except for an objective, which is of each example alone."""
    default = "sum" if signatures[0] == "objective" else "mean"
    pinned = "sum" if pins.reduction == UNREDUCED else pins.reduction
    for reduction in [pinned] if pinned else sorted(REDUCTIONS, key=lambda r: r != default):
        yield Objective(loss=loss, penalty=find_penalty("none"), reduction=reduction, parameters=parameters, form=form.SCORES)


def _probes(loss: LossSpec, dtype: str, examples: int, classes: int) -> Iterator[Probe]:
    """Points at which no score is a label, and the label differs from example to example."""
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        scores = rng.normal(size=(loss.scores(classes), EXAMPLES)).T.astype(dtype, order="C")
        y = (np.arange(EXAMPLES) + seed) % len(loss.some_labels(classes))
        yield {"scores": scores[:examples], "y": y[:examples]}


def _chosen(answered: Sequence[Scores], probe: Probe) -> Scores | None:
    """The first way in which the candidate answers; among the ways that differ from it only by the order of numbers in one row, the one in
    which examples can be permuted.
    """
    if not answered:
        return None
    first = answered[0]
    alike = [way for way in answered if replace(way, cut=first.cut) == first]
    return next((way for way in alike if len(alike) > 1 and _ignores_order(way, probe)), first)


def _ignores_order(way: Scores, probe: Probe) -> bool:
    """Whether swapping two examples swaps their gradients, up to half of the digits."""
    scores, y = probe["scores"], probe["y"]
    swapped = [1, 0, *range(2, len(y))] if len(y) > 1 else [0]
    try:
        before, after = way(scores, y).kept(), way(scores[swapped], y[swapped])
    except Misbehaviour:
        return False
    half = float(np.finfo(scores.dtype).eps) ** 0.5
    return bool(np.allclose(before.gradient[swapped], after.gradient, rtol=half, atol=0, equal_nan=True))


def _weighs_classes(way: Scores, probe: Probe, watch: Watch) -> bool:
    """Whether its optional weights are those of classes."""
    if not any(isinstance(e, WeightsArgument) and not e.needed for e in way.extras):
        return False
    scores, y = probe["scores"], probe["y"]
    if len(y) == scores.shape[1]:
        scores, y = scores[:-1], y[:-1]
    watch({"scores": scores, "y": y})
    return are_of_classes(lambda n: way.weighted((1.0,) * n)(scores, y), len(y), scores.shape[1])


def _weighs(way: Scores, probe: Probe) -> bool:
    """Whether the candidate reads the weights of its examples from a data set."""
    arguments = way.arguments(**probe)
    with suppress(Misbehaviour):
        way.answer(arguments)
    return bool(arguments[1].weighed)
