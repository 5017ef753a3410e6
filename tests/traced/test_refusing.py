"""Code that refuses what lies outside of its domain is judged within it: laws step from the example, and some steps end outside."""

from __future__ import annotations

import numpy as np
import pytest

from verify import Verdict, check

TARGETS = np.array([0.8, 0.3, 0.4])


def demand(inside):
    if not np.all(inside):
        raise ValueError("outside of the domain")


def cross_entropy(x, y=TARGETS):
    demand((x >= 0) & (x <= 1))
    return -(y * np.log(x) + (1 - y) * np.log(1 - x)).mean(), -(y / x - (1 - y) / (1 - x)) / x.size


def entropy(x):
    demand(abs(x.sum() - 1) < 1e-3)
    return (x * np.log(x)).sum(), np.log(x) + 1


def narrow(x, times=3):
    demand((x > 0.85) & (x < 0.96))
    return (x**3).sum(), times * x * x


POINTS = {cross_entropy: [0.2, 0.5, 0.95], entropy: [0.2, 0.3, 0.5], narrow: [0.9, 0.93, 0.95]}
POINTS = {f: np.array(x) for f, x in POINTS.items()}


@pytest.mark.parametrize("formula", ["own", "differences"])
@pytest.mark.parametrize("f", POINTS, ids=lambda f: f.__name__)
def test_a_right_one_holds(f, formula):
    report = check(f, at=POINTS[f], dtypes=("float64", "float32"), formula=formula, profile="quick")
    assert [(r.law, r.diagnosis) for r in report.results if r.verdict is Verdict.BROKEN] == []
    (told,) = report.conventions.values()
    assert told["formula"]["source"] == formula
    by_law = {(r.law, r.dtype): r for r in report.results}
    assert by_law["gradient", "float64"].decided > 0
    refused = any("it remembers its answer was not asked" in told for told in by_law["purity", "float64"].limitations)
    assert refused == (f is entropy and formula == "differences")  # which moves all numbers by one part of theirs


@pytest.mark.parametrize("formula", ["own", "differences"])
def test_a_wrong_one_is_broken(formula):
    report = check(lambda x: narrow(x, times=2), at=POINTS[narrow], formula=formula, profile="quick", laws=("gradient",))
    assert report.verdict is Verdict.BROKEN


@pytest.mark.parametrize("formula", ["own", "differences"])
def test_an_answer_that_is_remembered_is_seen_where_only_near_numbers_are_taken(formula):
    known = {}

    def remembers(x):
        if known.get("x") is not x:
            known.update(x=x, answer=narrow(x))
        return known["answer"][0], known["answer"][1].copy()

    (result,) = check(remembers, at=POINTS[narrow], formula=formula, profile="quick", laws=("purity",)).results
    assert result.verdict is Verdict.BROKEN
    assert "remembers its answer" in result.diagnosis["message"]


@pytest.mark.parametrize(("formula", "law"), [("own", "consistency"), ("differences", "purity")])
def test_who_raises_at_the_example_when_asked_again_is_broken(formula, law):
    calls = []

    def tired(x):
        calls.append(1)
        demand(len(calls) < (12 if formula == "own" else 4))
        return (x * x).sum(), 2 * x

    (result,) = check(tired, at=POINTS[narrow], formula=formula, profile="quick", laws=(law,)).results
    assert result.verdict is Verdict.BROKEN
    assert "outside of the domain" in result.diagnosis["message"]
