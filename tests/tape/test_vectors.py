"""Double precision with radii: what balls say lies within them, for values and slopes, at many points at once."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from flint import arb
from hypothesis import given, settings
from hypothesis import strategies as st
from tape.networks import NETS, drawn, pair, recorded, relu, runs

from verify.tape import enclose, reverse, series, vectors
from verify.tape.balls import precision
from verify.tape.tape import Builder


def holds(wide, j, lane, truth):
    return abs(arb(float(wide.value[j, lane])) - truth).lower() <= arb(float(wide.radius[j, lane]))


@pytest.mark.parametrize("name", NETS)
def test_networks(name):
    f, _, shapes = NETS[name]
    x = np.array([np.concatenate([v.ravel() for v in drawn(shapes, seed)]) for seed in range(3)]).T
    tape = recorded(f, shapes)
    out = int(tape.outputs)
    lanes = vectors.run(tape, x)
    slopes = vectors.gradient(lanes, out)
    assert float(slopes.radius.max()) < 1e-10
    with precision():
        for lane in range(x.shape[1]):
            thin, fat = runs(tape, x[:, lane])
            found = reverse.pieces(thin, fat, out)
            written = np.array([k for i in tape.instructions for k in i.outs.flat if i.row.form != "comparison"])
            assert all(holds(lanes.gather(written), j, lane, thin.registers[k]) for j, k in enumerate(written))
            assert all(holds(slopes, j, lane, q.exact) for j, q in found.certain.items())


@pytest.mark.parametrize("name", NETS)
def test_networks_on_boxes(name):
    """The slope over a box in balls, at points inside, lies in what vectors say of the box."""
    f, _, shapes = NETS[name]
    x, inside = np.concatenate([v.ravel() for v in drawn(shapes, 7)]), np.random.default_rng(3)
    tape = recorded(f, shapes)
    out, r = int(tape.outputs), 2.0**-20
    lanes = vectors.run(tape, x[:, None], r)
    slopes = vectors.gradient(lanes, out)
    for _ in range(3):
        at = x + r * inside.integers(-8, 9, len(x)) / 8
        with precision():
            thin, fat = runs(tape, at)
            assert holds(lanes.gather(np.array([out])), 0, 0, thin.registers[out])
            assert all(holds(slopes, j, 0, q.exact) for j, q in reverse.pieces(thin, fat, out).certain.items())


@pytest.mark.parametrize("u", [vectors.U, np.array([vectors.U, 2.0**-24])])
def test_a_constant_that_no_float_is_near_has_a_radius(u):
    """Its nearest float is 0, which it is not."""
    b, tiny = Builder(), Fraction(1, 10**400)
    x = b.inputs((1,))
    tape = b.tape(b.add(x, tiny))
    lanes = vectors.run(tape, np.zeros((1, np.size(u))), u=u)
    assert np.all(lanes.radii[[*tape.constants]] > 0)
    assert np.all(lanes.radii[tape.outputs] > 0)
    assert np.all(vectors.Vectors(np.size(u), u).number(tiny).radius > 0)


def ends(f, *at):
    tape = recorded(lambda b, x: f(b, *x), [(len(at),)])
    lanes = vectors.run(tape, np.array(at, float)[:, None])
    out = lanes.gather(tape.outputs.ravel())
    g = vectors.gradient(lanes, int(tape.outputs))
    shown = [(float(v - r), float(v + r)) for v, r in zip(g.value[:, 0], g.radius[:, 0], strict=True)]
    return (float(out.value[0, 0]), float(out.radius[0, 0])), [tuple(round(e, 12) for e in s) for s in shown]


def test_at_kinks_slopes_are_intervals():
    assert ends(lambda b, x: b.abs(x), 0)[1] == [(-1, 1)]
    assert ends(lambda b, x: b.abs(x), -2)[1] == [(-1, -1)]
    assert ends(lambda b, x: relu(b, b.mul(3, x)), 0)[1] == [(0, 3)]
    assert ends(lambda b, x, y: b.max(np.stack([x, y, x, y])[None])[0], 1, 1)[1] == [(0, 1), (0, 1)]
    assert ends(lambda b, x, y: b.max(np.stack([x, x])[None])[0], 1, 1)[1] == [(1, 1), (0, 0)]
    assert ends(lambda b, x, y: b.min(pair(b, x, y)), 1, 2)[1] == [(1, 1), (0, 0)]
    assert ends(lambda b, x, y: b.where(b.lt(b.sub(b.add(x, 0.1), 0.1), y), b.mul(2, x), b.mul(5, x)), 0.7, 0.7)[1] == [
        (0, 7),
        (0, 0),
    ]  # each piece by itself


def test_what_is_not_taken_need_not_exist():
    value, slopes = ends(lambda b, x: b.where(b.gt(x, 0), b.log(x), b.mul(3, x)), -2)
    assert value == (-6, pytest.approx(0, abs=1e-14))
    assert slopes == [(3, 3)]


def test_what_is_unknown_claims_nothing():
    for f, at in (
        (lambda b, x: b.log(x), -1.0), (lambda b, x: b.div(1, x), 0.0), (lambda b, x: b.exp(x), 1e4), (lambda b, x: b.sqrt(x), -1.0),
        (lambda b, x: b.add(x, 1), np.inf), (lambda b, x: b.mul(0, b.log(x)), -1.0), (lambda b, x: b.max(pair(b, b.log(x), x)), -1.0),
        (lambda b, x: b.tan(b.mul(x, "pi")), 0.5),
    ):  # fmt: skip
        assert ends(f, at)[0][1] == np.inf


@st.composite
def tapes(draw):
    """A formula of a few random steps over three inputs."""
    b = Builder()
    known = list(b.inputs(3))
    unary = (
        "neg",
        "square",
        "exp",
        "logistic",
        "softplus",
        "tanh",
        "erf",
        "sin",
        "cos",
        "atan",
        "abs",
        "sinh",
        "cosh",
        "expm1",
        "log_ndtr",
        "ndtr",
    )
    binary = ("add", "sub", "mul", "logaddexp", "div")
    for _ in range(draw(st.integers(1, 8))):
        pick = [draw(st.sampled_from(known)) for _ in range(3)]
        op = draw(st.sampled_from((*unary, *binary, "max", "min", "dot", "where")))
        if op in unary:
            known.append(getattr(b, op)(pick[0]))
        elif op in binary:
            known.append(getattr(b, op)(*pick[:2]))
        elif op == "where":
            known.append(b.where(b.lt(pick[0], pick[1]), pick[2], pick[0]))
        elif op == "dot":
            known.append(b.dot(np.array([pick]), np.array([pick[::-1]]))[0])
        else:
            known.append(getattr(b, op)(np.array([pick]))[0])
    return b.tape(known[-1])


@settings(deadline=None, max_examples=150)
@given(tapes(), st.lists(st.integers(-24, 24), min_size=3, max_size=3), st.sampled_from([0.0, 2.0**-30, 0.125]))
def test_whatever_the_formula_the_truth_lies_within(tape, at, r):
    x, out = np.array(at) / 8, int(tape.outputs)
    lanes = vectors.run(tape, x[:, None], r)
    slopes = vectors.gradient(lanes, out)
    for t in (-1.0, 0.5, 1.0) if r else (0.0,):
        with precision():
            point = [arb(float(v)) for v in x + t * r]
            thin, fat = enclose.run(tape, point), enclose.run(tape, point, arb(2) ** -53)
            value = thin.registers[out]
            if np.isfinite(lanes.radii[out, 0]):
                assert value.is_finite()
                assert holds(lanes.gather(np.array([out])), 0, 0, value)
            if value.is_finite():
                over = fat.registers[out]  # an open switch leaves a ball over its pieces, of which the truth is one
                assert not over.is_finite() or (over.overlaps(value) if thin.open else over.contains(value))
            for j in range(3):
                rate = series.slope(thin, [arb(int(k == j)) for k in range(3)], out) if tape.moving[out] else arb(0)
                if np.isfinite(slopes.radius[j, 0]) and rate.is_finite():
                    assert holds(slopes, j, 0, rate)
