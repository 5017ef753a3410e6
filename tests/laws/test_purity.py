"""Another memory layout may sum in another order, at the size of the candidate's own answer; it may not answer otherwise."""

from __future__ import annotations

import numpy as np
import pytest
from implementations import hinge, margins, softmax

from verify import Candidate, Verdict, check
from verify.cases import Case
from verify.laws import paths, purity
from verify.traced import Code, NotTraced


def _by_memory(W):
    """ΣW² in the order in which W lies in memory."""
    total = W.dtype.type(0)
    for w in W.ravel(order="K"):
        total = total + w * w
    return total


def _without_lambda(W, X, y, reg):
    return np.maximum(margins(W, X, y), 0).sum() / len(X) + W.dtype.type(1e6) * _by_memory(W)


def _lost(W, X, y, reg):
    return softmax()(W, X, y, reg)[0], np.full_like(W, np.nan)


RIGHT = {
    "a penalty a million times too large": hinge(loss=_without_lambda),
    "a gradient a million times too large": hinge(after=lambda G, W, X, y, reg: G * 1e6 * _by_memory(W)),
    "NaN everywhere": _lost,
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", RIGHT)
def test_what_is_wrong_alike_in_every_layout_does_nothing_else(name, dtype):
    (result,) = check(RIGHT[name], loss="multiclass_hinge", dtypes=(dtype,), laws=("purity",), profile="quick").results
    assert result.verdict is Verdict.HOLDS, result.diagnosis


def _layout_counts(W, X, y, reg):
    loss, gradient = hinge(loss=_without_lambda)(W, X, y, reg)
    return loss * (1 if W.flags.c_contiguous else 1 + 1e-4), gradient


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_depends_on_the_layout_by_more_than_its_own_sums_is_told(dtype):
    (result,) = check(_layout_counts, loss="multiclass_hinge", dtypes=(dtype,), laws=("purity",), profile="quick").results
    assert result.verdict is Verdict.BROKEN
    assert result.diagnosis["code"] == "nondeterministic"


def test_a_number_has_one_layout():
    """numpy makes an array of one of it."""
    pair = Candidate(loss=lambda x: 3.0 * x, grad=lambda x: 3.0)
    (result,) = check(pair, at=0.5, laws=("purity",), profile="quick").results
    assert result.verdict is Verdict.HOLDS, result.diagnosis


ROWS = np.linspace(-1.0, 1.5, 12).reshape(4, 3)


def _straight(x):
    """A loss of recorded code without a branch."""
    s = ROWS @ x
    return np.sum(np.exp(s)) + np.sum(x * x), ROWS.T @ np.exp(s) + 2 * x


def _slips_in_a_branch(x):
    """Where the first number is small, the gradient goes wrong for an array with gaps in memory."""
    loss, gradient = _straight(x)
    if x[0] < 0.76:
        loss = loss + 0.5 * x[0] * x[0]
        gradient = gradient + np.array([x[0], 0.0, 0.0])
        if x.strides != (x.itemsize,):
            gradient = gradient * 2
    return loss, gradient


def _in_full(monkeypatch):
    """The cases at which another layout is asked about from now on."""
    found = []
    asked = purity._asked_again
    monkeypatch.setattr(purity, "_asked_again", lambda subject, case, *rest: (found.append(case), asked(subject, case, *rest))[1])
    return found


AT = np.array([1.0, 0.5, -0.7])


def test_code_without_branches_is_asked_in_full_at_few_cases(monkeypatch):
    found = _in_full(monkeypatch)
    (result,) = check(_straight, at=AT, laws=("purity",), profile="quick").results
    assert result.verdict is Verdict.HOLDS
    assert result.decided == result.cases > 20
    assert len(found) == paths.FIRST
    assert np.array_equal(found[0].x, AT)


def test_a_branch_that_is_taken_later_is_asked_in_full(monkeypatch):
    """It is asked nowhere else: with the first cases alone nothing is found."""
    (result,) = check(_slips_in_a_branch, at=AT, laws=("purity",), profile="quick").results
    assert result.verdict is Verdict.BROKEN
    assert result.diagnosis["code"] == "nondeterministic"
    monkeypatch.setattr(paths, "_taken", lambda subject, case: set())
    (result,) = check(lambda x: _slips_in_a_branch(x), at=AT, laws=("purity",), profile="quick").results
    assert result.verdict is Verdict.HOLDS


def test_simpler_cases_are_asked_in_full_once_one_is_broken(monkeypatch):
    found = _in_full(monkeypatch)
    (result,) = check(lambda x: _slips_in_a_branch(x), at=AT, laws=("purity",), profile="quick").results
    assert result.verdict is Verdict.BROKEN
    witness = result.witness.case.x
    assert len({case.x.tobytes() for case in found}) > paths.FIRST + 1
    assert sum(len(float(w).hex().rstrip("0")) for w in witness) < sum(len(float(w).hex().rstrip("0")) for w in found[paths.FIRST].x)


def test_every_search_begins_anew():
    """What was pure before may not be now."""
    slips = []

    def later(x):
        loss, gradient = _straight(x)
        return loss, gradient * (1 + len(slips) * (x.strides != (x.itemsize,)))

    def verdict():
        (result,) = check(later, at=AT, laws=("purity",), profile="quick").results
        return result.verdict

    assert verdict() is Verdict.HOLDS
    slips.append("one")
    assert verdict() is Verdict.BROKEN


@pytest.mark.parametrize("name", ["X", "W"])
def test_another_size_is_asked_in_full(monkeypatch, name):
    """A kernel may take blocks of a large array, and sum a small one otherwise."""
    right = hinge()

    def blocked(W, X, y, reg):
        loss, gradient = right(W, X, y, reg)
        a = {"X": X, "W": W}[name]
        return loss, gradient * (1 if max(a.shape) < 64 or a.flags.c_contiguous else 2)

    (result,) = check(blocked, loss="multiclass_hinge", laws=("purity",), dtypes=("float64",), profile="quick").results
    assert result.verdict is Verdict.BROKEN
    assert max(result.witness.case[name].shape) >= 64
    monkeypatch.setattr(paths, "_taken", lambda subject, case: set())
    (result,) = check(lambda *a: blocked(*a), loss="multiclass_hinge", laws=("purity",), dtypes=("float64",), profile="quick").results
    assert result.verdict is Verdict.HOLDS


@pytest.mark.parametrize("how", ["it asks about numbers otherwise", "it cannot be recorded"])
def test_code_whose_path_is_unknown_is_asked_in_full_everywhere(monkeypatch, how):
    found = _in_full(monkeypatch)

    def asks(x):
        return _straight(x) if np.isfinite(x).all() else (np.inf, x)

    def fails(*_):
        raise NotTraced("it cannot be followed there")

    if how == "it cannot be recorded":
        monkeypatch.setattr(Code, "taken", fails)
    (result,) = check(asks if how != "it cannot be recorded" else lambda x: _straight(x), at=AT, laws=("purity",), profile="quick").results
    assert result.verdict is Verdict.HOLDS
    assert len(found) == len({case.x.tobytes() for case in found}) > 20


W, X = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([[1.0, 2.0]])


def _case(**values):
    return Case(values={"W": W, "X": X, "y": np.array([0]), "reg": 0.0} | values, family="a test")


OTHERS = {
    "another λ": {"reg": 0.5},
    "another size": {"X": np.ones((2, 2)), "y": np.array([0, 1])},
    "another piece": {"W": np.array([[9.0, 0.0], [0.0, 1.0]])},
}


@pytest.mark.parametrize("other", OTHERS)
def test_what_is_new_to_a_candidate_of_which_only_the_formula_is_known(monkeypatch, other):
    """Without it, nothing is."""
    seen = []
    taken = paths._taken
    monkeypatch.setattr(paths, "_taken", lambda subject, case: (seen.append(subject), taken(subject, case))[1])
    check(hinge(), loss="multiclass_hinge", laws=("purity",), dtypes=("float64",), profile="quick")
    there = {name: taken(seen[0], _case(**how)) for name, how in OTHERS.items()}
    here, same = taken(seen[0], _case()), taken(seen[0], _case(X=2 * X))
    assert same <= here
    assert not there[other] <= here
