"""What code computes is recorded: the same numbers, the same slopes, both sides of what is open, and nothing that is not followed."""

from __future__ import annotations

import math
from contextlib import suppress

import numpy as np
import pytest
from flint import arb
from numpy.lib.stride_tricks import as_strided, sliding_window_view
from scipy import linalg, special
from scipy.spatial import distance

from verify.tape import enclose, reverse
from verify.tape.balls import precision
from verify.tape.tape import Builder
from verify.traced import Code, NotTraced, problem, recorded
from verify.traced.gap import slopes
from verify.traced.patching import places_of
from verify.traced.record import as_written

RNG = np.random.default_rng(0)
X, Y, LABELS = RNG.normal(size=(6, 4)), RNG.normal(size=(6, 3)), np.array([0, 2, 1, 1, 0, 2])
ROWS = np.arange(6)
U = 2.0**-53
BUFFER, FLAGS, KEPT = np.zeros(4), np.zeros(4, bool), np.arange(12) % 3 > 0
MISSING = np.where(np.arange(12) % 4 == 1, np.nan, np.arange(12.0))
COUNTS, SHARED = np.zeros(4, int), np.zeros(8)


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


def masked_attention(w):
    q = w.reshape(3, 4)
    s = q @ q.T
    s[np.triu(np.ones((3, 3), bool), 1)] = -np.inf
    p = np.exp(s - s.max(axis=1, keepdims=True))
    return (p / p.sum(axis=1, keepdims=True) @ Y[:3]).sum()


def pairs_without_themselves(w):
    z = w.reshape(4, 3)
    s = z @ z.T
    np.fill_diagonal(s, -np.inf)
    return special.logsumexp(s, axis=1).sum() - s[np.arange(4), [1, 0, 3, 2]].sum()


def forward_in_logs(w):
    a = np.full((4, 3), -np.inf)
    a[0, 0] = w[0]
    for t in range(1, 4):
        for k in range(3):
            came = [a[t - 1, k], a[t - 1, k - 1] if k else -math.inf]
            a[t, k] = np.logaddexp.reduce(came) + w[3 * t + k]
    return np.logaddexp(a[-1, -1], a[-1, 0])


def covariance(w):
    return np.outer(w[:4], w[:4]) + 2 * np.eye(4)


def by_cholesky(w):
    lower = np.linalg.cholesky(covariance(w))
    z = linalg.solve_triangular(lower, w[:4], lower=True)
    return z @ z + 2 * np.log(np.diag(lower)).sum() + linalg.solve_triangular(lower, z, lower=True, trans="T").sum()


def by_cho_factor(w):
    factor = linalg.cho_factor(covariance(w))
    return w[4:8] @ linalg.cho_solve(factor, w[:4]) + np.log(np.diagonal(factor[0])).sum()


def in_a_mask(w):
    mask = np.zeros(12, dtype=bool)
    mask[3:] = w[3:] > 0
    mask[0] = True
    mask &= w < 2
    inside = w > -1
    inside[5:7] = False
    inside[w > 1] = True
    return (w[mask] ** 2).sum() + w[inside].sum() + np.where(inside, w, 0).sum()


def told(w):
    loss = (w**2).sum()
    text = "loss %.3f, %d of %s" % (loss, loss, 3), f"{loss:.2e} {loss!r}", f"{loss}"  # noqa: UP031
    return loss if all(text) else 0


def in_a_buffer(w):
    np.multiply(w[:4], 2, out=BUFFER)
    BUFFER[1:3] += w[4:6]
    return (BUFFER**2).sum()


def in_a_flag(w):
    FLAGS[...] = w[:4] > 0
    return np.where(FLAGS, w[:4], 0.1 * w[:4]).sum()


def flat(w):
    m = np.zeros((4, 4))
    m.flat[[0, 3, 9]] = w[:3]
    m.flat[5::5] = w[3]
    m[3].flat = w[4:8]
    return sum(v * v for v in m.flat) + m.flat[9] * len(m.flat)


@np.vectorize
def bent(v):
    return v**2 if v > 0 else -v


VIEWS = [SHARED[2:6]]

FOLLOWED = {
    "masks of −∞": masked_attention,
    "a mask of numbers": lambda w: np.where(np.tril(np.ones((3, 3))) == 0, -np.inf, w[:9].reshape(3, 3)).max(axis=1).sum(),
    "−∞ on a diagonal": pairs_without_themselves,
    "−∞ in sums of exponentials": forward_in_logs,
    "−∞ where a comparison says": lambda w: np.where(w > 0, w, -np.inf).max() + max(-math.inf, w[0], w[1]),
    "NaN among the data": lambda w: np.nanmean((w - MISSING) ** 2) + np.nansum(w * MISSING) + np.nanmax(w + MISSING),
    "Cholesky": by_cholesky,
    "Cholesky of scipy": by_cho_factor,
    "the upper factor": lambda w: linalg.cholesky(covariance(w)).sum() + linalg.solve(covariance(w), w[:4], assume_a="pos").sum(),
    "masks that are written to": in_a_mask,
    "text": told,
    "a buffer": in_a_buffer,
    "a buffer of truths": in_a_flag,
    "a copy of data": lambda w: np.add(W := X.copy(), 0, out=W)[0] @ w[:4] + (W.__setitem__((0, 0), w[0] ** 2) or W.sum()),
    "flat": flat,
    "numpy.vectorize": lambda w: bent(w.reshape(3, 4)).sum(),
    "r_ and c_": lambda w: (np.r_[w[:2], 1.0, w[3], 0:2] ** 2).sum() + (np.c_[np.ones(4), w[:8].reshape(4, 2)] @ w[:3]).sum(),
    "lists": lambda w: np.mean([v * v for v in w]) + np.exp([w[0], 1.0]).sum() + np.linalg.norm([w[1], w[2]]) + sum(abs(v) for v in w),
    "where= in reductions": lambda w: w.mean(where=KEPT) + np.sum(w**2, where=w > 0) + np.max(w, where=KEPT, initial=-np.inf),
    "einsum with dots": lambda w: (
        np.einsum("...i,...i->...", w.reshape(3, 4), w.reshape(3, 4)) @ np.einsum("...ij->...", w.reshape(3, 2, 2))
    ),
    "windows": lambda w: (
        (sliding_window_view(w.reshape(3, 4), (2, 2)) ** 2).sum()
        + np.convolve(w, w[:3], "same")[2]
        + np.correlate(w[:2], w)[3]
        + np.convolve(w[:2], w)[1]
        + (as_strided(w, (11, 2), w.strides * 2)[:, 1] ** 3).sum()
    ),
    "pads": lambda w: (
        sum((np.pad(w.reshape(3, 4), ((1, 1), (0, 2)), mode=m) ** 2)[0].sum() for m in ("edge", "reflect", "wrap", "symmetric"))
        + np.pad(w, 1, constant_values=2).prod()
    ),
    "lookup": lambda w: (
        (np.interp(w, [-1, 0, 2], [0.0, 1, 3]) ** 2).sum()
        + np.interp(w[0], np.sort(w[1:4]), w[4:7], left=0)
        + np.array([1.0, 2, 3])[np.digitize(w, [-0.5, 0.5])] @ w
        + w[np.searchsorted(np.cumsum(np.exp(w)), 2.0)]
    ),
    "segments": lambda w: (np.add.reduceat(w, [0, 3, 4]) ** 2).sum() + np.maximum.accumulate(w)[-1] + np.logaddexp.accumulate(w)[5],
    "differences and integrals": lambda w: (
        (np.diff(w, prepend=0.0) ** 2).sum() + np.trapezoid(w**2, dx=0.5) + np.trapezoid(w, np.arange(12.0))
    ),
    "powers of each": lambda w: (w[:4] ** np.arange(4)).sum() + (np.abs(w[:3]) ** np.array([0.5, 1.5, -1])).sum() + (2.0 ** w[:2]).sum(),
    "further norms": lambda w: (
        np.linalg.norm(w, 3)
        + np.linalg.norm(w.reshape(3, 4), 1)
        + np.linalg.norm(w.reshape(3, 4), np.inf, axis=(0, 1))
        + np.linalg.norm(w, -np.inf)
        + np.linalg.norm(w.reshape(3, 4), axis=1, ord=1).max()
    ),
    "distances": lambda w: (
        distance.cdist(w.reshape(4, 3), Y).sum()
        + distance.cdist(w.reshape(4, 3), Y, "cityblock").min()
        + distance.pdist(w.reshape(4, 3), "sqeuclidean").sum()
    ),
    "further special functions": lambda w: (
        special.betaln(w[:3] ** 2, 2.0).sum() + special.huber(0.5, w).sum() + special.pseudo_huber(2.0, w).sum()
    ),
    "asserts": lambda w: (p := special.softmax(w))[0] * np.allclose(p.sum(), 1) + np.isscalar(w[0]) * w[1],
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
    "log-sum-exp of all": lambda w: (w.reshape(3, 4) - np.logaddexp.reduce(w.reshape(3, 4), axis=None, keepdims=True) ** 2)[0, 1],
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


def test_a_branch_that_changes_nothing_is_no_kink():
    def f(x):
        loss, slope = np.sqrt(x[1] + 0.01) - np.sqrt(x[1] + 0.01), 0.0
        for d in (x[0] - 1, 2 * x[1]):
            v = np.maximum(d, 0)
            loss = loss + v
            if v > 0:
                slope = slope + 1
        return loss

    x = np.array([0.5, 0.25])
    record = recorded(f, [x], u=2.0**-53)
    assert [float(s) for s in slopes(record, [arb(t) for t in x])] == [0.0, 2.0]
    assert not any(i.op == "where" and np.array_equal(*i.ins[1:]) for i in record.tape.instructions)


def test_pieces_that_are_one_number_with_one_slope_are_no_kink_however_many():
    data = np.sqrt(np.arange(1.0, 13.0)) / 10

    def within(x):  # as a clipped ratio of policies, within the clip
        r = np.exp(x * data)
        return np.minimum(r * data, np.clip(r, 0.5, 2.0) * data).sum()

    def kinked(x):
        return within(x) + np.maximum(x[0] - x[1], 0)

    x = np.full(12, 0.25)
    found = [slopes(recorded(f, [x], u=U), [arb(t) for t in x]) for f in (within, kinked)]
    assert found[1] is None
    assert np.allclose([float(s) for s in found[0]], np.exp(x * data) * data**2)


def longest(x):
    """As recurrences with logarithms go: the greatest of several numbers, some of which may be −∞, is taken out and put back."""
    a = [x[0], -np.inf, x[1]]
    for k in range(2, 6):
        top = max(a[-1], a[-2], a[-3])
        a.append(top + np.log(sum(np.exp(v - top) for v in a[-3:])) + min(x[k], 0.0))
    return a[-1]


def test_what_max_and_min_choose_is_no_branch_also_where_numbers_are_equal():
    runs = []

    def counted(x):
        runs.append(0)
        return longest(x)

    record = recorded(counted, [np.zeros(6)], u=U)
    assert (len(runs), record.decided) == (1, {})
    assert record.holds([np.arange(6.0) - 3])
    with precision():
        found = enclose.run(record.tape, [arb(0.5 * k - 1) for k in range(6)]).values[int(record.outputs)]
    assert abs(float(found) - longest(0.5 * np.arange(6) - 1)) < 1e-14


def test_a_number_is_compared_with_what_was_chosen_among_it_and_others_by_those():
    def first_of_the_greatest(x):
        a, b = x[0] * x[1], x[1] * x[2]
        top, low = max(a, b), min(a, b)
        assert top >= a
        assert not low > b
        return 2 * top if a == top else top - low

    record = recorded(first_of_the_greatest, [np.array([1.0, 3.0, 1.0])], u=U)
    with precision():
        run = enclose.run(record.tape, [arb(1), arb(3), arb(0.5)])
    assert float(run.values[int(record.outputs)]) == 6.0
    assert [record.holds([np.array([1.0, 3.0, z])]) for z in (0.5, 2.0)] == [True, False]


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
    "an index": (lambda x: X[x[0]].sum(), "indexes by"),
    "all of Q": (lambda x: np.linalg.qr(np.outer(x, x), mode="complete")[0].sum(), "np.linalg.qr"),
    "a matrix without full rank": (lambda x: np.linalg.pinv(np.outer(x, x)).sum(), "full rank"),
    "a buffer of whole numbers": (lambda x: COUNTS.__setitem__(slice(None), x) or COUNTS.sum(), "whole ones"),
    "a number from text": (lambda x: float(f"{x[0]:.1f}") * x[1], "from text"),
    "a product with infinity": (lambda x: (x * np.inf).sum(), "infinity"),
    "a mean at the edges": (lambda x: np.pad(x, 1, mode="mean").sum(), "mode='mean'"),
    "complex": (lambda x: np.abs(x * 1j).sum(), "complex128"),
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


def test_a_loop_is_recorded_up_to_a_number_of_operations(monkeypatch):
    def f(x):
        for _ in range(100):
            x = 0.5 * x
        return x.sum()

    x = np.array([1.0, 2.0])
    assert recorded(f, [x], u=U).tape.operations == 201
    monkeypatch.setattr("verify.traced.recorder.MOST_INSTRUCTIONS", 60)
    with pytest.raises(NotTraced, match=r"more than 60 operations, up to which code is recorded .*0\.5 \* x"):
        recorded(f, [x], u=U)


def test_code_that_catches_everything_does_not_hide_that_it_is_not_followed():
    def f(x):
        try:
            return np.fft.fft(x).real.sum()
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


def test_buffers_are_as_they_were_afterwards_also_when_the_code_raises():
    def raises(x):
        BUFFER[...] = x
        raise ValueError(BUFFER.sum())

    def reads_it_elsewhere(x):
        SHARED[:4] = x
        return VIEWS[0].sum() + SHARED.sum()

    BUFFER[...], SHARED[...] = 7, 5
    record = recorded(in_a_buffer, [np.ones(12)], u=U)
    with pytest.raises(NotTraced):
        recorded(raises, [np.ones(4)], u=U)
    unknown = recorded(reads_it_elsewhere, [np.ones(4)], u=U)
    assert (BUFFER == 7).all()
    assert (SHARED == 5).all()
    with precision():
        assert float(enclose.run(record.tape, [arb(1)] * 12).values[int(record.outputs)]) == 26
        assert not enclose.run(unknown.tape, [arb(1)] * 4).values[int(unknown.outputs)].is_finite()


def test_every_one_of_equal_entries_may_be_the_greatest():
    record = recorded(lambda x: x[np.argmax(x)] + x[np.argmin(x)], [np.array([0.5, 0.5, 0.5])], u=U)
    with precision():
        thin, fat = (enclose.run(record.tape, [arb(0.5)] * 3, u) for u in (None, arb(U)))
        found = reverse.pieces(thin, fat, int(record.outputs))
    sets = {tuple(float(v[j].exact) if j in v else 0.0 for j in range(3)) for vs in found.ambiguous for v in vs}
    assert {(2.0, 0.0, 0.0), (0.0, 2.0, 0.0), (1.0, 0.0, 1.0)} <= sets


def test_where_more_is_open_than_is_run_no_slope_is_known():
    record = recorded(lambda x: sum(2 * v if v > 0 else -v for v in x), [np.zeros(10)], u=U)
    with precision():
        thin, fat = (enclose.run(record.tape, [arb(0)] * 10, u) for u in (None, arb(U)))
        found = reverse.pieces(thin, fat, int(record.outputs))
        assert not found.ambiguous
        assert not any(q.exact.is_finite() for q in found.certain.values())
    assert slopes(record, [arb(0)] * 10) is None


def test_branches_that_do_not_depend_on_each_other_are_not_run_until_there_are_too_many():
    runs = []

    def apart(x):
        runs.append(1)
        return sum(2 * v if v > 0 else -v for v in x)

    def chain(x):
        runs.append(1)
        return x.sum() if all(v > 0 for v in x) else 2 * x.sum()

    assert not recorded(apart, [np.zeros(10)], u=U).steady
    assert len(runs) == 2
    runs.clear()
    assert recorded(chain, [np.zeros(10)], u=U).steady
    assert len(runs) == 11


def test_whole_numbers_that_are_made_of_whole_ones_are_no_branches():
    runs, table, at = [], np.array([0.0, 1.0, -1.0, 2.0]), [0.3, 1.6, 2.4, 0.8]

    def interpolated(x):
        runs.append(1)
        below = np.floor(x)
        ahead = (-(-1 - below * 1)).astype(int)
        return np.sum(table[ahead - 1] + (x - below) * (table[ahead] - table[ahead - 1]))

    record = recorded(interpolated, [np.array(at)], u=U)
    assert record.steady
    assert len(runs) == 1
    assert [float(s.mid()) for s in slopes(record, [*map(arb, at)])] == [1, -2, 3, 1]


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


def test_registers_that_are_written_over_later_change_no_instruction():
    b = Builder()
    x = b.inputs(())
    y = b.exp(x)
    x[...] = 7
    assert b.tape(y).instructions[0].ins[0].tolist() == [0]


def test_numbers_of_another_record_are_none_of_this_one():
    kept = []

    def f(x):
        kept.append(x)
        return (kept[0] * x).sum()

    recorded(f, [np.ones(3)], u=2.0**-53)
    assert [type(x) for x in kept] == [np.ndarray] * 3  # plain numbers, twice: it might have kept these
    assert recorded(f, [np.full(3, 2.0)], u=2.0**-53).values == 6


def test_numbers_that_nobody_reaches_are_not_used_in_another_record():
    def memory():
        first = yield
        while True:
            yield first

    kept = memory()
    next(kept)

    def f(x):
        return (kept.send(x) * x).sum()

    with suppress(NotTraced):
        recorded(f, [np.ones(3)], u=2.0**-53)
    with pytest.raises(NotTraced, match="it uses numbers that an earlier call has kept"):
        recorded(f, [np.ones(3)], u=2.0**-53)


def test_what_is_kept_as_long_as_x_hardly_moves_is_recorded_anew():
    last = {}

    def f(x):
        if "x" not in last or np.max(np.abs(last["x"] - x)) > 1e-3:
            last.update(x=x.copy(), value=(x**2).sum())
        return last["value"]

    for x in (np.ones(3), np.full(3, 1.0001)):
        assert recorded(f, [x], u=2.0**-53).values == (x**2).sum()


def test_a_record_stays_as_it_is_when_kept_numbers_are_compared_later():
    kept = []

    def f(x):
        kept.append(x)
        return [x * 2.0 if x[0] > 0 else x]

    (record,) = as_written(f, [np.ones(3)])
    assert not kept[0][1] < 0.5
    assert record.holds([np.full(3, 2.0)])


def test_what_keeps_nothing_is_not_asked_again():
    asked = []

    def f(x):
        asked.append(type(x))
        return (x**2).sum()

    recorded(f, [np.ones(3)], u=2.0**-53)
    as_written(lambda x: [f(x)], [np.ones(3)])
    with pytest.raises(NotTraced):
        recorded(lambda x: np.fft.fft(np.array([f(x)])), [np.ones(3)], u=2.0**-53)
    assert len(asked) == 3
    assert np.ndarray not in asked


def test_only_the_candidate_s_own_code_is_looked_through(tmp_path, monkeypatch):
    """Not what loads its module, which pytest's leads on from."""
    (tmp_path / "alone.py").write_text("import numpy as np\n\ndef f(x):\n    return np.sum(x * x)\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    import alone

    assert alone.__spec__.loader is not None
    modules, cells, attributes, _ = places_of(alone.f)
    assert [names["__name__"] for names in modules] == ["alone"]
    assert (cells, attributes) == ([], [])


def test_code_runs_once_for_all_who_come_to_a_point_though_it_does_another_thing_at_each():
    asked = []

    def loss(x):
        asked.append(1)
        return sum((k + 1.0) * x[k] if x[k] > 0 else 0 * x[k] for k in range(len(x)))

    code = Code(loss, ("x",), lambda x: [x])
    signs = [np.array([1.0 if n >> k & 1 else -1.0 for k in range(5)]) for n in range(32)]
    first = [code.record({"x": x}) for x in signs]
    runs = len(asked)
    assert runs >= len(signs) > problem.KEPT
    assert [code.record({"x": x})[1] for x in signs] == [key for _, key in first]
    assert len(asked) == runs
