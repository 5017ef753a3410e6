"""The name of the bug without a spec: factor, sign, transposition, single entries, precision; and `unknown` for all else."""

from __future__ import annotations

import numpy as np
import pytest

from verify import Verdict, check

RNG = np.random.default_rng(3)
A, B = RNG.normal(size=(20, 3)), RNG.normal(size=(20, 2))
START = RNG.normal(size=(3, 2))


def least_squares(change):
    """Loss and gradient of ‖A W − B‖² + Σ log cosh W; W is (3, 2)."""

    def f(W):
        R = A.astype(W.dtype) @ W - B.astype(W.dtype)
        G = 2 * A.T.astype(W.dtype) @ R + np.tanh(W)
        return (R * R).sum() + np.log(np.cosh(W)).sum(), change(G, W, R)

    return f


def scaled_at(place, factor):
    def change(G, W, R):
        G = G.copy()
        G[place] *= factor
        return G

    return change


NAMED = {
    "half of it": (lambda G, W, R: G / 2, "scaled", "half of what it must be"),
    "off by 1e-6": (lambda G, W, R: G * (1 + 1e-6), "scaled", "(1 + 1e-06) ×"),
    "wrong sign": (lambda G, W, R: -G, "sign", "wrong sign"),
    "nothing": (lambda G, W, R: 0 * G, "term-missing", "is 0"),
    "transposed": (lambda G, W, R: G.T.reshape(G.shape), "transposed", "transposed"),
    "last column left out": (scaled_at((slice(None), -1), 0.0), "entries", "in the last column"),
    "rows reversed": (lambda G, W, R: G[::-1], "entries", "rows reversed"),
    "one entry": (scaled_at((1, 0), 1.01), "entries", "1 of 6 entries"),
    "divided by its norm": (lambda G, W, R: G / np.linalg.norm(G), "scaled", "divided by its norm"),
    "single precision inside": (lambda G, W, R: G.astype(np.float32).astype(G.dtype), "precision", "float32"),
    "a term is missing": (lambda G, W, R: G - np.tanh(W), "path-missing", "lacks what comes through"),
    "a smooth function of it": (lambda G, W, R: np.arcsinh(G), "unknown", "allowed"),
}


@pytest.mark.parametrize("name", NAMED)
def test_a_wrong_gradient_gets_its_name(name):
    change, code, words = NAMED[name]
    (result,) = check(least_squares(change), loss=None, at=START, laws=("gradient",), profile="quick").results
    assert (result.verdict, result.diagnosis["code"]) == (Verdict.BROKEN, code), result.diagnosis
    assert words in result.diagnosis["message"]
    assert result.kind == ("precision" if code == "precision" else "wrong")


def in_steps(bits):
    """Steps of a common size, a part of the greatest entry."""
    return lambda G, W, R: np.round(G / np.abs(G).max() * 2**bits) / 2**bits * np.abs(G).max()


ROUNDED = {
    "float16": (lambda G, W, R: G.astype(np.float16).astype(G.dtype), "precision", "one of float16"),
    "float32 inside": (
        lambda G, W, R: (2 * A.T.astype(np.float32) @ R.astype(np.float32)).astype(float) + np.tanh(W),
        "precision",
        "float32",
    ),
    "24 bits of the greatest": (in_steps(24), "precision", "or rounded to as few digits"),
    "12 bits of the greatest": (in_steps(12), "unknown", "allowed"),
    "a small smooth term": (lambda G, W, R: G + 1e-7 * W, "unknown", "allowed"),
}


@pytest.mark.parametrize("name", ROUNDED)
def test_roundings_are_told_by_the_format_that_holds_the_numbers_or_by_their_jumps(name):
    change, code, words = ROUNDED[name]
    (result,) = check(least_squares(change), loss=None, at=START, laws=("gradient",), profile="quick").results
    assert (result.verdict, result.diagnosis["code"]) == (Verdict.BROKEN, code), result.diagnosis
    assert words in result.diagnosis["message"]


LARGE = {
    "half": (lambda g: g / 2, "scaled", "half of what it must be"),
    "sign": (lambda g: -g, "sign", "wrong sign"),
    "nothing": (lambda g: 0 * g, "term-missing", "is 0"),
    "one entry": (lambda g: g * np.where(np.arange(g.size) == 7, 2, 1), "entries", "1 of 60 entries"),
    "reversed": (lambda g: g[::-1], "entries", "reversed"),
    "right for most": (lambda g: g * np.where(np.arange(g.size) < 8, 0.5, 1), "entries", "8 of 60 entries"),
}


@pytest.mark.parametrize("name", LARGE)
def test_what_is_done_to_all_entries_alike_gets_its_name_in_a_large_gradient_too(name):
    change, code, words = LARGE[name]
    weights = np.random.default_rng(0).normal(size=60)

    def f(x):
        return weights @ x**2 + np.exp(x).sum(), change(2 * weights * x + np.exp(x))

    (result,) = check(f, loss=None, at=weights, laws=("gradient",), profile="quick").results
    assert (result.verdict, result.diagnosis["code"]) == (Verdict.BROKEN, code), result.diagnosis
    assert words in result.diagnosis["message"]


@pytest.mark.parametrize("name", ["one entry", "reversed", "right for most"])
def test_differences_do_not_tell_single_entries_of_a_large_gradient(name):
    change, weights = LARGE[name][0], np.random.default_rng(0).normal(size=60)

    def f(x):
        return weights @ x**2 + np.exp(x).sum(), change(2 * weights * x + np.exp(x))

    (result,) = check(f, loss=None, at=weights, laws=("gradient",), profile="quick", formula="differences").results
    assert (result.verdict, result.diagnosis["code"]) == (Verdict.BROKEN, "unknown")
