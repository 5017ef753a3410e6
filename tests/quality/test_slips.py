"""Slips in gradients whose formula is the loss's own code: the line that a teacher would point at, or `unknown`; never another line.

How many were named before and after stands in docs/diagnosis.md.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from quality import slips

from verify import Verdict, check

TAGS = {
    number: found[1]
    for number, line in enumerate(Path(slips.__file__).read_text(encoding="utf-8").splitlines(), 1)
    if (found := re.search(r"# @(\w+)$", line))
}
ALL = {
    f"{model.__name__}, {slip}": (model, at, slip, codes, tags)
    for model, at, slip, codes, tags in (*slips.SLIPS, *slips.AGAIN, *slips.PLACES)
}
EVERY = 1 if os.environ.get("VERIFY_TEST_PROFILE") == "deep" else 8
MODELS = {model.__name__: (model, at) for model, at, *_ in ALL.values()}


def slipping(model, slip):
    def f(x):
        return model(x, slip)

    f.__module__ = slips.__name__
    return f


@pytest.mark.parametrize("name", [*ALL][::EVERY])
def test_the_line_is_one_that_a_teacher_would_point_at(name):
    model, at, slip, codes, tags = ALL[name]
    (result,) = check(slipping(model, slip), at=at, laws=("formula",), profile="quick").results
    assert result.verdict is Verdict.BROKEN
    told = result.diagnosis
    assert told["code"] in codes, told
    lines = [place["line"] for place in told.get("places", ())]
    assert all(f"(slips.py:{line})" in told["message"] for line in lines)
    if told["code"] in ("unknown", "entries", "scaled", "clipped"):  # at most the few lines that it must be among
        assert not lines or not tags or any(TAGS.get(line) in tags for line in lines), told
    else:
        assert TAGS.get(lines[0]) in tags, told


@pytest.mark.parametrize("name", [*MODELS][::EVERY])
def test_without_a_slip_it_is_right(name):
    model, at = MODELS[name]
    report = check(model, at=at, laws=("gradient", "formula"), profile="quick")
    assert [r.diagnosis for r in report.results if r.verdict is not Verdict.HOLDS] == []


def test_most_have_a_name():
    unknown = [name for name, (*_, codes, _) in ALL.items() if "unknown" in codes]
    assert len(ALL) - len(unknown) >= 0.85 * len(ALL)
