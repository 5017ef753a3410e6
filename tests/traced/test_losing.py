"""Right formulas with unstable arithmetic: what breaks and what does not, and the operation that is told, with its line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from traced import losing

from verify import Verdict, check
from verify.report.reading import lost_digits
from verify.traced.instability import origin
from verify.traced.record import as_written, balls, recorded

CODE = Path(losing.__file__).read_text(encoding="utf-8").splitlines()
FAR = [1000.0, 2.0, -3.0]


def line_of(part):
    return next(n for n, line in enumerate(CODE, 1) if part in line)


def judged(f, at, **options):
    return check(f, at=at, laws=("value", "gradient", "formula"), profile="quick", **options)


BROKEN = {
    "softmax": (losing.softmax, FAR, "float64", "`np.exp(s)` overflows at 1000", "e = np.exp(s)"),
    "log-sum-exp in float32": (losing.lse, [100.0, 3.0, 2.0], "float32", "`np.exp(x)` overflows at 100", "np.log(np.sum(np.exp(x)))"),
    "softplus": (losing.softplus, FAR, "float64", "`np.exp(x)` overflows at 1000", "np.log(1 + np.exp(x))"),
    "log of a sigmoid": (losing.log_sigmoid, [-800.0, 2.0], "float64", "`np.exp(-x)` overflows at 800", "return 1 / (1 + np.exp(-x))"),
    "log(1 - p)": (losing.certain, [40.0, 2.0], "float64", "`1 - p` loses all digits at p = 1 − 4.248e-18", "np.log(1 - p)"),
    "squares of a norm": (losing.norm, [1e200, 2e200], "float64", "`x**2` overflows at 1e+200", "np.sqrt(np.sum(x**2))"),
    "a product": (losing.product, [1e-10] * 40, "float64", "`np.prod(x)` underflows: it is 1.00e-400", "np.prod(x)"),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", BROKEN)
def test_the_first_operation_that_leaves_the_range_is_told_with_its_line(name):
    f, at, dtype, words, code = BROKEN[name]
    report = judged(f, np.array(at), dtypes=(dtype,))
    results = {r.law: r for r in report.results}
    assert results["formula"].verdict is Verdict.HOLDS
    assert (results["formula"].strain, results["gradient"].kind) == (0, "precision")
    told = results["gradient"].diagnosis
    assert told["code"] == "overflow"
    assert f"the formula is right, but {words} (losing.py:{line_of(code)})" == told["message"]
    assert [place["line"] for place in told["places"]] == [line_of(code)]
    (convention,) = report.conventions.values()
    assert convention["formula"]["source"] == "own"
    assert len({f["cause"] for f in report.to_dict()["findings"]}) == 1


def test_a_formula_that_is_wrong_is_so_though_it_overflows_too():
    results = {r.law: r for r in judged(losing.forgetful_softmax, FAR).results}
    assert (results["formula"].verdict, results["formula"].kind) == (Verdict.BROKEN, "wrong")
    assert (results["value"].kind, results["value"].diagnosis["code"]) == ("precision", "overflow")


NEVER_BROKEN = {
    "shifted": (losing.shifted_softmax, FAR),
    "σ(m) − 1 of one size": (losing.log_sigmoid, [40.0, 40.0, 41.0]),
    "σ(m) − 1 of many": (losing.log_sigmoid, [40.0, 2.0, -3.0]),
    "a variance far from 0": (losing.variance, [1e8, 1e8 + 1, 1e8 + 2]),
    "1 − cos": (losing.cosine, [1e-9, 2e-9]),
}


@pytest.mark.parametrize("name", NEVER_BROKEN)
def test_digits_of_a_small_number_that_a_usual_form_loses_never_break(name):
    f, at = NEVER_BROKEN[name]
    assert [r.diagnosis for r in judged(f, at).results if r.verdict is not Verdict.HOLDS] == []


NOTED = {
    "σ(m) − 1 of one size": ("gradients lose digits", "`sigmoid(x) - 1` loses all digits at sigmoid(x) = 1 − ", "sigmoid(x) - 1"),
    "a variance far from 0": ("losses lose digits", "`np.mean(x**2) - m**2` loses all digits at m ** 2 = 1e+16 − 0.6667", "- m**2"),
    "1 − cos": ("losses lose digits", "`1 - np.cos(x)` loses all digits at np.cos(x) = 1 − ", "1 - np.cos(x)"),
}


@pytest.mark.parametrize("name", NOTED)
def test_a_note_tells_where_they_are_lost(name):
    what, words, code = NOTED[name]
    f, at = NEVER_BROKEN[name]
    notes = [told for _, told in lost_digits(judged(f, at).to_dict())]
    assert any(what in told and words in told and f"(losing.py:{line_of(code)})" in told for told in notes), notes
    assert lost_digits(judged(losing.shifted_softmax, [0.5, 1.0, -1.0]).to_dict()) == []


def test_a_gradient_that_loses_half_of_its_digits_where_the_loss_does_not_breaks():
    results = {r.law: r for r in judged(losing.mean_log, [1e-12, 2e-12]).results}
    assert results["formula"].verdict is Verdict.HOLDS
    told = results["gradient"]
    assert (told.verdict, told.kind, told.diagnosis["code"]) == (Verdict.BROKEN, "precision", "precision")
    assert f"(losing.py:{line_of('(1 - 1 / (1 + x)) / x')})" in told.diagnosis["message"]
    assert judged(losing.mean_log, [0.5, 2.0]).verdict is Verdict.HOLDS


def found(f, at, dtype="float64", entry=None):
    at = np.array(at, dtype)
    if entry is None:
        record = recorded(lambda x: f(x)[0], [at], u=float(np.finfo(dtype).eps) / 2)
        register = int(record.outputs)
    else:
        (record,) = as_written(lambda x: [f(x)[1]], [at])
        register = int(record.outputs.ravel()[entry])
    return origin(record, balls([at], 1, record.guards), dtype, register)


def test_nothing_is_told_of_numbers_that_are_right():
    assert found(losing.softmax, [1.0, 2.0, -3.0]) is None
    assert found(losing.shifted_softmax, FAR) is None
    assert found(losing.variance, [1.0, 2.0, 3.0]) is None
    assert found(losing.norm, [1.0, 2.0], entry=0) is None


def test_what_is_lost_on_a_piece_that_is_not_taken_is_nothing():
    def stable(x):
        return np.where(x >= 0, 1 / (1 + np.exp(-x)), np.exp(x) / (1 + np.exp(x))).sum(), None

    assert found(stable, [1000.0, -1000.0, 3.0]) is None


def test_a_cast_to_fewer_digits_is_told():
    told = found(losing.rounded, [1 / 3, 0.1], entry=0)
    assert told.code == "precision"
    assert "keeps the digits of float32 alone" in str(told)
