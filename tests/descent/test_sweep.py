"""The numerical gradient with its count, and the sweep of step sizes: every number recomputed in plain numpy or fractions."""

from __future__ import annotations

import json
from fractions import Fraction as Q

import numpy as np
import pytest
from click.testing import CliRunner

from verify.cli import cli
from verify.descent.methods import first_state
from verify.descent.numerical import Counted, numerical_gradient
from verify.descent.options import problem_of
from verify.descent.problem import TrainingProblem, digits_split
from verify.descent.sweep import STEPS, step_sweep
from verify.errors import UsageError


def raw(loss, examples=40):
    return TrainingProblem(split=digits_split(raw=True).first(examples), loss=loss, reg=1e-4)


def value(f, W):
    """The loss in plain numpy."""
    X, y = f.split.X, f.split.y
    S, rows = X @ W.T, np.arange(len(y))
    if f.loss == "softmax_cross_entropy":
        top = S.max(1, keepdims=True)
        return (np.log(np.exp(S - top).sum(1)) + top[:, 0] - S[rows, y]).mean() + f.reg * (W * W).sum()
    M = np.maximum(0, S - S[rows, y][:, None] + 1)
    M[rows, y] = 0
    return M.sum() / len(y) + f.reg * (W * W).sum()


@pytest.fixture(scope="module", params=["multiclass_hinge", "softmax_cross_entropy"])
def swept(request):
    f = raw(request.param)
    W = first_state(f, 0).W
    g = np.empty_like(W)
    for j, k in np.ndindex(*W.shape):
        E = np.zeros_like(W)
        E[j, k] = 1e-5
        g[j, k] = (f(W + E)[0] - f(W - E)[0]) / 2e-5
    return f, W, g, step_sweep(f)


def test_the_sweep_is_the_notes(swept):
    f, W, g, found = swept
    assert [r["step"] for r in found["steps"]] == list(STEPS) == [10.0**k for k in range(-10, 0)]
    assert found["original"] == pytest.approx(value(f, W), rel=1e-13)
    assert found["square"] == pytest.approx(np.sum(g * g), rel=1e-9)
    for r in found["steps"]:
        assert r["loss"] == pytest.approx(value(f, W - r["step"] * g), rel=1e-12)
        assert r["change"] == r["loss"] - found["original"]


def test_the_gradients_cost_what_they_cost_and_the_small_h_fails(swept):
    f, W, _, found = swept
    P = W.size
    trials = {(t["method"], t["h"]): t for t in found["gradient"]}
    assert {key: t["evaluations"] for key, t in trials.items()} == {
        ("centred", 1e-5): 2 * P, ("forward", 1e-5): P + 1, ("centred", 1e-15): 2 * P, ("forward", 1e-15): P + 1
    }  # fmt: skip
    assert max(t["relative_error"] for (_, h), t in trials.items() if h == 1e-5) < 1e-3
    assert trials["centred", 1e-5]["relative_error"] < trials["forward", 1e-5]["relative_error"] or f.loss == "multiclass_hinge"
    assert min(t["relative_error"] for (_, h), t in trials.items() if h == 1e-15) > 0.01


def test_the_prediction_is_exact_up_to_the_kink_and_no_further():
    f = raw("multiclass_hinge")
    found = step_sweep(f)
    before = [r for r in found["steps"] if r["before_kink"]]
    beyond = [r for r in found["steps"] if not r["before_kink"]]
    assert len(before) > 3
    assert beyond
    for r in before:
        assert abs(r["change"] - r["predicted"]) <= 2 * found["value_noise"]
    for r in beyond:
        assert r["change"] > r["predicted"] + 2 * found["value_noise"]


def test_the_kink_is_the_nearest_root_of_a_margin(swept):
    f, W, _, found = swept
    if f.loss == "softmax_cross_entropy":
        assert found["kink"] is None
        return
    g = numerical_gradient(lambda V: f(V)[0], W, h=1e-5)
    roots = []
    for x, y in zip(f.split.X, f.split.y, strict=True):
        s = [[sum(Q(float(m)) * Q(float(v)) for m, v in zip(row, x, strict=True)) for row in M] for M in (W, -g)]
        for j in range(10):
            alpha, beta = s[0][j] - s[0][y] + 1, s[1][j] - s[1][y]
            roots += [-alpha / beta] if j != y and beta and -alpha / beta > 0 else []
    assert found["kink"] == pytest.approx(float(min(roots)), rel=1e-15)


def test_the_loss_is_least_and_rises_where_it_is_said(swept):
    f, W, g, found = swept
    low, up = found["lowest"], found["rises_from"]
    assert 0 < low < up
    for factor in (0.9, 1.1, 0.999, 1.001):
        assert value(f, W - low * g) <= value(f, W - factor * low * g)
    assert value(f, W - up * (1 - 1e-6) * g) < found["original"] < value(f, W - up * (1 + 1e-6) * g)


def test_the_slope_and_the_curvature_are_those_of_the_loss():
    f = raw("softmax_cross_entropy")
    found, W = step_sweep(f), first_state(f, 0).W
    g = numerical_gradient(lambda V: f(V)[0], W, h=1e-5)
    assert found["slope"] == pytest.approx(-np.sum(f(W)[1] * g), rel=1e-12)
    h = 1e-6
    assert found["curvature"] == pytest.approx((np.sum(f(W - h * g)[1] * -g) - np.sum(f(W + h * g)[1] * -g)) / (2 * h), rel=1e-4)


def test_the_numerical_gradient_leaves_the_weights_and_counts():
    f = raw("softmax_cross_entropy", 5)
    W = first_state(f, 0).W
    before, counted = W.copy(), Counted(f)
    for method, cost in (("forward", W.size + 1), ("centred", 2 * W.size)):
        counted.evaluations = 0
        g = numerical_gradient(counted, W, h=1e-5, method=method)
        assert counted.evaluations == cost
        assert np.allclose(g, f(W)[1], atol=1e-3)
    assert np.array_equal(W, before)
    with pytest.raises(UsageError, match="Did you mean 'centred'"):
        numerical_gradient(counted, W, h=1e-5, method="centered")


def test_the_command_writes_and_tells(tmp_path):
    words = ["descend", "step-sweep", "--examples", "10", "--loss", "softmax_cross_entropy", "--output", str(tmp_path), "--quiet"]
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"step-sweep.{kind}" for kind in ("csv", "json", "png", "svg")]
    found = json.loads((tmp_path / "step-sweep.json").read_text(encoding="utf-8"))
    assert f"original loss: {found['original']:.6f}" in done.stdout
    assert "There is no kink on the way." in done.stdout
    assert len((tmp_path / "step-sweep.csv").read_text(encoding="utf-8").splitlines()) == 11


def test_cifar10_is_swept_in_float64_on_a_few_unscaled_examples(tmp_path):
    data = np.random.default_rng(0).integers(0, 256, (60, 3073), dtype=np.uint8)
    data[:, 0] %= 10
    (tmp_path / "data_batch_1.bin").write_bytes(data.tobytes())
    (tmp_path / "test_batch.bin").write_bytes(data[:5].tobytes())
    f = problem_of(loss=None, reg=None, data=tmp_path, examples=None, most=50, raw=True).in_float64()
    assert (f.examples, f.shape, f.dtype) == (50, (10, 3073), np.float64)
    assert np.array_equal(f.split.X, np.hstack([data[:50, 1:], np.ones((50, 1))]))
