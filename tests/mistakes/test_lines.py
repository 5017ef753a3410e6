"""Slips in code: each changes the gradient as a code that has it does, wherever a loop comes by it again."""

from __future__ import annotations

import numpy as np
import pytest

from verify.mistakes import Lines, Slip, in_words
from verify.traced.record import as_run

X = np.array([0.5, -1.2, 0.8])
MANY = np.random.default_rng(0).normal(size=(5, 4))
DATA = np.array([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]])


def lines_of(f, x=X):
    return Lines(as_run(f, [x]), x)


def many(x):
    s = np.exp(x) / np.exp(x).sum()
    y = DATA @ s + np.maximum(x[0], 0) + np.linalg.solve(np.eye(2) + np.outer(x[:2], x[:2]), DATA[:, 0])
    return np.sum(np.abs(y) * np.where(y > 0, y, 2.0)) + np.prod(x) + np.dot(x, x) + np.var(x)


def test_without_a_slip_it_is_the_gradient():
    h = 1e-6
    numerical = [(many(X + h * e) - many(X - h * e)) / (2 * h) for e in np.eye(3)]
    assert np.allclose(lines_of(many).gradient(), numerical, rtol=1e-7)


def test_equal_lines_are_told_apart():
    def f(x):
        a = np.exp(x)
        b = np.exp(x)
        return (a * X).sum() + (b * b).sum()

    lines = lines_of(f)
    parts = {s.place.key[1]: lines.gradient([s]) for s in lines.slips() if s.code == "path-missing" and s.place.key[2] == "np.exp(x)"}
    first, second = (parts[n] for n in sorted(parts))
    assert np.allclose(first, 2 * np.exp(2 * X))
    assert np.allclose(second, X * np.exp(X))


def test_a_place_that_a_loop_comes_by_again_is_changed_each_time():
    def f(x):
        h = x[0]
        for _ in range(3):
            h = x[1] * h + x[2]
        return h

    lines = lines_of(f)
    (slip,) = (
        s
        for s in lines.slips()
        if s.code == "path-missing" and s.place.key[2] == "x[1] * h" and s.place.slot == 1 and s.place.steps == "all"
    )
    assert np.allclose(lines.gradient([slip]), [0.0, X[1] * (X[1] * X[0] + X[2]) + X[2], 1.0])  # the last step alone is carried back
    assert in_words(slip, lines.line(slip.place)).startswith("lacks what comes through `h` in `x[1] * h` (test_lines.py:")


def test_only_what_goes_on_from_itself_is_told_as_steps():
    def half(x):
        return np.tanh(x / 2)

    def calls(x):
        return half(x[0]) + 3 * half(x[1])

    def loop(x):
        h = x[0]
        for _ in range(2):
            h = half(h)
        return h

    def words(f):
        lines = lines_of(f)
        return {lines.when(s.place) for s in lines.slips() if s.place.steps == "earlier"}

    assert words(calls) == {", the first time that it runs"}
    assert words(loop) == {", from one step to the next"}


HOW = {
    "bare": lambda x: DATA.T @ np.ones(2),
    "mean": lambda x: DATA.T @ (1 - np.tanh(DATA @ x) ** 2) / 2,
    "first": lambda x: DATA[0] * (1 - np.tanh(DATA @ x) ** 2)[0],
    "last": lambda x: DATA[1] * (1 - np.tanh(DATA @ x) ** 2)[1],
}


@pytest.mark.parametrize("how", HOW)
def test_a_factor_that_is_left_out_and_a_sum_that_is_none(how):
    def f(x):
        a = DATA @ x
        return np.tanh(a).sum()

    lines = lines_of(f)
    assert any(s.how == how and np.allclose(lines.gradient([s]), HOW[how](X)) for s in lines.slips())


def test_a_line_of_several_operations_is_left_out_as_a_whole():
    def f(x):
        p = 1 / (1 + np.exp(-x))
        return (p**2).sum()

    lines = lines_of(f)
    (slip,) = (s for s in lines.slips() if s.how == "identity" and np.allclose(lines.gradient([s]), 2 / (1 + np.exp(-X))))
    assert "leaves out the derivative of `p = 1 / (1 + np.exp(-x))`" in in_words(slip, lines.line(slip.place))


def test_a_mean_that_is_summed_is_told_so():
    lines = lines_of(lambda x: np.mean(x**2))
    (slip,) = (s for s in lines.slips() if s.how == "bare" and np.allclose(lines.gradient([s]), 2 * X))
    assert in_words(slip, lines.line(slip.place)).startswith("sums what comes through `np.mean(x**2)`")


def test_another_constant_is_put_in_one_place():
    lines = lines_of(lambda x: (0.3 * x**3).sum() + (2.0 * x).sum())
    found = {lines.constant(p): p for p in lines.constants()}
    assert np.allclose(lines.having(found[0.3], 0.5).gradient(), 1.5 * X**2 + 2)


def test_slips_are_all_of_one_of_the_ways_that_are_known():
    assert {s.how for s in lines_of(many).slips()} <= {"times", "bare", "identity", "mean", "first", "last"}
    assert all(isinstance(s, Slip) for s in lines_of(many).slips())


def test_an_expression_over_several_lines_is_a_place():
    def f(x):
        return (
            np.exp(
                x[0]
                * x[1]
            )
            + np.sin(x[2])
        )  # fmt: skip

    lines = lines_of(f)
    for s in lines.slips():
        assert "(test_lines.py:" in in_words(s, lines.line(s.place))
    assert any(np.allclose(lines.gradient([s]), [0, 0, np.cos(X[2])]) for s in lines.slips())


def test_the_number_of_edges_is_known_beforehand():
    lines = lines_of(many)
    assert sum(e.outs.size for e in lines.edges) <= lines.size


def test_the_lines_that_all_of_some_inputs_goes_through_and_nothing_else():
    def f(x):
        a = x[0] * x[1]
        b = np.exp(a)
        return b + x[1] * x[2]

    lines, first = lines_of(f), f.__code__.co_firstlineno

    def told(*wanted):
        return [line.number - first for line in lines.only_of(np.arange(3), frozenset(wanted))]

    assert told(0) == [1]
    assert told(0, 1) == [1, 2, 3]
    assert told(2) == [3]
    assert told(0, 2) == []


def test_products_are_carried_back_only_in_ways_that_their_shapes_allow_for():
    def f(x):
        u, v, w = x[:12].reshape(4, 3), x[12:21].reshape(3, 3), x[21:].reshape(3, 2)
        h = np.tanh(MANY @ u)
        return np.sum(np.tanh(h @ v) @ w)

    lines = lines_of(f, np.random.default_rng(0).normal(size=27))
    plainly, slips = lines.gradient(), list(lines.products())
    assert {s.code for s in slips} == {"transposed", "path-factor"}
    assert not any(np.allclose(lines.gradient([s]), plainly) for s in slips)
