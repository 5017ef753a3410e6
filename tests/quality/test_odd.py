"""Odder mistakes: for some sizes only, by blocks, cut off, with another weight. Each was `unknown` once, or had another name."""

from __future__ import annotations

import numpy as np
import pytest

from verify.conventions import Pins, find_out
from verify.evidence import Verdict
from verify.laws import LAWS, Subject
from verify.oracle import Oracle
from verify.spec.catalogue import find_loss
from verify.trial import run

HINGE, SOFTMAX, LOGISTIC = "multiclass_hinge", "softmax_cross_entropy", "binary_logistic"


def slopes(loss, S, y):
    rows = np.arange(len(y))
    if loss == HINGE:
        A = (S - S[rows, y][:, None] + 1 > 0) * 1.0
        A[rows, y] = 0
        A[rows, y] = -A.sum(axis=1)
        return A
    E = np.exp(S - S.max(axis=1, keepdims=True))
    return E / E.sum(axis=1, keepdims=True) - np.eye(S.shape[1])[y]


def value(loss, S, y):
    rows, top = np.arange(len(y)), S.max(axis=1)
    if loss == HINGE:
        M = np.maximum(0, S - S[rows, y][:, None] + 1)
        M[rows, y] = 0
        return M.sum() / len(y)
    return (np.log(np.exp(S - top[:, None]).sum(axis=1)) + top - S[rows, y]).mean()


def right(A, W, X, y, reg):
    return A.T @ X / len(y) + 2 * reg * W


def first(most, axis=0):
    """The first so many, of examples or of classes."""

    def change(A, W, X, y, reg):
        A = A.copy()
        A[(slice(None),) * axis + (slice(most(A.shape[axis]), None),)] = 0
        return right(A, W, X, y, reg)

    return change


def where(holds, factor):
    return lambda A, W, X, y, reg: right(A, W, X, y, reg) * (factor if holds(len(y), W) else 1)


def weighted(weight):
    def change(A, W, X, y, reg):
        P = A + np.eye(len(W))[y]
        return right(A * weight(P, P[np.arange(len(y)), y][:, None]), W, X, y, reg)

    return change


ODD = {
    # what is done: (loss, gradient from the slopes, code, words, (N, D, C) of the witness)
    "1.001 for seven examples": (SOFTMAX, where(lambda N, _: N == 7, 1.001), "scaled", "(1 + 0.001) ×", "only when N = 7", (7, 1, 2)),
    "twice for every seventh N": (HINGE, where(lambda N, _: N % 7 == 0, 2), "scaled", "twice", "when N is a multiple of 7", (7, 1, 2)),
    "twice for three features": (HINGE, where(lambda _, W: W.shape[1] == 3, 2), "scaled", "twice", "only when D = 3", (1, 3, 2)),
    "no penalty for a large λ": (
        SOFTMAX, lambda A, W, X, y, reg: right(A, W, X, y, reg if reg <= 1 else 0),
        "penalty-missing", "2λW is not added", "only when λ > 1", (1, 1, 2),
    ),
    "by blocks of 4": (HINGE, first(lambda N: N // 4 * 4), "example-missing", "after the last full block of 4", "", (1, 1, 2)),
    "16 examples at most": (SOFTMAX, first(lambda _: 16), "example-missing", "beyond the first 16", "", (17, 1, 2)),
    "four classes at most": (SOFTMAX, first(lambda _: 4, axis=1), "class-missing", "in every row beyond the first 4", "", (1, 1, 5)),
    "p (1 − p) once more": (SOFTMAX, weighted(lambda P, own: P * (1 - P)), "scaled", "multiplied by p (1 − p)", "", (1, 1, 2)),
    "1 − p of the label": (SOFTMAX, weighted(lambda P, own: 1 - own), "scaled", "multiplied by 1 − p of the label", "", (1, 1, 2)),
    "C − 1": (HINGE, lambda A, W, X, y, reg: right(A / (len(W) - 1), W, X, y, reg), "reduction", "divided by C − 1", "", (1, 1, 3)),
    "a norm of 1 at most": (
        SOFTMAX, lambda A, W, X, y, reg: (G := right(A, W, X, y, reg)) / max(1, np.linalg.norm(G)),
        "scaled", "scaled down to a norm of 1", "", (1, 1, 2),
    ),
    "smoothed labels": (
        SOFTMAX, lambda A, W, X, y, reg: right(A + 0.1 * np.eye(len(W))[y] - 0.1 / len(W), W, X, y, reg),
        "label-term", "label smoothing: 1/10", "", (1, 1, 2),
    ),
}  # fmt: skip


def judged(f, loss, law="gradient", **pins):
    found = find_out(f, find_loss(loss), Pins(**pins), "float64")
    return run(LAWS[law], Subject(candidate=found.candidate, oracle=Oracle(found.objective, "float64")), profile="ci", seed=0)


@pytest.mark.parametrize("name", ODD)
def test_an_odd_mistake_gets_its_name_and_its_smallest_case(name):
    loss, change, code, words, condition, size = ODD[name]

    def f(W, X, y, reg):
        S = X @ W.T
        return value(loss, S, y) + reg * (W * W).sum(), change(slopes(loss, S, y), W, X, y, reg)

    result = judged(f, loss)
    assert (result.verdict, result.diagnosis["code"]) == (Verdict.BROKEN, code), result.diagnosis
    assert words in result.diagnosis["message"]
    assert result.diagnosis["message"].endswith(condition)
    case = result.witness.case
    assert (len(case["X"]), case["W"].shape[1], len(case["W"])) == size


def sigmoid(s):
    return 1 / (1 + np.exp(-s))


CUT = {
    "a floor of the Hessian": (
        lambda s, t: (sigmoid(s) - t, np.maximum(sigmoid(s) * sigmoid(-s), 0.1)), "curvature", "it is never less than 0.1",
    ),
    "a bound of the gradient": (
        lambda s, t: (np.clip(sigmoid(s) - t, -0.7, 0.7), sigmoid(s) * sigmoid(-s)), "gradient", "it stays within [-0.7, 0.7]",
    ),
    "smoothed targets": (
        lambda s, t: (sigmoid(s) - (0.9 * t + 0.05), sigmoid(s) * sigmoid(-s)), "gradient", "0.05 × the slope at the other target",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CUT)
def test_what_is_cut_off_or_moved_is_told_with_its_bound(name):
    f, law, words = CUT[name]
    result = judged(f, LOGISTIC, law, signature="objective")
    assert result.verdict is Verdict.BROKEN
    assert words in result.diagnosis["message"], result.diagnosis
