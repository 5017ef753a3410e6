"""What rounds, sorts and decomposes is recorded: numbers, slopes, all orders of equal numbers, both sides of a jump."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from flint import arb

from verify import Candidate, Verdict, check
from verify.tape import enclose, reverse
from verify.tape.balls import precision
from verify.traced import recorded

U = 2.0**-53
TABLE = np.array([0.0, 1.0, 3.0, 2.0, 5.0, 4.0, 7.0])


def bilinear(w):
    x, y = 1.5 + np.tanh(w[:3]), 1.5 + np.tanh(w[3:6])
    i, j = np.floor(x).astype(int), np.floor(y).astype(int)
    a, b, image = x - i, y - j, np.resize(w, (4, 4))
    rows = image[i, j] * (1 - b) + image[i, j + 1] * b, image[i + 1, j] * (1 - b) + image[i + 1, j + 1] * b
    return (rows[0] * (1 - a) + rows[1] * a).sum()


def symmetric(w):
    m = w[:9].reshape(3, 3)
    return m @ m.T + np.diag([1.0, 2.0, 3.5])


def spectral(w):
    values, vectors = np.linalg.eigh(symmetric(w))
    return (values**2) @ np.arange(1, 4) + (vectors**2 * np.arange(9.0).reshape(3, 3)).sum() + np.linalg.eigvalsh(symmetric(w), "U")[1]


def singular(w):
    u, s, v = np.linalg.svd(w.reshape(3, 4), full_matrices=False)
    tall = np.linalg.svd(w.reshape(4, 3))
    sizes = (
        np.linalg.norm(w.reshape(4, 3), "nuc") + np.linalg.norm(w.reshape(3, 4), 2) + np.linalg.svd(w.reshape(4, 3), compute_uv=False)[1]
    )
    return s @ np.arange(1, 4) + np.outer(u[:, 0], v[0])[1, 2] + (tall[0][:, :1] @ tall[2][:1])[2, 0] + sizes


def factored(w):
    a, b = w.reshape(4, 3), w[:4] ** 2
    q, r = np.linalg.qr(a)
    x, rest, rank, _ = np.linalg.lstsq(a, b, rcond=None)
    return (q * a).sum() + r[0, 1] + x.sum() + rest.sum() + rank + np.linalg.pinv(a)[1, 2] + np.linalg.pinv(a.T)[1, 2]


def stacks(w):
    m = np.stack([symmetric(w), symmetric(2 * w)])
    solved = np.linalg.solve(m, m[:, :, :1]) + np.linalg.inv(m).sum()
    return solved.sum() + np.linalg.det(m).sum() + np.linalg.slogdet(m)[1].sum() + np.linalg.cholesky(m)[1, 2, 0]


FOLLOWED = {
    "floors": lambda w: (w * np.floor(3 * w)).sum() + (w * np.ceil(3 * w)).sum() + (w * np.trunc(3 * w)).sum() + (w * np.rint(3 * w)).sum(),
    "rounded": lambda w: (w * w.round(1)).sum() + (w * np.round(w, 2)).sum() + w[0] * round(w[1]) + w[1] * round(w[0], 1),
    "remainders": lambda w: (w % 0.3).sum() + np.fmod(w, 0.4) @ w + (w // 0.5) @ w + np.mod(w[:3], w[3:6] + 2).sum() + math.fmod(w[0], 0.2),
    "pairs": lambda w: sum((a * b).sum() for a, b in (np.divmod(w, 0.5), np.modf(3 * w), divmod(w, 0.7))),
    "whole numbers": lambda w: w @ (5 * w).astype(int) + TABLE[int(2 + w[0])] * w[1] + math.floor(w[2]) * w[3] + math.ceil(w[4]) * w[3],
    "a table": lambda w: (TABLE[np.floor(np.abs(w) * 2).astype(int)] * w).sum(),
    "bilinear": bilinear,
    "steps": lambda w: w @ np.heaviside(w, 0.5) + np.copysign(w, -w[::-1]) @ np.arange(12.0),
    "a quantile": lambda w: np.quantile(w, 0.9) + np.percentile(w.reshape(3, 4), [20, 70], axis=1).sum()
        + np.median(w.reshape(3, 4), axis=0).sum(),
    "parted": lambda w: np.partition(w, -3)[-3:].sum() + (w[np.argpartition(w, 4)[:4]] ** 2).sum() + np.sort(w, axis=None)[2],
    "parted tables": lambda w: np.partition(w.reshape(3, 4), 2, axis=None)[2] + np.sort(w.reshape(3, 4), axis=None)[5]
        + np.partition(w.reshape(3, 4), 1, axis=0)[1] @ w[:4] + w[np.argpartition(w.reshape(3, 4), 5, axis=None)[5]] ** 2,
    "eigenvalues": spectral,
    "singular values": singular,
    "factors": factored,
    "stacks of matrices": stacks,
    "powers of a matrix": lambda w: np.linalg.matrix_power(symmetric(w), 3)[0, 1] + np.linalg.matrix_power(symmetric(w), -1)[0, 1],
    "arranged": lambda w: (np.kron(w[:4].reshape(2, 2), w[4:7]) ** 2).sum() + (np.cross(w[:3], w[3:6]) * w[6:9]).sum()
        + np.vander(w[:3])[1, 0],
    "grids": lambda w: sum((a * b).sum() for a, b in [np.meshgrid(w[:3], w[3:5])]) + np.meshgrid(w[:3], w[:2], indexing="ij")[0][2, 1],
    "statistics": lambda w: np.cov(w.reshape(3, 4))[0, 1] + np.corrcoef(w.reshape(4, 3), rowvar=False)[0, 2] + np.cov(w),
    "polynomials": lambda w: np.polyval(w[:4], w[4:]).sum() + np.gradient(w**2)[3] + np.gradient(w.reshape(3, 4), axis=0)[0, 1],
    "joined": lambda w: (np.block([[w[:4].reshape(2, 2), w[4:6, None]], [w[6:9]]]) ** 2).sum() + np.insert(w, 2, w[0] ** 2)[:4] @ w[:4],
    "chosen": lambda w: np.extract(np.arange(12) % 3 == 1, w**2).sum() + np.ediff1d(w)[2]
        + w.reshape(3, 4)[np.triu_indices_from(w.reshape(3, 4))] @ w[:9],
    "pieces": lambda w: np.piecewise(w, [w < 0, w >= 1], [lambda x: x**2, 3.0, lambda x: 2 * x]).sum()
        + np.nanvar(np.where(np.arange(12) == 3, np.nan, w)),
}  # fmt: skip


@pytest.mark.parametrize("name", FOLLOWED)
def test_a_record_has_the_numbers_and_the_slopes_of_the_code(name):
    f, w = FOLLOWED[name], np.random.default_rng(3).normal(size=12)
    record = recorded(f, [w], u=U)
    inputs = [arb(float(v)) for v in w]
    with precision():
        thin, fat = (enclose.run(record.tape, inputs, u) for u in (None, arb(U)))
        found, pieces = thin.values[int(record.outputs)], reverse.pieces(thin, fat, int(record.outputs))
    assert abs(float(found) - float(f(w.copy()))) <= 1e-12 * max(1.0, abs(float(found)))
    assert not pieces.ambiguous
    for j in range(12):
        d = np.eye(12)[j] * 1e-6
        slope = (float(f(w + d)) - float(f(w - d))) / 2e-6
        assert abs(float(pieces.certain[j].exact if j in pieces.certain else 0) - slope) <= 1e-6 * max(1.0, abs(slope))


def sets(f, x):
    record = recorded(f, [x], u=U)
    with precision():
        thin, fat = (enclose.run(record.tape, [*map(arb, x.tolist())], u) for u in (None, arb(U)))
        found = reverse.pieces(thin, fat, int(record.outputs))
    assert record.steady
    return found, fat


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x[np.argsort(-x)] @ np.array([4.0, 2.0, 1.0]),
        lambda x: x[np.argpartition(x, 1)] @ np.array([1.0, 2.0, 4.0]),
    ],
    ids=["argsort", "argpartition"],
)
def test_equal_numbers_are_taken_in_every_order(f):
    found, _ = sets(f, np.array([0.5, 0.5, 0.5]))
    (vertices,) = found.ambiguous
    slopes = {tuple(int(float(v[j].exact)) for j in range(3)) for v in vertices}
    assert slopes == set(permutations((1, 2, 4)))


@pytest.mark.parametrize("f", [np.sort, lambda x: np.partition(x, 1), lambda x: np.median(x, keepdims=True)])
def test_of_sorted_values_nothing_is_known_where_they_are_equal(f):
    """Code may mark all entries that have such a value, and is right elsewhere."""
    for at, known in (([0.5, 0.5, 0.5], False), ([0.5, 1.5, -0.5], True)):
        record = recorded(lambda x: f(x)[0] ** 2, [np.array(at)], u=U)
        with precision():
            assert enclose.run(record.tape, [*map(arb, at)], arb(U)).values[int(record.outputs)].is_finite() is known


@pytest.mark.parametrize(("f", "at"), [(np.floor, 1.0), (np.ceil, 2.0), (np.rint, 1.5), (np.trunc, -1.0), (lambda x: x % 1.0, 3.0)])
def test_both_sides_of_a_jump_are_in_the_record(f, at):
    _, fat = sets(lambda x: (x * f(x)).sum(), np.array([at]))
    assert fat.jumps
    assert len(fat.jumps) <= 2
    _, beside = sets(lambda x: (x * f(x)).sum(), np.array([at + 0.25]))
    assert not beside.jumps


def trimmed(r):
    order = np.argsort(r**2)[:4]
    return (r[order] ** 2).sum()


def trimmed_slopes(r, factor=2.0):
    g = np.zeros_like(r)
    order = np.argsort(r**2)[:4]
    g[order] = factor * r[order]
    return g


def angles(x):
    d = (x + np.pi) % (2 * np.pi) - np.pi
    return np.sum(d**2)


def norms(w):
    return np.linalg.norm(w.reshape(3, 2), 2)


def norm_slopes(w):
    u, _, v = np.linalg.svd(w.reshape(3, 2))
    return np.outer(u[:, 0], v[0]).ravel()


PAIRS = {
    "trimmed": (trimmed, trimmed_slopes, lambda r: trimmed_slopes(r, 1.0), np.array([1.0, -1.0, 1.0, 1.0, 2.0, 0.0, 3.0])),
    "angles": (angles, lambda x: 2 * ((x + np.pi) % (2 * np.pi) - np.pi), lambda x: 2 * x, np.array([4.0, -2.5, 7.0])),
    "norms": (norms, norm_slopes, lambda w: 2 * norm_slopes(w), np.random.default_rng(1).normal(size=6)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_right_ones_hold_and_wrong_ones_are_broken_by_their_own_code(name):
    loss, right, wrong, at = PAIRS[name]
    held = check(Candidate(loss=loss, grad=right), at=at, profile="quick", laws=("gradient", "formula"))
    assert held.verdict is Verdict.HOLDS, str(held)
    assert "formula: own code" in str(held)
    assert check(Candidate(loss=loss, grad=wrong), at=at, profile="quick", laws=("formula",)).verdict is Verdict.BROKEN


def test_least_squares_are_not_asked_for_infinity():
    """LAPACK's singular values, on which they rest, do not come to an end there: right code was told to hang."""
    asked = []

    def residual(a, b):
        asked.extend(math.inf in x for x in (a, b) if type(x) is np.ndarray)
        if any(asked[-2:]):
            raise ValueError("would not come to an end")
        x, *_ = np.linalg.lstsq(a, b, rcond=None)
        r = a @ x - b
        return 0.5 * r @ r, (np.outer(r, x), -r)

    rng = np.random.default_rng(0)
    report = check(residual, at=(rng.normal(size=(6, 3)), rng.normal(size=6)), laws=("bad-input",), profile="quick")
    assert report.verdict is Verdict.HOLDS
    assert len(asked) > 50
    assert not any(asked)
