"""Many problems in one call: each gets the bits that it gets alone."""

from __future__ import annotations

import numpy as np
import pytest

from verify.core import batched, multiclass_hinge, softmax_cross_entropy
from verify.core.batched import evaluate


def problems(B, dtype="float64", N=5, D=4, C=3):
    rng = np.random.default_rng(0)
    W, X = rng.integers(-4, 5, (B, C, D)) / 4, rng.integers(-4, 5, (B, N, D)) / 4  # ties are common
    return W.astype(dtype), X.astype(dtype), rng.integers(0, C, (B, N)), rng.random(B)


@pytest.mark.parametrize(
    ("loss", "dtype", "many"),
    [
        (multiclass_hinge, "float64", False),
        (multiclass_hinge, "float32", False),
        (softmax_cross_entropy, "float64", True),
        (softmax_cross_entropy, "float32", False),
    ],
)
def test_each_problem_gets_its_own_bits(loss, dtype, many, monkeypatch):
    monkeypatch.setattr(batched, "PARALLEL", 0 if many else 2**60)
    W, X, y, reg = problems(150, dtype)
    values, dW = evaluate(loss.l2_no_bias, W, X, y, reg)
    assert (values.dtype, dW.dtype) == (np.float64, dtype)
    for b in range(len(W)):
        value, gradient = loss.l2_no_bias(W[b], X[b], y[b], reg[b])
        assert values[b] == value
        assert dW[b].tobytes() == gradient.tobytes()


def test_delta_one_reg_out_and_data_that_cannot_be_written_to():
    W, X, y, _ = problems(7)
    out = np.full_like(W, np.nan)
    X.flags.writeable = False
    values, dW = evaluate(multiclass_hinge.l2, W[:, ::-1], X, y, 0.5, delta=2.0, out=out)
    assert dW is out
    value, gradient = multiclass_hinge.l2(W[3, ::-1], X[3], y[3], 0.5, delta=2.0)
    assert values[3] == value
    np.testing.assert_array_equal(out[3], gradient)


WRONG = {
    "one matrix": (lambda W, X, y: (W[0], X, y), ValueError, "do not fit"),
    "another number of problems": (lambda W, X, y: (W[:2], X, y), ValueError, "do not fit"),
    "other features": (lambda W, X, y: (W[:, :, :2], X, y), ValueError, "do not fit"),
    "no problem": (lambda W, X, y: (W[:0], X[:0], y[:0]), ValueError, "do not fit"),
    "a label out of range": (lambda W, X, y: (W, X, y + 3), ValueError, "must lie in 0..2"),
    "labels that are no integers": (lambda W, X, y: (W, X, y / 2), TypeError, "must be integers"),
    "two dtypes": (lambda W, X, y: (W, X.astype("f4"), y), TypeError, "both must be"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_use_is_told(case):
    change, error, message = WRONG[case]
    W, X, y, _ = problems(4)
    with pytest.raises(error, match=message):
        evaluate(multiclass_hinge.l2, *change(W, X, y))
    closed = np.empty_like(W)
    closed.flags.writeable = False
    for out in (np.empty((1, 3, 4)), closed):
        with pytest.raises(ValueError, match="out is"):
            evaluate(multiclass_hinge.l2, W, X, y, out=out)
