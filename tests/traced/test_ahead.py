"""What is computed at several points together is what each of them alone gives, to the last bit, up to underflow."""

from __future__ import annotations

import numpy as np
import pytest

from verify import Verdict, check
from verify.tape import vectors
from verify.traced import Code, NotTraced, ahead
from verify.trial import engine

RNG = np.random.default_rng(5)
DATA = RNG.normal(size=(6, 4))


def smooth(x):
    return np.sum(np.log1p(np.exp(DATA @ x))) + np.prod(x)


def switched(x):
    """Where a switch is open at one point, others have another number of summands."""
    s = DATA @ x
    return np.sum(np.maximum(s, 0)) + np.max(x) + np.sum(np.where(x > 0, x * x, -x)) + np.sum(np.abs(x[:2] - x[2:]))


def branched(x):
    return np.sum(np.exp(x)) if x[0] > 0 else np.sum(x**3)


def codes(f):
    return Code(f, ("x",), variables=1), Code(f, ("x",), variables=1)


POINTS = [*(np.array(p) for p in ([1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 0.0, 0.0], [-1.0, 2.0, -1.0, 2.0], [5.0, -5.0, 5.0, 0.0]))]
POINTS += [*RNG.normal(size=(5, 4))]
OFF = np.full(4, 2.0**-50)


def lines():
    return [x + np.outer([0.0, 0.5, -0.5, 2.0**-20], RNG.normal(size=4)) for x in POINTS]


def numbers(a):
    found = [getattr(a, name) for name in ("value", "radius", "careful", "size")]
    return [np.where(np.abs(x) > vectors.UNDERFLOWN, x, 0.0).tolist() for x in found]


@pytest.mark.parametrize("f", [smooth, switched, branched])
def test_several_points_have_the_truth_that_each_has_alone(f):
    together, alone = codes(f)
    along = lines()
    ahead.look_ahead(together, [({"x": x}, OFF * (1 + k), p) for k, (x, p) in enumerate(zip(POINTS, along, strict=True))])
    for k, (x, points) in enumerate(zip(POINTS, along, strict=True)):
        asked = {"x": x}
        assert together.is_known(("slopes", together.place(asked))) or f is branched
        a, b = (ahead.slopes_at(code, asked, OFF * (1 + k)) for code in (together, alone))
        assert numbers(a.gradient) == numbers(b.gradient)
        assert (a.kinked, a.pattern, a.lines) == (b.kinked, b.pattern, b.lines)
        (values, pieces), (others, due) = (ahead.values_along(code, asked, points, OFF * (1 + k)) for code in (together, alone))
        assert numbers(values) == numbers(others)
        assert pieces == due


def counted(monkeypatch):
    runs = []
    run = vectors.run
    monkeypatch.setattr(vectors, "run", lambda *a, **k: (runs.append(np.shape(a[1])[1]), run(*a, **k))[1])
    return runs


def test_one_evaluation_is_enough_where_one_record_holds(monkeypatch):
    code, _ = codes(smooth)
    runs = counted(monkeypatch)
    ahead.look_ahead(code, [({"x": x}, OFF, p) for x, p in zip(POINTS, lines(), strict=True)])
    assert runs == [2 * len(POINTS), 2 * 4 * len(POINTS)]
    for x in POINTS:
        ahead.slopes_at(code, {"x": x}, OFF)
    ahead.look_ahead(code, [({"x": x}, OFF, np.empty((0, 0))) for x in POINTS])
    assert len(runs) == 2


def test_a_large_record_is_evaluated_in_parts(monkeypatch):
    code, alone = codes(smooth)
    size = code.record({"x": POINTS[0]})[0].tape.size
    monkeypatch.setattr(ahead, "MOST_TOGETHER", 4 * size)
    runs = counted(monkeypatch)
    ahead.look_ahead(code, [({"x": x}, OFF, np.empty((0, 0))) for x in POINTS])
    assert runs == [8, 8]  # the last, alone, is left to who asks for it
    monkeypatch.setattr(ahead, "MOST_TOGETHER", size)
    monkeypatch.setattr(Code, "located", None)  # whose inputs would take room
    ahead.look_ahead(alone, [({"x": x}, OFF, np.empty((0, 0))) for x in POINTS])
    assert len(runs) == 2


def test_points_that_cannot_be_recorded_are_left_out():
    def ends(x):
        return np.sum(x) if x[0] >= 0 else float("x" * int(x[1]))

    code, _ = codes(ends)
    ahead.look_ahead(code, [({"x": x}, OFF, np.empty((0, 0))) for x in POINTS])
    assert code.is_known(("slopes", code.place({"x": POINTS[0]})))
    with pytest.raises(NotTraced):
        ahead.slopes_at(code, {"x": POINTS[2]}, OFF)


def hinge(w):
    s = DATA @ w
    return np.sum(np.maximum(0, 1 - s)) + w @ w, -DATA.T @ (s < 1).astype(w.dtype) + 2 * w


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_search_finds_the_same_without_looking_ahead(monkeypatch, dtype):
    def judged():
        runs = counted(monkeypatch)
        report = check(lambda w: hinge(w), at=POINTS[4], dtypes=(dtype,), profile="quick")
        assert report.verdict is Verdict.HOLDS, str(report)
        return [(r.law, r.cases, r.decided, r.undecided, r.strain, r.ulps, r.patterns) for r in report.results], len(runs)

    found, few = judged()
    monkeypatch.setattr("verify.pair.recorded.look_ahead", lambda *_: None)
    due, many = judged()
    assert found == due
    assert few < many / 2


@pytest.mark.parametrize(("law", "lines"), [("gradient", 0), ("enclosure", 1), ("descent", 1)])
def test_a_law_by_itself_looks_ahead_to_its_lines(monkeypatch, law, lines):
    seen = []
    look = ahead.look_ahead
    monkeypatch.setattr(ahead, "look_ahead", lambda code, asked: look(code, [seen.append(a) or a for a in asked]))
    (result,) = check(lambda w: hinge(w), at=POINTS[4], laws=(law,), profile="quick").results
    assert result.verdict is Verdict.HOLDS
    along = sum(len(points) > 0 for *_, points in seen)
    assert len(seen) - along == result.cases
    assert result.cases / 2 * lines <= along <= result.cases * lines


def test_no_more_is_drawn_than_is_looked_ahead_to(monkeypatch):
    """What is broken at once waits for no long search to be drawn."""
    drawn = []
    draw = engine.drawn
    monkeypatch.setattr(engine, "drawn", lambda *a: (drawn.append(a[2]), draw(*a))[1])
    for profile, families in (("quick", 7), ("deep", 1)):
        drawn.clear()
        (result,) = check(lambda w: (hinge(w)[0], 2 * hinge(w)[1]), at=POINTS[4], laws=("gradient",), profile=profile).results
        assert result.verdict is Verdict.BROKEN
        assert len(drawn) == families
