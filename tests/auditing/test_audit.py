"""Audits: one wrong entry among thousands is found and named, at kinks too, and nothing right is accused."""

from __future__ import annotations

import os

import numpy as np
import pytest
from implementations import RIGHT, hinge, softmax

import verify
from verify import UsageError, Verdict
from verify.auditing.audit import audit
from verify.auditing.directions import Ground, rademacher
from verify.auditing.problems import SHAPE, batches, large
from verify.candidates import Linear
from verify.conventions import Pins, find_out
from verify.oracle import Oracle
from verify.spec.catalogue import find_loss

DEEP = os.environ.get("VERIFY_TEST_PROFILE") == "deep"
TRIALS, SIZE = (100, SHAPE) if DEEP else (5, (20, 301, 5))
"""For every change a few small problems; in tox's `deep` a hundred of full size."""

MADE = {"multiclass_hinge": hinge, "softmax_cross_entropy": softmax}
SLOW = {"loops", "differences of rows"}


def with_wrong_entry(f, entry, factor):
    def g(W, X, y, reg):
        loss, dW = f(W, X, y, reg)
        dW = dW.copy()
        if dW.shape == (SIZE[2], SIZE[1]):  # not where conventions are found out
            dW[entry] *= factor
        return loss, dW

    return g


def looked(name, f, *, seed, shape=SIZE, dtype="float64", fits=None):
    known = find_out(fits or f, find_loss(name), Pins(), dtype)
    assert known.fits
    oracle = Oracle(known.objective, dtype)
    return audit(Linear(f=f, layout=known.candidate.layout), batches(dtype, oracle, seed, shape), oracle, seed=seed)


@pytest.mark.parametrize("name", MADE)
def test_one_entry_that_is_wrong_by_1e_5_is_named_and_no_other(name):
    for seed in range(TRIALS):
        rng = np.random.default_rng(seed)
        entry = int(rng.integers(SIZE[2])), int(rng.integers(SIZE[1]))
        f = MADE[name]()
        found = looked(name, with_wrong_entry(f, entry, 1 + 1e-5), seed=seed, fits=f)
        assert found.verdict is Verdict.BROKEN
        assert found.entries == [entry]
        for part in found.parts:
            assert (part.question != "value") or part.verdict is Verdict.HOLDS
            assert (part.question != "gradient") or part.verdict is Verdict.BROKEN  # on kinks too


@pytest.mark.parametrize("name", MADE)
def test_the_candidates_own_loss_alone_finds_it(name):
    """Without a spec: wrong by 1e-5 in an entry of at least a tenth of the usual size."""
    for seed in range(TRIALS):
        case, f = large("float64", seed, SIZE), MADE[name]()
        sizes = np.abs(f(**case.values)[1])
        large_enough = np.argwhere(sizes > 0.1 * np.median(sizes))
        entry = tuple(int(i) for i in large_enough[np.random.default_rng(seed).integers(len(large_enough))])
        found = audit(Linear(f=with_wrong_entry(f, entry, 1 + 1e-5)), [case], seed=seed)
        assert (found.verdict, found.entries) == (Verdict.BROKEN, [entry])


@pytest.mark.parametrize(("name", "kind"), [(name, kind) for name in RIGHT for kind in RIGHT[name] if kind not in SLOW])
def test_nothing_right_is_accused(name, kind):
    f = RIGHT[name][kind]
    for seed in range(3 if DEEP else 1):
        for dtype in ("float64", "float32"):
            found = looked(name, f, seed=seed, dtype=dtype)
            assert found.verdict is Verdict.HOLDS, found.to_dict()
            assert found.entries == []


def test_every_pair_of_wrong_entries_is_named_though_they_cancel_in_half_of_all_directions():
    f = hinge()
    case = large("float64", 0, SIZE)
    g = f(**case.values)[1]
    ground = Ground(candidate=Linear(f=f), case=case)
    d = rademacher(case, np.arange(case["W"].size), seed=0)
    first, second = (1, 7), (3, 200)
    factor = -g[first] * d[first] / (g[second] * d[second]) * 1e-3  # both together leave no trace along d
    wrong = with_wrong_entry(with_wrong_entry(f, first, 1 + 1e-3), second, 1 + factor)
    blind = Ground(candidate=Linear(f=wrong), case=case)
    assert blind.along(d).strain <= 1
    assert ground.along(d).strain <= 1
    found = audit(Linear(f=wrong), [case])
    assert sorted(found.entries) == [first, second]


def test_an_error_everywhere_names_some_and_says_that_there_are_more():
    found = looked("multiclass_hinge", hinge(penalty=1.0), seed=0)
    own = [p for p in found.parts if p.question == "own loss" and p.verdict is Verdict.BROKEN]
    assert any(len(p.entries) == 8 and not p.complete for p in own)


def test_a_wrong_loss_is_seen_by_its_value():
    def f(W, X, y, reg):
        loss, dW = hinge()(W, X, y, reg)
        return loss * (1 + 1e-9 * (W.shape[1] > 100)), dW

    found = looked("multiclass_hinge", f, seed=0)
    assert [p.verdict for p in found.parts if p.question == "value"] == [Verdict.BROKEN] * 2


def concave(W, X, y, reg):
    """−hinge, whose subgradients at a kink lie outside the one-sided slopes of other signs."""
    loss, dW = hinge()(W, X, y, reg)
    return -loss, -dW


def test_a_loss_that_nobody_knows_is_judged_by_itself():
    kinks = batches("float64", Oracle(find_out(hinge(), find_loss("multiclass_hinge"), Pins()).objective, "float64"), 0, SIZE)[1]
    at = tuple(kinks.values.values())
    assert verify.audit(concave, loss=None, at=at).verdict is Verdict.HOLDS
    found = verify.audit(with_wrong_entry(concave, (2, 9), 1.01), loss=None, at=at)
    assert (found.verdict, found.entries) == (Verdict.BROKEN, [(2, 9)])
    assert [p.question for p in found.parts] == ["own loss"]


def test_dead_pixels_and_pixels_of_other_units_are_no_obstacle():
    case = large("float64", 1, SIZE)
    X = case["X"].copy()
    X[:, 5], X[:, 6] = 0, 1e6 * X[:, 6]
    W = case["W"].copy()
    W[:, 6] *= 1e-6
    at = (W, X, case["y"], case["reg"])
    assert verify.audit(hinge(), loss="multiclass_hinge", at=at).verdict is Verdict.HOLDS
    for entry in ((0, 6), (1, 5)):
        found = verify.audit(with_wrong_entry(hinge(), entry, 1.001), loss="multiclass_hinge", at=at)
        assert found.entries == [entry]


WRONG = {
    "an unknown dtype": ({"dtype": "float16"}, "unknown dtype"),
    "an unknown loss": ({"loss": "hing"}, "unknown loss"),
    "data that do not fit": ({"at": (np.ones((3, 4)), np.ones((2, 5)), [0, 1], 0.1)}, "give W"),
    "labels out of range": ({"at": (np.ones((3, 4)), np.ones((2, 4)), [0, 3], 0.1)}, "give W"),
    "NaN": ({"at": (np.ones((3, 4)), np.full((2, 4), np.nan), [0, 1], 0.1)}, "not finite"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_use_is_told(case):
    options, message = WRONG[case]
    with pytest.raises(UsageError, match=message):
        verify.audit(hinge(), **({"loss": "multiclass_hinge"} | options))


def test_a_candidate_that_gives_no_answer_is_told():
    def f(W, X, y, reg):
        if len(X) > 10:
            raise MemoryError("too large")
        return hinge()(W, X, y, reg)

    with pytest.raises(UsageError, match="raised MemoryError: too large"):
        verify.audit(f, loss="multiclass_hinge")
