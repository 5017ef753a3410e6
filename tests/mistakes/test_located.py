"""Where a gradient goes wrong, as far as that shows: other lines on the same path, and what no slip explains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import verify

RNG = np.random.default_rng(5)
EXAMPLE = {"q": RNG.normal(size=(3, 4)), "k": RNG.normal(size=(3, 4)), "b": RNG.normal(size=3)}


def attention(q, k, b):
    s = q @ k.T / np.sqrt(q.shape[1])
    z = s + b
    e = np.exp(z)
    p = e / e.sum(axis=1, keepdims=True)
    return p, (q, k, p)


def of_attention(slip):
    def backward(upstream, saved):
        q, k, p = saved
        d = p * (upstream - (upstream * p).sum(axis=1, keepdims=True))
        ds = d if slip == "scale" else d / np.sqrt(q.shape[1])
        dk = ds.T @ q
        if slip == "cubed":
            dk = dk**3
        return ds @ k, dk, d.mean(axis=0) if slip == "mean" else d.sum(axis=0)

    return verify.Candidate(forward=attention, backward=backward)


def row(q, k, b):
    n = (q * q).sum()
    r = np.sqrt(n)
    return q / r + k.sum() + b.sum(), (q, k, b, r)


def of_row(upstream, saved):
    _, k, b, r = saved
    return upstream / r, np.full(k.shape, upstream.sum()), np.full(b.shape, upstream.sum())


CASES = {
    "one line is read by what is wrong": (of_attention("cubed"), "unknown", {"s = q @ k.T / np.sqrt(q.shape[1])"}),
    "a mean over a broadcast axis": (of_attention("mean"), "scaled", {"z = s + b"}),
    "one factor is left out": (of_attention("scale"), "scaled", {"s = q @ k.T / np.sqrt(q.shape[1])"}),
    "one path has several lines": (verify.Candidate(forward=row, backward=of_row), "path-missing", {"r = np.sqrt(n)", "n = (q * q).sum()"}),
}


@pytest.mark.parametrize("name", CASES)
def test_the_lines_are_told(name):
    candidate, code, due = CASES[name]
    (result,) = verify.check(candidate, at=EXAMPLE, profile="quick", laws=("formula",)).results
    told = result.diagnosis
    assert told["code"] == code, told
    source = Path(__file__).read_text(encoding="utf-8").splitlines()
    assert {source[place["line"] - 1].strip() for place in told["places"]} == due, told
    assert all(f"`{line}` (test_located.py:" in told["message"] for line in due)


def test_where_everything_is_wrong_no_line_is_told_that_all_goes_through():
    def loss(x):
        s = np.exp(x)
        t = s * s + s
        return np.log(t).sum()

    (result,) = verify.check(
        verify.Candidate(loss=loss, grad=lambda x: np.cos(3 * x)), at=np.array([0.3, -0.7]), profile="quick", laws=("formula",)
    ).results
    assert (result.diagnosis["code"], result.diagnosis.get("places", [])) == ("unknown", [])


def told(f, at):
    (result,) = verify.check(f, at=at, profile="quick", laws=("formula",)).results
    return result.diagnosis["message"]


def one_entry(x):
    b = x[5] * x[-1]
    slopes = 3 * x**2
    slopes[-1] += x[5] * np.exp(b)
    slopes[5] = np.cos(7 * x[5])
    return np.exp(b) + np.sum(x**3), slopes


def test_the_line_of_one_entry_is_told_where_entries_are_few():
    """As many as an integer has bits."""
    line = "all of what is wrong comes through `b = x[5] * x[-1]` (test_located.py:"
    assert line in told(one_entry, np.linspace(0.1, 0.9, 50))
    assert "comes through" not in told(one_entry, np.linspace(0.1, 0.9, 70))


def test_where_all_is_wrong_nothing_is_said_of_what_is_right():
    def f(a, b):
        e = np.exp(a * b)
        return e.sum(), (np.cos(7 * a), np.sin(5 * b))

    message = told(f, (np.array([0.3, -0.7]), np.array([1.3, 0.7])))
    assert "all of what is wrong comes through `e = np.exp(a * b)`" in message
    assert "right" not in message


def short(x):
    a = np.sin(x)
    b = a + 1
    c = 2 * b
    return c.sum() + (x * x).sum(), 2 * x


def long(x):
    a = np.sin(x)
    b = a + 1
    c = 2 * b
    d = c - 3
    return d.sum() + (x * x).sum(), 2 * x


def test_other_lines_of_one_path_are_told_where_they_are_few():
    assert "or through `b = a + 1`" in told(short, np.array([0.3, -0.7]))
    assert told(long, np.array([0.3, -0.7])).startswith("the gradient lacks what comes through `d = c - 3`")
    assert "or through" not in told(long, np.array([0.3, -0.7]))


def test_a_row_is_no_transpose_of_itself():
    sizes = np.array([1e6, 1.0, 1e-6])
    pair = verify.Candidate(loss=lambda x: (sizes * x**2).sum(), grad=lambda x: 2 * sizes * x * np.array([1.0, 1.0, 3.0]))
    at = np.array([1.0, -2.0, 0.5], np.float32)
    (result,) = verify.check(pair, at=at, profile="quick", laws=("gradient",)).results
    assert (result.verdict, result.diagnosis["code"] == "transposed") == (verify.Verdict.BROKEN, False), result.diagnosis


@pytest.mark.parametrize("slope", [2, 3])
def test_a_loss_that_is_an_array_of_one_number_is_one(slope):
    """As of f(x) = x² at one number; numpy 2.4 makes no int of such an array."""
    pair = verify.Candidate(loss=lambda x: x * x, grad=lambda x: slope * x)
    report = verify.check(pair, at=1.5, profile="quick", laws=("gradient", "formula"))
    assert {r.verdict for r in report.results} == {verify.Verdict.HOLDS if slope == 2 else verify.Verdict.BROKEN}
    if slope == 3:
        assert "the gradient has 1.5 × what comes through `x * x`" in report.results[0].diagnosis["message"]
