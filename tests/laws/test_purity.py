"""Another memory layout may sum in another order, at the size of the candidate's own answer; it may not answer otherwise."""

from __future__ import annotations

import numpy as np
import pytest
from implementations import hinge, margins, softmax

from verify import Candidate, Verdict, check


def _by_memory(W):
    """ΣW² in the order in which W lies in memory."""
    total = W.dtype.type(0)
    for w in W.ravel(order="K"):
        total = total + w * w
    return total


def _without_lambda(W, X, y, reg):
    return np.maximum(margins(W, X, y), 0).sum() / len(X) + W.dtype.type(1e6) * _by_memory(W)


def _lost(W, X, y, reg):
    return softmax()(W, X, y, reg)[0], np.full_like(W, np.nan)


RIGHT = {
    "a penalty a million times too large": hinge(loss=_without_lambda),
    "a gradient a million times too large": hinge(after=lambda G, W, X, y, reg: G * 1e6 * _by_memory(W)),
    "NaN everywhere": _lost,
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", RIGHT)
def test_what_is_wrong_alike_in_every_layout_does_nothing_else(name, dtype):
    (result,) = check(RIGHT[name], loss="multiclass_hinge", dtypes=(dtype,), laws=("purity",), profile="quick").results
    assert result.verdict is Verdict.HOLDS, result.diagnosis


def _layout_counts(W, X, y, reg):
    loss, gradient = hinge(loss=_without_lambda)(W, X, y, reg)
    return loss * (1 if W.flags.c_contiguous else 1 + 1e-4), gradient


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_what_depends_on_the_layout_by_more_than_its_own_sums_is_told(dtype):
    (result,) = check(_layout_counts, loss="multiclass_hinge", dtypes=(dtype,), laws=("purity",), profile="quick").results
    assert result.verdict is Verdict.BROKEN
    assert result.diagnosis["code"] == "nondeterministic"


def test_a_number_has_one_layout():
    """numpy makes an array of one of it."""
    pair = Candidate(loss=lambda x: 3.0 * x, grad=lambda x: 3.0)
    (result,) = check(pair, at=0.5, laws=("purity",), profile="quick").results
    assert result.verdict is Verdict.HOLDS, result.diagnosis
