"""Code that leaves the range of the dtype where the loss does not is broken, however the loss is written in its spec."""

from __future__ import annotations

import numpy as np
import pytest

from verify import Verdict, check


def log_cosh(s, t):
    with np.errstate(all="ignore"):
        return np.log(np.cosh(s - t)), np.tanh(s - t)


def soft_margin(s, t):
    with np.errstate(all="ignore"):
        return np.log1p(np.exp(-t * s)), -t / (1 + np.exp(t * s))


@pytest.mark.parametrize("f", [log_cosh, soft_margin])
def test_a_loss_that_overflows_on_the_way_is_broken(f):
    report = check(f, loss=f.__name__, laws=("value",), profile="quick")
    assert report.verdict is Verdict.BROKEN
    assert report.results[0].kind == "precision"
