"""What may have been done differently: each change with the matrix, a row for each class, that it adds to the true gradient of a scene.

A *free* change is a part of the gradient that may be counted any number of times: c times its matrix is added, so it stands there
1 + c times. The others are done or not done. A change that does not exist on a scene (dividing by N − 1 for one example) adds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from verify.diagnosis import omissions, probabilities, touches
from verify.diagnosis.change import Added, Change, Table
from verify.diagnosis.scene import Floats, Scene
from verify.diagnosis.targets import OF_ONE_SCORE
from verify.form import LINEAR, SCORES, Form
from verify.terms import Example, Term

Catalogue = tuple[Callable[[Scene], Added], ...]


@lru_cache(maxsize=128)
def changes(scene: Scene) -> Table:
    """Every change, in the same order for every scene of one objective."""
    found: dict[Change, Floats] = {}
    with np.errstate(all="ignore"):  # what is not finite explains nothing
        for make in _catalogue(scene):
            made = dict(make(scene))
            _MAKERS.update(dict.fromkeys(made, make))
            found |= made
    return Table.of(found)


@lru_cache(maxsize=1024)
def few(scene: Scene, names: tuple[Change, ...]) -> Table:
    """These changes alone, which some other scene had."""
    found: dict[Change, Floats] = dict.fromkeys(names, np.zeros(scene.shape))
    with np.errstate(all="ignore"):
        for make in dict.fromkeys(_MAKERS[name] for name in names):
            found |= {name: matrix for name, matrix in make(scene) if name in found}
    return Table.of(found)


_MAKERS: dict[Change, Callable[[Scene], Added]] = {}


def _catalogue(scene: Scene) -> Catalogue:
    return CATALOGUES[scene.form, scene.targets is not None]


def _counted(scene: Scene) -> Added:
    for name, matrix in scene.parts.items():
        yield Change("counted", name, free=True), matrix
    for role, dS in scene.by_role.items() if scene.targets is None else ():
        yield Change("counted", str(role), free=True), scene.sum_of(dS)


def _reduced(scene: Scene) -> Added:
    """Multiplied by a size, or divided by it."""
    N, C, D = scene.N, scene.C, scene.shape[1]
    factors = {
        "× N": N,
        "/ N": 1 / N,
        "/ C": 1 / C,
        "× C": C,
        "/ D": 1 / D,
        "× D": D,
        "× (C − 1)": C - 1,
        "/ (C − 1)": 1 / max(C - 1, 1),
        "× N / C": N / C,
        "× N / D": N / D,
        "× N / (N − 1)": N / (N - 1) if N > 1 else 1.0,
        "× N / (N + 1)": N / (N + 1),
        "/ √N": N**-0.5,
        "× √N": N**0.5,
    }
    for size, is_there in (("C", scene.targets is None), ("D", not scene.form.is_apart)):  # classes, features
        factors = {how: factor for how, factor in factors.items() if is_there or size not in how}
    for name, matrix in scene.parts.items():
        for how, factor in factors.items():
            yield Change("reduced", name, how), (factor - 1) * matrix
            if name in ("data", "penalty") or (name in ("label", "others") and how in ("× N", "/ N")):
                yield Change("also", name, how, free=True), factor * matrix


def _reduced_roles(scene: Scene) -> Added:
    """Of parts of parts: a role that is alone is the label's part, or the others'."""
    N, C, roles = scene.N, scene.C, scene.by_role
    for role, dS in roles.items() if len(roles) > 2 or scene.targets is not None else ():
        sizes = [("× N", N), ("/ N", 1 / N)]
        for how, factor in sizes if scene.targets is not None else [*sizes, ("× C", C), ("/ C", 1 / C), ("× (C − 1)", C - 1)]:
            yield Change("reduced", str(role), how), (factor - 1) * scene.sum_of(dS)
            if how in ("× N", "/ N"):
                yield Change("also", str(role), how, free=True), factor * scene.sum_of(dS)


def _penalised(scene: Scene) -> Added:
    """What else the penalty's gradient may be. λW is free everywhere, in columns that the penalty leaves out too."""
    W, reg, bias = scene.W, scene.reg, np.arange(scene.D) == scene.D - 1
    yield Change("weights", "all", free=True), reg * W
    yield Change("weights", "bias", free=True), reg * W * bias
    yield Change("weights", "features", free=True), reg * W * ~bias
    counted = np.broadcast_to(scene.oracle.penalised(scene.case["W"]) > 0, W.shape)
    for name, penalised in (("", np.ones(W.shape)), (" of the penalised columns", counted.astype(np.float64))):
        if name and counted.all():
            continue
        yield Change("weights", f"without λ{name}", free=True), W * penalised
        yield Change("weights", f"λ²{name}", free=True), reg * reg * W * penalised
        yield Change("weights", f"sign{name}", free=True), reg * np.sign(W) * penalised
        yield Change("weights", f"square{name}", free=True), reg * W * W * penalised
        yield Change("weights", f"cube{name}", free=True), reg * W**3 * penalised
        yield Change("weights", f"absolute{name}", free=True), reg * np.abs(W) * penalised
    yield Change("weights", "λ alone", free=True), np.full(W.shape, reg)
    yield Change("weights", "sum", free=True), np.full(W.shape, reg * W.sum())
    yield Change("weights", "norm", free=True), np.full(W.shape, reg * (W * W).sum())
    yield Change("weights", "over the norm", free=True), reg * W / max(float(np.linalg.norm(W)), 1e-300)
    yield Change("times λ", "data"), (reg - 1) * scene.data
    yield Change("times λ", "whole"), (reg - 1) * scene.whole


def _labelled(scene: Scene) -> Added:
    """Other labels: in all of the gradient, or for the label's own terms only."""
    y, C = scene.y, scene.C
    others: dict[str, NDArray[np.int64]] = {
        "the next class": (y + 1) % C,
        "the class before": (y - 1) % C,
        "the class before, 0 for the first": np.maximum(y - 1, 0),
        "the next class, the last for the last": np.minimum(y + 1, C - 1),
        "the next example's": np.roll(y, -1),
        "the previous example's": np.roll(y, 1),
        "the first class": np.zeros_like(y),
        "the last class": np.full_like(y, C - 1),
        "the class counted from the end": C - 1 - y,
        "the examples' from the end": y[::-1],
    }
    rows = np.arange(scene.N)
    for how, label in others.items():
        yield Change("label", "data", how), scene.relabelled(label) - scene.data
        added, own = np.zeros((scene.N, C)), scene.label_slopes[rows, y]
        added[rows, label] = own
        yield Change("label", "label", how), scene.sum_of(added - scene.label_slopes)
        if how == "the next class":
            everywhere = np.where(np.arange(C) == y[:, None], 0.0, own[:, None])
            yield Change("label", "label", "every class but the label"), scene.sum_of(everywhere - scene.label_slopes)
            for role, dS in scene.by_role.items():
                if role.label and role.sign and not role.switch:
                    moved = np.where(np.arange(C) == y[:, None], 0.0, dS[rows, y][:, None])
                    yield Change("label", str(role), "every class but the label"), scene.sum_of(moved - dS)
        written = scene.other_slopes.copy()
        written[rows, label] = own
        yield Change("label", "written", how), scene.sum_of(written - scene.all_slopes)


PARAMETERS: dict[str, Callable[[float], float]] = {
    "0": lambda _: 0.0,
    "doubled": lambda value: 2 * value,
    "halved": lambda value: value / 2,
    "negative": lambda value: -value,
    "1": lambda _: 1.0,
    "squared": lambda value: value**2,
    "one less it": lambda value: 1 - value,
    "tripled": lambda value: 3 * value,
    "a tenth": lambda value: value / 10,
    "endless": lambda _: 1e6,
}
"""What a parameter may be instead."""


def _shifted(scene: Scene) -> Added:
    """A parameter (the margin) that is another one in the gradient only."""
    for name, value in scene.oracle.objective.parameters.items():
        for how, change in PARAMETERS.items():
            if change(value) != value:
                changed = scene.with_parameters({name: change(value)}) - scene.data
                yield Change("parameter", name, how), changed
                if how == "endless" and scene.targets is None:
                    yield Change("leak", "data", free=True), changed


def _activity(scene: Scene) -> Added:
    """Terms behind switches counted by how many are on, and switches whose value stands where their slope is due."""
    behind = scene.slopes(lambda e, t, label: float(not t.tied and t.switch is not None))
    if not any(t.switch is not None for e in scene.examples(scene.y) for t in e.terms):
        return
    yield Change("activity", "data", "value"), scene.sum_of(scene.slopes(_by_value) - behind)
    yield Change("valued", "data", free=True), scene.sum_of(scene.slopes(_by_value))
    if scene.targets is not None:
        return
    on, own = np.maximum(scene.active, 1)[:, None], np.zeros_like(behind)
    own[np.arange(scene.N), scene.y] = behind[np.arange(scene.N), scene.y]
    others = behind - own
    for part, dS in (("label", own), ("others", others), ("data", behind)):
        yield Change("activity", part, "once"), scene.sum_of(dS / on - dS)
    each = np.where(scene.active[:, None] > 0, own / on, _one(own / on))  # also of examples without an active margin
    yield Change("activity", "label", "every class"), scene.sum_of(each * (np.arange(scene.C) == scene.y[:, None]) * (scene.C - 1) - own)
    yield Change("activity", "label", "always once"), scene.sum_of(each * (np.arange(scene.C) == scene.y[:, None]) - own)
    yield Change("activity", "data", "greatest"), scene.sum_of(scene.slopes(_greatest_only) - behind)


def _one(slopes: Floats) -> float:
    """The slope of one margin, where it is the same for all."""
    known = np.unique(slopes[slopes != 0])
    return float(known[0]) if len(known) == 1 else 0.0


def _by_value(e: Example, t: Term, _: int) -> float:
    return e.switches[t.switch] if t.switch is not None and not t.tied else 0.0


def _greatest_only(e: Example, t: Term, _: int) -> float:
    return float(t.switch is not None and not t.tied and e.switches[t.switch] == max(e.switches))


def _added(scene: Scene) -> Added:
    """Something that has nothing to do with the loss."""
    yield Change("extra", "ones", free=True), np.ones(scene.shape)


def _added_features(scene: Scene) -> Added:
    ones = np.ones((scene.N, scene.C))
    yield Change("extra", "scores", free=True), scene.sum_of(scene.scores)
    yield Change("extra", "features of every example", free=True), scene.sum_of(ones)
    if scene.targets is None:
        yield Change("extra", "features of every example, divided by C", free=True), scene.sum_of(ones / scene.C)


def _added_scores(scene: Scene) -> Added:
    sizes = {"N": scene.N, "C": scene.C, "N and C": scene.N * scene.C} if scene.targets is None else {"N": scene.N}
    for how, size in {"": 1, **{f"divided by {of}": size for of, size in sizes.items()}}.items():
        yield Change("extra", "matrix of scores", how, free=True), scene.form.by_class(scene.scores) / size
        yield Change("extra", "ones", how, free=True), np.full(scene.shape, 1 / size)


def _added_labels(scene: Scene) -> Added:
    own = (np.arange(scene.C) == scene.y[:, None]).astype(float)
    yield Change("smoothed", "label", "over all classes", free=True), scene.sum_of(own - 1 / scene.C)
    yield Change("extra", "features of the own examples", free=True), scene.sum_of(own)


OF_CLASSES: Catalogue = (
    _counted,
    omissions.entries,
    _reduced,
    _reduced_roles,
    _penalised,
    _labelled,
    _shifted,
    _activity,
    omissions.classes,
    omissions.columns,
    omissions.examples,
    touches.permuted,
    touches.transposed,
    probabilities.replaced,
    probabilities.weighted,
    touches.touched,
    touches.featured,
    _added,
    _added_features,
    _added_labels,
)
"""The likeliest first: of explanations that are one on every scene the first is told."""
OF_WEIGHTS: Catalogue = (
    _counted,
    _reduced,
    _reduced_roles,
    _penalised,
    *OF_ONE_SCORE,
    _shifted,
    _activity,
    omissions.examples,
    omissions.entries,
    omissions.columns,
    touches.permuted,
    touches.touched,
    touches.featured,
    _added,
    _added_features,
)
"""Of a loss of one score, as a function of weights."""

INSTEAD: dict[Callable[[Scene], Added], Catalogue] = {
    _penalised: (),
    omissions.columns: (),
    touches.featured: (touches.summed,),
    _added_features: (_added_scores,),
}
"""What is there of scores in place of what weights and features have."""
ALONE: dict[Callable[[Scene], Added], Catalogue] = {**INSTEAD, omissions.entries: ()}
"""And of one score, where an entry is an example."""


def _replaced(catalogue: Catalogue, instead: Mapping[Callable[[Scene], Added], Catalogue]) -> Catalogue:
    return tuple(make for old in catalogue for make in instead.get(old, (old,)))


CATALOGUES: dict[tuple[Form, bool], Catalogue] = {
    (LINEAR, False): OF_CLASSES,
    (LINEAR, True): OF_WEIGHTS,
    (SCORES, False): _replaced(OF_CLASSES, INSTEAD),
    (SCORES, True): _replaced(OF_WEIGHTS, ALONE),
}
"""By what the objective is a function of, and whether an example has one score."""
