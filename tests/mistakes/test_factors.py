"""A gradient that is a multiple of what it must be: the line where its factor comes from, if that is certain."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from verify import Candidate, Verdict, check

RNG = np.random.default_rng(13)
SOURCE = Path(__file__).read_text(encoding="utf-8").splitlines()
X, Y = np.round(RNG.normal(size=(6, 3)), 2), np.round(RNG.normal(size=6), 2)
SIGNS = np.array([1.0, -1.0, 1.0, 1.0, -1.0, -1.0])
W = np.array([0.3, -0.7, 0.5])


def halved(w):
    r = X @ w - Y
    return 0.5 * np.sum(r**2)


def summed(w):
    r = X @ w - Y
    return np.sum(r**2)


def averaged(w):
    r = X @ w - Y
    return np.mean(r**2)


def logistic(w):
    m = SIGNS * (X @ w)
    return np.mean(np.log1p(np.exp(-m)))


def tempered(w):
    z = w / 4.0
    return np.log(np.sum(np.exp(z)))


def bends(w):
    a = np.abs(w)
    return np.sum(np.where(a < 1, 0.5 * w**2, a - 0.5)) / w.size


def root(w):
    r = X @ w - Y
    return np.sqrt(np.mean(r**2))


def springs(w):
    stretched = w[1:] - w[:-1]
    return 1.25 * np.sum(stretched**2)


def of_halved(w):
    r = X @ w - Y
    return 2 * (X.T @ r)


def of_summed(w):
    r = X @ w - Y
    return 2 * X.T @ r / len(Y)


def of_averaged(w):
    r = X @ w - Y
    return X.T @ r / len(Y)


def of_logistic(w):
    m = SIGNS * (X @ w)
    return X.T @ (-SIGNS / (1 + np.exp(m)))


def turned(w):
    p = 1 / (1 + np.exp(SIGNS * (X @ w)))
    return X.T @ (SIGNS * p) / len(SIGNS)


def of_tempered(w):
    e = np.exp(w / 4.0)
    return 4.0 * e / e.sum()


def of_bends(w):
    return np.clip(w, -1, 1) / w.size / 2


def of_root(w):
    r = X @ w - Y
    g = X.T @ r / len(r) / np.sqrt(np.mean(r**2))
    g = -g
    return g.ravel()


def of_springs(w):
    d = 2.5 * (w[1:] - w[:-1])
    g = np.zeros_like(w)
    g[1:] += d
    g[:-1] -= d
    return 2 * g


TOLD = {
    "a half": (halved, of_halved, "it leaves out the derivative of `return 0.5 * np.sum(r**2)`", "return 0.5 *"),
    "a half, or a 2": (halved, of_halved, "or would be right without 2 in `return 2 * (X.T @ r)`", "return 2 * (X.T @ r)"),
    "a size too much": (summed, of_summed, "it would be right without 6 in", "return 2 * X.T @ r / len(Y)"),
    "the 2 of a square": (averaged, of_averaged, "it lacks the 2 of the derivative of `r**2`", "return np.mean(r**2)"),
    "a mean": (logistic, of_logistic, "it sums what comes through", "return np.mean(np.log1p"),
    "a sign of the loss": (logistic, turned, "it leaves out the derivative of `-m`", "return np.mean(np.log1p"),
    "times for by": (tempered, of_tempered, "it has the inverse of the derivative of", "z = w / 4.0"),
    "a half too much": (bends, of_bends, "it would be right without 2 in", "return np.clip"),
    "a minus too much": (root, of_root, "it would be right without the minus sign in", "g = -g"),
    "a 2 too much": (springs, of_springs, "it would be right without 2 in", "return 2 * g"),
}


def diagnosis_of(loss, gradient):
    (result,) = check(Candidate(loss=loss, grad=gradient), at=W, laws=("formula",), profile="quick").results
    assert result.verdict is Verdict.BROKEN
    return result.diagnosis


@pytest.mark.parametrize("name", TOLD)
def test_the_line_of_the_factor_is_told(name):
    loss, gradient, words, due = TOLD[name]
    told = diagnosis_of(loss, gradient)
    assert told["code"] in ("scaled", "sign")
    assert words in told["message"], told
    assert any(SOURCE[place["line"] - 1].strip().startswith(due) for place in told["places"]), told


RIGHT = {
    "halved": (halved, lambda w: of_halved(w) / 2),
    "summed": (summed, lambda w: of_summed(w) * 6),
    "averaged": (averaged, lambda w: 2 * of_averaged(w)),
    "logistic": (logistic, lambda w: -turned(w)),
    "tempered": (tempered, lambda w: of_tempered(w) / 16),
    "bends": (bends, lambda w: 2 * of_bends(w)),
    "root": (root, lambda w: -of_root(w)),
    "springs": (springs, lambda w: of_springs(w) / 2),
}


@pytest.mark.parametrize("name", RIGHT)
def test_with_the_right_factor_it_holds(name):
    loss, gradient = RIGHT[name]
    report = check(Candidate(loss=loss, grad=gradient), at=W, laws=("gradient", "formula"), profile="quick")
    assert report.verdict is Verdict.HOLDS, str(report)


def test_of_two_numbers_that_would_do_neither_is_named():
    def of_summed_twice(w):
        r = X @ w - Y
        g = X.T @ r * 2.0
        return g * 2.0

    told = diagnosis_of(summed, of_summed_twice)
    assert (told["code"], told.get("places", [])) == ("scaled", []), told


def test_a_number_that_the_loss_uses_too_is_none_of_the_gradients_own():
    def residual(w):
        return (X @ w - Y) / 2

    told = diagnosis_of(lambda w: np.sum(np.cosh(residual(w)) + np.cosh(residual(w))), lambda w: X.T @ np.sinh(residual(w)) / 3)
    assert "would be right without 2" not in told["message"], told
