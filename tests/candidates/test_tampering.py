"""What is replaced of the suite is put back and told; what it does itself, and what is loaded later, is nobody's doing."""

from __future__ import annotations

import importlib
import sys
from functools import partial
from types import ModuleType

import pytest

from verify import disk_cache, evidence, laws, rounding
from verify.api import check
from verify.campaign.executor import execute_here
from verify.campaign.judging import untampered
from verify.campaign.requested import requested
from verify.candidates import tampering
from verify.core import softmax_cross_entropy
from verify.evidence import Evidence, Measurement, Verdict, judge

WITHOUT = {
    "a function": (evidence, "judge", lambda _: Verdict.HOLDS, "replaces verify.evidence.judge for the whole process"),
    "a property": (Evidence, "strain", 0.0, "replaces verify.evidence.Evidence.strain for the whole process"),
    "a constant": (rounding, "SLACK", 1e9, "replaces verify.rounding.SLACK for the whole process"),
    "an operator": (Evidence, "__eq__", lambda *_: True, "replaces verify.evidence.Evidence.__eq__ for the whole process"),
    "what Python has": (evidence, "all", lambda _: True, "adds verify.evidence.all to the suite that judges it"),
    "what is looked up first": (
        Measurement,
        "__getattribute__",
        None,
        "adds verify.evidence.Measurement.__getattribute__ to the suite that judges it",
    ),
}


@pytest.mark.parametrize("what", WITHOUT)
def test_what_is_replaced_is_put_back_and_told(what):
    owner, name, new, told = WITHOUT[what]
    new = object.__getattribute__ if new is None else new
    before, old = tampering.Suite(), vars(owner).get(name)
    setattr(owner, name, new)
    assert before.restore() == told
    assert vars(owner).get(name) is old
    assert before.restore() is None


def test_what_a_table_holds_is_watched_too():
    before, law = tampering.Suite(), laws.LAWS["gradient"]
    measure = law.measure
    object.__setattr__(law, "measure", None)
    laws.LAWS["value"], value = law, laws.LAWS["value"]
    assert before.restore() in {"replaces verify.laws.LAWS.value for the whole process"}
    assert (laws.LAWS["gradient"].measure, laws.LAWS["value"]) == (measure, value)


def test_another_code_in_the_same_function_is_seen():
    before, code = tampering.Suite(), judge.__code__
    judge.__code__ = (lambda measurements: Verdict.HOLDS).__code__
    assert before.restore() == "changes what verify.evidence.judge does"
    assert judge.__code__ is code


def test_what_compares_as_equal_to_all_is_seen():
    class Equal:
        __hash__ = None

        def __eq__(self, other: object) -> bool:
            return True

    before, old = tampering.Suite(), evidence.judge
    evidence.judge = Equal()
    assert before.restore() == "replaces verify.evidence.judge for the whole process"
    assert evidence.judge is old


def test_what_the_suite_does_itself_is_no_change(monkeypatch):
    """It judges, and loads a module that it had not needed."""
    monkeypatch.delitem(sys.modules, "verify.descent.names", raising=False)
    monkeypatch.delattr("verify.descent.names", raising=False)
    before = tampering.Suite()
    report = check(lambda W, X, y, reg: (W.sum(), W), loss="softmax_cross_entropy", laws=("value", "gradient", "purity"), profile="quick")
    importlib.import_module("verify.descent.names")
    assert report.verdict is Verdict.BROKEN
    assert before.restore() is None


def test_where_nothing_changes_the_suite_is_looked_at_once():
    first = tampering.suite()
    assert tampering.suite() is first
    name = "a name that is new"
    setattr(evidence, name, judge)
    try:
        assert tampering.suite() is not first
    finally:
        delattr(evidence, name)


def test_what_was_kept_for_later_is_looked_at_once_and_what_is_replaced_then_is_put_back():
    before, old = tampering.Suite(), evidence.judge
    evidence._kept_for_later = 1
    try:
        assert not before.stands()
        assert before.restore() is None
        assert before.stands()
        evidence.judge = None
        assert before.restore() == "replaces verify.evidence.judge for the whole process"
        assert evidence.judge is old
        assert before.restore() is None
    finally:
        del evidence._kept_for_later


def test_for_what_was_kept_for_later_no_function_is_asked_what_it_does():
    before = tampering.Suite()
    before._done = None
    evidence._kept_for_later = 1
    try:
        assert before.restore() is None
    finally:
        del evidence._kept_for_later


def test_to_keep_the_suite_is_no_change_of_it(monkeypatch):
    monkeypatch.setattr(tampering, "_kept", [])
    tampering.keep()
    assert tampering.suite().stands()


def test_in_process_whoever_changes_the_suite_holds_none_of_the_laws():
    """It is looked at once, behind the last of them; what was broken without that stays as it was told."""
    code, calls, last = judge.__code__, [0], [-1]

    def wrong(W, X, y, reg):
        calls[0] += 1
        if calls[0] == last[0]:
            judge.__code__ = (lambda measurements: Verdict.HOLDS).__code__
        value, gradient = softmax_cross_entropy.l2(W, X, y, reg)
        return value, 1.01 * gradient

    asked, laws = {"loss": "softmax_cross_entropy", "profile": "quick", "dtypes": ("float64",)}, ("gradient", "value", "consistency")
    check(wrong, **asked, laws=laws)  # loads what they need, behind which the suite is looked at, too
    calls[0] = 0
    check(wrong, **asked, laws=("gradient",))
    last[0], calls[0] = calls[0] + 20, 0
    report = check(wrong, **asked, laws=(*laws, "crossing"))
    broken, *others = report.results
    assert judge.__code__ is code
    assert [o.task.law for o in report.inapplicable] == ["crossing"]
    assert calls[0] > last[0]
    assert broken.diagnosis["code"] == "scaled"
    assert [r.law for r in others] == ["value", "consistency"]
    for r in others:
        assert r.verdict is Verdict.BROKEN
        assert r.diagnosis["message"].endswith("changes what verify.evidence.judge does")


def test_in_process_a_change_is_seen_beside_a_module_that_is_loaded(monkeypatch):
    code = judge.__code__
    monkeypatch.setattr(judge, "__code__", code)  # put back where this fails

    def right(W, X, y, reg):
        if "loaded_later" not in sys.modules:
            monkeypatch.setitem(sys.modules, "loaded_later", ModuleType("loaded_later"))
            judge.__code__ = (lambda measurements: Verdict.HOLDS).__code__
        return softmax_cross_entropy.l2(W, X, y, reg)

    first, _ = check(right, loss="softmax_cross_entropy", profile="quick", laws=("value", "gradient")).results
    assert first.diagnosis["message"].endswith("changes what verify.evidence.judge does")
    assert judge.__code__ is code


@pytest.mark.parametrize(("changed", "done"), [(None, "write"), ("replaces verify.evidence.judge", "drop")])
def test_what_was_computed_meanwhile_is_kept_only_where_nobody_changed_the_suite(monkeypatch, changed, done):
    told = []
    for name in ("write", "drop"):
        monkeypatch.setattr(disk_cache, name, partial(told.append, name))
    monkeypatch.setattr(tampering, "changed", lambda: changed)
    assert untampered([]) == []
    assert told == [done]


@pytest.mark.parametrize("interrupted", [False, True])
def test_in_process_nobody_is_told_meanwhile_that_a_law_holds(monkeypatch, interrupted):
    """Nor after a Ctrl-C: what was judged before is told, as it stands."""
    code, calls, last, told = judge.__code__, 0, None, []
    monkeypatch.setattr(judge, "__code__", code)  # put back where this fails

    def right(W, X, y, reg):
        nonlocal calls
        calls += 1
        if calls == last:
            raise KeyboardInterrupt
        judge.__code__ = (lambda measurements: Verdict.HOLDS).__code__
        return softmax_cross_entropy.l2(W, X, y, reg)

    def ask(*laws):
        nonlocal calls
        calls = 0
        told.clear()
        request = requested(right, loss="softmax_cross_entropy", profile="quick", laws=laws)
        execute_here(request.tasks(), captured=True, on_done=told.append)

    ask("value", "purity")  # loads what they need, behind which the suite is looked at, too
    ask("value")
    if interrupted:
        last = calls + 1
        with pytest.raises(KeyboardInterrupt):
            ask("value", "purity")
    ((task, result),) = [(o.task, o.result) for o in told]
    assert (task.law, result.verdict) == ("value", Verdict.BROKEN)
    assert result.diagnosis["message"].endswith("changes what verify.evidence.judge does")
    assert judge.__code__ is code


def test_between_two_laws_the_suite_is_looked_at_once(monkeypatch):
    first, old = tampering.suite(), evidence.judge
    monkeypatch.setattr(evidence, "judge", lambda _: Verdict.HOLDS)
    assert tampering.suite(looked=True) is first
    assert first.restore() == "replaces verify.evidence.judge for the whole process"
    assert evidence.judge is old
