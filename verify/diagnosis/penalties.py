"""Mistakes in the gradient of a penalty, and in the factor λ."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from verify.diagnosis.change import Added, Change, with_sentences
from verify.diagnosis.decomposition import Decomposition, Floats
from verify.diagnosis.vocabulary import Vocabulary, multiple
from verify.diagnosis.wording import Coefficient, Message, magnitude

ENTRYWISE: dict[str, Callable[[Floats, float], Floats]] = {
    "W": lambda W, reg: W,
    "λ²W": lambda W, reg: reg * reg * W,
    "λ sign(W)": lambda W, reg: reg * np.sign(W),
    "λW²": lambda W, reg: reg * W * W,
    "λW³": lambda W, reg: reg * W**3,
    "λ|W|": lambda W, reg: reg * np.abs(W),
}
"""Functions of the weights that may be written in place of λW, as code has them."""

WHOLE: dict[str, Callable[[Floats, float], Floats]] = {
    "λ": lambda W, reg: np.full(W.shape, reg),
    "λ ΣW": lambda W, reg: np.full(W.shape, reg * W.sum()),
    "λ‖W‖²": lambda W, reg: np.full(W.shape, reg * (W * W).sum()),
    "λW/‖W‖": lambda W, reg: reg * W / max(float(np.linalg.norm(W)), 1e-300),
}
"""Functions of all weights together."""

BIAS, FEATURES = "the last column", "all columns but the last"


def instead(v: Vocabulary, change: Change, c: Coefficient) -> str:
    """The wrong penalty's gradient: c times a function of the weights."""
    return {BIAS: f"{v.weights(c)} in {BIAS} alone", FEATURES: f"{v.weights(c)} in {FEATURES}"}.get(change.part) or multiple(c, change.part)


def of_bias(v: Vocabulary, c: Coefficient) -> Message:
    """The message on an additional c·λw in the bias column."""
    if not v.oracle.objective.penalty.bias or v.rate is None:
        return Message("penalty-bias", f"the bias is penalised in the gradient ({v.weights(c)}), though the loss leaves it out", BIAS)
    if c == -v.rate:
        return Message("penalty-bias", "the bias is not penalised in the gradient, though the loss penalises it", BIAS)
    return Message("penalty-bias", f"{v.weights(v.rate + c)} in the bias column where {v.weights(v.rate)} is due", BIAS)


def _weights(v: Vocabulary, change: Change, c: Coefficient) -> Message:
    if change.part == BIAS:
        return of_bias(v, c)
    if change.part == FEATURES and v.rate is not None:
        if v.rate + c == 0:
            return Message("penalty-factor", f"the penalty's gradient is missing in {FEATURES}", FEATURES)
        return Message("penalty-factor", f"{v.weights(v.rate + c)} where {v.weights(v.rate)} is due, in {FEATURES}", FEATURES)
    verb = "subtracted" if c < 0 else "added"
    return Message(
        "term-extra", f"{instead(v, change, magnitude(c))} is {verb}{'' if v.rate is not None else ', and the loss has no penalty'}"
    )


def _times_lambda(v: Vocabulary, change: Change, _: Coefficient) -> Message:
    return Message("scaled", f"{v.names[change.part]} is multiplied by λ")


@with_sentences({"weights": _weights, "times λ": _times_lambda})
def penalised(decomposition: Decomposition) -> Added:
    """Changes of the penalty's gradient: λW is free everywhere, also in columns that the penalty leaves out."""
    W, reg, bias = decomposition.W, decomposition.reg, np.arange(decomposition.D) == decomposition.D - 1
    yield Change("weights", "λW", free=True), reg * W
    yield Change("weights", BIAS, free=True), reg * W * bias
    yield Change("weights", FEATURES, free=True), reg * W * ~bias
    penalised = np.broadcast_to(decomposition.oracle.penalised(decomposition.case["W"]) > 0, W.shape)
    for where, there in (("", np.ones(W.shape)), ("in the penalised columns", penalised.astype(np.float64))):
        if not where or not penalised.all():
            for name, function in ENTRYWISE.items():
                yield Change("weights", name, where, free=True), function(W, reg) * there
    for name, function in WHOLE.items():
        yield Change("weights", name, free=True), function(W, reg)
    yield Change("times λ", "data"), (reg - 1) * decomposition.data
    yield Change("times λ", "whole"), (reg - 1) * decomposition.whole
