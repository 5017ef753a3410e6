"""What code computes is recorded: the same numbers, the same slopes, both sides of what is open, and nothing that is not followed."""

from __future__ import annotations

import math
from contextlib import suppress

import numpy as np
import pytest
from flint import arb
from scipy import special

from verify.tape import enclose, reverse
from verify.tape.balls import precision
from verify.traced import NotTraced, recorded

RNG = np.random.default_rng(0)
X, Y, LABELS = RNG.normal(size=(6, 4)), RNG.normal(size=(6, 3)), np.array([0, 2, 1, 1, 0, 2])
ROWS = np.arange(6)
U = 2.0**-53
BUFFER = np.zeros(4)


def softmax(w):
    s = X @ w.reshape(4, 3)
    s -= s.max(axis=1, keepdims=True)
    p = np.exp(s)
    p /= p.sum(axis=1, keepdims=True)
    return float(-np.log(p[ROWS, LABELS]).mean())


def hinge(w):
    s = X.dot(w.reshape(4, 3))
    m = np.maximum(0, s - s[ROWS, LABELS][:, None] + 1.0)
    m[ROWS, LABELS] = 0
    return m.sum() / 6 + 0.5 * np.sum(w**2)


def hinge_by_loops(w):
    loss = 0.0
    for x, y in zip(X, LABELS, strict=True):
        s = x.dot(w.reshape(4, 3))
        for j in range(3):
            margin = s[j] - s[y] + 1
            if j != y and margin > 0:
                loss += margin
    return loss / 6


def hinge_by_masks(w):
    s = np.dot(X, w.reshape(4, 3))
    m = s - s[ROWS, LABELS][:, None] + 1.0
    m[m < 0] = 0
    m[ROWS, LABELS] = 0
    return np.mean(np.sum(m, axis=1))


def attention(w):
    q = w.reshape(3, 4)
    a = np.einsum("ij,kj->ik", q, q) / np.sqrt(q.shape[1])
    return (special.softmax(a, axis=-1) @ q).sum()


def recurrent(w):
    h, cell, u = np.zeros(3), np.zeros(3), np.ones((12, 3)) * 0.1
    for _ in range(3):
        i, f, o, g = np.split(u @ h + np.tile(w[:3], 4), 4)
        cell = special.expit(f) * cell + special.expit(i) * np.tanh(g)
        h = special.expit(o) * np.tanh(cell)
    return h.sum()


def batch_norm(w):
    x = w.reshape(4, 3)
    return (((x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)) * Y[:4]).sum()


def gaussian_process(w):
    K = np.outer(w, w) + 2 * np.eye(len(w))
    return 0.5 * np.linalg.slogdet(K)[1] + 0.5 * np.ones(len(w)) @ np.linalg.solve(K, np.ones(len(w)))


def scattered(w):
    g = np.zeros(5)
    np.add.at(g, np.array([0, 1, 1, 4]), w[:4])
    return (g**2).sum()


def in_place(w):
    out = np.zeros_like(w)
    view = out.reshape(3, 4)
    view[1] = w[:4]
    view[2, :2] += w[4:6] * 3
    return (out**3).sum()


FOLLOWED = {
    "softmax": softmax,
    "hinge": hinge,
    "hinge, by loops": hinge_by_loops,
    "hinge, by masks": hinge_by_masks,
    "attention": attention,
    "recurrent": recurrent,
    "batch norm": batch_norm,
    "Gaussian process": gaussian_process,
    "scattered": scattered,
    "in place, through views": in_place,
    "Python's math": lambda w: sum(math.log(math.cosh(float(v))) for v in w) + math.fsum(w),
    "log-sum-exp": lambda w: special.logsumexp(w) + np.logaddexp(w[0], w[1]),
    "GELU": lambda w: np.sum(0.5 * w * (1 + special.erf(w / np.sqrt(2)))),
    "norms": lambda w: np.linalg.norm(w) + np.linalg.norm(w, 1) + np.linalg.norm(w.reshape(3, 4), axis=1).sum(),
    "where": lambda w: np.where(np.abs(w) <= 1, 0.5 * w**2, np.abs(w) - 0.5).sum(),
    "truths as factors": lambda w: ((w > 0.1) * w**2).sum() + (~(w > 0.1) & (w < 5)).astype(float) @ w,
    "clip": lambda w: np.clip(w, -0.5, 0.5).sum() + np.minimum(w, 0.2).sum(),
    "statistics": lambda w: np.var(w) + np.std(w, ddof=1) + np.cumsum(w)[-2] + np.prod(w[:3]) + np.ptp(w),
    "powers": lambda w: (w**3).sum() + (np.abs(w) ** 1.5).sum() + (w**-2).sum(),
    "sorted": lambda w: np.sort(w) @ np.arange(12.0) + w[np.argmax(w)],
    "concatenated": lambda w: (np.concatenate([w[:3], [w[0] * w[1]], w[5:]]) ** 2).sum() + np.stack([w, 2 * w]).max(),
    "tensors": lambda w: np.tensordot(w.reshape(3, 4), X, axes=([1], [1])).sum() + np.trace(w[:9].reshape(3, 3)),
    "asarray and float32": lambda w: np.asarray(w, dtype=np.float64).sum() + np.float64(w[0]) * w.astype(np.float64)[1],
    "max of two": lambda w: max(0.0, w[0] + 1) + min(w[1], w[2]),
    "triangles": lambda w: (np.triu(w[:9].reshape(3, 3)) ** 2).sum() + np.diag(w[:3]).sum(),
}


@pytest.mark.parametrize("name", FOLLOWED)
def test_a_record_has_the_numbers_and_the_slopes_of_the_code(name):
    f, w = FOLLOWED[name], np.random.default_rng(3).normal(size=12)
    record = recorded(f, [w], u=U)
    inputs = [arb(float(v)) for v in w] + [arb(g) for g in record.guards]
    with precision():
        thin, fat = (enclose.run(record.tape, inputs, u) for u in (None, arb(U)))
        found, pieces = thin.values[int(record.outputs)], reverse.pieces(thin, fat, int(record.outputs))
    assert abs(float(found) - float(f(w.copy()))) <= 1e-13 * max(1.0, abs(float(found)))
    assert not pieces.ambiguous
    h = 1e-6
    for j in range(12):
        d = np.eye(12)[j] * h
        slope = (float(f(w + d)) - float(f(w - d))) / (2 * h)
        assert abs(float(pieces.certain[j].exact if j in pieces.certain else 0) - slope) <= 1e-6 * max(1.0, abs(slope))


@pytest.mark.parametrize("f", [lambda x: x[0] if x[0] > x[1] else x[1], lambda x: max(x[0], x[1]), lambda x: np.maximum(*x)])
def test_both_sides_of_an_open_branch_are_in_the_set_of_slopes(f):
    record = recorded(f, [np.array([0.5, 0.5])], u=U)
    with precision():
        thin, fat = (enclose.run(record.tape, [arb(0.5)] * 2, u) for u in (None, arb(U)))
        (vertices,) = reverse.pieces(thin, fat, int(record.outputs)).ambiguous
    assert sorted(sorted(v) for v in vertices) == [[0], [1]]


def test_of_all_that_is_open_at_once_every_outcome_is_run():
    def f(x):
        loss = 0.0
        if x[0] > 0 and x[1] > 0:
            loss += min(x[0], x[1])
        return loss

    runs = []

    def counted(x):
        runs.append(0)
        return f(x)

    record = recorded(counted, [np.zeros(2)], u=U)
    assert record.steady
    assert len(runs) >= 3
    with precision():
        thin, fat = (enclose.run(record.tape, [arb(0)] * 2, u) for u in (None, arb(U)))
        assert reverse.pieces(thin, fat, int(record.outputs)).ambiguous


def test_beyond_a_branch_nothing_is_known():
    record = recorded(lambda x: x[0] ** 2 if x[0] > 0 else -x[0], [np.array([1.0])], u=U)
    with precision():
        there = enclose.run(record.tape, [arb(-1.0)]).values[int(record.outputs)]
    assert not there.is_finite()
    assert record.holds([np.array([2.0])])
    assert not record.holds([np.array([-2.0])])


NOT_FOLLOWED = {
    "floor": (lambda x: np.floor(x).sum(), "np.floor"),
    "whole numbers": (lambda x: x.astype(int).sum(), "int64"),
    "an index": (lambda x: X[int(x[0])].sum(), "whole number"),
    "a plain buffer": (lambda x: BUFFER.__setitem__(slice(None), x) or BUFFER.sum(), "keeps"),
    "complex": (lambda x: np.abs(x * 1j).sum(), "complex128"),
    "an infinite constant": (lambda x: np.where(x > 0, x, -np.inf).max(), "not finite"),
    "an unknown function": (lambda x: np.fft.fft(x).real.sum(), "fft"),
    "a string": (lambda x: "loss", "returns str"),
    "what raises": (lambda x: np.linalg.inv(np.zeros((2, 2))).sum() + x.sum(), "LinAlgError"),
    "bytes": (lambda x: float(np.frombuffer(x.tobytes())[0]), "tobytes"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NOT_FOLLOWED)
def test_what_is_not_followed_is_said_with_its_line(name):
    f, words = NOT_FOLLOWED[name]
    with pytest.raises(NotTraced) as error:
        recorded(f, [np.array([1.0, 2.0, 0.5, 3.0])], u=U)
    assert words in str(error.value)


def test_code_that_catches_everything_does_not_hide_that_it_is_not_followed():
    def f(x):
        try:
            return x.astype(int).sum()
        except BaseException:
            return 0.0 * x.sum()

    with pytest.raises(NotTraced):
        recorded(f, [np.ones(2)], u=U)


def test_modules_are_as_they_were_afterwards_also_when_the_code_raises():
    def raises(x):
        raise ValueError(np.zeros(2).sum())

    before = dict(globals())
    for f in (softmax, raises):
        with suppress(NotTraced):
            recorded(f, [np.ones(12)], u=U)
        assert all(globals()[name] is value for name, value in before.items())
        assert "float" not in globals()


def test_closures_are_as_they_were_afterwards():
    data = np.ones(3)

    def f(x):
        return data.dot(x)

    recorded(f, [np.ones(3)], u=U)
    assert type(f.__closure__[0].cell_contents) is np.ndarray


def test_constants_that_were_rounded_before_carry_that_and_short_ones_do_not():
    record = recorded(lambda x: x.sum() / 3 * 0.1 + 0.25 * x[0], [np.ones(2)], u=U)
    held = {float(v): v for v in record.tape.constants.values() if not isinstance(v, str)}
    blurred = {float(record.tape.constants[r]) for r in record.blurred if r in record.tape.constants}
    assert 0.1 in blurred
    assert not {3.0, 0.25} & blurred
    assert {3.0, 0.25} <= held.keys()


def test_a_tiny_number_that_is_added_is_an_input_of_the_tape():
    assert recorded(lambda x: np.log(x + 1e-12).sum(), [np.ones(2)], u=U).guards == (1e-12,)
    assert recorded(lambda x: (1e-12 * x).sum(), [np.ones(2)], u=U).guards == ()
    assert recorded(lambda x: np.sqrt(x + 1e-5).sum(), [np.ones(2)], u=U).guards == ()
