"""Progress names the candidate that is judged, also where one is refused, hangs, or is judged beside another."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from verify.report import progress
from verify.report.progress import Underway, outcomes

NAMES = ["a.py:f"] * 2 + ["b.py:g"] * 2 + ["c.py:h"] * 2


@pytest.mark.parametrize(
    ("ended", "named"),
    [
        ([], "a.py:f"),
        (["a.py:f"], "a.py:f"),
        (["a.py:f", "a.py:f"], "b.py:g"),  # which may hang on its first law
        (["a.py:f", "a.py:f", "c.py:h"], "c.py:h"),  # b was refused, or hangs beside c
        (["a.py:f", "a.py:f", "c.py:h", "c.py:h"], "b.py:g"),
        (["b.py:g", "a.py:f"], "a.py:f"),
        (NAMES, ""),
    ],
)
def test_who_is_judged(ended, named):
    underway = Underway(NAMES)
    for name in ended:
        underway.ended(name)
    assert underway.name == named


def test_a_bar_names_the_candidate(monkeypatch):
    told = io.StringIO()
    screen = Console(file=told, force_terminal=True, width=120)
    monkeypatch.setattr(progress, "console", lambda **_: screen)
    with outcomes(["a.py:f", "[red]b.py:g"], quiet=False) as (_, tell):
        tell("a.py:f", "float64 value", "holds", 29, 0.25)
    assert "judging [red]b.py:g" in told.getvalue()
    assert "1/2" in told.getvalue()
    assert "29 problems/s, worst strain 0.25" in told.getvalue()


def test_more_outcomes_than_names_may_be_due(capsys):
    with outcomes(["a.py:f"], quiet=False) as (due, tell):
        due(3)
        tell("a.py:f", "float64 value", "holds", 1, 0.0)
    assert capsys.readouterr().err == "[1/3] a.py:f float64 value: holds\n"


def test_a_log_has_a_line_for_each_outcome(capsys):
    with outcomes(["a.py:f"] * 3, quiet=False) as (_, tell):
        tell("a.py:f", "float64 value", "holds", 29, 0.25)
        tell("a.py:f", "float64 batches", None, 0, 0.0)  # not asked
        tell("a.py:f", "float64 order", "broken", 2, 1e9)
    assert capsys.readouterr().err == "[1/3] a.py:f float64 value: holds\n[3/3] a.py:f float64 order: broken\n"


def test_quiet_tells_nothing(capsys):
    with outcomes(["a.py:f"], quiet=True) as (_, tell):
        tell("a.py:f", "float64 value", "holds", 29, 0.25)
    assert capsys.readouterr() == ("", "")
