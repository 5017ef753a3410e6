"""Right implementations of losses and functions of named inputs hold, whatever way they are written in."""

from __future__ import annotations

import os
from itertools import cycle

import pytest
from field import classes, inputs, name_of

from verify import Verdict, check

DEEP = "VERIFY_TEST_PROFILE" in os.environ  # `tox -e deep` sets it
DTYPES = cycle([("float64", "float32")] if DEEP else [("float64",), ("float32",)])


@pytest.mark.parametrize(
    ("field", "spec", "f", "dtypes"), [(field, *row, next(DTYPES)) for field in (inputs, classes) for row in field.RIGHT], ids=name_of
)
def test_right_implementations_hold(field, spec, f, dtypes):
    report = check(f, loss=f"{field.__file__}:{spec}", dtypes=dtypes, profile="quick")
    assert report.verdict is Verdict.HOLDS, str(report)
    assert max(r.strain for r in report.results) < 0.1
    assert all(c["fits"] for c in report.conventions.values())
