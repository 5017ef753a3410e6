"""Gradients that are carried back in another order: a kernel that is not flipped, a shift the wrong way, a cumulative sum not reversed."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from verify import Verdict, check
from verify.mistakes import Lines
from verify.mistakes.orders import NOWHERE, Order, orders
from verify.traced.record import as_run

RNG = np.random.default_rng(4)
SOURCE = Path(__file__).read_text(encoding="utf-8").splitlines()
K3, K4, K33 = np.array([0.5, -1.2, 0.3]), np.array([1.0, 0.25, -0.5, 0.75]), np.round(RNG.normal(size=(3, 3)), 2)
T = np.round(RNG.uniform(0.5, 2, size=12), 2)


def convolved(x, slip):
    y = np.convolve(x, K3, mode="valid")  # @
    return np.sum(y**3), np.convolve(3 * y**2, K3 if slip else K3[::-1], mode="full")


def kept_size(x, slip):
    y = np.convolve(x, K3, mode="same")  # @
    return np.sum(np.tanh(y)), np.convolve(1 - np.tanh(y) ** 2, K3 if slip else K3[::-1], mode="same")


def windows(x, slip):
    loss, dx = 0.0, np.zeros_like(x)
    for i in range(x.size - 3):
        y = np.dot(x[i : i + 4], K4)  # @
        loss += y**3
        dx[i : i + 4] += 3 * y**2 * (K4[::-1] if slip else K4)
    return loss, dx


def strided(x, slip):
    loss, dx = 0.0, np.zeros_like(x)
    for i in range(4):
        y = x[2 * i : 2 * i + 3] @ K3  # @
        loss += np.exp(y)
        start = i if slip else 2 * i
        dx[start : start + 3] += np.exp(y) * K3
    return loss, dx


def taps(x, slip):
    n, y = x.size - 3, np.zeros(x.size - 3)
    for k in range(4):
        y = y + K4[k] * x[k : k + n]  # @
    loss, dx = np.sum(y**2 * T[:n]), np.zeros_like(x)
    for k in range(4):
        dx[k : k + n] += (K4[3 - k] if slip else K4[k]) * 2 * y * T[:n]
    return loss, dx


def image(x, slip):
    x = x.reshape(5, 5)
    y = np.einsum("ijkl,kl->ij", sliding_window_view(x, (3, 3)), K33)  # @
    kernel = {None: K33[::-1, ::-1], "both": K33, "rows": K33[:, ::-1], "columns": K33[::-1]}[slip]
    padded = np.pad(np.sinh(y), 2)
    return np.sum(np.cosh(y)), np.einsum("ijkl,kl->ij", sliding_window_view(padded, (3, 3)), kernel).ravel()


def weights(p, slip):
    x, w = p[:6], p[6:]
    cols = sliding_window_view(x, 3)
    y = cols @ w  # @
    g, dx = np.exp(y), np.zeros_like(x)
    for k in range(3):
        dx[k : k + 4] += g * w[k]
    dw = cols.T @ g
    return np.sum(np.exp(y)), np.concatenate([dx, dw[::-1] if slip else dw])


def rolled(x, slip):
    d = np.roll(x, -1) - x  # @
    g = 4 * d**3
    return np.sum(d**4), np.roll(g, -1 if slip else 1) - g


def on_a_ring(x, slip):
    y = x + 0.3 * np.roll(x, 2)  # @
    g = 4 * y**3
    return np.sum(y**4), g + 0.3 * np.roll(g, 2 if slip else -2)


def reversed_before(p, slip):
    x, w = p[:5], p[5:]
    a = np.tanh(x[::-1])  # @
    dx = 2 * a * w**2 * (1 - a**2)
    return np.sum((a * w) ** 2), np.concatenate([dx if slip else dx[::-1], 2 * a**2 * w])


def two_lines(p, slip):
    x, w = p[:5], p[5:]
    z = 2 * x[::-1]  # @
    y = np.exp(z)  # @
    dx = 2 * w * y
    return np.sum(w * y), np.concatenate([dx if slip else dx[::-1], y])


def summed(x, slip):
    s = np.cumsum(x)  # @
    g = 2 * (s - T[: s.size])
    return np.sum((s - T[: s.size]) ** 2), np.cumsum(g) if slip else np.cumsum(g[::-1])[::-1]


def rows(p, slip):
    s = np.cumsum(p.reshape(3, 4), axis=1)  # @
    g = 1 / (1 + np.exp(-s))
    return np.sum(np.log1p(np.exp(s))), (np.cumsum(g, axis=1) if slip else np.cumsum(g[:, ::-1], axis=1)[:, ::-1]).ravel()


def loop(x, slip):
    s, loss, levels = 0.0, 0.0, []
    for k in range(x.size):
        s = s + x[k]  # @
        levels.append(s)
        loss = loss + T[k] * s**4
    dx, carry = np.zeros_like(x), 0.0
    for k in range(x.size) if slip else reversed(range(x.size)):
        carry = carry + 4 * T[k] * levels[k] ** 3
        dx[k] = carry
    return loss, dx


def discounted(r, slip):
    G, loss, g = 0.0, 0.0, np.zeros_like(r)
    for t in reversed(range(r.size)):
        G = r[t] + 0.9 * G  # @
        loss, g[t] = loss + 0.5 * (G - T[t]) ** 2, G - T[t]
    dr, carry = np.zeros_like(r), 0.0
    for t in reversed(range(r.size)) if slip else range(r.size):
        carry = g[t] + 0.9 * carry
        dr[t] = carry
    return loss, dr


def averaged(x, slip):
    m, loss, g = 0.0, 0.0, np.zeros_like(x)
    for t in range(x.size):
        m = 0.8 * m + 0.2 * x[t]  # @
        loss, g[t] = loss + (m - T[t]) ** 4, 4 * (m - T[t]) ** 3
    dx, carry = np.zeros_like(x), 0.0
    for t in range(x.size) if slip else reversed(range(x.size)):
        carry = g[t] + 0.8 * carry
        dx[t] = 0.2 * carry
    return loss, dx


def ranked(z, slip):
    e = np.exp(z - z.max())
    p = e / e.sum()
    F = np.cumsum(p)  # @
    g = 2 * (F - np.array([0.0, 0, 1, 1, 1]))
    dp = np.cumsum(g) if slip else np.cumsum(g[::-1])[::-1]
    return np.sum((F - np.array([0.0, 0, 1, 1, 1])) ** 2), p * (dp - np.sum(dp * p))


def survival(x, slip):
    h = 1 / (1 + np.exp(-x))
    q = 1 - h
    S = np.cumprod(q)  # @
    g = 2 * (S - T[: S.size]) * S
    dq = (np.cumsum(g) if slip else np.cumsum(g[::-1])[::-1]) / q
    return np.sum((S - T[: S.size]) ** 2), -dq * h * q


def risk_sets(s, slip):
    risk = np.cumsum(np.exp(s))  # @
    inverse = 1 / risk
    summed_up = np.cumsum(inverse) if slip else np.cumsum(inverse[::-1])[::-1]
    return -np.sum(s - np.log(risk)), np.exp(s) * summed_up - 1


FLIPPED = "back in reverse order: a flip is missing there, or one too many"
OF_ONE_AXIS = "back in reverse order along one axis: a flip is missing there, or one too many"
ADDED = "in the direction in which the loss does, where the reverse one is due"
WRONG = [
    (convolved, 9, True, "entries", f"carries `x` in `np.convolve(x, K3, mode='valid')` {FLIPPED}"),
    (kept_size, 8, True, "entries", FLIPPED),
    (windows, 9, True, "entries", FLIPPED),
    (strided, 9, True, "entries", "back to places 1 apart from one window to the next"),
    (taps, 9, True, "entries", FLIPPED),
    (image, 25, "both", "entries", FLIPPED),
    (image, 25, "rows", "entries", OF_ONE_AXIS),
    (image, 25, "columns", "entries", OF_ONE_AXIS),
    (weights, 9, True, "entries", f"carries `w` in `cols @ w` {FLIPPED}"),
    (rolled, 6, True, "entries", "back 2 places off, around the end"),
    (on_a_ring, 7, True, "entries", "back 3 places off, around the end"),
    (reversed_before, 10, True, "entries", FLIPPED),
    (two_lines, 10, True, "entries", "which comes to the same"),
    (summed, 7, True, "transposed", f"adds up what comes to `s = np.cumsum(x)` {ADDED}"),
    (rows, 12, True, "transposed", ADDED),
    (loop, 5, True, "transposed", ADDED),
    (discounted, 6, True, "transposed", ADDED),
    (averaged, 6, True, "transposed", ADDED),
    (ranked, 5, True, "transposed", ADDED),
    (survival, 5, True, "transposed", ADDED),
    (risk_sets, 6, True, "transposed", ADDED),
]


def judged(model, size, slip, *laws):
    def f(x):
        return model(x, slip)

    f.__module__ = __name__
    at = np.round(np.random.default_rng(size).normal(size=size) / 2, 3)
    return check(f, at=at, laws=laws, profile="quick")


@pytest.mark.parametrize(("model", "size", "slip", "code", "words"), WRONG, ids=[f"{m.__name__}, {s}" for m, _, s, *_ in WRONG])
def test_the_line_is_named(model, size, slip, code, words):
    (result,) = judged(model, size, slip, "formula").results
    assert result.verdict is Verdict.BROKEN
    told = result.diagnosis
    assert (told["code"], [SOURCE[p["line"] - 1].endswith("# @") for p in told["places"]]) == (code, [True] * len(told["places"])), told
    assert told["places"]
    assert re.sub(r" \(test_orders.py:\d+\)", "", told["message"]).replace('"', "'").removeprefix("the gradient ").endswith(words), told


@pytest.mark.parametrize(("model", "size"), dict.fromkeys((m, n) for m, n, *_ in WRONG), ids=lambda m: getattr(m, "__name__", ""))
def test_in_the_right_order_it_holds(model, size):
    report = judged(model, size, None, "gradient", "formula")
    assert [r.diagnosis for r in report.results if r.verdict is not Verdict.HOLDS] == []


def test_where_no_order_explains_it_no_line_is_named():
    """A kernel that is flipped and transposed, too."""

    def f(x):
        y = np.einsum("ijkl,kl->ij", sliding_window_view(x.reshape(5, 5), (3, 3)), K33)
        padded = np.pad(np.sinh(y), 2)
        return np.sum(np.cosh(y)), np.einsum("ijkl,kl->ij", sliding_window_view(padded, (3, 3)), K33.T[::-1, ::-1]).ravel()

    (result,) = check(f, at=RNG.normal(size=25) / 2, laws=("formula",), profile="quick").results
    assert (result.diagnosis["code"], result.diagnosis.get("places", [])) == ("unknown", [])


def test_orders_keep_the_registers_but_for_those_that_fall_off_an_end():
    registers = np.arange(24).reshape(2, 3, 4)
    found = [order.of(registers) for order in orders(registers)]
    assert found
    for moved in (m for m in found if m is not None):
        assert moved.shape == registers.shape
        assert set(moved.ravel().tolist()) <= {NOWHERE, *range(24)}
    assert not any(m is not None and np.array_equal(m, registers) for m in found)
    assert Order(2, by=1).of(registers)[0, 0].tolist() == [NOWHERE, 0, 1, 2]
    assert Order(2, behind=2).of(registers)[0, 0].tolist() == [2, 3, 0, 1]
    assert Order(2, behind=3).of(registers) is None  # 4 are no rows of 3


def test_a_chain_is_one_of_results_that_go_on():
    def f(x):
        s, t = x[0], 0.0
        for k in range(1, 3):
            s = np.sin(x[k] * s)
            t = t + np.cos(x[k])
        return s * t

    x = np.array([0.5, -1.2, 0.8])
    lines = Lines(as_run(f, [x]), x)
    assert {key[2] for key in lines.chains} >= {"t + np.cos(x[k])", "np.sin(x[k] * s)"}
    assert "np.cos(x[k])" not in {key[2] for key in lines.chains}
    assert all(np.all(np.isfinite(lines.gradient([s]))) for s in lines.against())
