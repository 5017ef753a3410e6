"""Arguments that keep their defaults are judged at these alone: the report says so, and how they would be varied."""

from __future__ import annotations

import re

import numpy as np
import pytest

from verify import Candidate, Verdict, check

X = np.array([0.5, -1.0, 2.0])


def power(x, p=2.0):
    return np.sum(np.abs(x) ** p)


def of_squares(x, p=2.0):
    return 2 * x if p == 2.0 else 0 * x


def several(W, X, y, reg=0.1, shift=0.0, steps=3, mode="sum", flag=True, weights=None):
    r = X @ W - y - shift
    return 0.5 * np.sum(r**2) + reg * np.sum(W**2), X.T @ r + 2 * reg * W


def at_one(x):
    return np.sum(x**2), 2 * x


SEVERAL = (np.array([0.5, -1.0]), np.array([[1.0, 2.0], [0.5, -1.0], [0.3, 0.2]]), np.array([1.0, 0.5, -1.0]))


def told(candidate, **options):
    report = check(candidate, profile="quick", laws=("gradient",), **options)
    return report, [line for line in report.results[0].limitations if "at its default" in line]


CASES = {
    "one array": (Candidate(loss=power, grad=of_squares), {"at": X}, {"p": "2.0"}),
    "several inputs": (several, {"at": SEVERAL}, {"reg": "0.1", "shift": "0.0"}),
    "one of them given": (several, {"at": (*SEVERAL, 0.2)}, {"shift": "0.0"}),
    "by name": (several, {"at": dict(zip("WXy", SEVERAL, strict=True)) | {"shift": 0.5}}, {"reg": "0.1"}),
    "drawn": (several, {"inputs": {"W": "d", "X": "n d", "y": "n", "shift": "| real"}, "wrt": ("W",)}, {"reg": "0.1"}),
    "by differences": (Candidate(loss=power, grad=of_squares), {"at": X, "formula": "differences"}, {"p": "2.0"}),
    "none": (at_one, {"at": X}, {}),
    "given": (Candidate(loss=power, grad=of_squares), {"at": {"x": X, "p": 2.0}}, {}),
}


@pytest.mark.parametrize("name", CASES)
def test_defaults_are_told_where_they_are_not_given(name):
    candidate, options, due = CASES[name]
    report, lines = told(candidate, **options)
    assert report.verdict is Verdict.HOLDS, str(report)
    found = [re.match(r"(\w+) is judged at its default, ([\d.]+), alone", line) for line in lines]
    assert {m[1]: m[2] for m in found} == due


def test_what_the_hint_says_varies_it():
    pair = Candidate(loss=power, grad=of_squares)
    _, (line,) = told(pair, at=X)
    name, declared = re.search(r'--inputs "(\w+): (.*?)"', line).groups()
    report, lines = told(pair, at={"x": X, name: 2.0}, inputs={name: declared})
    assert (report.verdict, lines) == (Verdict.BROKEN, [])
    report, lines = told(pair, inputs={"x": "n", name: declared})
    assert (report.verdict, lines) == (Verdict.BROKEN, [])


class Leaky:
    """Right at its default only."""

    def forward(self, x, alpha=0.1):
        self.x = x
        return np.where(x > 0, x, alpha * x)

    def backward(self, dout):
        return dout * np.where(self.x > 0, 1.0, 0.1)


def leaky(x, alpha=0.1):
    return np.where(x > 0, x, alpha * x), x


LAYERS = {
    "an object": Leaky,
    "a forward with its backward": Candidate(forward=leaky, backward=lambda dout, x: dout * np.where(x > 0, 1.0, 0.1)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_those_of_a_layer_are_told_too(name):
    report, (line,) = told(LAYERS[name], at=X)
    assert report.verdict is Verdict.HOLDS
    assert line.startswith("alpha is judged at its default, 0.1, alone: name alpha in the example (at), with another number")
    report, lines = told(LAYERS[name], at={"x": X, "alpha": 0.3})
    assert (report.verdict, lines) == (Verdict.BROKEN, [])
