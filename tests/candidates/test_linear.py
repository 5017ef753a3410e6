"""The signature f(W, X, y, reg): layouts, copies, and what is no answer."""

from __future__ import annotations

import sys
from functools import partial, wraps
from itertools import product
from types import MethodType

import numpy as np
import pytest

import verify
from verify.candidates import Linear, Misbehaviour, extras

RNG = np.random.default_rng(3)
W, X, Y = RNG.normal(size=(3, 2)), RNG.normal(size=(4, 2)), np.array([0, 1, 2, 0])


def linear(W, X, y, reg):
    """Any function of all the inputs, in the suite's layout: Σ_i y_i·(W x_i)_{y_i} + reg."""
    return float((y * (X @ W.T)[np.arange(len(y)), y]).sum() + reg), np.add.reduceat(X, [0, 1, 2]) + W


@pytest.mark.parametrize(("layout", "data"), list(product(["CD", "DC"], ["ND", "DN"])))
def test_a_candidate_is_called_in_its_layout_and_answers_in_ours(layout, data):
    def f(mine, other, y, reg):
        assert mine.shape == (W.shape if layout == "CD" else W.T.shape)
        assert other.shape == (X.shape if data == "ND" else X.T.shape)
        assert mine.flags.c_contiguous
        assert other.flags.c_contiguous
        value, gradient = linear(mine if layout == "CD" else mine.T, other if data == "ND" else other.T, y, reg)
        return value, gradient if layout == "CD" else gradient.T

    answer = Linear(f=f, layout=layout, data=data)(W, X, Y, 0.5)
    value, gradient = linear(W, X, Y, 0.5)
    assert answer.value == value
    np.testing.assert_array_equal(answer.gradient, gradient)


def test_a_candidate_that_writes_to_its_inputs_writes_to_copies():
    def f(W, X, y, reg):
        W[...], X[...], y[...] = 9, 9, 1
        return 0.0, W

    given = W.copy(), X.copy(), Y.copy()
    Linear(f=f)(*given, 0.5)
    for a, b in zip(given, (W, X, Y), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_arrays_keep_their_dtype_and_reg_is_a_float(dtype):
    seen = Linear(f=linear).arguments(W.astype(dtype), X.astype(dtype), Y, np.float32(0.5))
    assert [a.dtype for a in seen[:2]] == [dtype, dtype]
    assert type(seen[3]) is float


def raising(message):
    def f(*_):
        raise ValueError(message)

    return f


NO_ANSWER = {
    "raises": (raising("two\nlines"), "crashed", "raised ValueError: two"),
    "raises without a word": (raising(""), "crashed", "raised ValueError"),
    "takes no arguments": (lambda: None, "crashed", "raised TypeError"),
    "exits": (lambda *_: sys.exit(3), "crashed", "SystemExit"),
    "nothing": (lambda *_: None, "shape", "returned NoneType, not a pair"),
    "a number": (lambda *_: 1.0, "shape", "returned float, not a pair"),
    "three things": (lambda *_: (1.0, W, W), "shape", "returned tuple, not a pair"),
    "an array of two": (lambda *_: np.ones(2), "shape", "returned ndarray, not a pair"),
    "losses of each example": (lambda *_: (np.ones(4), W), "shape", r"shape \(4,\), not one real number"),
    "a complex loss": (lambda *_: (1j, W), "shape", "type complex128"),
    "text for a loss": (lambda *_: ("1", W), "shape", "not one real number"),
    "None for a loss": (lambda *_: (None, W), "shape", "type object"),
    "a transposed gradient": (lambda *_: (1.0, W.T), "shape", r"shape \(2, 3\) for W of shape \(3, 2\)"),
    "a scalar gradient": (lambda *_: (1.0, 0.0), "shape", r"shape \(\)"),
    "a complex gradient": (lambda *_: (1.0, W + 0j), "dtype", "dtype complex128"),
    "a gradient of objects": (lambda *_: (1.0, W.astype(object)), "dtype", "dtype object"),
    "a gradient of truth values": (lambda *_: (1.0, W > 0), "dtype", "dtype bool"),
    "a ragged gradient": (lambda *_: (1.0, [[1.0], [1.0, 2.0]]), "shape", "returned"),
}


@pytest.mark.parametrize("case", NO_ANSWER)
def test_what_is_no_answer_is_named(case):
    f, code, message = NO_ANSWER[case]
    with pytest.raises(Misbehaviour, match=message) as caught:
        Linear(f=f)(W, X, Y, 0.5)
    assert caught.value.code == code
    assert "\n" not in str(caught.value)


ANSWERS = {
    "a list": lambda *_: [1.0, W.tolist()],
    "a loss of shape (1, 1)": lambda *_: (np.ones((1, 1)), W),
    "an integer loss": lambda *_: (1, W),
    "a numpy scalar": lambda *_: (np.float32(1), W),
}


@pytest.mark.parametrize("case", ANSWERS)
def test_what_is_an_answer_in_another_form_is_taken(case):
    answer = Linear(f=ANSWERS[case])(W, X, Y, 0.5)
    assert answer.value == 1.0
    np.testing.assert_array_equal(answer.gradient, W)


def three(W, X, y): ...
def four(W, X, y, reg): ...


TAKES = {
    "four": (lambda W, X, y, reg: 0, True),
    "four with a default": (lambda W, X, y, reg=0.0: 0, True),
    "any number": (lambda *a: 0, True),
    "three": (lambda W, X, y: 0, False),
    "three and a keyword": (lambda W, X, y, *, reg=0.0: 0, False),
    "a method of three": (MethodType(four, W), False),
    "partly bound to three": (partial(four, reg=0.0), False),
    "three behind a decorator": (wraps(three)(lambda *a: three(*a)), False),
    "no signature": (max, True),
}


@pytest.mark.parametrize("case", TAKES)
def test_whether_a_candidate_takes_reg(case):
    f, expected = TAKES[case]
    assert extras(f) == (("reg",) if expected else ())


def test_a_candidate_of_three_arguments_is_called_without_reg():
    assert Linear(f=lambda W, X, y: (float(len(y)), W), extras=())(W, X, Y, 0.5).value == 4.0


def test_a_pair_is_called_as_one():
    pair = verify.Candidate(loss=lambda *a: linear(*a)[0], grad=lambda *a: linear(*a)[1])
    answer = Linear(f=pair, extras=extras(pair))(W, X, Y, 0.5)
    value, gradient = linear(W, X, Y, 0.5)
    assert answer.value == value
    np.testing.assert_array_equal(answer.gradient, gradient)


@pytest.mark.parametrize("which", ["loss", "grad"])
def test_a_pair_needs_two_functions(which):
    with pytest.raises(verify.UsageError, match=rf"Candidate\({which}=…\) is int"):
        verify.Candidate(**{"loss": linear, "grad": linear, which: 3})
