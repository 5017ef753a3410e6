"""What double precision decides is what balls would say; what it cannot is left to them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from verify import Verdict, check
from verify.candidates import Answer
from verify.laws import LAWS
from verify.oracle import Point
from verify.pair import recorded, screened
from verify.rounding import SLACK
from verify.traced.approximate import Approximate, values
from verify.traced.record import recorded as recorded_code
from verify.trial.derived import Derived

RNG = np.random.default_rng(11)
DATA, LABELS = RNG.normal(size=(5, 4)), np.array([0, 2, 1, 1, 0])
ROWS = np.arange(5)
W = RNG.normal(size=(4, 3))


def hinge(w, slip=0.0, late=0.0):
    x = DATA.astype(w.dtype)
    s = x @ w
    m = np.maximum(0, s - s[ROWS, LABELS][:, None] + 1)
    m[ROWS, LABELS] = 0
    a = (m > 0).astype(w.dtype)
    a[ROWS, LABELS] = -a.sum(1)
    return m.sum() / 5 + np.sum(w * w) + late, x.T @ a / 5 + (2 + slip) * w


def softmax(w, slip=0.0, late=0.0):
    x = DATA.astype(w.dtype)
    s = x @ w
    p = np.exp(s - s.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    d = p.copy()
    d[ROWS, LABELS] -= 1
    return -np.log(p[ROWS, LABELS]).mean() + late, x.T @ d / 5 + slip * w


def asked(monkeypatch, f, dtype, laws=tuple(screened.ASKED)):
    """The findings of both, by law and case, where the screen has one."""
    found = []
    measured = recorded.RecordedPair._screened

    def both(self, case):
        about = measured(self, case)
        if about is not None:
            found.append((self.name, about, Derived.measure(self, case)))
        return about

    monkeypatch.setattr(recorded, "SMALL", 0)
    monkeypatch.setattr(recorded.RecordedPair, "_screened", both)
    report = check(f, loss=None, at=W, profile="quick", laws=laws, dtypes=(dtype,))
    return report, found


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("f", [hinge, softmax])
def test_what_is_explained_holds_in_balls(monkeypatch, f, dtype):
    report, found = asked(monkeypatch, f, dtype)
    assert report.verdict is Verdict.HOLDS, str(report)
    assert {law for law, about, _ in found if about.evidence} >= {"value", "gradient", "enclosure", "order", "descent"}
    for law, about, balls in found:
        assert all(e.strain <= 0.25 for e in about.evidence), law
        assert all(e.strain <= 1 for e in balls.evidence), law
    for law in ("value", "gradient"):
        pairs = [(a.worst.allowed, b.worst.allowed) for name, a, b in found if name == law and a.evidence and b.evidence]
        assert pairs
        assert all(about <= 2.5 * balls for about, balls in pairs), pairs


@dataclass(frozen=True)
class Off:
    """A candidate whose answers are off by a part of 1e-9, in the value where it is not asked at the point itself, or in the slopes."""

    right: Any
    at: Any
    value: float
    slope: float
    has_loss: bool = True
    answers_alone: bool = False

    def __call__(self, **values):
        answer = self.right(**values)
        off = self.value if self.at is None or not np.array_equal(values["x"], self.at) else 0.0
        return Answer(answer.value * (1 + off), {"x": answer.gradient * (1 + self.slope)})


@pytest.mark.parametrize("law", ["value", "gradient", "enclosure", "order", "best-step", "crossing", "descent"])
def test_what_is_not_explained_is_left_to_balls(monkeypatch, law):
    seen = []
    measured = recorded.RecordedPair._screened

    def heard(self, case):
        about = measured(self, case)
        if about is not None and about.evidence:
            seen.append((self.subject, case))
        return about

    monkeypatch.setattr(recorded, "SMALL", 0)
    monkeypatch.setattr(recorded.RecordedPair, "_screened", heard)
    check(hinge, loss=None, at=W, profile="quick", laws=(law,))
    assert seen
    of_slopes = law in ("gradient", "order", "best-step")  # a gradient that is a little off may descend
    for value, slope in ((1e-9, 0.0),) * (law != "gradient") + ((0.0, 1e-9),) * of_slopes:
        for subject, case in seen[:5]:
            subject.oracle.problem.code._approximate.clear()
            wrong = replace(subject, candidate=Off(subject.candidate, None if law == "value" else case.x, value, slope), answers=None)
            with np.errstate(all="ignore"):
                assert screened.screened(law, wrong, case) is None
            subject.oracle.problem.code._approximate.clear()


def test_the_strain_that_is_shown_is_that_of_balls(monkeypatch):
    report, found = asked(monkeypatch, softmax, "float64", ("value", "gradient"))
    for result in report.results:
        screens = [about.worst for law, about, _ in found if law == result.law]
        assert not any(result.worst.evidence is e for e in screens)
        assert 0 < result.strain < 1


@pytest.mark.parametrize(("factor", "is_left"), [(0.25, False), (1.5, False), (2.5, True), (-1.0, True)])
@pytest.mark.parametrize("f", [softmax, lambda w: (-np.sum(np.exp(w)), -np.exp(w))])
def test_a_wrong_gradient_descends_as_balls_say(monkeypatch, f, factor, is_left):
    """Up to twice the gradient does, with steps that are short enough; what does not is for balls to prove: −eˣ falls by enough after
    long steps.
    """

    def wrong(w):
        loss, g = f(w)
        return loss, factor * g

    report, found = asked(monkeypatch, wrong, "float64", ("descent",))
    assert report.verdict is (Verdict.BROKEN if is_left else Verdict.HOLDS), str(report)
    assert not is_left or not any(about.evidence for _, about, _ in found)
    assert is_left or sum(bool(about.evidence) for _, about, _ in found) > 5
    for _, _, balls in found:
        assert all(e.strain <= 1 for e in balls.evidence)


def test_every_screen_is_that_of_a_law():
    assert set(screened.ASKED) <= set(LAWS)


@pytest.mark.parametrize("answer", [0.0, 0.25, 1.0])
def test_what_is_not_known_to_be_explained_is_not(answer):
    """The truth may lie anywhere in its radius."""
    number = Approximate(value=np.zeros(1), radius=np.ones(1), careful=np.full(1, 1.5), size=np.ones(1))
    assert number.explains(np.array([answer])) is (answer + 1 <= 1.5)


def test_careful_code_has_its_own_roundings_and_inputs():
    """Forty products of one number, and the greater of it and 0."""

    def power(x):
        y = x[0]
        for _ in range(40):
            y = y * x[0]
        return y

    x, u = np.array([1.01]), 2.0**-24
    record = recorded_code(power, [x], u=u)
    own, moved = (values(record, x[:, None], np.full((1, 1), off), u)[0] for off in (0.0, 2.0**-16))
    assert 40 * u <= own.careful / own.size <= 60 * u
    assert 40 * 2.0**-16 <= moved.careful / own.size <= 60 * 2.0**-16
    assert own.radius == moved.radius <= 1e-13
    record = recorded_code(lambda x: np.maximum(x[0], 0), [x], u=u)
    (one,), (both,) = (values(record, x[:, None], np.full((1, 1), off), u)[1] for off in (0.0, 2.0))
    assert one != both


def test_what_slopes_are_off_and_may_be_counts_where_the_limit_is_asked():
    along = object.__new__(screened._Along)
    value = Approximate(value=np.zeros(3), radius=np.zeros(3), careful=np.ones(3), size=np.ones(3))
    gradient = Approximate(value=np.zeros(1), radius=np.full(1, 0.25), careful=np.ones(1), size=np.ones(1))
    vars(along).update(
        steps=[0.5], approximate=value, values=np.full(3, 0.25), gradient=gradient, slopes=np.full(1, 0.5), d=np.full(1, 2.0)
    )
    of_values, of_both = (along.evidence(0.5, slope=slope) for slope in (False, True))
    assert (of_values.measured, of_values.allowed) == ((0.25 + 0.25) / 0.5, SLACK * 2 / 0.5)
    assert of_both.measured - of_values.measured == (0.5 + 0.25) * 2
    assert of_both.allowed - of_values.allowed == SLACK * 2


def test_steps_that_are_too_long_are_left_out_of_descent_and_nothing_else_is(monkeypatch):
    """Balls would say the same of each of them, and take longer."""
    data = np.linspace(-1.0, 1.5, 12)

    def wrong(x):
        e = np.maximum(x[0] * data + x[1], 0) - np.abs(x[2] - data)
        on, side = x[0] * data + x[1] > 0, np.sign(x[2] - data)
        return np.sum(e * e), 2.2 * np.array([np.sum(e * on * data), np.sum(e * on), -np.sum(e * side)])

    asked, path = [], Point.path

    def counted(self, d, length, most):
        asked.append((self.x.tobytes(), d.tobytes(), length))
        return path(self, d, length, most)

    monkeypatch.setattr(Point, "path", counted)

    def judged():
        asked.clear()
        report = check(lambda x: wrong(x), at=np.array([0.7, 0.4, 0.3]), laws=("descent",), profile="quick")
        (found,) = (o.result for o in report.outcomes)
        return (found.verdict, found.strain, found.decided, found.cases), len(set(asked))

    found, few = judged()
    monkeypatch.setattr(Point, "short", lambda self, d, steps, slope: [*steps])
    due, many = judged()
    assert found == due
    assert few < many
