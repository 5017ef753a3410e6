"""What is read of a tape all at once is what is read of it one by one: equal operations, slopes of many pieces, radii in another dtype."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb
from tape.networks import NETS, drawn, recorded, relu, runs

from verify.rounding import unit_roundoff
from verify.tape import enclose, reverse, series, switch_slopes, vectors
from verify.tape.balls import precision
from verify.tape.tape import Builder

WIDER = 2.5
"""Times that radii of vectors may be those of balls: they stand in for them within a quarter of what is allowed."""


def by_loops(b, x):
    total = b.constants(0)
    for k in range(6):
        y = b.exp(b.mul(x[k], 0.5))
        total = b.add(total, b.mul(y, b.max(np.stack([x[k], x[(k + 1) % 6]], -1))))
    return total


def inputs_of(shapes, seed):
    return np.concatenate([v.ravel() for v in drawn(shapes, seed)])


def test_equal_operations_of_a_loop_are_one_instruction_and_the_same_numbers():
    tape = recorded(by_loops, [(6,)])
    x = np.random.default_rng(1).normal(size=6)
    assert len(tape.instructions) > 20
    assert len(tape.fused.instructions) < 12
    with precision():
        (thin, fat), (joined, _) = runs(tape, x), runs(tape.fused, x)
        for k in tape.places:
            assert thin.values[k].overlaps(joined.values[k])
        d = [arb(1)] * 6
        found = reverse.pieces(thin, fat, int(tape.outputs)).certain
        assert series.slope(thin, d, int(tape.outputs)).overlaps(sum((q.exact for q in found.values()), arb(0)))
        h = arb(2) ** -60
        ahead, behind = (enclose.run(tape, [arb(float(v)) + s * h for v in x]).values[int(tape.outputs)] for s in (1, -1))
        assert abs((ahead - behind) / (2 * h) - sum((q.exact for q in found.values()), arb(0))) < 1e-15


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", NETS)
def test_radii_in_a_dtype_are_those_of_balls(name, dtype):
    f, _, shapes = NETS[name]
    tape, u = recorded(f, shapes), unit_roundoff(dtype)
    out = int(tape.outputs)
    for seed in range(10):  # a layer whose numbers are all below 0 ends in a tie
        x = inputs_of(shapes, seed)
        lanes = vectors.run(tape, x[:, None], u=u)
        slopes, met = vectors.slopes(lanes, out)
        if not met.any():
            break
    assert not met.any()
    with precision():
        thin, fat = (enclose.run(tape, [arb(float(v)) for v in x], of) for of in (None, arb(u)))
        quantity = reverse.value(thin, fat, out)
        assert quantity.radius / WIDER <= lanes.radii[out, 0] <= WIDER * quantity.radius
        for j, q in reverse.pieces(thin, fat, out).certain.items():
            assert q.radius / WIDER <= slopes.radius[j, 0] <= WIDER * q.radius + 1e-290


def test_open_switches_are_told_where_the_output_depends_on_them():
    tape = recorded(lambda b, x: b.add(relu(b, x[0]), b.mul(0, relu(b, x[1]))), [(2,)])
    _, met = vectors.slopes(vectors.run(tape, np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0]])), int(tape.outputs))
    assert met.tolist() == [True, False, False]


def layers(b, x, v):
    """Two layers of kinks, at 0 all of them."""
    return b.sum(b.mul(v, relu(b, b.add(relu(b, x), b.mul(0.5, b.abs(x)))))[None])[0]


def test_the_slopes_of_many_pieces_are_those_of_each():
    tape = recorded(layers, [(12,), (12,)])
    x = np.concatenate([np.zeros(12), np.arange(1.0, 13)])
    with precision():
        thin, fat = runs(tape, x)
        out = int(tape.outputs)
        one_by_one, together = reverse.pieces(thin, fat, out), reverse.pieces(thin, fat, out, switch_slopes.slopes, 0)
    assert len(one_by_one.ambiguous) == len(together.ambiguous) == 12
    for first, second in zip(one_by_one.ambiguous, together.ambiguous, strict=True):
        for v, w in zip(first, second, strict=True):
            assert {j for j, q in v.items() if q.exact != 0} == {j for j, q in w.items() if q.exact != 0}
            for j, q in v.items():
                other = w.get(j, reverse.Quantity(arb(0), 0.0, 0.0))
                assert other.exact.overlaps(q.exact)
                assert float(other.exact.rad()) < 1e-12
                assert q.radius <= WIDER * other.radius + 1e-290 or q.radius == 0


def test_the_order_of_kinks_is_by_those_within_them():
    b = Builder()
    x = b.inputs((3,))
    inner = b.abs(x)
    outer = b.max(np.stack([b.sum(inner[None])[0], b.constants(1)], -1))
    tape = b.tape(b.add(outer, b.abs(x[0])))
    first, *_ = series.gaps(tape)
    assert {first.left, first.right} & {int(b.sum(inner[None])[0])}
