"""The laws of the optimisers: what must hold at every step, and a wrong method that each law catches."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy.optimize import minimize

from verify.descent.bounds import certain_step, smooth_gap, subgradient_gap, truth_of
from verify.descent.methods import first_state
from verify.descent.optimisers import State, batch_rows, gradient_descent, local_search, minibatch_descent, random_search, sgd, watched
from verify.descent.problem import Split, TrainingProblem, digits_split
from verify.oracle import Oracle
from verify.rounding import gamma, unit_roundoff

U = unit_roundoff("float64")
LOSSES = ("multiclass_hinge", "softmax_cross_entropy")


def problem(loss, examples=60, reg=2.0**-6):
    return TrainingProblem(split=digits_split().first(examples), loss=loss, reg=reg)


def few(loss, examples=12):
    """Three classes and a few pixels: small enough for the oracle at every step."""
    split = digits_split()
    rows = np.flatnonzero(split.y < 3)[:examples]
    X = np.ascontiguousarray(split.X[rows][:, [12, 20, 28, 36, 64]])
    return TrainingProblem(split=Split(name="few", X=X, y=split.y[rows], X_test=X, y_test=split.y[rows], classes=3), loss=loss, reg=2.0**-6)


def noise(f, W):
    """How far rounding may carry the kernel's loss at W, by the oracle."""
    return truth_of(f, W).value.radius


@pytest.mark.parametrize("loss", LOSSES)
def test_the_best_so_far_never_rises(loss):
    f = problem(loss)
    N = f.examples
    steps = {
        "random": lambda s: random_search(f, s, scale=0.5, seed=4),
        "local": lambda s: local_search(f, s, radius=0.2, seed=4),
        "gradient, too long a step": lambda s: gradient_descent(f, s, step=5.0),
        "mini-batch": lambda s: watched(f, minibatch_descent(f, s, examples=N, batch=7, step=0.5, seed=4)),
    }
    for name, advance in steps.items():
        state, seen = first_state(f, 4), []
        for _ in range(40):
            before, state = state.best, advance(state)
            assert state.best <= before, name
            seen.append(state.loss)
            assert name == "mini-batch" or state.best == min(seen)
        assert f(state.best_at)[0] == state.best
    assert seen != sorted(seen, reverse=True)  # the loss itself does rise


def test_local_search_stands_where_it_is_best():
    f, state = problem("multiclass_hinge"), first_state(problem("multiclass_hinge"), 0)
    for _ in range(30):
        state = local_search(f, state, radius=0.05, seed=0)
        assert state.W is state.best_at


@pytest.mark.parametrize("loss", LOSSES)
def test_a_step_below_the_oracles_bound_lowers_the_loss_every_time(loss):
    f = few(loss)
    W, total = first_state(f, 1).W, 0.0
    for _ in range(25):
        value, g = f(W)
        certain = certain_step(truth_of(f, W), g)
        assert certain.step > 0
        eta = certain.step * (0.5 if certain.kink else 1.0)  # not onto the kink: beyond it begins another piece
        ahead = W - eta * g
        due = -eta / 2 * certain.slope - 2 * max(noise(f, W), noise(f, ahead)) - 2 * U * np.sum(np.abs(g) * np.abs(W))
        assert value - f(ahead)[0] >= due
        assert np.isclose(-certain.slope, np.sum(g * g), rtol=1e-10)
        total, W = total + due, ahead
    assert total > 0.1  # the law had something to say
    value, g = f(W)
    far = 100.0
    assert value - f(W - far * g)[0] < far / 2 * np.sum(g * g)  # and a long step breaks it


def test_on_the_hinge_a_certain_step_ends_at_a_kink_or_at_the_penaltys_curvature():
    f = few("multiclass_hinge")
    W = first_state(f, 1).W
    value, g = f(W)
    certain = certain_step(truth_of(f, W), g)
    assert certain.kink
    square = np.sum(g * g)
    fell = value - f(W - certain.step * g)[0]
    assert np.isclose(fell, certain.step * square - f.reg * certain.step**2 * square, rtol=1e-9)  # one linear piece and λ‖W‖²
    beyond = value - f(W - 1.5 * certain.step * g)[0]
    assert beyond < 1.5 * certain.step * square - f.reg * (1.5 * certain.step) ** 2 * square - 1e-9  # the prediction ends there


def test_a_gradient_that_does_not_descend_has_no_certain_step():
    f = few("softmax_cross_entropy")
    W = first_state(f, 1).W
    assert certain_step(truth_of(f, W), -f(W)[1]).step == 0


def dyadic(examples):
    """Digits are sixteenths: with 2^k of them and a dyadic W, every sum of the hinge's gradient is exact."""
    f = problem("multiclass_hinge", examples)
    W = np.round(first_state(f, 2).W * 200) / 16
    return f, W


def test_minibatch_gradients_average_to_the_full_gradient_exactly():
    f, W = dyadic(256)
    batches = [batch_rows(i, 256, 32, seed=9) for i in range(8)]
    assert sorted(np.concatenate(batches)) == list(range(256))
    average = sum(f(W, rows)[1] for rows in batches) / 8
    assert average.tobytes() == f(W)[1].tobytes()
    overlapping = sum(f(W, np.roll(np.arange(256), i)[:32])[1] for i in range(8)) / 8
    assert not np.array_equal(overlapping, f(W)[1])


@pytest.mark.parametrize("loss", LOSSES)
def test_an_uneven_partition_averages_by_its_sizes(loss):
    f = problem(loss, 100)
    W = first_state(f, 2).W
    batches = [batch_rows(i, 100, 32, seed=9) for i in range(4)]
    assert [len(b) for b in batches] == [32, 32, 32, 4]
    average = sum(len(b) / 100 * f(W, b)[1] for b in batches)
    X = f.split.X
    allowed = 2 * gamma(100 * 10 + 65 + 4, U) * (10 * np.abs(X).mean(axis=0) + 2 * f.reg * np.abs(W))
    assert np.all(np.abs(average - f(W)[1]) <= allowed)
    by_count = sum(f(W, b)[1] for b in batches) / 4
    assert not np.all(np.abs(by_count - f(W)[1]) <= allowed)


def test_every_pass_draws_a_new_partition():
    first, second = (np.concatenate([batch_rows(i, 50, 8, seed=1) for i in range(7 * k, 7 * k + 7)]).tolist() for k in (0, 1))
    assert first != second
    assert sorted(first) == sorted(second) == list(range(50))


def test_duplicated_data_changes_nothing():
    f, W = dyadic(128)
    s = f.split
    twice = Split(name="twice", X=np.vstack([s.X, s.X]), y=np.concatenate([s.y, s.y]), X_test=s.X_test, y_test=s.y_test)
    double = TrainingProblem(split=twice, loss=f.loss, reg=f.reg)
    assert double(W)[0] == f(W)[0]
    assert double(W)[1].tobytes() == f(W)[1].tobytes()
    one, two = State(W=W), State(W=W)
    for _ in range(3):
        one, two = gradient_descent(f, one, step=2.0**-4), gradient_descent(double, two, step=2.0**-4)
    assert (one.W.tobytes(), one.best) == (two.W.tobytes(), two.best)


@pytest.mark.parametrize("loss", LOSSES)
def test_batch_size_one_is_sgd(loss):
    f = problem(loss, 20)
    one = two = first_state(f, 0)
    for _ in range(45):
        one = minibatch_descent(f, one, examples=20, batch=1, step=0.1, seed=6)
        two = sgd(f, two, examples=20, step=0.1, seed=6)
    assert (one.W.tobytes(), one.loss) == (two.W.tobytes(), two.loss)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_batch_of_everything_is_gradient_descent(loss):
    f = problem(loss, 32)
    one = two = first_state(f, 0)
    for _ in range(5):
        one, two = minibatch_descent(f, one, examples=32, batch=32, step=0.1, seed=6), gradient_descent(f, two, step=0.1)
    assert np.allclose(one.W, two.W, rtol=1e-10)


def minimiser(f):
    """A good V, by another method of another library."""
    found = minimize(
        lambda w: (lambda v, g: (v, g.ravel()))(*f(w.reshape(f.shape))), np.zeros(f.shape).ravel(), jac=True, method="L-BFGS-B",
        options={"maxiter": 2000, "maxfun": 4000, "ftol": 1e-15, "gtol": 1e-10},
    )  # fmt: skip
    return found.x.reshape(f.shape)


def test_the_gap_of_gradient_descent_obeys_the_smooth_bound():
    f = problem("softmax_cross_entropy")
    V = minimiser(f)
    step, state = 1 / f.smoothness, first_state(f, 0)
    distance, stuck = np.linalg.norm(state.W - V), state.W.copy()
    tightest = 0.0
    for k in range(300):
        if k:
            gap = f(state.W)[0] - f(V)[0]
            assert gap <= smooth_gap(distance, step, k)
            tightest = max(tightest, gap / smooth_gap(distance, step, k))
        state = gradient_descent(f, state, step=step)
        stuck[:, -1] -= step * f(stuck)[1][:, -1]  # a method that forgets all weights but the bias
    assert tightest > 0.05
    assert f(stuck)[0] - f(V)[0] > smooth_gap(distance, step, 300)


def test_the_curvature_bound_holds_and_is_no_dream():
    f = few("softmax_cross_entropy")
    for seed in range(5):
        W, d = np.random.default_rng(seed).normal(size=(2, *f.shape))
        curvature = float(truth_of(f, W).along(d, 0.0, 0.0)[2].upper()) * 2 / np.sum(d * d)
        assert curvature <= f.smoothness
    x = f.split.X.mean(axis=0)  # every example pulls the same way: ‖d‖²·½·(x̄·d)² comes near the trace
    steepest = np.outer([1, -1, 0], x)
    W = np.zeros(f.shape)
    W[2, -1] = -20  # two classes are even, the third is out
    assert 2 * float(truth_of(f, W).along(steepest, 0.0, 0.0)[2].mid()) / np.sum(steepest**2) > f.smoothness / 2


@pytest.mark.parametrize("step", [0.5, 0.05])
def test_the_gap_of_subgradient_descent_obeys_its_bound(step):
    f = problem("multiclass_hinge")
    V, state, squares = minimiser(f), first_state(f, 0), []
    distance = np.linalg.norm(state.W - V)
    for _ in range(150):
        squares.append(np.sum(f(state.W)[1] ** 2))
        state = gradient_descent(f, state, step=step)
        assert state.best - f(V)[0] <= subgradient_gap(distance, step, squares)
    assert state.best > f(V)[0]
    backwards, squares = first_state(f, 0).W, []
    start = f(backwards)[0]
    for _ in range(150):
        squares.append(0.0)
        assert f(backwards)[0] == start  # a method that never moves
    assert start - f(V)[0] > subgradient_gap(distance, step, squares)


def test_the_oracle_agrees_with_the_problem():
    f = few("softmax_cross_entropy")
    W = first_state(f, 3).W
    truth = Oracle(f.objective, "float64").at(W=W, X=f.split.X, y=f.split.y, reg=f.reg)
    assert abs(Fraction(f(W)[0]) - Fraction(float(truth.value.exact.mid()))) <= truth.value.radius
    assert truth.gradient.distance(f(W)[1]).strain <= 1
