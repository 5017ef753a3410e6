"""A local derivative that is another one is told with its line, where no other line explains the gradient as well."""

from __future__ import annotations

import re

import numpy as np
import pytest
from sympy import sympify

from verify import Candidate, Verdict, check
from verify.mistakes import multiple
from verify.mistakes.derivatives import DERIVATIVES, NOT_STRAIGHT, At
from verify.proof.field import RULES
from verify.tape.primitives import PRIMITIVES

RNG = np.random.default_rng(0)
W, X = RNG.normal(size=(3, 2)), RNG.normal(size=(4, 3))


def net(w):
    h = np.tanh(X @ w)
    return np.sum(h**3)


def wave(w):
    s = np.sin(w * 2)
    return np.sum(s**2)


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def cross_entropy(w):
    p = sigmoid(X @ w)
    return -np.sum(np.log(p) + np.log(1 - p) * 2)


def twice(w):
    a = np.exp(w)
    b = np.exp(a)
    return np.sum(b)


def inverse_norm(w):
    n = np.sqrt((w * w).sum(1))
    u = 1 / n
    return np.sum(u)


def net_slopes(local):
    def slopes(w):
        h = np.tanh(X @ w)
        return X.T @ (3 * h**2 * local(h))

    return slopes


def entropy_slopes(w):
    p = sigmoid(X @ w)
    return X.T @ ((2 / (1 - p) - 1 / p) * (1 - p))


WRONG = {
    "1 − h": (
        net,
        net_slopes(lambda h: 1 - h),
        "1 − h in place of 1 − h² for the derivative of `h = np.tanh(X @ w)` (test_derivatives.py:",
    ),
    "1 + h²": (net, net_slopes(lambda h: 1 + h**2), "1 + h² in place of 1 − h² for the derivative of `h = np.tanh(X @ w)`"),
    "sin": (wave, lambda w: 4 * np.sin(2 * w) ** 2, "s in place of cos(x) for the derivative of `s = np.sin(w * 2)`"),
    "−u, or the root's left out": (
        inverse_norm,
        lambda w: -w / (w * w).sum(1, keepdims=True),
        "−u in place of −u² for the derivative of `u = 1 / n` (test_derivatives.py:",
    ),
    "sigmoid": (cross_entropy, entropy_slopes, "1 − v in place of v(1 − v) for the derivative of `return 1 / (1 + np.exp(-z))`"),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_line_and_the_derivative_are_told(name):
    loss, slopes, told = WRONG[name]
    report = check(Candidate(loss=loss, grad=slopes), at=W, profile="quick", laws=("gradient", "formula"))
    assert report.verdict is Verdict.BROKEN
    assert told in str(report)


def test_where_two_lines_explain_it_none_is_told():
    """exp′ at a, by its argument a, is what exp′ at w is by its value: a·b for both."""

    def slopes(w):
        a = np.exp(w)
        return np.exp(a) * np.sqrt(a)

    report = check(Candidate(loss=twice, grad=slopes), at=W, profile="quick", laws=("gradient",))
    assert report.verdict is Verdict.BROKEN
    assert "for the derivative of" not in str(report)


@pytest.mark.parametrize("shown", DERIVATIVES)
def test_what_is_shown_is_what_is_computed(shown):
    read = re.sub("√([πx])", r"√(\1)", shown)
    for sign, meant in {"−": "-", "²": "**2", "³": "**3", "√": "sqrt", "π": "pi"}.items():
        read = read.replace(sign, meant)
    read = re.sub(r"(?<=[\dv])(?=\(|exp|[vx]|pi)|(?<![a-z])x(?=\()", lambda m: f"{m[0]}*", read)
    v, x = 0.3, 0.7
    computed = DERIVATIVES[shown](At(np.array(v), np.array(x)))
    assert computed == pytest.approx(float(sympify(read).subs({"v": v, "x": x})), rel=1e-14), read


def test_a_factor_near_1_is_not_called_1():
    assert multiple(1 + 3e-10) == "(1 + 3e-10) ×"
    assert multiple(1 - 2e-7) == "(1 − 2e-07) ×"
    assert multiple(0.5) == "0.5 ×"


APART = {
    "inverse_mills": "of formulas alone: no code is recorded as it",
    "polygamma": "of formulas alone: no code is recorded as it",
    "round_to": "a cast, whose derivative is 1",
}
"""Primitives of one number with a derivative that nobody writes otherwise, and why."""


def test_every_primitive_of_one_number_may_have_another_derivative():
    curved = {name for name, row in PRIMITIVES.items() if row.form == "elementwise" and len(row.domain) == 1 and not row.linear}
    assert curved - APART.keys() == NOT_STRAIGHT


def test_every_elementwise_primitive_has_a_rule_in_proofs():
    assert {name for name, row in PRIMITIVES.items() if row.form == "elementwise"} == RULES.keys()
