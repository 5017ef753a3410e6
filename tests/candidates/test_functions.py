"""What all code of a process shares: put back where a candidate replaced it, and nobody is accused of what a library does."""

from __future__ import annotations

import math
import os
import random
import sys
from contextlib import nullcontext

import numpy as np
import pytest

from verify.candidates import process_globals

REPLACED = {
    "a function": (os, "write", "replaces os.write for the whole process"),
    "a function of the module's own": (os, "_exit", "replaces os._exit for the whole process"),
    "a number": (math, "pi", "replaces math.pi for the whole process"),
}


@pytest.fixture(autouse=True)
def anew():
    """Tests change what they like before one another."""
    process_globals.others_run()


@pytest.mark.parametrize("case", REPLACED)
@pytest.mark.parametrize("new", [None, np.ones(2)], ids=["None", "what cannot be compared"])
def test_what_is_replaced_is_put_back_and_told(case, new):
    module, name, told = REPLACED[case]
    before, old = process_globals.now(), getattr(module, name)
    assert before.stands()
    setattr(module, name, new)
    try:
        assert not before.stands()
        assert before.restore() == told
        assert getattr(module, name) is old
    finally:
        setattr(module, name, old)
    assert process_globals.now().restore() is None


def test_a_module_that_is_dropped_is_put_back():
    before = process_globals.now()
    del sys.modules["numpy.linalg"]
    assert not before.stands()
    assert before.restore() == "replaces the module numpy.linalg for the whole process"
    assert sys.modules["numpy.linalg"] is np.linalg


def test_what_a_library_makes_when_it_is_first_asked_is_no_fault(monkeypatch):
    monkeypatch.setattr(random, "_made_later", None, raising=False)
    before = process_globals.now()
    random._made_later = object()
    random.made_now = object()
    try:
        assert before.restore() is None
        assert random._made_later is not None
    finally:
        del random.made_now


def test_what_changes_between_two_calls_of_different_cases_is_no_candidates_fault(monkeypatch):
    assert process_globals.undisturbed(lambda: process_globals.stood(process_globals.now()))
    monkeypatch.setattr(math, "tau", None)
    assert process_globals.stood(process_globals.now())
    assert process_globals.undisturbed(lambda: process_globals.stood(process_globals.now()))


def test_what_others_change_between_two_questions_stays(monkeypatch):
    process_globals.undisturbed(lambda: None)
    monkeypatch.setattr(math, "tau", None)
    process_globals.others_run()
    process_globals.undisturbed(lambda: None)
    assert math.tau is None


def test_nobody_is_asked_again_for_what_the_suite_has_loaded_before(monkeypatch):
    asked = []
    process_globals.undisturbed(lambda: None)
    monkeypatch.setitem(sys.modules, "verify.loaded_late", sys)
    process_globals.undisturbed(lambda: asked.append("once"))
    assert asked == ["once"]


@pytest.mark.parametrize("left", [True, False], ids=["it still stands", "it is put back"])
@pytest.mark.parametrize("error", [None, ZeroDivisionError], ids=["returns", "raises"])
def test_who_may_have_computed_with_what_a_candidate_replaced_asks_again(monkeypatch, left, error):
    """By then it stands as before, and each call is looked at."""
    pi, looks = math.pi, []

    def ask():
        before, here = process_globals.now(), math.pi
        monkeypatch.setattr(math, "pi", 3)
        looks.append((here, process_globals.stood(before)))
        if not left or len(looks) == 2:
            monkeypatch.setattr(math, "pi", pi)
        if error:
            raise error
        return here

    with nullcontext() if error is None else pytest.raises(error):
        assert process_globals.undisturbed(ask) == pi
    assert looks == ([(pi, True), (pi, False)] if left else [(pi, True)])
    assert math.pi == pi


@pytest.mark.parametrize(
    ("name", "value", "times"), [("loaded_late", math.pi, 1), ("verify.loaded_late", math.pi, 2), ("loaded_late", 3, 2)]
)
def test_who_only_loads_a_module_is_not_asked_again(monkeypatch, name, value, times):
    """Code imports what it needs when it is first called. What is replaced beside it is seen, and so is a module in the suite's place."""
    asked = []

    def ask():
        asked.append(math.pi)
        if len(asked) == 1:
            monkeypatch.setitem(sys.modules, name, sys)
            monkeypatch.setattr(math, "pi", value)
        return math.pi

    assert process_globals.undisturbed(ask) == asked[0]
    assert asked == [asked[0]] * times


def test_the_outer_of_two_blocks_asks_again(monkeypatch):
    """Names are compared once: behind all that was asked in it."""
    asked, forgotten, looks, pi = [], [], [], math.pi
    stands = process_globals.Before.stands
    monkeypatch.setattr(process_globals.Before, "stands", lambda self, **how: (looks.append(1), stands(self, **how))[1])

    def inner():
        asked.append(math.pi)
        if len(asked) == 2:
            monkeypatch.setattr(math, "pi", 3)
        return math.pi

    def outer():
        return [process_globals.undisturbed(inner, lambda: forgotten.append("inner")) for _ in range(3)]

    assert process_globals.undisturbed(outer, lambda: forgotten.append("outer")) == [pi] * 3
    assert asked == [pi, pi, 3, pi, pi, pi]
    assert forgotten == ["outer"]
    looks.clear()
    process_globals.undisturbed(outer)
    assert len(looks) <= 2


def test_who_drops_a_module_as_it_loads_another_is_asked_again(monkeypatch):
    asked = []

    def ask():
        asked.append(np.linalg)
        if len(asked) == 1:
            monkeypatch.delitem(sys.modules, "numpy.linalg")
            monkeypatch.setitem(sys.modules, "loaded_late", sys)
            monkeypatch.setitem(sys.modules, "loaded_later", sys)

    process_globals.undisturbed(ask)
    assert len(asked) == 2
