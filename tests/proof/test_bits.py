"""Comparisons that stay open: one path in place of 2^k, and nothing proved by it that is wrong on a pattern."""

from __future__ import annotations

import numpy as np
import pytest

from verify.proof.field import Budget, Element, Field, Tied, prime
from verify.proof.proved import prove
from verify.proof.square_roots import Roots
from verify.traced import Code

LABELS = np.array([0, 1, 2, 0, 2, 1, 1])
WEIGHTS = np.array([[1.0, 2.0, -1.0], [3.0, -1.0, 0.75]])


def hinge(s, power=1):
    rows = np.arange(len(LABELS))
    margins = np.maximum(0, s - s[rows, LABELS][:, None] + 1)
    margins[rows, LABELS] = 0
    d = (margins > 0) * 1.0 if power == 1 else 2 * margins
    d[rows, LABELS] = -d.sum(axis=1)
    return (margins**power).mean(), d / s.size


def network(x):
    h = np.maximum(0, x @ WEIGHTS)
    p = np.exp(h - h.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    d = p.copy()
    d[:, 0] -= 1
    d[h <= 0] = 0
    return -np.log(p[:, 0]).sum(), d @ WEIGHTS.T


def stable_logistic(x):
    loss = np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))
    return loss.sum(), np.where(x >= 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(x) / (1 + np.exp(x)))


def huber(x):
    return np.where(np.abs(x) < 1, x * x / 2, np.abs(x) - 0.5).sum(), np.where(np.abs(x) < 1, x, np.sign(x))


S, X = np.arange(21.0).reshape(7, 3) / 8 % 1.7 - 0.6, np.array([1.0, -2.0, 3.0, -0.5, 0.25])
RIGHT = {
    hinge: (S, 14),
    lambda s: hinge(s, 2): (S, 14),
    network: (np.outer(np.arange(1.0, 5.0), [1.0, -0.75]), 12),
    stable_logistic: (np.tile(X, 3), 15),
    huber: (np.tile(X, 2), 30),
}


def proved(f, at, limit=8.0):
    return prove(Code(lambda x: f(x)[0], ("x",), lambda x: [f(x)[1]]), [{"x": at}], shape="it", limit=limit)


@pytest.mark.parametrize("f", RIGHT, ids=lambda f: f.__name__)
def test_masks_are_proved_on_one_path(f):
    at, bits = RIGHT[f]
    found = proved(f, at)
    assert (found.status, found.patterns) == ("proved", 2**bits), found
    assert found.error < -200
    assert found.met > 8


def on_one_pattern_alone(x):
    mask = (x > 0) * 1.0
    return np.maximum(x, 0).sum(), mask * (1 + 1e-9 * np.prod(mask))


def nowhere_active(x):
    """The mean of what is positive; the sum where nothing is, of which the gradient knows nothing."""
    on = x > 0
    some = np.logical_or(np.logical_or(np.logical_or(on[0], on[1]), np.logical_or(on[2], on[3])), on[4])
    mean = (on * x).sum() / (on * 1.0).sum()
    return np.where(some, mean, x.sum()), np.where(some, on / (on * 1.0).sum(), 0.0)


def by_a_mask_that_may_be_0(x):
    mask = (x > 0) * 1.0
    return np.where(x > 0, x / mask, 5 * x).sum(), np.ones(5)


def mask_of_another_time(x):
    return np.maximum(x - 1e-3, 0).sum(), (x > 0) * 1.0


def logarithms_of_one_side(x):
    inner = np.where(x > 0, np.log(np.where(x > 0, x, 1.0)), 0.0)
    return ((x > 0) * np.exp(inner) + (x <= 0) * np.exp(0.5 * np.log(x**2))).sum(), np.ones(5)


def pairs(x):
    h = np.maximum(0, 1 - (x[:, None] - x[None]))
    on = (h > 0) * 1.0
    return h.sum(), on.sum(axis=0) - on.sum(axis=1) + 1e-9 * np.prod(on)


def exponent_of_masks(x):
    mask = (x > 0) * 1.0
    return np.exp(x).sum(), np.exp(x) * (1 + (mask[0] - mask[1]) ** 2 * (1 - mask[2]) / 1e6)


def second_layer(x):
    h = np.maximum(0, x)
    z = np.maximum(0, h[:-1] - h[1:])
    d = (z > 0) * 1.0
    up = np.append(d, 0.0) - np.append(0.0, d)
    return z.sum(), up * (x > -1e-3)


@pytest.mark.parametrize(
    "f",
    [
        on_one_pattern_alone,
        nowhere_active,
        by_a_mask_that_may_be_0,
        mask_of_another_time,
        logarithms_of_one_side,
        pairs,
        exponent_of_masks,
        second_layer,
    ],
    ids=lambda f: f.__name__,
)
def test_what_is_wrong_on_a_pattern_is_not_proved(f):
    assert proved(f, X, limit=4.0).status in ("refuted", "not proved")


@pytest.fixture
def f():
    return Field(prime(0), (b"1", b"2"), Roots(), Budget())


def many(f):
    """A sum of more bits than elements are known by."""
    return f.total(f.bit(n) for n in range(5))


def test_few_bits_are_idempotent_and_many_are_polynomials(f):
    b, c = f.bit(0), f.bit(1)
    assert f.minus(f.times(b, b), b).is_zero
    assert f.minus(f.choice(b, c, f.one), f.plus(f.times(b, c), f.minus(f.one, b))).is_zero
    assert not f.minus(f.times(b, c), c).is_zero
    assert f.choice(b, f.one, f.one).bits == frozenset()
    assert many(f).bits == {0, 1, 2, 3, 4}
    assert not f.minus(f.times(many(f), many(f)), many(f)).is_zero
    assert many(f).n >= 1


def test_what_may_have_no_value_asks_for_the_bits(f):
    x = f.free("x")
    above = f.plus(f.exponential(many(f)), f.one)
    assert above.positive
    assert isinstance(f.logarithm(above), Element)
    assert f.over(f.one, above).bits == many(f).bits
    for asks in (
        lambda: f.over(f.one, many(f)),
        lambda: f.over(f.one, f.bit(0)),
        lambda: f.logarithm(many(f)),
        lambda: f.square_root(f.plus(many(f), x)),
        lambda: f.turn(many(f)),
    ):
        with pytest.raises(Tied):
            asks()
    with f.needed_by(frozenset((0,))), pytest.raises(Tied):
        f.logarithm(x)
    f.logarithm(x)
    with f.needed_by(frozenset((0,))):
        f.logarithm(x)
