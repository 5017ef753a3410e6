"""Mistakes in the probabilities of a loss of several classes whose terms vary with the scores."""

from __future__ import annotations

import numpy as np

from verify.diagnosis.change import Added, Change, with_sentences
from verify.diagnosis.decomposition import Decomposition, Floats
from verify.diagnosis.targets import weighted as told_as_weighted
from verify.diagnosis.vocabulary import Vocabulary
from verify.diagnosis.wording import Coefficient, Message

UNNORMALISED = ("exp of the scores", "exp of the shifted scores")


def _scores(_: Vocabulary, change: Change, c: Coefficient) -> Message:
    return Message("scaled" if change.how in UNNORMALISED else "term-extra", f"in place of the probabilities stands {change.how}")


@with_sentences({"scores": _scores})
def replaced(decomposition: Decomposition) -> Added:
    """Another function of the scores in place of the varying terms of the loss."""
    varying = sum(
        (dS for role, dS in decomposition.by_role.items() if not role.switch and role.sign == 0),
        np.zeros((decomposition.N, decomposition.C)),
    )
    if not np.any(varying):
        return
    S, top = decomposition.scores, decomposition.scores.max(axis=1, keepdims=True)
    with np.errstate(all="ignore"):
        E, shifted = np.exp(S), np.exp(S - top)
        P = shifted / shifted.sum(axis=1, keepdims=True)
        functions = {
            "the scores": S,
            "the shifted scores": S - top,
            "exp of the scores": E,
            "exp of the shifted scores": shifted,
            "the sigmoid": 1 / (1 + np.exp(-S)),
            "exp of the scores, divided by its sum over the examples": E / E.sum(axis=0),
            "exp of the shifted scores, divided by its sum over the examples": shifted / shifted.sum(axis=0),
            "exp of the scores, divided by its sum over examples and classes": E / E.sum(),
            "log p": np.log(P),
            "p (1 − p)": P * (1 - P),
            "p²": P * P,
            "the softmax at half of the scores": _softmax(S / 2),
            "the softmax at twice the scores": _softmax(2 * S),
            "the softmax of the negative scores": _softmax(-S),
            "the sigmoid's slope": 1 / (1 + np.exp(-S)) * (1 - 1 / (1 + np.exp(-S))),
            "1 at the greatest score and 0 elsewhere": (top == S).astype(np.float64),
            "1/C for every class": np.full(S.shape, 1 / decomposition.C),
            "√p": np.sqrt(P),
        }
    for how, dS in functions.items():
        yield Change("scores", "varying", how), decomposition.sum_of(dS - varying)


@with_sentences({"weighted": told_as_weighted})
def weighted(decomposition: Decomposition) -> Added:
    """The right slopes times a factor, as where a slope is applied again, or an example is weighted by its probability."""
    if not any(not role.switch and role.sign == 0 for role in decomposition.by_role):
        return
    P, slopes = _softmax(decomposition.scores), decomposition.all_slopes
    own = P[np.arange(decomposition.N), decomposition.y][:, None]
    found = {
        "p": P,
        "1 − p": 1 - P,
        "p (1 − p)": P * (1 - P),
        "p of the label": own,
        "1 − p of the label": 1 - own,
        "(1 − p of the label)²": (1 - own) ** 2,
        "p (1 − p) of the label": own * (1 - own),
        "the scores": decomposition.scores,
    }
    for how, weights in found.items():
        yield Change("weighted", "data", f"multiplied by {how}"), decomposition.sum_of(slopes * (weights - 1))


def _softmax(S: Floats) -> Floats:
    E = np.exp(S - S.max(axis=1, keepdims=True))
    return np.asarray(E / E.sum(axis=1, keepdims=True))
