"""The laws of kinks where a switch turns and its pieces have one slope there: the gradient is that, and something is decided."""

from __future__ import annotations

import numpy as np
import pytest
from sympy import Abs, Piecewise

import verify
from verify.spec import Claims, LossSpec, Real

EXPECTILE = LossSpec(
    name="expectile",
    per_example=lambda s, t: Abs(0.25 - Piecewise((1, t < s), (0, True))) * (s - t) ** 2,
    target=Real(),
    claims=Claims(convex=None),
    source="W. K. Newey and J. L. Powell, Econometrica 55, 1987",
)


def expectile(at_ties):
    def f(s, t):
        r = s - t
        w = np.where(r > 0, 0.75, 0.25).astype(s.dtype)
        return (w * r * r).sum(), np.where(r == 0, at_ties, 2 * w * r).astype(s.dtype)

    return f


@pytest.mark.parametrize(("at_ties", "membership"), [(0.0, "holds"), (0.5, "broken")])
def test_where_all_pieces_have_one_slope_that_is_the_gradient(at_ties, membership):
    report = verify.check(expectile(at_ties), loss=EXPECTILE, laws=("membership", "one-sided"), profile="quick")
    assert [r.verdict.value for r in report.results] == [membership, "holds"]
    assert all(r.decided for r in report.results)
