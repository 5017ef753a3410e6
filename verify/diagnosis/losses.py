"""What may have been done differently in the loss: each change with the number that it adds to the true value of a scene."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache

import numpy as np

from verify.cases.shapes import BLOCK
from verify.diagnosis.change import Change, Table
from verify.diagnosis.scene import Scene
from verify.diagnosis.targets import OTHER_TARGETS
from verify.form import LINEAR, SCORES, Form

Added = Iterator[tuple[Change, float]]


@lru_cache(maxsize=128)
def changes(scene: Scene) -> Table:
    """Every change as a matrix of one entry."""
    with np.errstate(all="ignore"):
        return Table.of({change: np.array([value]) for make in CATALOGUES[scene.form] for change, value in make(scene)})


def _counted(scene: Scene) -> Added:
    data, penalty = _data(scene), scene.penalty_value
    for name, value in (("loss", data + penalty), ("the data term", data), ("the penalty", penalty)):
        yield Change("loss counted", name, free=True), value
    for k, total in enumerate(scene.loss_terms.sum(axis=0)):
        yield Change("loss counted", f"term {k + 1} of the formula", free=True), scene.share * float(total)


def _reduced(scene: Scene) -> Added:
    N, C = scene.N, scene.C
    yield from _times(scene, {"× N": N, "/ N": 1 / N, "/ C": 1 / C, "× C": C, "/ (N − 1) × N": N / (N - 1) if N > 1 else 1.0})


def _by_features(scene: Scene) -> Added:
    yield from _times(scene, {"/ D": 1 / scene.D})


def _times(scene: Scene, factors: Mapping[str, float]) -> Added:
    for how, factor in factors.items():
        for name, value in (("loss", _data(scene) + scene.penalty_value), ("data term", _data(scene)), ("penalty", scene.penalty_value)):
            yield Change("loss reduced", name, how), (factor - 1) * value


def _penalised(scene: Scene) -> Added:
    W, reg = scene.W, scene.reg
    sums = {
        "λ‖W‖²": np.sum(W * W), "λ‖W‖² of the bias column": np.sum(W[:, -1] ** 2), "λ‖W‖": np.linalg.norm(W),
        "λ Σ|W|": np.abs(W).sum(), "λ ΣW": W.sum(), "λ": 1.0, "λ‖W‖⁴": np.sum(W * W) ** 2,
    }  # fmt: skip
    for name, value in sums.items():
        yield Change("loss added", name, free=True), reg * float(value)
    yield Change("loss added", "‖W‖² (without λ)", free=True), float(np.sum(W * W))


def _scored(scene: Scene) -> Added:
    yield Change("loss added", "‖S‖² of the scores S", free=True), float(np.sum(scene.scores**2))


def _constants(scene: Scene) -> Added:
    yield Change("loss added", "a constant for each example", free=True), scene.share * scene.N
    yield Change("loss added", "a constant", free=True), 1.0
    yield Change("loss added", "a constant for each class", free=True), float(scene.C)
    yield Change("loss added", "a constant for each example and class", free=True), scene.share * scene.N * scene.C


def _examples(scene: Scene) -> Added:
    each = scene.share * scene.losses
    for name, some in (
        ("the first example", slice(0, 1)),
        ("the last example", slice(-1, None)),
        ("every example beyond the 64th", slice(BLOCK, None)),
    ):
        yield Change("loss counted", name, free=True), float(each[some].sum())
    yield Change("loss other", "only the last example counts"), float(each[-1] - each.sum())
    yield (
        Change("loss other", "the greatest loss of an example stands where their mean is due"),
        float(each.max() / scene.share - each.sum()),
    )


def _switches(scene: Scene) -> Added:
    values = [np.array(e.switches) for e in scene.examples(scene.y)]
    if not any(v.size for v in values):
        return
    data, share = _data(scene), scene.share
    yield (
        Change("loss other", "only the greatest margin of each example counts"),
        share * sum(float(v.max(initial=0.0)) for v in values) - data,
    )
    yield Change("loss other", "the margins are squared"), share * sum(float((v**2).sum()) for v in values) - data
    yield Change("loss other", "active margins are counted, not added"), share * sum(float((v > 0).sum()) for v in values) - data
    yield Change("loss counted", "the margins of the first switch", free=True), share * sum(float(v[0]) for v in values if v.size)
    yield Change("loss counted", "the margins of the last switch", free=True), share * sum(float(v[-1]) for v in values if v.size)


def _labelled(scene: Scene) -> Added:
    if scene.targets is not None:
        yield from _of_targets(scene)
        return
    for how, y in (("the next class", (scene.y + 1) % scene.C), ("the class before", (scene.y - 1) % scene.C)):
        other = sum(sum(e.losses) for e in scene.examples(y))
        yield Change("loss other", f"the labels are off by one: {how} in place of the label"), scene.share * other - _data(scene)


def _of_targets(scene: Scene) -> Added:
    """The target's part, and other targets."""
    data = _data(scene)
    without = scene.with_targets(lambda _: 0.0)
    if without is not None:
        yield Change("loss counted", "the target's part", free=True), data - _data(without)
        yield Change("loss counted", "the part without the target", free=True), _data(without)
    for how, change in OTHER_TARGETS.items():
        other = scene.with_targets(change)
        if other is not None:
            yield Change("loss other", f"{how} stands in place of the target t"), _data(other) - data


def _shifted(scene: Scene) -> Added:
    for name, value in scene.oracle.objective.parameters.items():
        for other in dict.fromkeys((0.0, 2 * value, value / 2, -value, 1.0)):
            if other != value:
                words = f"{name} is {other:g} where {value:g} is due"
                yield Change("loss other", words), _data(scene.shifted({name: other})) - _data(scene)


def _data(scene: Scene) -> float:
    return scene.share * float(scene.losses.sum())


COMMON = (_constants, _examples, _switches, _labelled, _shifted)
CATALOGUES: dict[Form, tuple[Callable[[Scene], Added], ...]] = {
    LINEAR: (_counted, _reduced, _by_features, _penalised, *COMMON),
    SCORES: (_counted, _reduced, _scored, *COMMON),
}
"""By what the objective is a function of."""
