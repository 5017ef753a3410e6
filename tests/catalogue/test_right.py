"""No right implementation of a loss that ships is called broken, at either dtype; one whose gradient is a hundredth too long is."""

from __future__ import annotations

import os

import numpy as np
import pytest

from catalogue import KINDS, LOOKED_AT, right
from verify import Verdict, check
from verify.spec.catalogue import names

PROFILE = os.environ.get("VERIFY_TEST_PROFILE", "quick")
LAWS = ("value", "gradient") if LOOKED_AT is KINDS else None

MAY_BE_SILENT = {"best-step", "one-sided", "crossing"} if PROFILE == "quick" else set()  # a quick look may miss their places


def test_every_spec_has_an_implementation_here():
    assert [name for name in names() if not callable(getattr(right, name, None))] == []


@pytest.mark.parametrize("name", LOOKED_AT)
def test_right_implementations_hold(name):
    report = check(getattr(right, name), loss=name, dtypes=("float64", "float32"), laws=LAWS, profile=PROFILE, in_process=True)
    assert {f"{r.law} {r.dtype}": r.diagnosis for r in report.results if r.verdict is Verdict.BROKEN} == {}
    assert {f"{r.law} {r.dtype}": r.undecided for r in report.results if r.verdict is Verdict.SILENT and r.law not in MAY_BE_SILENT} == {}


@pytest.mark.parametrize("name", LOOKED_AT)
def test_a_gradient_that_is_too_long_is_broken(name):
    report = check(right.off(getattr(right, name)), loss=name, laws=("gradient",), profile="quick", in_process=True)
    assert report.verdict is Verdict.BROKEN


def in_another_order(mu, var, y):
    n, d = mu.size, y - mu
    return 0.5 * np.mean(np.log(var) + d * d / var), (-d / var / n, 0.5 * (1 / var - d * d / var**2) / n)


def by_name(mu, var, t):
    return in_another_order(mu, var, t)


@pytest.mark.parametrize("f", [in_another_order, by_name])
def test_inputs_whose_names_tell_nothing_are_tried_in_any_order(f):
    report = check(f, loss="gaussian_nll", laws=("value", "gradient"), profile="quick", in_process=True)
    assert report.verdict is Verdict.HOLDS, str(report)
