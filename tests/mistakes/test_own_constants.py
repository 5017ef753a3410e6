"""Numbers that a gradient's own code has, and the loss's has not: they are told with the line of the gradient."""

from __future__ import annotations

import numpy as np
import pytest

from verify import Verdict, check

X, Y = np.random.default_rng(0).normal(size=(2, 5))


def distance(x, y):
    d = np.sqrt(((x - y) ** 2).sum())
    g = (x - y) / (1e-6 + d)
    return d, (g, -g)


def guarded(x, y):
    """The loss has it, too."""
    d = np.sqrt(((x - y) ** 2).sum() + 1e-6)
    g = (x - y) / d
    return d, (g, -g)


def tiny(x, y):
    d = np.sqrt(((x - y) ** 2).sum())
    g = (x - y) / (d + 1e-9)
    return d, (g, -g)


def damped(x, y):
    z = x @ y
    return np.tanh(z), (y * (1 - np.tanh(z) ** 2) * 0.875 + 0.25 * y, x * (1 - np.tanh(z) ** 2) * 0.875 + 0.25 * x)


def scaled(x, y):
    d = np.sqrt(((x - y) ** 2).sum())
    g = (x - y) / (1e-6 + d) * np.abs(x)
    return d, (g, -g)


def two_ways(x, y):
    """Wrong another way, too, where the number is not; points near the one given go both ways."""
    d = np.sqrt(((x - y) ** 2).sum())
    g = (x - y) / (1e-6 + d) if x[0] > 0.12 else (x - y) / d * np.abs(x)
    return d, (g, -g)


TOLD = {
    "an ε in a denominator": (
        distance,
        "would be right without 1e-06 in `g = (x - y) / (1e-6 + d)` (test_own_constants.py:15)",
    ),
    "a tiny one": (tiny, "would be right without 1e-09 in `g = (x - y) / (d + 1e-9)` (test_own_constants.py:28)"),
}


@pytest.mark.parametrize("name", TOLD)
def test_it_is_told_with_the_line_of_the_gradient(name):
    f, told = TOLD[name]
    results = [r for r in check(f, at=(X, Y), laws=("gradient", "formula"), profile="quick").results if r.verdict is Verdict.BROKEN]
    assert [told in r.diagnosis["message"] for r in results] == [True, True]
    assert {r.diagnosis["code"] for r in results} == {"constant"}


def test_what_the_loss_has_is_right():
    assert check(guarded, at=(X, Y), laws=("gradient", "formula"), profile="quick").verdict is Verdict.HOLDS


@pytest.mark.parametrize("f", [damped, scaled, two_ways])
def test_nothing_is_told_where_leaving_it_out_is_not_enough(f):
    results = check(f, at=(X, Y), laws=("gradient", "formula"), profile="quick").results
    assert {r.verdict for r in results} == {Verdict.BROKEN}
    assert not any("would be right without" in r.diagnosis["message"] for r in results)
