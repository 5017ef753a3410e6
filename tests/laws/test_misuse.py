"""What functions of named inputs take without a word that their domains exclude: stated, and never a verdict."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from field import classes, inputs

from verify import Candidate, Verdict, check
from verify.candidates import forked
from verify.laws import misuse

FIELD = Path(inputs.__file__)
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="processes are not forked there")


def told(f, spec, module=inputs):
    (result,) = check(f, loss=f"{module.__file__}:{spec}", laws=("bad-input",), profile="quick").results
    assert result.verdict is Verdict.HOLDS
    return {sentence for sentence in result.limitations if "without a sign" not in sentence and "does not take" not in sentence}


def careful(f, refuses):
    """The same, which refuses some arguments."""

    def g(*arguments):
        if refuses(*arguments):
            raise ValueError("no such thing")
        return f(*arguments)

    return g


def is_weighed(s, y):
    return classes.weighed(s, y, np.ones(s.shape[1], s.dtype))


def cox(s, time, event):
    return inputs.cox(s, time, event)


TAKEN = {
    "a negative label, which is numpy's last": (is_weighed, "WEIGHED", classes, {"takes a negative label"}),
    "no label that is none": (careful(is_weighed, lambda s, y: np.any((y < 0) & (y != -100))), "WEIGHED", classes, set()),
    "a label that is clipped": (
        lambda s, y: is_weighed(s, np.where(y == -100, y, np.clip(y, 0, s.shape[1] - 1))),
        "WEIGHED",
        classes,
        {"takes a label beyond the last class", "takes a negative label"},
    ),
    "counts, and fewer of them": (
        lambda s, y: inputs.poisson(s, np.resize(y, s.shape)),
        "POISSON",
        inputs,
        {"takes -1 in target, which is outside Count()", "takes target of shape (2,) beside prediction of shape (3,)"},
    ),
    "events and times": (
        cox,
        "COX",
        inputs,
        {
            "takes -1 in time, which is outside Positive()",
            "takes 2 in event, which is none of 0, 1",
            "takes event of shape (2,) beside prediction of shape (3,)",
        },
    ),
    "probabilities": (
        inputs.dice,
        "DICE",
        inputs,
        {"takes 2 in prediction, which is outside Probability()", "takes 2 in target, which is outside Real(0, 1)"},
    ),
    "an array, whose backward checks its shapes": (inputs.pair(inputs.backward), "NORM", inputs, set()),
    "any real numbers": (inputs.triplet, "TRIPLET", inputs, set()),
}


@pytest.mark.parametrize("case", TAKEN)
def test_what_is_taken_is_told(case):
    f, spec, module, sentences = TAKEN[case]
    assert told(f, spec, module) == sentences


def test_what_ends_or_holds_up_the_process_is_survived_and_told(monkeypatch):
    monkeypatch.setattr(forked, "ANSWER_TIMEOUT", 0.2)

    def trusts_its_labels(s, y):
        if y.max() >= s.shape[1]:
            os.kill(os.getpid(), signal.SIGSEGV)
        while np.any((y < 0) & (y != -100)):
            pass
        return is_weighed(s, y)

    assert told(trusts_its_labels, "WEIGHED", classes) == {
        "crashes the interpreter on a label beyond the last class",
        "hangs on a negative label",
    }


def test_a_harmed_copy_is_not_told_of_the_question_that_came_next():
    harmed = []

    def is_harmed_by_large_labels(s, y):
        if harmed:
            os.kill(os.getpid(), signal.SIGSEGV)
        if y.max() >= s.shape[1]:
            harmed.append(y)
            raise IndexError("a label that is none")
        return is_weighed(s, y)

    assert told(is_harmed_by_large_labels, "WEIGHED", classes) == {"takes a negative label"}


def test_one_copy_answers_all_questions_that_do_it_no_harm(monkeypatch):
    asked, one = [], misuse.in_one_copy
    monkeypatch.setattr(misuse, "in_one_copy", lambda asks: (asked.append(len(asks)), one(asks))[1])
    assert told(is_weighed, "WEIGHED", classes) == {"takes a negative label"}
    assert asked == [4]  # the valid one, both labels, and fewer of them


def test_nothing_is_asked_of_what_answers_nothing_and_of_its_own_code():
    report = check(
        Candidate(loss=lambda x: (x * x).sum(), grad=lambda x: 2 * x), loss=None, at=np.ones(3), laws=("bad-input",), profile="quick"
    )
    assert not [sentence for r in report.results for sentence in r.limitations if "which is" in sentence or "shape" in sentence]
    (result,) = check(lambda p, t: (np.nan, p), loss=f"{FIELD}:DICE", laws=("bad-input",), profile="quick").results
    assert not result.limitations
