"""Rows, matrices, switches and comparisons against exact fractions, in every reading."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import numpy as np
import pytest
from flint import arb, arb_series, fmpq
from hypothesis import given, settings
from hypothesis import strategies as st
from tape.networks import recorded

from verify.rounding import unit_roundoff
from verify.tape import enclose, floats, vectors
from verify.tape.balls import precision
from verify.tape.primitives import PRIMITIVES

REDUCED = {
    "sum": (lambda b, x, y: b.sum(x), lambda x, y: [sum(r) for r in x]),
    "dot": (lambda b, x, y: b.dot(x, y), lambda x, y: [sum(p * q for p, q in zip(*rows, strict=True)) for rows in zip(x, y, strict=True)]),
    "matmul": (
        lambda b, x, y: b.matmul(x, y.T).ravel(), lambda x, y: [sum(p * q for p, q in zip(r, s, strict=True)) for r in x for s in y],
    ),
    "max": (lambda b, x, y: b.max(x), lambda x, y: [max(r) for r in x]),
    "min": (lambda b, x, y: b.min(x), lambda x, y: [min(r) for r in x]),
    "abs": (lambda b, x, y: b.abs(x).ravel(), lambda x, y: [abs(v) for r in x for v in r]),
    "where": (
        lambda b, x, y: b.where(b.lt(x, y), x, b.add(y, 1)).ravel(),
        lambda x, y: [p if p < q else q + 1 for r, s in zip(x, y, strict=True) for p, q in zip(r, s, strict=True)],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REDUCED)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_rows_and_switches(name, dtype, data):
    f, truth = REDUCED[name]
    width = 24 if dtype == "float32" else 64
    number = st.floats(-(2.0**20), 2.0**20, width=32 if width == 24 else 64).filter(lambda v: v == 0 or abs(v) > 1e-10)
    n, k = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 5))
    x = np.array(data.draw(st.lists(number, min_size=2 * n * k, max_size=2 * n * k)))
    tape = recorded(lambda b, x, y: f(b, x, y), [(n, k), (n, k)])
    parts = [[list(map(Fraction, row)) for row in half.reshape(n, k).tolist()] for half in (x[: n * k], x[n * k :])]
    expected = [arb(fmpq(q.numerator, q.denominator)) for q in truth(*parts)]
    near = floats.run(tape, x[:, None], dtype)[tape.outputs, 0]
    lanes = vectors.run(tape, x[:, None])
    with precision():
        thin = enclose.run(tape, list(map(arb, x.tolist()))).registers[tape.outputs]
        fat = enclose.run(tape, list(map(arb, x.tolist())), arb(unit_roundoff(dtype))).registers[tape.outputs]
    with precision(600):
        for j, t in enumerate(expected):
            assert thin[j].overlaps(t)
            assert float(thin[j].rad()) <= 1e-25 * 2.0**45
            assert fat[j].overlaps(t)
            assert fat[j].contains(arb(float(near[j])))
            out = tape.outputs[j]
            assert abs(arb(lanes.values[out, 0]) - t).lower() <= arb(lanes.radii[out, 0])
            assert lanes.radii[out, 0] < 1e-13 * 2.0**45


def test_comparisons_and_what_joins_them():
    for op, left, right in product(("lt", "le", "gt", "ge"), (-1.0, 0.0, 0.5), (0.0, 0.5)):
        expected = {"lt": left < right, "le": left <= right, "gt": left > right, "ge": left >= right}[op]
        tape = recorded(lambda b, x, op=op: b.where(getattr(b, op)(x[0], x[1]), 1, 0), [(2,)])
        with precision():
            run = enclose.run(tape, [arb(left), arb(right)])
            assert run.registers[tape.outputs] == expected
            assert not run.open
            assert enclose.run(tape, [arb(left, 2), arb(right)]).open == [int(tape.outputs)]
        lanes = vectors.run(tape, [[left], [right]])
        assert (lanes.values[tape.outputs, 0], lanes.radii[tape.outputs, 0]) == (expected, 0)
        assert vectors.run(tape, [[left], [right]], 2.0).radii[tape.outputs, 0] >= 0.5
        assert floats.run(tape, [[left], [right]])[tape.outputs, 0] == expected


@pytest.mark.parametrize(("left", "right"), [(-1.0, 0.0), (0.5, 0.0), (0.5, 0.5), (0.0, 0.0)])
def test_above_is_open_where_both_numbers_are_one(left, right):
    """Either side may be taken there."""
    tape = recorded(lambda b, x: b.where(b.above(x[0], x[1]), 1, 0), [(2,)])
    expected, tied = left > right, left == right
    with precision():
        run, near = (enclose.run(tape, [arb(left, r), arb(right)]) for r in (0, 2))
        assert run.open == ([int(tape.outputs)] if tied else [])
        assert tied or run.registers[tape.outputs] == expected
        assert near.open == [int(tape.outputs)]
    lanes = vectors.run(tape, [[left], [right]])
    assert (lanes.radii[tape.outputs, 0] > 0) == tied
    assert tied or lanes.values[tape.outputs, 0] == expected
    assert vectors.run(tape, [[left], [right]], 2.0).radii[tape.outputs, 0] >= 0.5
    assert floats.run(tape, [[left], [right]])[tape.outputs, 0] == expected


TRUTHS = (True, False, None)


@pytest.mark.parametrize("first", TRUTHS)
@pytest.mark.parametrize("second", TRUTHS)
def test_truths_have_three_values(first, second):
    """An open one is x > 0 where x is 0 ± 1."""
    at = {True: 5.0, False: -5.0, None: 0.0}
    worlds = [
        (p, q) for p in ((first,) if first is not None else (True, False)) for q in ((second,) if second is not None else (True, False))
    ]
    for op, join in (("and", lambda p, q: p and q), ("or", lambda p, q: p or q), ("not", lambda p, q: not p)):
        possible = {join(p, q) for p, q in worlds}

        def formula(b, x, op=op):
            p, q = b.gt(x[0], 0), b.gt(x[1], 0)
            return b.where(b.not_(p) if op == "not" else getattr(b, f"{op}_")(p, q), 1, 0)

        tape = recorded(formula, [(2,)])
        x = [at[first], at[second]]
        with precision():
            run = enclose.run(tape, [arb(v, 1) for v in x])
        assert len(run.possible[int(tape.outputs)]) == len(possible)
        lanes = vectors.run(tape, np.array(x)[:, None], 1.0)
        assert lanes.chosen[int(tape.outputs)][:, 0, 0].sum() == len(possible)


AWKWARD = [
    arb(0),
    arb(0, 1),
    arb(-3),
    arb(-3, 1),
    arb(-1),
    arb(1),
    arb(1, 2),
    arb("1e400"),
    arb.nan(),
    arb.pos_inf(),
    arb(0, arb.pos_inf()),
]
SERIES = [arb_series([x, d], 4) for x in AWKWARD for d in (arb(1), arb(0), arb(0, 1))] + [arb_series([0], 4), arb_series([0, 0, 1], 4)]
PARAMETERS = {"pow_c": [Fraction(n, 2) for n in (4, 6, -2, -4, 1, 3, -1)], "polygamma": [1, 2], "round_to": ["float32"]}


@pytest.mark.parametrize("name", [row.name for row in PRIMITIVES.values() if row.form == "elementwise"])
def test_no_row_raises_whatever_the_balls(name):
    """Beyond its domain nothing is known of a row, and that is no error."""
    row = PRIMITIVES[name]
    with precision():
        for parameter in PARAMETERS.get(name, [None]):
            for xs in product([*AWKWARD, *SERIES], repeat=len(row.domain)):
                (found,) = enclose.Balls().apply(row, [enclose.column([x], 1) for x in xs], parameter)
                assert isinstance(found, arb_series) or not any(isinstance(x, arb_series) for x in xs)


def test_a_quotient_by_what_may_be_0_is_not_known():
    tape = recorded(lambda b, x, y: b.div(x, y), [(), ()])
    with precision():
        for y in (arb_series([arb(0, 1), 1], 4), arb_series([0, 1], 4)):
            assert not enclose.run(tape, [arb(1), y]).registers[int(tape.outputs)][0].is_finite()


def test_what_is_kept_between_runs_is_kept_by_precision_and_by_roundings():
    tape = recorded(lambda b, x: b.mul(x, Fraction(1, 3)), [()])
    out = int(tape.outputs)
    for _ in range(2):
        for bits in (53, 300):
            with precision(bits):
                widths = [enclose.run(tape, [arb(1)], u).registers[out].rad() for u in (None, arb(2) ** -53, arb(2) ** -24)]
            assert 2.0**-bits / 16 < widths[0] < 2.0**-bits
            assert 2.0**-54 < widths[1] < 2.0**-51 < 2.0**-26 < widths[2] < 2.0**-22


def test_roundings_that_are_no_float_are_taken_for_more():
    tape = recorded(lambda b, x: b.mul(x, x), [()])
    with precision():
        unit = arb(1, 0.125) / 3 * arb(2) ** -53
        assert enclose.run(tape, [arb(1)], unit).registers[int(tape.outputs)].rad() >= unit.upper()


def test_a_tape_of_some_registers_writes_what_they_are_made_of_and_nothing_else():
    tape = recorded(lambda b, x: np.stack([b.exp(b.add(x, 1)), b.log(x)]), [()])
    first = tape.outputs[:1]
    part = tape.only(first)
    assert [i.op for i in part.instructions] == ["add", "exp"]
    with precision():
        written = enclose.run(part, [arb(2)]).registers
        assert written[first[0]].mid() == enclose.run(tape, [arb(2)]).registers[first[0]].mid()
        assert written[tape.outputs[1]] is None
