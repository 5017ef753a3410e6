"""Losses of a batch that compare their targets: they are given numbers, not symbols."""

from __future__ import annotations

import numpy as np
import pytest
from sympy import Add, Max

import verify
from verify.problem import problem_of
from verify.spec import Claims, Count, LossSpec, Real


def ranked(s, y):
    return Add(*(Max(0, 1 - s[i] + s[j]) for i in range(len(s)) for j in range(len(s)) if y[i] > y[j]))


def weighed(s, y):
    return Add(*(a * b for a, b in zip(s, y, strict=True)))


def spec(formula, target):
    return LossSpec(name="of_a_batch", per_batch=formula, target=target, claims=Claims(convex=True), source="none")


RANKED = spec(ranked, Count())


def ranking(slip):
    def f(s, y):
        pairs = (y[:, None] > y) & (s[:, None] - s < 1)
        lost = (1 - s[:, None] + s)[pairs].sum()
        worse, better = pairs.sum(0), pairs.sum(1)
        return lost, (worse if slip else worse - better).astype(s.dtype)

    return f


@pytest.mark.parametrize(("formula", "target", "asked"), [(ranked, Count(), True), (ranked, Real(), True), (weighed, Real(), False)])
def test_who_compares_targets_is_given_numbers(formula, target, asked):
    assert problem_of(spec(formula, target)).input("target").concrete is asked


@pytest.mark.parametrize("slip", [False, True])
def test_a_ranking_by_counts_is_judged(slip):
    report = verify.check(ranking(slip), loss=RANKED, laws=("value", "gradient", "membership"), profile="quick", dtypes=("float32",))
    assert [r.verdict for r in report.results] == [verify.Verdict.HOLDS, *[verify.Verdict.BROKEN if slip else verify.Verdict.HOLDS] * 2]


def test_a_formula_that_takes_neither_says_what_it_said():
    def wrong(s, y):
        return Add(*(np.sign(a) for a in s)) if y[0] > y[1] else Add(*s)

    with pytest.raises(verify.UsageError, match="the formula of of_a_batch"):
        verify.check(ranking(False), loss=spec(wrong, Count()), laws=("value",), profile="quick")
