"""Networks on the tape: values and gradients against autograd and differences; sets at kinks against those worked out by hand."""

from __future__ import annotations

from math import prod

import numpy as np
import pytest
from flint import arb
from tape.networks import NETS, D, N, drawn, layer_norm, needs_torch, pair, recorded, relu, runs, torch

from verify.rounding import MOST_VERTICES, unit_roundoff
from verify.tape import enclose, floats, reverse
from verify.tape.balls import precision
from verify.tape.tape import Builder, additive

TINY = 1e-30


@needs_torch
@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("seed", range(3))
def test_values_and_gradients_agree_with_autograd(name, seed):
    f, torch_f, shapes = NETS[name]
    values = drawn(shapes, seed)
    tensors = [torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in values]
    loss = torch_f(*tensors)
    loss.backward()
    gradient = np.concatenate([t.grad.numpy().ravel() for t in tensors])
    x = np.concatenate([v.ravel() for v in values])
    tape = recorded(f, shapes)
    out = int(tape.outputs)
    with precision():
        thin, fat = runs(tape, x)
        found = reverse.pieces(thin, fat, out)
        value = thin.registers[out]
        assert fat.registers[out].contains(value)
    near = floats.run(tape, x[:, None])[out, 0]
    radius = float((fat.registers[out] - value).abs_upper())
    assert radius < 1e-12
    assert abs(near - float(value)) <= radius
    assert abs(loss.item() - float(value)) <= 4 * radius
    sets = sum(prod(len(v) for v in [vs]) > 1 for vs in found.ambiguous)
    assert sets == 0 or all(max(abs(float(q.exact)) for v in vs for q in v.values()) < 1e-30 for vs in found.ambiguous)
    assert sum(s for s in map(prod, shapes)) == len(gradient)
    for j, g in enumerate(gradient):
        q = found.certain.get(j, reverse.Quantity(arb(0), 0.0, 0.0))  # behind a relu that is off nothing moves
        assert float(q.exact.rad()) < 1e-30
        assert abs(g - float(q.exact)) <= 4 * q.radius, (j, g, q)
        assert q.radius < 1e-11
        assert q.magnitude >= abs(float(q.exact)) * (1 - 1e-12)


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("seed", range(3))
def test_gradients_agree_with_differences_of_many_digits(name, seed):
    f, _, shapes = NETS[name]
    x = np.concatenate([v.ravel() for v in drawn(shapes, seed)])
    d = np.random.default_rng(seed + 1).integers(1, 9, len(x))
    tape = recorded(f, shapes)
    out, step = int(tape.outputs), arb(2) ** -100
    with precision(400):
        ends = [runs(tape, [arb(float(v)) + s * step * int(k) for v, k in zip(x, d, strict=True)])[0].registers[out] for s in (1, -1)]
        found = reverse.pieces(*runs(tape, x), out).certain
        slope = sum((q.exact * int(d[j]) for j, q in found.items()), arb(0))
        gap = (ends[0] - ends[1]) / (2 * step) - slope
        assert gap.rad() < 1e-20
        assert abs(gap) < 1e-30 * (1 + abs(slope))


def test_autograd_is_a_test_that_can_fail():
    tape = recorded(lambda b, x, gamma, beta, v: layer_norm(b, x, gamma, b.mul(beta, 1 + 2.0**-40), v), NETS["layer norm"][2])
    values = drawn(NETS["layer norm"][2], 0)
    with precision():
        found = reverse.pieces(*runs(tape, np.concatenate([v.ravel() for v in values])), int(tape.outputs))
    j = N * D + D
    assert abs(float(found.certain[j].exact) - values[3][:, 0].sum()) > 4 * found.certain[j].radius


KINKS = {
    "no kink": (lambda b, x, y: b.mul(x, relu(b, y)), (2, 3), {0: 3, 1: 2}, []),
    "relu": (lambda b, x, _: relu(b, x), (0, 0), {}, [[{0: 1}, {}]]),
    "relu of a number": (lambda b, x, _: b.mul(3, relu(b, b.sub(b.mul(2, x), 1))), (0.5, 0), {}, [[{0: 6}, {}]]),
    "two kinks": (lambda b, x, _: b.add(relu(b, x), b.abs(x)), (0, 0), {}, [[{0: 1}, {}], [{0: 1}, {0: -1}]]),
    "the same kink cancels": (lambda b, x, _: b.sub(b.abs(x), b.abs(x)), (0, 0), {}, []),
    "the same kink, partly": (lambda b, x, _: b.sub(b.mul(3, b.abs(x)), b.abs(x)), (0, 0), {}, [[{0: 2}, {0: -2}]]),
    "weighted": (lambda b, x, y: b.mul(3, b.square(b.max(pair(b, x, y)))), (1, 1), {}, [[{0: 6}, {1: 6}]]),
    "least": (lambda b, x, y: b.min(pair(b, x, b.mul(2, y))), (2, 1), {}, [[{0: 1}, {1: 2}]]),
    "nested": (lambda b, x, _: relu(b, b.mul(2, b.abs(x))), (0, 0), {}, [[{0: 2}, {0: -2}, {}]]),
    "a difference of nested ones": (
        lambda b, x, y: b.abs(b.sub(b.abs(x), b.abs(y))), (0, 0), {},
        [[{0: 1, 1: 1}, {0: 1, 1: -1}, {0: -1, 1: 1}, {0: -1, 1: -1}, {0: 1, 1: 1}, {0: 1, 1: -1}, {0: -1, 1: 1}, {0: -1, 1: -1}]],
    ),
    "by condition": (
        lambda b, x, y: b.where(b.le(b.abs(x), 1), b.div(b.square(x), 2), b.sub(b.abs(x), 0.5)), (1, 0), {}, [[{0: 1}, {0: 1}]],
    ),
    "a decided condition": (lambda b, x, y: b.where(b.lt(x, y), b.mul(x, y), y), (1, 3), {0: 3, 1: 1}, []),
    "both must hold": (
        lambda b, x, y: b.where(b.and_(b.gt(x, 0), b.gt(y, 0)), b.min(pair(b, x, y)), 0), (0, 1), {}, [[{0: 1}, {}]],
    ),
    "through a product of matrices": (
        lambda b, x, y: b.matmul(relu(b, b.matmul(np.array([[x, y]]), b.constants([[1.0, 1.0], [-1.0, 1.0]]))),
                                b.constants([[5.0], [7.0]]))[0, 0],
        (1, 1), {0: 7, 1: 7}, [[{0: 5, 1: -5}, {}]],
    ),
}  # fmt: skip


def key(vertices):
    return sorted(str(sorted((j, float(s)) for j, s in v.items())) for v in vertices)


def numbers(v):
    return {j: float(q.exact) for j, q in v.items() if q.exact != 0}


@pytest.mark.parametrize("name", KINKS)
def test_sets_at_kinks_are_those_of_clarke(name):
    f, at, certain, ambiguous = KINKS[name]
    tape = recorded(lambda b, x: f(b, x[0], x[1]), [(2,)])
    with precision():
        found = reverse.pieces(*runs(tape, at, TINY), int(tape.outputs))
    assert not found.outer
    assert {j: float(q.exact) for j, q in found.certain.items()} == certain
    assert sorted(key(map(numbers, vs)) for vs in found.ambiguous) == sorted(key(vs) for vs in ambiguous)


def test_too_many_nested_switches_become_intervals_that_contain_all():
    tape = recorded(lambda b, x: relu(b, b.sum(b.abs(x)[None])[0]), [(8,)])
    with precision():
        found = reverse.pieces(*runs(tape, [0.0] * 8), int(tape.outputs))
    assert found.outer
    assert MOST_VERTICES < 2**8
    ((wide, nothing),) = found.ambiguous
    assert nothing == {}
    for j in range(8):
        assert abs(float(wide[j].exact)) + wide[j].radius >= 1
        assert wide[j].radius < 1.001


def test_a_jump_is_told():
    tape = recorded(lambda b, x: b.where(b.gt(x[0], 0), 1, x[0]), [(1,)])
    with precision():
        _, fat = runs(tape, [0.0], TINY)
        assert fat.jumps == fat.open == [int(tape.outputs)]
        assert runs(tape, [1.0])[1].jumps == []
    continuous = recorded(lambda b, x: b.where(b.gt(x[0], 0), b.mul(2, x[0]), x[0]), [(1,)])
    with precision():
        assert runs(continuous, [0.0], TINY)[1].jumps == []


def test_equal_operations_share_a_register_and_others_do_not():
    b = Builder()
    x = b.inputs(2)
    assert b.add(x[0], x[1]) == b.add(x[1], x[0])
    assert b.sub(x[0], x[1]) != b.sub(x[1], x[0])
    assert list(b.exp(np.array([x[0], x[0], x[1]]))) == [b.exp(x[0]), b.exp(x[0]), b.exp(x[1])]
    assert b.constants(0.5) == b.constants(1 / 2)
    assert b.max(x[None]) == b.max(x[None, ::-1])
    assert b.max(x[None]) != b.min(x[None])
    with pytest.raises(AttributeError, match="floor is no primitive"):
        b.floor(x)
    with pytest.raises(ValueError, match="choose by `where`"):
        b.constants(np.inf)


@pytest.mark.parametrize(("terms", "roundings"), [(2, 1), (3, 2)])
def test_slopes_that_are_added_carry_the_roundings_of_their_sum(terms, roundings):
    """Of x·y + x·z (+ x·w) by x: 1 and halves of an ulp, each of which a float may lose."""
    tape = recorded(lambda b, x: b.sum(b.mul(x[0], x[1:])[None])[0], [(terms + 1,)])
    half = 2.0**-53
    with precision():
        found = reverse.pieces(*runs(tape, [1.0, 1.0] + [half] * (terms - 1)), int(tape.outputs)).certain[0]
    assert float(found.exact - 1) == (terms - 1) * half
    assert (terms - 1) * half <= found.radius <= 1.01 * roundings * half * (1 + terms * half)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_fat_balls_contain_what_floats_return(dtype):
    for f, _, shapes in NETS.values():
        x = np.concatenate([v.ravel() for v in drawn(shapes, 5)]).astype(dtype)
        tape = recorded(f, shapes)
        with precision():
            fat = enclose.run(tape, [arb(float(v)) for v in x], arb(unit_roundoff(dtype)))
        got = floats.run(tape, x[:, None], dtype)[:, 0]
        written = [int(k) for i in tape.instructions for k in i.outs.flat if i.row.form != "comparison"]
        assert all(fat.registers[k].contains(arb(float(got[k]))) for k in written)


def test_sums_of_any_depth():
    b = Builder()
    x = b.inputs(2)
    total = b.mul(x[0], x[1])
    for _ in range(3000):
        total = b.add(total, x[0])
    for _ in range(64):
        total = b.sub(b.add(total, total), x[1])
    tape = b.tape(total)
    found = {t.register: (t.net, t.gross) for t in additive(tape, int(tape.outputs))}
    assert found[int(x[0])] == (3000 * 2**64, 3000 * 2**64)
    assert found[int(x[1])] == (1 - 2**64, 2**64 - 1)
    with precision():
        thin, fat = runs(tape, [1.0, 1.0])
        assert reverse.value(thin, fat, int(tape.outputs)).exact == 3000 * 2**64 + 1
        slopes = reverse.pieces(thin, fat, int(tape.outputs)).certain
    assert [float(slopes[j].exact) for j in (0, 1)] == [3001.0 * 2**64, 1.0]
