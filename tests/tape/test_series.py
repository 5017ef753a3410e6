"""Along lines: kinks, slopes over segments, signs of what is compared; second derivatives with every one-sided limit."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from flint import arb, arb_series
from tape.networks import NETS, drawn, needs_torch, recorded, relu, runs, torch

from verify.tape import enclose, series
from verify.tape.balls import KinkOnSegment, precision
from verify.tape.derive import SecondDerivatives
from verify.tape.tape import Builder, degrees


def of_one(f):
    return recorded(lambda b, x: f(b, x[0]), [(1,)])


def kink(tape, start, end):
    def line(t):
        return series.along([arb(0)], [arb(1)], t, 4)

    with precision():
        run = enclose.run(tape, line(arb(start)), ahead=True)
        return series.next_kink(run, line, arb(start), arb(end))


def huber(b, x):
    return b.where(b.le(b.abs(x), 1), b.div(b.square(x), 2), b.sub(b.abs(x), 0.5))


FOUND = {
    "straight": (lambda b, x: relu(b, b.sub(b.mul(2, x), 1)), 0, 2, 0.5),
    "behind": (lambda b, x: relu(b, b.sub(b.mul(2, x), 1)), 1, 2, None),
    "beyond": (lambda b, x: relu(b, b.sub(b.mul(2, x), 1)), 0, 0.25, None),
    "at the start": (lambda b, x: b.abs(x), 0, 2, None),
    "the first of two": (lambda b, x: b.add(b.abs(b.sub(x, 1)), b.abs(b.sub(x, 0.75))), 0, 2, 0.75),
    "curved": (lambda b, x: relu(b, b.sub(b.square(x), 2)), 0, 2, mpmath.sqrt(2)),
    "transcendental": (lambda b, x: relu(b, b.sub(b.exp(x), 2)), 0, 2, mpmath.log(2)),
    "by condition": (huber, 0.5, 2, 1),
    "a switch that is not taken": (lambda b, x: b.where(b.lt(x, 4), x, b.abs(b.sub(x, 1))), 0, 2, None),
    "of a minimum": (lambda b, x: b.min(np.stack([x, b.mul(2, x), b.sub(3, x)])[None])[0], 1, 4, 1.5),
}


@pytest.mark.parametrize("name", FOUND)
def test_the_next_kink(name):
    f, start, end, expected = FOUND[name]
    found = kink(of_one(f), start, end)
    if expected is None:
        assert found is None
    else:
        assert abs(float(found) - float(expected)) < 1e-15
        assert float(found.rad()) < 1e-25


def test_a_kink_that_is_only_touched_is_not_told_apart():
    with pytest.raises(KinkOnSegment):
        kink(of_one(lambda b, x: relu(b, b.square(b.sub(b.square(x), 2)))), 0, 2)


def test_what_is_compared_and_its_sign():
    tape = of_one(huber)
    with precision():
        gaps = series.gaps(tape)
        assert len(gaps) == 2
        assert [series.sign(tape, [arb(1)], g) for g in gaps] == [0, 1]
        assert [series.sign(tape, [arb(-2)], g) for g in gaps] == [1, -1]
        with precision(1000):
            below = arb(1) - arb(2) ** -900
        assert [series.sign(tape, [below], g) for g in gaps] == [-1, 1]


def test_slopes_over_a_segment_contain_all_pieces():
    tape = recorded(lambda b, x: b.mul(relu(b, b.sub(x[0], 1)), x[1]), [(2,)])
    with precision():
        over = enclose.run(tape, [arb(1, 0.5), arb(2, 0.25)])
        found = series.slope(over, [arb(1), arb(0)], int(tape.outputs))
        assert found.contains(0)
        assert found.contains(2.25)
        assert float(found.upper()) < 2.3
        thin = enclose.run(tape, [arb(3), arb(2)])
        assert abs(float(series.slope(thin, [arb(1), arb(-1)], int(tape.outputs))) - 0) < 1e-30


@needs_torch
@pytest.mark.parametrize("name", NETS)
def test_slopes_and_curvatures_of_networks_agree_three_ways(name):
    """By forward mode, by power series, by reverse mode that is recorded twice; and by torch."""
    f, torch_f, shapes = NETS[name]
    values = drawn(shapes, 1)
    x = np.concatenate([v.ravel() for v in values])
    tape = recorded(f, shapes)
    out = int(tape.outputs)
    sizes = np.cumsum([0, *map(np.prod, shapes)])

    def flat(z):
        return torch_f(*(z[a:b].reshape(s) for a, b, s in zip(sizes[:-1], sizes[1:], shapes, strict=True)))

    z = torch.tensor(x, requires_grad=True)
    (slopes,) = torch.autograd.grad(flat(z), z, create_graph=True)
    with precision():
        thin, fat = runs(tape, x)
        curvature = SecondDerivatives(tape, out)
        for j in (0, len(x) // 2, len(x) - 1):
            d = [arb(int(k == j)) for k in range(len(x))]
            run = enclose.run(tape, series.along([arb(float(v)) for v in x], d, arb(0), 3), ahead=True)
            value = run.registers[out]
            slope, half = (value[1], value[2]) if isinstance(value, arb_series) else (arb(0), arb(0))  # behind a relu that is off
            assert slope.overlaps(series.slope(thin, d, out))
            assert float(slope) == pytest.approx(float(slopes[j].detach()), abs=1e-13)
            (found,) = curvature.at(j, thin, fat)
            assert found.exact.overlaps(2 * half)
            assert float(found.exact.rad()) < 1e-25
            (second,) = torch.autograd.grad(slopes[j], z, retain_graph=True)
            assert abs(float(second[j]) - float(found.exact)) <= 4 * found.radius + 1e-15
            assert found.radius < 1e-10


LIMITS = {
    "squared hinge": (lambda b, x: b.square(relu(b, x)), 0.0, [0, 2]),
    "off the kink": (lambda b, x: b.square(relu(b, x)), 1.0, [2]),
    "Huber": (huber, 1.0, [0, 1]),
    "a sum of two": (lambda b, x: b.add(b.square(relu(b, x)), b.mul(3, b.square(relu(b, b.neg(x))))), 0.0, [0, 2, 6, 8]),
    "taken away": (lambda b, x: b.sub(b.mul(x, x), b.square(relu(b, x))), 0.0, [0, 2]),
    "linear": (lambda b, x: b.abs(x), 0.0, [0]),
}


@pytest.mark.parametrize("name", LIMITS)
def test_curvatures_at_kinks_are_all_limits(name):
    f, at, expected = LIMITS[name]
    tape = of_one(f)
    with precision():
        found = SecondDerivatives(tape, int(tape.outputs)).at(0, *runs(tape, [at], 1e-30))
    assert sorted(float(q.exact) for q in found) == expected


def test_too_many_limits_are_none():
    b = Builder()
    x = b.inputs(1)
    parts = [b.mul(3.0**k, b.square(relu(b, b.mul(2.0**k, x))))[0] for k in range(8)]
    tape = b.tape(b.sum(np.array(parts)[None])[0])
    with precision():
        assert SecondDerivatives(tape, int(tape.outputs)).at(0, *runs(tape, [0.0], 1e-30)) is None


def test_of_equal_limits_the_widest_is_kept():
    """Both pieces have the curvature 0; one of them is made of large terms that cancel."""
    near_0 = lambda b, x: b.sub(b.mul(3e8, b.square(x)), b.mul(b.mul(3e8, x), x))  # noqa: E731
    for order in (0, 1):
        pieces = [near_0, lambda b, x: b.mul(0, x)][:: 1 - 2 * order]
        tape = of_one(lambda b, x, p=pieces: b.where(b.gt(x, 0), p[0](b, x), p[1](b, x)))
        with precision():
            (found,) = SecondDerivatives(tape, int(tape.outputs)).at(0, *runs(tape, [0.0], 1e-30))
        assert found.exact == 0
        assert found.magnitude > 1e9  # constants that are multiplied are exact: what is lost is lost in their sum


def test_degrees_on_all_pieces_and_on_those_that_are_taken():
    tape = of_one(huber)
    out = int(tape.outputs)
    assert tape.degrees[out] == 2
    with precision():
        assert degrees(tape, enclose.run(tape, [arb(0.5)]).possible)[out] == 2
        assert degrees(tape, enclose.run(tape, [arb(3)]).possible)[out] == 1
    expected = {
        0: lambda b, x: b.constants(3), 1: lambda b, x: b.div(b.sub(b.mul(3, x), 1), 7),
        5: lambda b, x: b.mul(b.square(x), b.pow_c(x, parameter=3)),
        np.inf: lambda b, x: b.div(1, x),
    }  # fmt: skip
    for degree, f in expected.items():
        tape = of_one(f)
        assert tape.degrees[tape.outputs] == degree
    assert of_one(lambda b, x: b.exp(b.mul(0.5, b.constants(2)))).degrees[-1] == 0


def test_curvatures_of_log_ndtr_stay_within_their_bounds_on_wide_balls():
    """(log Φ)'' lies between −1 and 0 everywhere, which the chain rule over balls does not see by itself."""
    tape = of_one(lambda b, x: b.log_ndtr(x))
    with precision():
        run = enclose.run(tape, series.along([arb(0, 4)], [arb(1)], arb(0), 4))
        curvature = 2 * run.registers[int(tape.outputs)][2]
    assert curvature > -1.001
    assert curvature < 0.001


def test_terms_that_are_not_known_are_asked_in_vain():
    tape = of_one(lambda b, x: b.inverse_mills(x))
    with pytest.raises(ValueError, match="4 derivatives are known, and 5 terms"), precision():
        enclose.run(tape, series.along([arb(0)], [arb(1)], arb(0), 5))


def test_what_is_made_of_a_switch_that_may_turn_has_no_derivatives():
    """And nothing else: of a product of matrices, the entries of the row that it is in."""

    def record(b, x):
        on = b.max(np.stack([x, np.broadcast_to(b.constants(0), x.shape)], -1))
        return b.matmul(b.exp(on)[:, None], b.constants(np.array([[1.0, 2.0]])))

    tape = recorded(record, [(2,)])
    outs = tape.outputs.tolist()
    with precision():
        run = enclose.run(tape, series.along([arb(0, 1), arb(2)], [arb(1), arb(1)], arb(0), 3))
        for row, kinked in zip(outs, (True, False), strict=True):
            for k in row:
                if kinked:
                    with pytest.raises(KinkOnSegment):
                        run.total([k])
                else:
                    assert run.total([k])[1].overlaps((1 + row.index(k)) * arb(2).exp())


def crowd(b, x):
    """Curves that all turn on [0, 2], one that is 0 at the start, and more that do not."""
    turning = [b.sub(b.square(x[0]), k / 8) for k in range(7, 20)]
    still = [b.add(b.exp(x[0]), k) for k in range(9)]
    return b.sum(np.array([[int(relu(b, c)) for c in (b.sub(b.exp(x[0]), 1), *still, *turning)]]))[0]


def test_of_many_curves_the_first_that_turns_is_found_in_double_precision_first(monkeypatch):
    tape = recorded(crowd, [(1,)])
    asked, alone = [], series.first_zero
    monkeypatch.setattr(series, "first_zero", lambda f, low, high: asked.append(high - low) or alone(f, low, high))
    found = kink(tape, 0.0, 2.0)
    assert found.overlaps(arb(7 / 8).sqrt())
    assert float(found.rad()) < 1e-28
    assert min(asked) < 2.0**-20
    assert kink(tape, 0.0, 0.5) is None
    monkeypatch.setattr(series, "MANY_COMPARISONS", 10**6)
    assert kink(tape, 0.0, 2.0).overlaps(found)


def test_switches_that_are_elsewhere_at_the_end_of_a_segment_are_counted():
    tape = recorded(crowd, [(1,)])

    def line(t):
        return series.along([arb(0)], [arb(1)], t, 4)

    with precision():
        assert [series.turned(tape, line, arb(0), arb(t)) for t in (0.5, 1.0, 2.0)] == [0, 1, 13]
        ahead = enclose.run(tape, line(arb(0)), ahead=True)
        assert series.leaves(ahead, line, [arb(t) for t in (0.5, 0.875, 1.0, 2.0)]).tolist() == [False, False, True, True]


def test_a_part_of_a_tape_writes_what_is_asked_for_and_no_more():
    tape = recorded(lambda b, x, w: b.sum(b.exp(b.matmul(x, w)).reshape(1, -1))[0], [(3, 2), (2, 4)])
    exp = next(i for i in tape.instructions if i.op == "exp")
    part = tape.only(exp.outs[[5]])
    assert [i.outs.size for i in part.instructions] == [1, 1]
    inputs = [arb(k) / 7 for k in range(14)]
    assert enclose.run(part, inputs).values[exp.outs[5]].overlaps(enclose.run(tape, inputs).values[exp.outs[5]])


def test_a_product_of_matrices_of_series_is_that_of_its_entries():
    tape = recorded(lambda b, x, w: b.matmul(x, w)[1, 2], [(2, 3), (3, 4)])
    direction = [arb(k % 3) for k in range(18)]  # every third input stays a number
    with precision():
        inputs = series.along([arb(k) / 7 for k in range(18)], direction, arb(0), 4)
        found = enclose.run(tape, inputs).values[int(tape.outputs)]
        due = sum((inputs[3 + k] * inputs[6 + 4 * k + 2] for k in range(3)), arb(0))
        assert all(found[k].overlaps(due[k]) and float(found[k].rad()) < 1e-28 for k in range(4))
