"""Functions of scores: which coarser format something is computed in, and that steps of a common size are none."""

from __future__ import annotations

import numpy as np
import pytest

from verify.conventions import Pins, find_out
from verify.evidence import Verdict
from verify.laws import LAWS, Subject
from verify.oracle import Oracle
from verify.spec.catalogue import find_loss
from verify.trial import run


def bfloat16(a):
    bits = np.ascontiguousarray(a, dtype=np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & np.uint32(0xFFFF0000)).astype(np.uint32).view(np.float32).astype(np.float64)


def half(a):
    return a.astype(np.float16).astype(np.float64)


def steps(a):
    return np.round(a * 127) / 127


def as_they_are(a):
    return a


def softmax(*, scores=as_they_are, gradient=as_they_are):
    def f(s, y):
        rows, top = np.arange(len(y)), s.max(axis=1, keepdims=True)
        value = (np.log(np.exp(s - top).sum(axis=1)) + top[:, 0] - s[rows, y]).mean()
        s = scores(s)
        P = np.exp(s - s.max(axis=1, keepdims=True))
        P /= P.sum(axis=1, keepdims=True)
        P[rows, y] -= 1
        return value, gradient(P / len(y))

    return f


INSIDE = {
    "float16 in the end": (softmax(gradient=half), "precision", "computed in float16"),
    "bfloat16 in the end": (softmax(gradient=bfloat16), "precision", "computed in bfloat16"),
    "bfloat16 before": (softmax(scores=bfloat16), "precision", "as accurate as half precision"),
    "8 bits of 1": (softmax(gradient=steps), "unknown", ""),
    "six decimals": (softmax(gradient=lambda a: np.round(a, 6)), "unknown", ""),
}


def hinge_of_rounded_scores(s, y):
    rows = np.arange(len(y))
    M = np.maximum(0, s - s[rows, y][:, None] + 1)
    M[rows, y] = 0
    s = bfloat16(s)
    A = (s - s[rows, y][:, None] + 1 > 0) * 1.0
    A[rows, y] = 0
    A[rows, y] = -A.sum(axis=1)
    return M.sum() / len(y), A / len(y)


def hinge_in_single_precision(s, y):
    """Thirds and sevenths are rounded, halves are not."""
    rows = np.arange(len(y))
    M = np.maximum(0, s - s[rows, y][:, None] + 1)
    M[rows, y] = 0
    A = (M > 0) * 1.0
    A[rows, y] = -A.sum(axis=1)
    return M.sum() / len(y), (A / len(y)).astype(np.float32).astype(np.float64)


def logistic_with_a_hessian_in_single_precision(s, t):
    p = 1 / (1 + np.exp(-s))
    return p - t, (p * (1 - p)).astype(np.float32).astype(np.float64)


OTHERS = {
    "rounded scores switch elsewhere, wherever they are": (hinge_of_rounded_scores, "multiclass_hinge", "scores", "gradient", "unknown"),
    "only where N is no power of 2": (hinge_in_single_precision, "multiclass_hinge", "scores", "gradient", "precision"),
    "the Hessian in float32": (logistic_with_a_hessian_in_single_precision, "binary_logistic", "objective", "curvature", "precision"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_format_is_no_other_margin_and_is_seen_in_a_hessian_too(name):
    f, loss, signature, law, code = OTHERS[name]
    found = find_out(f, find_loss(loss), Pins(signature=signature), "float64")
    result = run(LAWS[law], Subject(candidate=found.candidate, oracle=Oracle(found.objective, "float64")), profile="ci", seed=0)
    assert (result.verdict, result.diagnosis["code"]) == (Verdict.BROKEN, code), result.diagnosis


@pytest.mark.parametrize("name", INSIDE)
def test_a_format_is_told_from_steps(name):
    f, code, words = INSIDE[name]
    found = find_out(f, find_loss("softmax_cross_entropy"), Pins(signature="scores"), "float64")
    result = run(LAWS["gradient"], Subject(candidate=found.candidate, oracle=Oracle(found.objective, "float64")), profile="quick", seed=0)
    assert (result.verdict, result.diagnosis["code"]) == (Verdict.BROKEN, code), result.diagnosis
    assert words in result.diagnosis["message"]
