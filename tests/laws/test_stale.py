"""A gradient that uses what the last call of the loss left: right behind its own loss, told as a limitation, and wrong where it lags."""

from __future__ import annotations

import numpy as np
import pytest

from verify import Candidate, Verdict, check
from verify.laws.purity import STALE

AT = np.array([0.5, -1.0, 2.0])
KEPT: dict[str, np.ndarray] = {}


def quartic(x):
    KEPT["x"] = np.array(x)
    return np.sum(x**4)


def of_quartic(x):
    return 4 * KEPT.get("x", x) ** 3


class Kept:
    """A course's class: the loss keeps what its gradient uses."""

    def loss(self, x):
        self.h = np.tanh(x)
        return np.sum(self.h**2)

    def grad(self, x):
        return 2 * self.h * (1 - np.tanh(x) ** 2)


class Memo:
    """What scipy does: it computes anew where x is another one."""

    def __init__(self):
        self.key = None

    def known(self, x):
        if self.key is None or not np.array_equal(self.key, x):
            self.key, self.value, self.slope = np.array(x), np.sum(x**4), 4 * x**3
        return self.value, self.slope.copy()

    def loss(self, x):
        return self.known(x)[0]

    def grad(self, x):
        return self.known(x)[1]


class Lagging:
    """The gradient of the loss before the last."""

    def __init__(self):
        self.before = self.last = AT

    def loss(self, x):
        self.before, self.last = self.last, np.array(x)
        return np.sum(x**4)

    def grad(self, x):
        return 4 * self.before**3 if self.before.shape == x.shape else 4 * x**3


class Square:
    """A layer."""

    def forward(self, x):
        self.x = x
        return x**2

    def backward(self, g):
        return 2 * self.x * g


def pair_of(made):
    return Candidate(loss=made.loss, grad=made.grad)


WAYS = {"recorded": {}, "by differences": {"formula": "differences"}}


def notes(report):
    return [line for r in report.results for line in r.limitations if line == STALE]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["in the module", "in an object"])
def test_what_uses_the_last_loss_holds_and_is_told(name, way):
    candidate = Candidate(loss=quartic, grad=of_quartic) if name == "in the module" else pair_of(Kept())
    report = check(candidate, at=AT, profile="quick", **WAYS[way])
    assert report.verdict is Verdict.HOLDS, str(report)
    assert notes(report) == [STALE]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "candidate", [pair_of(Memo()), Candidate(loss=lambda x: np.sum(x**4), grad=lambda x: 4 * x**3)], ids=["memo", "none"]
)
def test_what_asks_for_x_is_not_told(candidate, way):
    report = check(candidate, at=AT, profile="quick", laws=("gradient", "order", "purity"), **WAYS[way])
    assert (report.verdict, notes(report)) == (Verdict.HOLDS, []), str(report)


def test_a_backward_belongs_to_the_forward_before_it():
    report = check(Square, at=AT, profile="quick", laws=("gradient", "purity"))
    assert (report.verdict, notes(report)) == (Verdict.HOLDS, []), str(report)


@pytest.mark.parametrize("way", WAYS)
def test_what_is_wrong_behind_its_own_loss_is_broken(way):
    report = check(pair_of(Lagging()), at=AT, profile="quick", laws=("gradient", "purity"), **WAYS[way])
    assert report.verdict is Verdict.BROKEN


def test_with_a_spec_it_is_told_too():
    class Scores:
        def loss(self, s, y):
            e = np.exp(s - s.max(axis=1, keepdims=True))
            self.p, rows = e / e.sum(axis=1, keepdims=True), np.arange(len(s))
            return np.mean(np.log(e.sum(axis=1)) - (s - s.max(axis=1, keepdims=True))[rows, y])

        def grad(self, s, y):
            g = self.p.copy()
            g[np.arange(len(s)), y] -= 1
            return g / len(s)

    report = check(pair_of(Scores()), loss="softmax_cross_entropy", signature="scores", profile="quick", laws=("gradient", "purity"))
    assert (report.verdict, notes(report)) == (Verdict.HOLDS, [STALE]), str(report)
