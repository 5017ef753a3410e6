"""A candidate's own loss says how it is called and what it claims to compute."""

from __future__ import annotations

import subprocess
import sys
from itertools import product

import numpy as np
import pytest
from implementations import hinge, softmax

from verify import UsageError
from verify.conventions import Pins, find_out
from verify.spec.catalogue import find_loss

SOFTMAX, HINGE = find_loss("softmax_cross_entropy"), find_loss("multiclass_hinge")
LAYOUTS = list(product(["CD", "DC"], ["ND", "DN"]))
REDUCTIONS = ("mean", "sum")
PENALTIES = {"none": (0.0, True), "l2": (1.0, True), "l2-no-bias": (1.0, False), "half-l2": (0.5, True), "half-l2-no-bias": (0.5, False)}


def claiming(layout="CD", data="ND", reduction="mean", penalty="l2", loss=softmax, wrong=0.0):
    """An implementation with these conventions; its loss is off by `wrong`."""
    bare, (factor, bias) = loss(), PENALTIES[penalty]

    def f(W, X, y, reg):
        W, X = W if layout == "CD" else W.T, X if data == "ND" else X.T
        value, G = bare(W, X, y, 0.0)
        times = W.dtype.type(1 if reduction == "mean" else len(X))
        R = W.copy()
        R[:, -1] *= bias
        dW = times * G + W.dtype.type(2 * factor * reg) * R
        return times * value + factor * reg * (R * R).sum() + wrong, dW if layout == "CD" else dW.T

    return f


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("layout", "data"), LAYOUTS)
def test_every_member_of_the_family_is_found(layout, data, reduction, penalty):
    found = find_out(claiming(layout, data, reduction, penalty), SOFTMAX, Pins())
    assert (found.fits, found.complaint) == (True, None)
    assert (found.candidate.layout, found.candidate.data) == (layout, data)
    assert (found.objective.reduction, found.objective.penalty.name) == (reduction, penalty)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("loss", [softmax, hinge])
def test_both_dtypes_decide(loss, dtype):
    spec = {softmax: SOFTMAX, hinge: HINGE}[loss]
    found = find_out(claiming("DC", "DN", "sum", "half-l2-no-bias", loss=loss), spec, Pins(), dtype)
    assert found.to_dict().items() >= {"layout": "(D, C)", "data": "(D, N)", "reduction": "sum", "penalty": "half-l2-no-bias"}.items()
    assert found.fits


@pytest.mark.parametrize(("layout", "data"), LAYOUTS)
def test_a_wrong_value_fits_nothing_and_keeps_its_layout(layout, data):
    found = find_out(claiming(layout, data, wrong=0.01), SOFTMAX, Pins())
    assert (found.fits, found.complaint, found.to_dict()["fits"]) == (False, None, False)
    assert (found.candidate.layout, found.candidate.data) == (layout, data)
    assert (found.objective.reduction, found.objective.penalty.name) == ("mean", "l2")  # the defaults stand in


def test_another_loss_fits_nothing():
    assert not find_out(claiming(loss=hinge), SOFTMAX, Pins()).fits


PINNED = {
    "layout": (Pins(layout="(D, C)"), {"layout": "(D, C)"}),
    "reduction": (Pins(reduction="sum"), {"reduction": "sum"}),
    "penalty": (Pins(penalty="none"), {"penalty": "none"}),
}


@pytest.mark.parametrize("pin", PINNED)
def test_a_pin_stands_against_the_candidate_s_own_claim(pin):
    pins, expected = PINNED[pin]
    found = find_out(claiming("CD", "ND", "mean", "l2"), SOFTMAX, pins)
    assert not found.fits
    assert found.to_dict().items() >= expected.items()


def test_a_pin_that_is_true_fits():
    pins = Pins(layout="dc", reduction="sum", penalty="half-l2")
    found = find_out(claiming("DC", "ND", "sum", "half-l2"), SOFTMAX, pins)
    assert (found.fits, found.candidate.layout) == (True, "DC")


def margin(delta, offset=0.0):
    return hinge(loss=lambda W, X, y, reg: hinge_of(W.dtype.type(delta), W, X, y) + offset + reg * (W * W).sum())


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("delta", [0.5, 0.3, 2.0, 10.0, 1 / 3])
def test_the_margin_is_found_out(delta, dtype):
    found = find_out(margin(delta), HINGE, Pins(), dtype)
    assert found.to_dict().items() >= {"reduction": "mean", "penalty": "l2", "fits": True}.items()
    assert found.objective.parameters["delta"] == pytest.approx(delta, rel=1e-14 if dtype == "float64" else 1e-6)


@pytest.mark.parametrize("offset", [0.01, 0.03, 3.0, -0.5])
def test_an_offset_of_the_loss_is_no_margin(offset):
    found = find_out(margin(1.0, offset), HINGE, Pins())
    assert (found.fits, found.objective.parameters["delta"]) == (False, 1.0)


def test_the_margin_is_pinned():
    shifted = hinge(loss=lambda W, X, y, reg: hinge_of(2.0, W, X, y) + reg * (W * W).sum())
    assert find_out(shifted, HINGE, Pins(delta=2.0)).to_dict().items() >= {"delta": 2.0, "fits": True}.items()
    assert not find_out(shifted, HINGE, Pins(delta=1.0)).fits


def hinge_of(delta, W, X, y):
    S = X @ W.T
    M = np.maximum(S - S[np.arange(len(y)), y][:, None] + delta, 0)
    M[np.arange(len(y)), y] = 0
    return M.sum() / len(y)


WRONG_PINS = {
    "layout": ({"layout": "DDC"}, "unknown layout 'DDC'. Did you mean 'DC'"),
    "reduction": ({"reduction": "mea"}, "unknown reduction 'mea'. Did you mean 'mean'"),
    "penalty": ({"penalty": "l2_no_bias"}, "unknown penalty 'l2_no_bias'. Did you mean 'l2-no-bias'"),
}


@pytest.mark.parametrize("pin", WRONG_PINS)
def test_a_wrong_pin_names_the_nearest(pin):
    given, message = WRONG_PINS[pin]
    with pytest.raises(UsageError, match=message):
        Pins(**given)


WRONG_DELTAS = {
    "of a loss without one": (SOFTMAX, 1.0, "parameter of softmax"),
    "not positive": (HINGE, 0.0, r"delta = 0 .*\(0.0, inf\)"),
}


@pytest.mark.parametrize("case", WRONG_DELTAS)
def test_a_wrong_margin_is_an_error(case):
    spec, delta, message = WRONG_DELTAS[case]
    with pytest.raises(UsageError, match=message):
        find_out(softmax(), spec, Pins(delta=delta))


def test_a_candidate_without_reg_is_found():
    f = claiming(penalty="none")
    found = find_out(lambda W, X, y: f(W, X, y, 0.0), SOFTMAX, Pins())
    assert (found.fits, found.candidate.takes_reg, found.objective.penalty.name) == (True, False, "none")


def test_what_raises_is_told():
    def f(W, X, y, reg):
        raise KeyError("weights")

    found = find_out(f, SOFTMAX, Pins())
    assert (found.fits, str(found.complaint)) == (False, "raised KeyError: 'weights'")


def test_what_raises_in_other_layouts_only_is_found():
    f = claiming("DC", "ND")

    def strict(W, X, y, reg):
        if np.allclose(X[-1], 1) or not np.allclose(X[:, -1], 1):
            raise ValueError("X must be (N, D)")
        return f(W, X, y, reg)

    found = find_out(strict, SOFTMAX, Pins())
    assert (found.fits, found.candidate.layout, found.complaint) == (True, "DC", None)


COMPILED = """
import os
import numpy as np
from numba import njit
from verify.conventions import Pins, find_out
from verify.spec.catalogue import find_loss

@njit
def compiled(W, X, y, reg):
    total, dW = 0.0, 2 * reg * W
    s = np.empty(W.shape[1])
    for i in range(X.shape[0]):
        for j in range(W.shape[1]):
            s[j] = 0
            for k in range(W.shape[0]):
                s[j] += X[i, k] * W[k, j]
        top = s.max()
        total += (np.log(np.exp(s - top).sum()) + top - s[y[i]]) / X.shape[0]
        for j in range(W.shape[1]):
            for k in range(W.shape[0]):
                dW[k, j] += (np.exp(s[j] - top) / np.exp(s - top).sum() - (j == y[i])) * X[i, k] / X.shape[0]
    return total + reg * (W * W).sum(), dW

def f(W, X, y, reg):
    try:
        return compiled(W, X, y, reg)
    except IndexError:
        os._exit(9)  # where bounds are not checked, this would have read or written other memory

found = find_out(f, find_loss("softmax_cross_entropy"), Pins())
print(found.fits, found.candidate.layout, found.candidate.data, found.objective.reduction, found.objective.penalty.name)
"""


def test_compiled_code_is_tried_in_every_layout_within_its_bounds(tmp_path):
    environment = {"NUMBA_BOUNDSCHECK": "1", "PATH": "", "HOME": str(tmp_path)}
    run = subprocess.run(
        [sys.executable, "-c", COMPILED], env=environment, cwd=tmp_path, capture_output=True, encoding="utf-8", check=False
    )
    assert (run.returncode, run.stdout.split()) == (0, ["True", "DC", "ND", "mean", "l2"]), run.stderr
