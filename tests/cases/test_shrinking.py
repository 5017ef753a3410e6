"""Simpler cases: what a predicate needs stays, everything else goes; the ones of the bias stay."""

from __future__ import annotations

import numpy as np
import pytest

from verify.cases import Case
from verify.cases.shrinking import lean, shrink_steps, shrunk
from verify.form import SCORES


def case(N=7, D=5, C=6, labels=None):
    rng = np.random.default_rng(N + 10 * D)
    X = rng.normal(size=(N, D))
    X[:, -1] = 1
    y = rng.integers(0, C, N) if labels is None else np.array(labels)
    return Case(values={"W": rng.normal(size=(C, D)), "X": X, "y": y, "reg": 0.375}, family="a test")


def test_nothing_is_left_of_a_case_that_always_breaks():
    found = shrunk(case(), lambda _: True, most=1000)
    assert (found["W"].tolist(), found["X"].tolist(), found["y"].tolist(), found["reg"]) == (
        [[0.0], [0.0]],
        [[1.0]],
        [int(found["y"][0])],
        0.0,
    )


NEEDS = {
    "three examples": (lambda c: len(c["X"]) >= 3, lambda c: len(c["X"]) == 3),
    "two features": (lambda c: c["W"].shape[1] >= 2, lambda c: c["W"].shape[1] == 2),
    "four classes": (lambda c: len(c["W"]) >= 4, lambda c: len(c["W"]) == 4),
    "an absent class": (lambda c: len(set(c["y"])) < len(c["W"]), lambda c: (len(c["X"]), len(c["W"])) == (1, 2)),
    "a penalty": (lambda c: c["reg"] > 0, lambda c: c["reg"] == 1),
    "a weight": (lambda c: c["W"].any(), lambda c: np.count_nonzero(c["W"]) == 1 and np.abs(c["W"]).max() == 1),
    "a score above 2": (lambda c: (c["X"] @ c["W"].T).max() > 2, lambda c: c["W"].shape[1] == 1),
}


@pytest.mark.parametrize("need", NEEDS)
def test_what_is_needed_stays(need):
    breaks, least = NEEDS[need]
    start = case()
    start["W"][0] *= 4
    assert breaks(start)
    assert least(shrunk(start, breaks, most=1000))


def test_every_simpler_case_is_a_case():
    for start in (case(), case(N=1), case(D=1), case(C=2), case(labels=[0, 0, 0, 0, 0, 0, 5])):
        for found in shrink_steps(start):
            again = Case.from_dict(found.to_dict(), "float64")  # raises where shapes or labels do not fit
            assert np.array_equal(again["X"][:, -1], np.ones(len(again["X"])))
            assert len(again["W"]) >= 2


def test_no_more_are_tried_than_allowed():
    tried = []
    shrunk(case(), lambda c: bool(tried.append(c)), most=10)
    assert len(tried) == 10


def of_scores():
    return Case(values=SCORES.of_linear(case().values), family="a test", differentiated=("scores",))


OF_SCORES = {
    "nothing": (lambda c: True, lambda c: c["scores"].tolist() == [[0.0, 0.0]]),
    "three examples": (lambda c: len(c["y"]) >= 3, lambda c: len(c["scores"]) == 3),
    "four classes": (lambda c: c["scores"].shape[1] >= 4, lambda c: c["scores"].shape == (1, 4)),
    "a score": (lambda c: c["scores"].any(), lambda c: np.count_nonzero(c["scores"]) == 1 and np.abs(c["scores"]).max() == 1),
}


@pytest.mark.parametrize("need", OF_SCORES)
def test_scores_stay_scores(need):
    breaks, least = OF_SCORES[need]
    found = shrunk(of_scores(), breaks, most=1000)
    assert ([*found.values], found.differentiated, len(found["scores"])) == (["scores", "y"], ("scores",), len(found["y"]))
    assert least(found)


@pytest.mark.parametrize(
    "start", [case(N=40), Case(values=SCORES.of_linear(case(N=40).values), family="a test", differentiated=("scores",))]
)
def test_where_a_size_matters_the_least_one_is_found_in_few_tries(start):
    tries, found = lean(start), None
    other = next(tries)
    for _ in range(10):
        breaks = len(other["y"]) >= 17
        found = other if breaks else found
        try:
            other = tries.send(breaks)
        except StopIteration:
            break
    assert (len(found["y"]), found.x.any()) == (17, False)
