"""What may have been done differently in the loss: each change with the number that it adds to the true value of a scene."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

import numpy as np

from verify.cases.shapes import BLOCK
from verify.diagnosis.change import Change, Mistakes, Table, told_by
from verify.diagnosis.scene import Scene
from verify.diagnosis.targets import OTHER_TARGETS
from verify.diagnosis.vocabulary import Vocabulary
from verify.diagnosis.words import Coefficient, Told, number, times
from verify.form import LINEAR, SCORES, Form

Added = Iterator[tuple[Change, float]]


@lru_cache(maxsize=128)
def changes(scene: Scene) -> Table:
    """Every change as a matrix of one entry."""
    with np.errstate(all="ignore"):
        return Table.of({change: np.array([value]) for mistakes in CATALOGUES[scene.form] for change, value in mistakes.columns(scene)})


def _in_loss(_: Vocabulary, change: Change, c: Coefficient) -> Told:
    whole = change.part == "loss"
    if c == -1:
        return Told("value", "the loss is 0" if whole else f"in the loss, {change.part} is missing")
    if c == -2:
        return Told("value", "the loss has the wrong sign" if whole else f"in the loss, the sign of {change.part} is wrong")
    return Told("value", f"{'the loss' if whole else f'in the loss, {change.part}'} is {times(1 + c)} what it must be")


def _of_a_size(v: Vocabulary, change: Change, _: Coefficient) -> Told:
    lacks = change.how == "× N" and v.is_mean and change.part != "penalty"
    return Told(
        "value", f"the {change.part} lacks its 1/N" if lacks else f"the {change.part} is off by the factor {change.how} in the loss"
    )


def _beside(_: Vocabulary, change: Change, c: Coefficient) -> Told:
    return Told("value", f"{number(c)} × {change.part} is added to the loss")


def _other(_: Vocabulary, change: Change, c: Coefficient) -> Told:
    return Told("value", f"in the loss, {change.part}")


COUNTED, REDUCED, ADDED, OTHER = "loss counted", "loss reduced", "loss added", "loss other"


@told_by({COUNTED: _in_loss})
def _counted(scene: Scene) -> Added:
    data, penalty = _data(scene), scene.penalty_value
    for name, value in (("loss", data + penalty), ("the data term", data), ("the penalty", penalty)):
        yield Change(COUNTED, name, free=True), value
    for k, total in enumerate(scene.loss_terms.sum(axis=0)):
        yield Change(COUNTED, f"term {k + 1} of the formula", free=True), scene.share * float(total)


@told_by({REDUCED: _of_a_size})
def _reduced(scene: Scene) -> Added:
    N, C = scene.N, scene.C
    yield from _times(scene, {"× N": N, "/ N": 1 / N, "/ C": 1 / C, "× C": C, "/ (N − 1) × N": N / (N - 1) if N > 1 else 1.0})


@told_by({REDUCED: _of_a_size})
def _by_features(scene: Scene) -> Added:
    yield from _times(scene, {"/ D": 1 / scene.D})


def _times(scene: Scene, factors: Mapping[str, float]) -> Added:
    for how, factor in factors.items():
        for name, value in (("loss", _data(scene) + scene.penalty_value), ("data term", _data(scene)), ("penalty", scene.penalty_value)):
            yield Change(REDUCED, name, how), (factor - 1) * value


@told_by({ADDED: _beside})
def _penalised(scene: Scene) -> Added:
    W, reg = scene.W, scene.reg
    sums = {
        "λ‖W‖²": np.sum(W * W), "λ‖W‖² of the bias column": np.sum(W[:, -1] ** 2), "λ‖W‖": np.linalg.norm(W),
        "λ Σ|W|": np.abs(W).sum(), "λ ΣW": W.sum(), "λ": 1.0, "λ‖W‖⁴": np.sum(W * W) ** 2,
    }  # fmt: skip
    for name, value in sums.items():
        yield Change(ADDED, name, free=True), reg * float(value)
    yield Change(ADDED, "‖W‖² (without λ)", free=True), float(np.sum(W * W))


@told_by({ADDED: _beside})
def _scored(scene: Scene) -> Added:
    yield Change(ADDED, "‖S‖² of the scores S", free=True), float(np.sum(scene.scores**2))


@told_by({ADDED: _beside})
def _constants(scene: Scene) -> Added:
    yield Change(ADDED, "a constant for each example", free=True), scene.share * scene.N
    yield Change(ADDED, "a constant", free=True), 1.0
    yield Change(ADDED, "a constant for each class", free=True), float(scene.C)
    yield Change(ADDED, "a constant for each example and class", free=True), scene.share * scene.N * scene.C


@told_by({COUNTED: _in_loss, OTHER: _other})
def _examples(scene: Scene) -> Added:
    each = scene.share * scene.losses
    for name, some in (
        ("the first example", slice(0, 1)),
        ("the last example", slice(-1, None)),
        ("every example beyond the 64th", slice(BLOCK, None)),
    ):
        yield Change(COUNTED, name, free=True), float(each[some].sum())
    yield Change(OTHER, "only the last example counts"), float(each[-1] - each.sum())
    yield (
        Change(OTHER, "the greatest loss of an example stands where their mean is due"),
        float(each.max() / scene.share - each.sum()),
    )


@told_by({COUNTED: _in_loss, OTHER: _other})
def _switches(scene: Scene) -> Added:
    values = [np.array(e.switches) for e in scene.examples(scene.y)]
    if not any(v.size for v in values):
        return
    data, share = _data(scene), scene.share
    yield (
        Change(OTHER, "only the greatest margin of each example counts"),
        share * sum(float(v.max(initial=0.0)) for v in values) - data,
    )
    yield Change(OTHER, "the margins are squared"), share * sum(float((v**2).sum()) for v in values) - data
    yield Change(OTHER, "active margins are counted, not added"), share * sum(float((v > 0).sum()) for v in values) - data
    yield Change(COUNTED, "the margins of the first switch", free=True), share * sum(float(v[0]) for v in values if v.size)
    yield Change(COUNTED, "the margins of the last switch", free=True), share * sum(float(v[-1]) for v in values if v.size)


@told_by({COUNTED: _in_loss, OTHER: _other})
def _labelled(scene: Scene) -> Added:
    if scene.targets is not None:
        yield from _of_targets(scene)
        return
    for how, y in (("the next class", (scene.y + 1) % scene.C), ("the class before", (scene.y - 1) % scene.C)):
        other = sum(sum(e.losses) for e in scene.examples(y))
        yield Change(OTHER, f"the labels are off by one: {how} in place of the label"), scene.share * other - _data(scene)


def _of_targets(scene: Scene) -> Added:
    """The target's part, and other targets."""
    data = _data(scene)
    without = scene.with_targets(lambda _: 0.0)
    if without is not None:
        yield Change(COUNTED, "the target's part", free=True), data - _data(without)
        yield Change(COUNTED, "the part without the target", free=True), _data(without)
    for how, change in OTHER_TARGETS.items():
        other = scene.with_targets(change)
        if other is not None:
            yield Change(OTHER, f"{how} stands in place of the target t"), _data(other) - data


@told_by({OTHER: _other})
def _shifted(scene: Scene) -> Added:
    for name, value in scene.oracle.objective.parameters.items():
        for other in dict.fromkeys((0.0, 2 * value, value / 2, -value, 1.0)):
            if other != value:
                words = f"{name} is {other:g} where {value:g} is due"
                yield Change(OTHER, words), _data(scene.shifted({name: other})) - _data(scene)


def _data(scene: Scene) -> float:
    return scene.share * float(scene.losses.sum())


COMMON = (_constants, _examples, _switches, _labelled, _shifted)
CATALOGUES: dict[Form, tuple[Mistakes, ...]] = {
    LINEAR: (_counted, _reduced, _by_features, _penalised, *COMMON),
    SCORES: (_counted, _reduced, _scored, *COMMON),
}
"""By what the objective is a function of."""
