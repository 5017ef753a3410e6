"""Slices of the loss: their kinks and slopes recomputed in fractions, their values in plain numpy."""

from __future__ import annotations

import json
from fractions import Fraction as Q
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from click.testing import CliRunner
from sympy import Max

from verify.cli import cli
from verify.descent import landscape, three_examples
from verify.descent.bounds import truth_of
from verify.descent.kinks import kink_lines
from verify.descent.landscape import line, plane
from verify.descent.problem import Split, TrainingProblem, digits_split
from verify.descent.scenery import line_picture
from verify.errors import UsageError
from verify.oracle import Oracle
from verify.rounding import gamma, unit_roundoff
from verify.spec import Claims, LossSpec, Objective
from verify.spec.catalogue import find_penalty


def view_of(loss="multiclass_hinge", examples=4, **options):
    return landscape.view_of(TrainingProblem(split=digits_split().first(examples), loss=loss, reg=0.0), **options)


@cache
def exact_margins(view, example, direction=0):
    """(α, β) of every margin α + βa of one example, as fractions, straight from the bits."""
    W = [[Q(float(w)) for w in row] for row in view.W]
    d = [[Q(float(v)) for v in row] for row in view.directions[direction]]
    x, y = [Q(float(v)) for v in view.problem.split.X[example]], int(view.problem.split.y[example])

    def score(M, j):
        return sum(m * v for m, v in zip(M[j], x, strict=True))

    return [(score(W, j) - score(W, y) + 1, score(d, j) - score(d, y)) for j in range(len(W)) if j != y]


def exact_loss(view, example, a):
    return sum(max(Q(0), alpha + beta * a) for alpha, beta in exact_margins(view, example))


@pytest.fixture(scope="module")
def hinge():
    view = view_of(seed=3, examples=3)
    return view, line(view)


def test_every_kink_is_where_a_margin_vanishes_and_none_is_left_out(hinge):
    view, found = hinge
    for i, example in enumerate(found["examples"]):
        roots = sorted(-alpha / beta for alpha, beta in exact_margins(view, i) if beta)
        due = [float(r) for r in roots if abs(r) < view.reach]
        assert [k["a"] for k in example["kinks"]] == pytest.approx(due, rel=0, abs=view.reach * 2.0**-52)
        assert len(due) > 3


def test_the_slopes_beside_a_kink_are_exact(hinge):
    view, found = hinge
    for i, example in enumerate(found["examples"]):
        for k in example["kinks"]:
            near = Q(1, 10**9)
            for key, side in (("slope_before", -near), ("slope_after", near)):
                at = Q(k["a"]) + side
                slope = sum((beta for alpha, beta in exact_margins(view, i) if alpha + beta * at > 0), Q(0))
                assert k[key] == float(slope)


def test_the_curve_is_straight_between_kinks_and_bends_up_at_them(hinge):
    view, found = hinge
    for i, example in enumerate(found["examples"]):
        assert all(k["slope_before"] < k["slope_after"] for k in example["kinks"])
        allowed = gamma(2 * 65 + 20, unit_roundoff("float64")) * 9 * (1 + 2 * view.reach * 8)
        for a, loss in [*zip(found["a"], example["losses"], strict=True), *((k["a"], k["loss"]) for k in example["kinks"])]:
            assert abs(Q(loss) - exact_loss(view, i, Q(a))) <= allowed
        ends = [-view.reach, *(k["a"] for k in example["kinks"]), view.reach]
        for low, high in pairwise(ends):
            middle = exact_loss(view, i, (Q(low) + Q(high)) / 2)
            assert float(middle) == pytest.approx(float((exact_loss(view, i, Q(low)) + exact_loss(view, i, Q(high))) / 2), abs=1e-12)


def test_every_point_of_a_slice_is_exact(hinge):
    view, found = hinge
    for a in (found["a"][0], found["a"][77], found["a"][-1]):
        for b in (0.0, view.reach / 32, -view.reach):
            due = [
                [Q(float(w)) + Q(a) * Q(float(d)) + Q(b) * Q(float(e)) for w, d, e in zip(*rows, strict=True)]
                for rows in zip(view.W, *view.directions, strict=True)
            ]
            assert [[Q(float(w)) for w in row] for row in view.at(a, b)] == due


def test_the_bowl_is_the_average_of_the_examples(hinge):
    _, found = hinge
    assert np.allclose(found["average"], np.mean([e["losses"] for e in found["examples"]], axis=0), rtol=1e-13)


def test_softmax_has_no_kinks_and_its_values():
    view = view_of("softmax_cross_entropy", 2)
    found, split = line(view), view.problem.split
    for i, example in enumerate(found["examples"]):
        assert example["kinks"] == []
        for a, loss in list(zip(found["a"], example["losses"], strict=True))[::32]:
            s = view.at(a) @ split.X[i]
            assert loss == pytest.approx(np.log(np.exp(s - s.max()).sum()) + s.max() - s[split.y[i]], rel=1e-13)


@pytest.mark.parametrize(("pieces", "lines"), [(2, 1), (3, 0)])
def test_of_three_pieces_no_two_alone_make_a_line_of_kinks(pieces, lines):
    """Where the first two are equal the third may be the greatest."""
    spec = LossSpec(
        name="greatest",
        per_example=lambda s, y: Max(*(s[:2] if pieces == 2 else (s[0], s[1], s[0] + s[1] + 1))),
        claims=Claims(convex=True),
        source="a test",
    )
    oracle = Oracle(Objective(loss=spec, penalty=find_penalty("none")), "float64")
    points = [
        oracle.at(W=np.array(W), X=np.ones((1, 1)), y=np.array([0]), reg=0.0) for W in ([[1.0], [2.0]], [[2.0], [2.0]], [[1.0], [4.0]])
    ]
    found = kink_lines(*points)
    assert len(found) == lines
    assert [(abs(k.constant), abs(k.along_a), abs(k.along_b)) for k in found] == [(1.0, 1.0, 2.0)] * lines


def test_the_lines_of_a_plane_are_where_margins_vanish():
    view = view_of(seed=3, examples=4)
    found = plane(view)
    in_a, in_b = exact_margins(view, 0), exact_margins(view, 0, direction=1)
    due = sorted((float(alpha), float(beta), float(other)) for (alpha, beta), (_, other) in zip(in_a, in_b, strict=True))
    shown = [(k["constant"], k["along_a"], k["along_b"]) for k in found["kink_lines"]]
    assert due in (sorted(shown), sorted(tuple(-x for x in line) for line in shown))  # a line has two signs
    split = view.problem.split
    for j, i in ((0, 0), (5, 40), (64, 64)):
        S = split.X @ view.at(found["a"][i], found["b"][j]).T
        M = np.maximum(0, S - S[np.arange(4), split.y][:, None] + 1)
        M[np.arange(4), split.y] = 0
        assert found["average"][j][i] == pytest.approx(M.sum() / 4, rel=1e-12)
        assert found["first"][j][i] == pytest.approx(M[0].sum(), rel=1e-12)


@pytest.mark.parametrize("weight", range(3))
def test_the_terms_add_up_to_the_cores_loss(weight):
    X, y = np.array([[float(x)] for x in three_examples.EXAMPLES]), np.array(three_examples.LABELS)
    three = TrainingProblem(split=Split(name="notes", X=X, y=y, X_test=X, y_test=y, classes=3), reg=0.0)
    found = three_examples.document()["weights"][weight]
    for w, loss in zip(found["w"], found["loss"], strict=True):
        W = np.array([[float(v)] for v in three_examples.WEIGHTS])
        W[weight] = float(Q(w))
        assert three(W)[0] == pytest.approx(float(Q(loss)), rel=1e-14)
        total = sum(max(Q(0), Q(t["slope"]) * Q(w) + Q(t["constant"])) for t in found["terms"])
        assert total / 3 == Q(loss)
    for left, right in pairwise(range(len(found["w"]))):  # straight between the corners
        middle = (Q(found["w"][left]) + Q(found["w"][right])) / 2
        assert three_examples.loss(weight, middle) == (Q(found["loss"][left]) + Q(found["loss"][right])) / 2


def test_the_terms_kinks_are_the_oracles():
    X, y = np.array([[float(x)] for x in three_examples.EXAMPLES]), np.array(three_examples.LABELS)
    three = TrainingProblem(split=Split(name="notes", X=X, y=y, X_test=X, y_test=y, classes=3), reg=0.0)
    W, d = np.array([[float(v)] for v in three_examples.WEIGHTS]), np.array([[0.0], [1.0], [0.0]])
    W[1] = -three_examples.REACH
    path = truth_of(three, W).path(d, 2.0 * three_examples.REACH, 100)
    assert [float(s.end.mid()) - three_examples.REACH for s in path[:-1]] == pytest.approx(
        [float(Q(w)) for w in three_examples.document()["weights"][1]["w"][1:-1]]
    )


def test_the_command_writes_pictures_and_numbers(tmp_path):
    done = CliRunner().invoke(cli, ["landscape", "--examples", "2", "--reach", "5", "--output", str(tmp_path / "out"), "--quiet"])
    assert done.exit_code == 0, done.output
    kinds = [f"{name}.{kind}" for name in ("line", "plane", "terms") for kind in ("png", "svg")]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted([*kinds, "landscape.json"])
    document = json.loads((tmp_path / "out/landscape.json").read_text(encoding="utf-8"))
    assert (document["reach"], document["training_examples"], len(document["line"]["examples"])) == (8, 2, 2)
    svg = (tmp_path / "out/line.svg").read_text(encoding="utf-8")
    assert svg.count("<svg") == 1
    assert 'aria-label="The loss along a line' in svg
    assert "currentColor" in svg
    assert line_picture(document["line"]).file == svg  # the same numbers give the same picture


def test_one_kind_can_be_asked_for_on_standard_output(tmp_path):
    words = ["landscape", "--only", "terms", "--format", "json", "--output", str(tmp_path)]
    assert json.loads(CliRunner().invoke(cli, words).stdout)["terms"]["x"] == [-1.0, 0.5, 1.5]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["landscape.json", "terms.png", "terms.svg"]


@pytest.mark.parametrize(
    ("options", "message"), [({"reach": 0.0}, "reach is 0"), ({"reach": 1e30}, "reach is 1e"), ({"at": "end"}, "unknown place")]
)
def test_wrong_use_is_told(options, message):
    with pytest.raises(UsageError, match=message):
        view_of(**options)
