"""What is drawn around an example keeps what it shows: right code that relies on it is never called broken, and wrong code is."""

from __future__ import annotations

from collections import UserList, deque
from typing import NamedTuple

import numpy as np
import pytest

from verify import Verdict, as_test, check, prove
from verify.cases import Case
from verify.evidence import Evidence, Measurement
from verify.laws import LAWS
from verify.pair.properties import unless_given_up
from verify.problem.sampling import DRAWS, keeping, shown
from verify.tape.tape import Builder
from verify.traced.cleanup import tidy_all
from verify.traced.patching import swapped
from verify.traced.recorder import Recorder

RNG = np.random.default_rng(5)
ROWS = np.array([[0.1, 0.2, 0.7], [0.3, 0.3, 0.4], [0.6, 0.2, 0.2]])
SQUARE = np.array([[2.0, 0.5, -0.3], [0.5, 1.5, 0.25], [-0.3, 0.25, 3.0]])
TIMES = np.array([0.1, 0.45, 0.9, 2.5, 2.75])
SCORES = RNG.normal(size=(3, 3))
START = np.array([0.3, 0.7, -1.1])


def cross_entropy(s, t, slip=1.0):
    """The usual gradient, p − t, which is that of this loss where rows of t sum to 1."""
    moved = s - s.max(axis=1, keepdims=True)
    logs = moved - np.log(np.exp(moved).sum(axis=1, keepdims=True))
    return -np.sum(t * logs), (np.exp(logs) - slip * t, -logs)


def divergence(p, slip=0.0):
    """Σ p log(p/Σp), which is differentiated as if Σp were 1."""
    total = p.sum(axis=1, keepdims=True)
    return np.sum(p * np.log(p / total)), np.log(p) + slip * p


def masked(x, m, slip=1.0):
    """The mean of what a mask keeps, whose squares are its numbers."""
    kept = np.sum(m)
    return np.sum((m * x) ** 2) / kept, (slip * 2 * m * x / kept, (2 * m * x**2 - np.sum(m * x**2) / kept) / kept)


def volume(a, slip=0.0):
    """Of a symmetric matrix the inverse is its own transpose."""
    inverse = np.linalg.inv(a)
    return np.linalg.slogdet(a)[1], inverse + slip * np.diag(np.diag(inverse))


def gaps(t, slip=0.0):
    """The greatest and the least of times that ascend."""
    g = np.zeros_like(t)
    g[-1], g[0] = 1.0, -1.0 + slip
    return t.max() - t.min() + 0.0 * np.sum(t), g


RELYING = {
    "labels whose rows sum to 1": (cross_entropy, (SCORES, ROWS), 0.5),
    "labels that are one-hot": (cross_entropy, (SCORES, np.eye(3)), 0.5),
    "probabilities": (divergence, ROWS, 0.25),
    "a mask": (masked, (np.array([0.5, -1.25, 2.0, 0.75]), np.array([1.0, 0.0, 1.0, 1.0])), 0.5),
    "a symmetric matrix": (volume, SQUARE, 0.5),
    "times in order": (gaps, TIMES, 0.5),
}


def asked(f, at, **how):
    return check(f, loss=None, at=at, profile="quick", laws=("gradient", "formula", "order"), **how)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", RELYING)
def test_code_that_relies_on_what_the_example_shows_holds(name, dtype):
    f, at, _ = RELYING[name]
    report = asked(f, at, dtypes=(dtype,))
    assert report.verdict is Verdict.HOLDS, str(report)


@pytest.mark.parametrize("name", RELYING)
def test_code_that_is_wrong_there_too_is_broken(name):
    f, at, slip = RELYING[name]
    report = asked(lambda *inputs: f(*inputs, slip=slip), at)
    assert report.verdict is Verdict.BROKEN


def test_what_it_needs_is_named():
    results = [o.result for o in asked(divergence, ROWS).outcomes]
    told = {why for r in results for why in r.undecided}
    assert "the code needs x to sum to 1 along its rows: it is judged where that is so" in told, told
    assert all(r.decided for r in results if r.law in ("gradient", "formula"))


SHOWN = {
    "rows": (ROWS, "to sum to 1 along its rows"),
    "one-hot": (np.eye(3)[[0, 2, 1, 1]], "to have one 1 a row, and zeros"),
    "a mask": (np.array([1.0, 0.0, 0.0, 1.0, 1.0]), "to be 0 or 1"),
    "signs": (np.array([[1.0, -1.0], [-1.0, -1.0]]), "to be -1 or 1"),
    "symmetric": (SQUARE, "to be symmetric"),
    "ascending": (TIMES, "to ascend"),
    "descending": (-TIMES, "to descend"),
}
NOTHING = {
    "weights": SCORES,
    "zeros": np.zeros((3, 3)),
    "a diagonal": np.diag([1.0, 2.0, 3.0]),
    "ones": np.ones(6),
    "three in order": np.array([1.0, 2.0, 3.0]),
    "labels": np.array([0, 1, 2, 3, 4]),
    "a number": np.array(1.0),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("family", DRAWS)
@pytest.mark.parametrize("name", SHOWN)
def test_draws_keep_it_exactly(name, family, dtype):
    example, told = SHOWN[name]
    example = example.astype(dtype)
    found = shown(example)
    assert found is not None
    assert found.phrase == told
    for seed in range(5):
        drawn = keeping(example, DRAWS[family](example, np.random.default_rng(seed)), alone=False)
        assert drawn.dtype == example.dtype
        assert found.exactly(drawn)
        assert name in ("one-hot", "a mask", "signs") or family == "zeroed" or not np.array_equal(drawn, example)


def test_of_a_point_alone_no_number_is_fixed():
    for x in (np.eye(3), np.array([1.0, 0.0, 0.0, 1.0, 1.0])):
        found = shown(x, alone=True)
        assert found is None or not np.array_equal(found.restored(x + 0.125), x)


@pytest.mark.parametrize("name", NOTHING)
def test_nothing_is_read_into_other_numbers(name):
    assert shown(NOTHING[name]) is None


@pytest.mark.parametrize("law", [name for name, law in LAWS.items() if law.of_behaviour])
def test_how_a_candidate_behaves_is_broken_wherever_it_shows(law):
    """It is not asked again elsewhere, where a candidate may behave."""
    example = {"t": np.array([[0.25, 0.75]])}
    case = Case(values={"t": np.array([[0.5, 0.75]])}, family="near", differentiated=("t",))
    broken, held = (Measurement(evidence=(Evidence(measured=measured, allowed=0.0),)) for measured in (1.0, 0.0))
    assert unless_given_up(law, example, case, broken, lambda _: held) is broken
    assert unless_given_up("gradient", example, case, broken, lambda _: held).undecided


class Keeper:
    """A loss with a cache, a history and a slot, as notebooks have them."""

    __slots__ = ("cache", "data", "history", "last")

    def __init__(self, data):
        self.data, self.cache, self.history, self.last = data, {"by": {}}, [], None

    def __call__(self, w):
        e = w - self.data
        self.cache["by"]["residuals"] = (e, self.data)
        self.history.append(e * 2)
        self.history.append(self.data * 2)
        self.last = e
        return np.sum(e * e), 2 * e


class Sealed:
    """Has no attribute, and says so in its own way, as nodes of numba's compiler do."""

    __module__ = "numba.core.ir"

    def __getattr__(self, name):
        raise KeyError(name)


def arrays(value):
    if isinstance(value, dict):
        return [a for v in value.values() for a in arrays(v)]
    return [a for v in value for a in arrays(v)] if isinstance(value, (list, tuple)) else [value]


def test_what_code_keeps_is_plain_after_a_judgement_and_data_is_what_it_was():
    data = np.array([0.5, -1.0, 2.0])
    keeper, calls, sealed = Keeper(data), [], [Sealed()]

    def f(w):
        assert sealed
        calls.append({"w": w, "data": data})
        return keeper(w)

    report = check(f, at=np.array([0.3, 0.7, -1.1]), profile="quick")
    assert report.verdict is Verdict.HOLDS
    found = [keeper.last, *arrays(keeper.cache), *arrays(keeper.history), *arrays(calls)]
    assert len(found) > 100
    assert {type(a) for a in found} == {np.ndarray}
    assert keeper.cache["by"]["residuals"][1] is data
    assert all(call["data"] is data for call in calls)


class Kept(NamedTuple):
    loss: object
    slope: object


def hoarding():
    """A right pair that keeps what it is called with, and all places where it does."""
    recent, losses, frozen, raised, listed = deque(maxlen=3), set(), [frozenset()], [ValueError()], UserList()
    named = []

    def f(w):
        loss = w @ w
        if type(w) is not np.ndarray:
            recent.append(w)
            losses.add(loss)
            frozen[0] = frozenset([(loss, 1)])
            raised[0].args = (loss,)
            listed.append(loss)
            named.append(Kept(loss, w))
        return loss, 2 * w

    return f, lambda: [*recent, *losses, *(x for pair in frozen[0] for x in pair), *raised[0].args, *listed, *(x for k in named for x in k)]


@pytest.mark.parametrize(
    "judge",
    [lambda f: check(f, at=START, laws=("gradient",), profile="quick"), lambda f: prove(f, at=START), lambda f: as_test(f, at=START)()],
    ids=["check", "prove", "as_test"],
)
def test_whatever_code_keeps_things_in_holds_plain_ones_after_a_judgement_in_its_process(judge):
    f, kept = hoarding()
    judge(f)
    found = kept()
    assert len(found) > 6
    assert {type(x) for x in found} <= {np.ndarray, np.float64, int}


def test_functions_that_let_nobody_compare_them_are_recorded():
    class Incomparable:
        def __eq__(self, other):
            raise ValueError("the truth of arrays is ambiguous")

        __hash__ = object.__hash__

        def __call__(self, w):
            return np.sum(w * w)

    for f in (Incomparable(), Incomparable()):
        with swapped(f, Recorder(Builder())) as followed:
            assert followed is f
    tidy_all()
