"""A candidate is asked once at a case for all laws, as long as nobody runs between them, and afresh where the answer may have changed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from implementations import hinge

import verify
from verify.campaign.judging import perform
from verify.campaign.task import Request
from verify.candidates import Linear, Misbehaviour
from verify.cases import Case
from verify.evidence import Verdict
from verify.laws import LAWS, AnswerCache, Subject, law
from verify.oracle import Oracle
from verify.spec import Objective
from verify.spec.catalogue import find_loss, find_penalty

ORACLE = Oracle(Objective(loss=find_loss("multiclass_hinge"), penalty=find_penalty("l2")), "float64")
CASE = Case(values={"W": np.eye(3), "X": np.array([[0.5, 0.25, 1.0]]), "y": np.array([1]), "reg": 0.5}, family="a test", seed=3)


def counted():
    right, calls = hinge(), Counter()

    def f(W, X, y, reg):
        calls[W.tobytes(), X.tobytes(), y.tobytes(), reg] += 1
        return right(W, X, y, reg)

    return f, calls


def test_laws_share_answers_and_those_about_behaviour_ask_again():
    f, calls = counted()
    shared = ("value", "gradient", "enclosure", "order", "bracket", "batches", "symmetry")
    for name in shared:  # derives the formulas: what the suite loads for that has a law asked again
        LAWS[name].measure(Subject(candidate=Linear(f=hinge()), oracle=ORACLE), CASE)
    subject = Subject(candidate=Linear(f=f), oracle=ORACLE, answers=AnswerCache())
    for name in shared:
        LAWS[name].measure(subject, CASE)
    assert set(calls.values()) == {1}
    before = calls.total()
    LAWS["consistency"].measure(subject, CASE)
    assert calls.total() == before + 4
    alone, others = counted()
    LAWS["value"].measure(Subject(candidate=Linear(f=alone), oracle=ORACLE), CASE)
    LAWS["gradient"].measure(Subject(candidate=Linear(f=alone), oracle=ORACLE), CASE)
    assert set(others.values()) == {2}


def test_the_latest_are_kept_and_what_raises_is_asked_again(monkeypatch):
    f, calls = counted()
    subject, other = Subject(candidate=Linear(f=f), oracle=ORACLE, answers=AnswerCache()), CASE.but(reg=1.0)
    monkeypatch.setattr(law, "NUMBERS", 40)  # of one case and its answer, 9 + 3 + 1 + 1 + 9 and one for the Hessian that there is not
    for case, times in ((CASE, 1), (CASE, 1), (other, 1), (other, 1), (CASE, 2)):
        subject.raw_answer(case)
        assert calls[tuple(np.asarray(v).tobytes() if k != "reg" else v for k, v in case.values.items())] == times
    subject.forget()
    subject.raw_answer(CASE)
    assert calls.total() == 4

    def refuses(*_):
        asked.append(1)
        raise ValueError

    asked: list[int] = []
    subject = Subject(candidate=Linear(f=refuses), oracle=ORACLE, answers=AnswerCache())
    for _ in range(2):
        with pytest.raises(Misbehaviour):
            subject.raw_answer(CASE)
    assert len(asked) == 2


def test_another_check_asks_again():
    right, wrong = hinge(), []

    def f(W, X, y, reg):
        loss, gradient = right(W, X, y, reg)
        return loss, gradient * (2 if wrong else 1)

    def verdicts():
        laws = ("value", "gradient", "bracket")
        return [r.verdict for r in verify.check(f, loss="multiclass_hinge", laws=laws, dtypes=("float64",), profile="quick").results]

    def alone(name):
        return perform(Request(candidate=f, loss="multiclass_hinge", laws=(name,), profile="quick").tasks()[0]).result.verdict

    assert verdicts() == [Verdict.HOLDS] * 3
    wrong.append(True)
    assert verdicts() == [Verdict.HOLDS, Verdict.BROKEN, Verdict.BROKEN]
    wrong.clear()
    assert alone("gradient") is Verdict.HOLDS
    wrong.append(True)
    assert alone("bracket") is Verdict.BROKEN
