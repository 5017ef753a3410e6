"""The bulk search: its quick truth beside the balls, its bytes beside the strategy, and what only it finds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import sympy
from hypothesis import Phase, given, settings
from implementations import hinge, softmax
from sympy import Abs, Max, Piecewise, exp

from verify import bulk
from verify.candidates import Linear, Scores, answers
from verify.cases import Case
from verify.cases.bulk import ROUND, batches
from verify.evidence import Verdict
from verify.form import SCORES
from verify.laws import LAWS, AnswerCache, Subject
from verify.oracle import Oracle, vectorised
from verify.spec import Claims, LossSpec, Objective
from verify.spec.catalogue import find_loss, find_penalty
from verify.trial import run
from verify.trial.engine import SETTINGS, StoredChoices

DTYPES = ["float64", "float32"]


def spec(formula):
    return LossSpec(name="a_test", per_example=formula, claims=Claims(convex=None), source="a test")


LOSSES = {
    "multiclass_hinge": {},
    "softmax_cross_entropy": {},
    "binary_logistic": {"reduction": "sum"},
    "squared_error": {},
    "half a margin": {"loss": "multiclass_hinge", "parameters": {"delta": 0.3}},
    "of scores": {"loss": "softmax_cross_entropy", "form": SCORES},
    "the greatest": {"loss": spec(lambda s, y: Max(*s) - s[y])},
    "a switch in a switch": {"loss": spec(lambda s, y: Abs(Max(0, s[1] - s[0]) - Max(0, 1 - s[y])) + exp(s[0] / 8))},
    "pieces": {"loss": spec(lambda s, y: Piecewise((s[y] ** 2, s[y] < 1), (2 * s[y] - 1, True)) + sympy.sqrt(1 + s[0] ** 2))},
}


TIED = {"multiclass_hinge", "the greatest", "a switch in a switch", "pieces"}


def oracle(case="multiclass_hinge", dtype="float64"):
    given_ = {"loss": case, "penalty": "half-l2-no-bias"} | LOSSES[case]
    loss = find_loss(given_["loss"]) if isinstance(given_["loss"], str) else given_["loss"]
    return Oracle(Objective(**given_ | {"loss": loss, "penalty": find_penalty(given_["penalty"])}), dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", LOSSES)
def test_the_quick_truth_is_that_of_the_balls(case, dtype):
    truth = oracle(case, dtype)
    some = [b for b in batches(truth, seed=1, examples=8, rounds=2) if b.size[0] < 9]
    tied = 0
    for batch, many in zip(some, vectorised.at(truth, [b.problems for b in some]), strict=True):
        c = batch.case(0)
        exact = truth.at(**c.values)
        assert abs(many.value[0] - float(exact.value.exact)) <= many.value_allowed[0]
        assert many.value_allowed[0] <= 50 * exact.value.radius + 500 * truth.u
        center = np.array([[float(x) for x in row] for row in exact.gradient.center])
        low, high = (center + sum(_reach(g, side) for g in exact.gradient.groups) for side in (np.min, np.max))
        assert np.all(many.low[0] <= low + many.allowed[0])
        assert np.all(many.high[0] >= high - many.allowed[0])
        assert many.tied[0] == (not exact.gradient.is_single)
        if not many.tied[0]:
            assert np.all(np.abs(many.low[0] - center) + np.abs(many.high[0] - center) <= 2 * many.allowed[0])
            assert np.all(many.allowed[0] <= 50 * exact.gradient.radius)
        tied += bool(many.tied[0])
    assert (tied > 0) == (case in TIED)


def _reach(group, side):
    return side([g.matrix for g in group], axis=0)


def drawn(choices, strategy):
    found = []

    @settings(SETTINGS, database=StoredChoices(choices), phases=(Phase.reuse,))
    @given(strategy)
    def collect(case):
        found.append(case)

    collect()
    return found


@pytest.mark.parametrize("case", ["multiclass_hinge", "squared_error", "of scores"])
def test_the_engine_draws_the_same_case_from_the_same_choices(case):
    truth = oracle(case, "float32")
    for batch in list(batches(truth, seed=3, examples=100, rounds=1))[:10]:
        b = len(batch.raw) - 1
        strategy, choices = batch.drawn(b)
        (there,), here = drawn(choices, strategy), batch.case(b)
        due = {name: np.asarray(part[b]).tobytes() for name, part in batch.problems.items()}
        for found in (there, here):
            assert {name: np.asarray(value).tobytes() for name, value in found.values.items()} == due


def test_a_round_meets_every_number_of_examples_and_the_same_seed_the_same_problems():
    first, again, other = (list(batches(oracle(), seed=s, examples=64, rounds=1)) for s in (0, 0, 1))
    assert sorted(b.size[0] for b in first) == list(range(1, ROUND + 1))
    assert {b.size[1] for b in first} == set(range(1, 17))
    assert {b.size[2] for b in first} == set(range(2, 7))
    assert [b.raw.tobytes() for b in first] == [b.raw.tobytes() for b in again] != [b.raw.tobytes() for b in other]


def subject(f, loss="multiclass_hinge", dtype="float64", **way):
    objective = Objective(loss=find_loss(loss), penalty=find_penalty("l2"))
    return Subject(candidate=Linear(f=f, **way), oracle=Oracle(objective, dtype))


WAYS = {
    "(C, D)": (lambda f: f, {}),
    "(D, C)": (lambda f: lambda W, X, y, reg: (lambda v, g: (v, g.T))(*f(W.T.copy(), X, y, reg)), {"layout": "DC"}),
    "(D, N)": (lambda f: lambda W, X, y, reg: f(W, X.T.copy(), y, reg), {"data": "DN"}),
    "without reg": (lambda f: lambda W, X, y: f(W, X, y, 0.5), {"extras": ()}),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_answers_are_those_to_single_questions(way):
    change, options = WAYS[way]
    asked = subject(change(hinge()), **options)
    batch = next(iter(batches(asked.oracle, seed=0, examples=100, rounds=1)))
    values, gradients = answers(asked.candidate, batch.problems)
    for b in range(len(values)):
        one = asked.candidate(**{name: part[b] for name, part in batch.problems.items()})
        assert (values[b], gradients[b].tobytes()) == (one.value, one.gradient.tobytes())


def test_a_question_without_an_answer_is_one():
    def f(W, X, y, reg):
        if W[0, 0] > 0:
            raise SystemExit
        return 1.0, W[0] if W[0, 0] == 0 else W

    W = np.arange(-3.0, 3.0)[:, None, None] * np.ones((6, 2, 2))
    values, gradients = answers(Linear(f=f), {"W": W, "X": np.ones((6, 1, 2)), "y": np.zeros((6, 1), int), "reg": np.zeros(6)})
    assert np.isnan(values).tolist() == [False, False, False, True, True, True]
    assert np.isnan(gradients).any(axis=(1, 2)).tolist() == [False, False, False, True, True, True]


def test_laws_share_what_a_search_asks_and_each_comes_to_the_same_as_alone():
    """Though the first turns away after a round, and the candidate is watched by whoever goes on."""
    calls, watched = [0], {"value": 0, "gradient": 0}

    def f(W, X, y, reg):
        calls[0] += 1
        value, gradient = hinge()(W, X, y, reg)
        return value * (1.001 if len(X) % 7 == 0 else 1), gradient

    def watch(law):
        def see(_):
            watched[law] += 1

        return see

    def searched(law, there):
        return bulk.search(LAWS[law], there, profile="ci", seed=3, watch=watch(law))

    alone = {law: [*searched(law, subject(f))] for law in watched}
    once, watched["value"], watched["gradient"] = calls[0] // 2, 0, 0
    calls[0], together = 0, replace(subject(f), answers=AnswerCache())
    first = next(searched("value", together))
    assert (watched["gradient"], [*searched("gradient", together)]) == (0, alone["gradient"])
    assert (first.failed > 0, calls[0], watched) == (True, once, {"value": ROUND, "gradient": ROUND})
    again = [*searched("value", together)]
    assert [(r.held, r.tied, r.failed) for r in again] == [(r.held, r.tied, r.failed) for r in alone["value"]]
    assert [s.case.to_dict() for r in again for s in r.suspects] == [s.case.to_dict() for r in alone["value"] for s in r.suspects]
    assert calls[0] == once
    together.forget()
    next(searched("value", together))
    assert calls[0] > once


RIGHT = {"multiclass_hinge": hinge(), "softmax_cross_entropy": softmax()}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("loss", RIGHT)
@pytest.mark.parametrize("law", ["value", "gradient"])
def test_nothing_right_is_suspect(loss, law, dtype):
    rounds = list(bulk.search(LAWS[law], subject(RIGHT[loss], loss, dtype), profile="ci", seed=5, watch=lambda _: None))
    assert len(rounds) == bulk.ROUNDS["ci"]
    assert all(r.failed == 0 and r.suspects == () and r.held > 3 * r.tied for r in rounds)
    assert sum(r.held + r.tied for r in rounds) > 1000


def only_where(condition, by=1e-6, loss="multiclass_hinge"):
    """Right, but for one entry that is a little wrong where the condition holds."""

    def f(W, X, y, reg):
        value, gradient = RIGHT[loss](W, X, y, reg)
        gradient = gradient.copy()
        gradient[0, 0] += W.dtype.type(by * condition(W, X, y))
        return value, gradient

    return f


RARE = {
    "a multiple of 7": (lambda W, X, y: len(X) in range(7, 64, 7), lambda c: len(c["X"]) == 7),
    "a number of features": (lambda W, X, y: W.shape[1] == 13, lambda c: (len(c["X"]), c["W"].shape[1]) == (1, 13)),
    "five labels in a row": (lambda W, X, y: y[:5].tolist() == [1, 0, 1, 0, 1], lambda c: c["y"].tolist() == [1, 0, 1, 0, 1]),
}


@pytest.mark.parametrize("loss", RIGHT)
@pytest.mark.parametrize("rare", RARE)
def test_what_is_rarely_wrong_is_found_and_small(rare, loss):
    condition, least = RARE[rare]
    found = run(LAWS["gradient"], subject(only_where(condition, loss=loss), loss), profile="ci", seed=0)
    assert found.verdict is Verdict.BROKEN
    assert found.families["in bulk"] > 100
    case = found.witness.case
    assert isinstance(case, Case)
    assert least(case)
    assert np.count_nonzero(case["W"]) == 0


def test_a_wrong_loss_is_found_too():
    def f(W, X, y, reg):
        value, gradient = hinge()(W, X, y, reg)
        return value * (1.001 if len(X) % 7 == 0 else 1), gradient

    assert run(LAWS["gradient"], subject(f), profile="ci", seed=0).verdict is Verdict.HOLDS
    assert run(LAWS["value"], subject(f), profile="ci", seed=0).verdict is Verdict.BROKEN


def test_a_suspect_is_no_counterexample_before_the_law_breaks(monkeypatch):
    """Were the quick truth wrong, nobody would be broken by it."""
    right = vectorised.at
    monkeypatch.setattr(vectorised, "at", lambda *a: [replace(m, low=m.low + 1, high=m.high + 1) for m in right(*a)])
    found = run(LAWS["gradient"], subject(hinge()), profile="ci", seed=0)
    assert found.verdict is Verdict.HOLDS
    (reason,) = found.undecided
    assert "suspect" in reason
    assert found.cases - found.decided == found.undecided[reason] > 1000


def test_numbers_add_up_and_the_quick_profile_has_no_search():
    found = run(LAWS["gradient"], subject(hinge()), profile="ci", seed=0)
    assert found.cases == sum(found.families.values()) == found.decided + sum(found.undecided.values())
    assert "in bulk" not in run(LAWS["gradient"], subject(hinge()), profile="quick", seed=0).families
    assert "in bulk" not in run(LAWS["consistency"], subject(hinge()), profile="ci", seed=0).families


def test_a_function_of_scores_is_searched():
    def f(scores, y):
        E = np.exp(scores - scores.max(1, keepdims=True))
        P, rows = E / E.sum(1, keepdims=True), np.arange(len(y))
        value = -np.log(P[rows, y]).mean()
        P[rows, y] -= 1
        return value, P / len(y) * (1 + 1e-6 * (len(y) in range(7, 64, 7)))

    asked = Subject(candidate=Scores(f=f), oracle=oracle("of scores"))
    assert run(LAWS["value"], asked, profile="ci", seed=0).verdict is Verdict.HOLDS
    found = run(LAWS["gradient"], asked, profile="ci", seed=0)
    assert found.verdict is Verdict.BROKEN
    assert len(found.witness.case["y"]) == 7
