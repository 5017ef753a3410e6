"""The trial of a law whose truth is estimated: what it asks, what it counts, and what it leaves of a counterexample."""

from __future__ import annotations

import numpy as np

from verify import Verdict
from verify.cases.case import NAMING
from verify.pair import Estimated, Pair, Start
from verify.pair.shrinking import MOST_TRIES
from verify.trial import Trial


def question(f, x, *, law="gradient", seed=0):
    return Estimated(law=law, pair=Pair(f), at=Start({"x": np.asarray(x)}), dtype="float64", profile="quick", seed=seed)


def halved(x):
    return (x * x).sum(), x


def test_what_is_asked_to_name_a_mistake_is_told_and_what_is_avoided_is_not_asked():
    asked = []
    mistaken = question(halved, [0.3, -0.7])
    result = Trial(mistaken, asked.append).run()
    to_name = [case for case in asked if case.family == NAMING]
    assert (result.verdict, result.diagnosis["code"]) == (Verdict.BROKEN, "scaled")
    assert len(to_name) == 3
    avoided, again = to_name[-1], []
    result = Trial(mistaken, again.append).again(result.witness.case, [avoided])
    assert (result.verdict, result.diagnosis["code"]) == (Verdict.BROKEN, "scaled")
    assert avoided.key not in {case.key for case in again}


def test_no_pieces_are_known_and_the_families_are_counted():
    asked = []
    result = Trial(question(lambda x: (np.abs(x).sum(), np.sign(x)), [0.3, -0.7, 0.0]), asked.append).run()
    assert (result.verdict, result.patterns) == (Verdict.HOLDS, 0)
    assert sum(result.families.values()) == result.cases == len(asked)


def wrong_elsewhere(f, given, change):
    """Right at the given point, changed where its entry 1 is another."""

    def g(x):
        value, gradient = f(x)
        return value, change(x, gradient) if x[1] != given[1] else gradient

    return g


def squares(x):
    return (x * x).sum(), 2 * x


def doubled_entry(x, gradient):
    return gradient * np.array([1, 2, 1])


ACROSS_0, POSITIVE = np.array([0.328125, -0.703125, 1.546875]), np.array([0.328125, 0.703125, 1.546875])


def test_what_is_wrong_only_beside_the_given_point_is_shown_by_zeros_and_ones():
    mistaken = question(wrong_elsewhere(squares, ACROSS_0, doubled_entry), ACROSS_0)
    result = Trial(mistaken).run()
    assert result.witness.case.x.tolist() == [0, -1, 0]  # at 0 it is right
    assert result.diagnosis["entries"] == [[1]]
    assert Trial(mistaken).again(result.witness.case).verdict is Verdict.BROKEN
    assert result.families == {"given": 1, "near": 1}


def test_signs_stay_where_the_given_point_has_one_only():
    def logarithms(x):
        return -np.log(x).sum(), -1 / x

    asked = []
    result = Trial(question(wrong_elsewhere(logarithms, POSITIVE, doubled_entry), POSITIVE), asked.append).run()
    assert result.witness.case.x.tolist() == [0.25, 0.5, 1.0]
    assert min(case.x.min() for case in asked) > 0


def test_the_given_point_stays_where_it_breaks_the_law():
    asked = []
    result = Trial(question(halved, [0.3, -0.7]), asked.append).run()
    assert result.witness.case.x.tolist() == [0.3, -0.7]
    assert "simplified" not in {case.family for case in asked}


def test_no_gradient_is_no_simpler_wrong_one():
    def absolutes(x):
        return np.abs(x).sum(), np.where(x == 0, np.nan, np.sign(x))

    result = Trial(question(wrong_elsewhere(absolutes, ACROSS_0, doubled_entry), ACROSS_0)).run()
    assert result.witness.case.x.tolist() == [1, -1, 1]
    assert result.diagnosis["code"] != "overflow"


def test_an_entry_that_can_be_no_number_of_few_bits_is_that_of_the_given_point():
    def of_many_bits(x, gradient):
        return doubled_entry(x, gradient) if x[2] * 8 % 1 else gradient

    result = Trial(question(wrong_elsewhere(squares, POSITIVE, of_many_bits), POSITIVE)).run()
    assert result.witness.case.x.tolist() == [0.25, 0.5, POSITIVE[2]]


def test_few_points_are_tried_however_many_entries_there_are():
    given, asked = np.random.default_rng(0).normal(size=60), []

    def where_all_differ(x):
        return (x * x).sum(), 2 * x * (1 + np.all((x != given) & (x * 2**12 % 1 != 0)))

    result = Trial(question(where_all_differ, given), asked.append).run()
    tried = [case for case in asked if case.family == "simplified"]
    assert result.witness.case.family == "near"
    assert 10 < len(tried) <= MOST_TRIES
    assert len({case.key for case in tried}) == len(tried)


def test_a_jump_is_met_by_chance_only():
    """A right loss may jump where numbers are round: there it proves nothing."""
    last = {}

    def stale(x):
        if "x" not in last or np.max(np.abs(last["x"] - x)) > 1e-3:
            last.update(x=x.copy(), value=(x * x).sum())
        return last["value"], 2 * x

    result = Trial(question(stale, ACROSS_0, law="order")).run()
    assert result.verdict is Verdict.BROKEN
    assert result.witness.case.family in ("near", "moved")
