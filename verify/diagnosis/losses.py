"""The catalogue of mistakes in the loss: each change with the number that it adds to the true value of a decomposition."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

import numpy as np

from verify.cases.shapes import BLOCK
from verify.diagnosis.change import COUNTS, Change, DesignMatrix, Mistakes, Mutation, with_sentences
from verify.diagnosis.decomposition import Decomposition
from verify.diagnosis.targets import OTHER_TARGETS
from verify.diagnosis.vocabulary import Vocabulary
from verify.diagnosis.wording import Coefficient, Message, magnitude, number, put, times
from verify.form import LINEAR, SCORES, Form
from verify.terms import Reference

Added = Iterator[tuple[Change, float]]


@lru_cache(maxsize=128)
def changes(decomposition: Decomposition) -> DesignMatrix:
    """Every change as a matrix of one entry."""
    with np.errstate(all="ignore"):
        return DesignMatrix.of(
            {change: np.array([value]) for mistakes in CATALOGUES[decomposition.form] for change, value in mistakes.columns(decomposition)}
        )


def _in_loss(_: Vocabulary, change: Change, c: Coefficient) -> Message:
    whole = change.part == "loss"
    if c == -1:
        return Message("value", "the loss is 0" if whole else f"in the loss, {change.part} is missing")
    if c == -2:
        return Message("value", "the loss has the wrong sign" if whole else f"in the loss, the sign of {change.part} is wrong")
    return Message("value", f"{'the loss' if whole else f'in the loss, {change.part}'} is {times(1 + c)} what it must be")


def _of_a_size(v: Vocabulary, change: Change, _: Coefficient) -> Message:
    if change.how == "× N" and v.is_mean and change.part != "penalty":
        return Message("value", f"the {change.part} lacks its 1/N")
    where = "" if change.part == "loss" else "in the loss, "
    return Message("value", f"{where}the {change.part} is {SIZES[change.how]}")


SIZES = {
    "× N": "multiplied by N",
    "/ N": "divided by N once more",
    "/ C": "divided by the number of classes",
    "× C": "multiplied by the number of classes",
    "/ (N − 1) × N": "off by the factor N / (N − 1)",
    "/ D": "divided by the number of features",
}


def _beside(_: Vocabulary, change: Change, c: Coefficient) -> Message:
    return Message("value", put(c, change.part, "the loss"))


def _constant(_: Vocabulary, change: Change, c: Coefficient) -> Message:
    verb = "added to" if c > 0 else "subtracted from"
    return Message("value", f"a constant, {number(magnitude(c))}{change.part}, is {verb} the loss")


def _other(_: Vocabulary, change: Change, c: Coefficient) -> Message:
    return Message("value", f"in the loss, {change.part}")


COUNTED, REDUCED, ADDED, CONSTANT, OTHER = "loss counted", "loss reduced", "loss added", "loss constant", "loss other"


def _term(k: int) -> Change:
    return Change(COUNTED, f"term {k + 1} of the formula", free=True)


def _mutated_terms(reference: Reference) -> Iterator[Mutation]:
    for k in range(len(reference.oracle.example.value_terms)):
        for how, often in COUNTS.items():
            yield Mutation(f"term {k + 1} of the loss {how}", "loss", _term(k), often)
    yield Mutation("loss off by 1e-3", "loss", Change(COUNTED, "loss", free=True), 1e-3)


@with_sentences({COUNTED: _in_loss}, _mutated_terms)
def _counted(decomposition: Decomposition) -> Added:
    data, penalty = _data(decomposition), decomposition.penalty_value
    for name, value in (("loss", data + penalty), ("the data term", data), ("the penalty", penalty)):
        yield Change(COUNTED, name, free=True), value
    for k, total in enumerate(decomposition.loss_terms.sum(axis=0)):
        yield _term(k), decomposition.share * float(total)


@with_sentences({REDUCED: _of_a_size})
def _reduced(decomposition: Decomposition) -> Added:
    N, C = decomposition.N, decomposition.C
    yield from _times(decomposition, {"× N": N, "/ N": 1 / N, "/ C": 1 / C, "× C": C, "/ (N − 1) × N": N / (N - 1) if N > 1 else 1.0})


@with_sentences({REDUCED: _of_a_size})
def _by_features(decomposition: Decomposition) -> Added:
    yield from _times(decomposition, {"/ D": 1 / decomposition.D})


def _times(decomposition: Decomposition, factors: Mapping[str, float]) -> Added:
    for how, factor in factors.items():
        for name, value in (
            ("loss", _data(decomposition) + decomposition.penalty_value),
            ("data term", _data(decomposition)),
            ("penalty", decomposition.penalty_value),
        ):
            yield Change(REDUCED, name, how), (factor - 1) * value


@with_sentences({ADDED: _beside})
def _penalised(decomposition: Decomposition) -> Added:
    W, reg = decomposition.W, decomposition.reg
    sums = {
        "λ‖W‖²": np.sum(W * W), "λ‖W‖² of the bias column": np.sum(W[:, -1] ** 2), "λ‖W‖": np.linalg.norm(W),
        "λ Σ|W|": np.abs(W).sum(), "λ ΣW": W.sum(), "λ": 1.0, "λ‖W‖⁴": np.sum(W * W) ** 2,
    }  # fmt: skip
    for name, value in sums.items():
        yield Change(ADDED, name, free=True), reg * float(value)
    yield Change(ADDED, "‖W‖² (without λ)", free=True), float(np.sum(W * W))


@with_sentences({ADDED: _beside})
def _scored(decomposition: Decomposition) -> Added:
    yield Change(ADDED, "‖S‖² of the scores S", free=True), float(np.sum(decomposition.scores**2))


@with_sentences({CONSTANT: _constant})
def _constants(decomposition: Decomposition) -> Added:
    yield Change(CONSTANT, " for each example", free=True), decomposition.share * decomposition.N
    yield Change(CONSTANT, "", free=True), 1.0
    yield Change(CONSTANT, " for each class", free=True), float(decomposition.C)
    yield Change(CONSTANT, " for each example and class", free=True), decomposition.share * decomposition.N * decomposition.C


@with_sentences({COUNTED: _in_loss, OTHER: _other})
def _examples(decomposition: Decomposition) -> Added:
    each = decomposition.share * decomposition.losses
    for name, some in (
        ("the first example", slice(0, 1)),
        ("the last example", slice(-1, None)),
        ("every example beyond the 64th", slice(BLOCK, None)),
    ):
        yield Change(COUNTED, name, free=True), float(each[some].sum())
    yield Change(OTHER, "only the last example counts"), float(each[-1] - each.sum())
    yield (
        Change(OTHER, "the greatest loss of an example stands where their mean is due"),
        float(each.max() / decomposition.share - each.sum()),
    )


@with_sentences({COUNTED: _in_loss, OTHER: _other})
def _switches(decomposition: Decomposition) -> Added:
    values = [np.array(e.switches) for e in decomposition.examples(decomposition.y)]
    if not any(v.size for v in values):
        return
    data, share = _data(decomposition), decomposition.share
    yield (
        Change(OTHER, "only the greatest margin of each example counts"),
        share * sum(float(v.max(initial=0.0)) for v in values) - data,
    )
    yield Change(OTHER, "the margins are squared"), share * sum(float((v**2).sum()) for v in values) - data
    yield Change(OTHER, "active margins are counted, not added"), share * sum(float((v > 0).sum()) for v in values) - data
    yield Change(COUNTED, "the margin of the first switch", free=True), share * sum(float(v[0]) for v in values if v.size)
    yield Change(COUNTED, "the margin of the last switch", free=True), share * sum(float(v[-1]) for v in values if v.size)


@with_sentences({COUNTED: _in_loss, OTHER: _other})
def _labelled(decomposition: Decomposition) -> Added:
    if decomposition.targets is not None:
        yield from _of_targets(decomposition)
        return
    for how, y in (
        ("the next class", (decomposition.y + 1) % decomposition.C),
        ("the class before", (decomposition.y - 1) % decomposition.C),
    ):
        other = sum(sum(e.losses) for e in decomposition.examples(y))
        yield Change(OTHER, f"the labels are off by one: {how} in place of the label"), decomposition.share * other - _data(decomposition)


def _of_targets(decomposition: Decomposition) -> Added:
    """Changes of the target's part, and of the targets."""
    data = _data(decomposition)
    without = decomposition.with_targets(lambda _: 0.0)
    if without is not None:
        yield Change(COUNTED, "the target's part", free=True), data - _data(without)
        yield Change(COUNTED, "the part without the target", free=True), _data(without)
    for how, change in OTHER_TARGETS.items():
        other = decomposition.with_targets(change)
        if other is not None:
            yield Change(OTHER, f"{how} stands in place of the target t"), _data(other) - data


@with_sentences({OTHER: _other})
def _shifted(decomposition: Decomposition) -> Added:
    for name, value in decomposition.oracle.objective.parameters.items():
        for other in dict.fromkeys((0.0, 2 * value, value / 2, -value, 1.0)):
            if other != value:
                words = f"{name} is {other:g} where {value:g} is due"
                yield Change(OTHER, words), _data(decomposition.shifted({name: other})) - _data(decomposition)


def _data(decomposition: Decomposition) -> float:
    return decomposition.share * float(decomposition.losses.sum())


COMMON = (_constants, _examples, _switches, _labelled, _shifted)
CATALOGUES: dict[Form, tuple[Mistakes, ...]] = {
    LINEAR: (_counted, _reduced, _by_features, _penalised, *COMMON),
    SCORES: (_counted, _reduced, _scored, *COMMON),
}
"""By the form of the objective."""
