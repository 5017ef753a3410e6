"""What leaves a dtype's range on the way to a number."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb
from tape.networks import recorded

from verify.rounding import MOST_PRODUCTS
from verify.tape import enclose
from verify.tape.balls import precision
from verify.tape.derive import gradient
from verify.tape.ranges import Ranges

CASES = {  # a function of one number, where, in which dtype, and what of it leaves
    "an exponential as such": (lambda b, x: b.sub(b.exp(x), 1), 800.0, "float64", "large exp"),
    "an exponential that is asked for": (lambda b, x: b.exp(x), 800.0, "float64", "large exp"),
    "in single precision": (lambda b, x: b.sub(b.exp(x), 1), 100.0, "float32", "large exp"),
    "a product": (lambda b, x: b.div(b.mul(b.square(x), x), 3), 1e150, "float64", "large div"),
    "a quotient": (lambda b, x: b.div(1, b.square(x)), 1e-170, "float64", "small square"),
    "a logarithm of what vanishes": (lambda b, x: b.log(b.square(x)), 1e-170, "float64", "above square"),
    "a logarithm beside −1": (lambda b, x: b.log1p(b.neg(x)), 1.0, "float64", "above neg"),
    "a root of what vanishes": (lambda b, x: b.sqrt(b.square(x)), 1e-170, "float64", "above square"),
    "a root of a sum of exponentials that vanishes": (lambda b, x: b.sqrt(b.exp(x)), 800.0, "float64", "power exp"),
    "p log p": (lambda b, x: b.mul(p := b.div(b.exp(x), b.add(1, b.exp(x))), b.log(p)), -1e4, "float64", "faint log"),
    "what is exponentiated": (lambda b, x: b.log(b.add(1, b.exp(b.square(x)))), 1e200, "float64", "large square"),
    "a power of what vanishes": (lambda b, x: b.pow_c(x, parameter=-2), 1e-300, "float64", "large pow_c"),
    "a power of a sum of exponentials": (lambda b, x: b.div(1, b.pow_c(b.add(1, b.exp(x)), parameter=3)), 800.0, "float64", None),
    "an exponential over a number": (lambda b, x: b.div(b.exp(x), 1e308), 800.0, "float64", "large exp"),
    "nothing": (lambda b, x: b.div(1, b.add(b.square(x), 1)), 1e100, "float64", None),
    "the logarithm of a sum of exponentials": (lambda b, x: b.log(b.add(1, b.exp(x))), 1e4, "float64", None),
    "the same of one number": (lambda b, x: b.log1p(b.exp(x)), 1e4, "float32", None),
    "a quotient of exponentials": (lambda b, x: b.div(b.exp(x), b.add(1, b.exp(x))), 1e4, "float64", None),
    "a quotient of logistic functions": (lambda b, x: b.div(b.sub(1, b.logistic(x)), b.logistic(x)), -1e3, "float64", "large div"),
}


def leaving(tape, register, inputs, dtype, written=None):
    """What of the demands is not met: its kind and the operation that writes its first register."""
    ranges = Ranges(tape, set(range(tape.size)) if written is None else written)
    with precision():
        r = enclose.run(tape, [arb(x) for x in inputs]).registers
        found = [d for d in ranges.demands(register) if not d.is_met(r, dtype, 1.0)]
    assert ranges.leave(register, r, dtype) == bool(found)
    return [f"{d.kind} {tape.places[d.factors[0][0]].instruction.op}" for d in found]


@pytest.mark.parametrize("name", CASES)
def test_forward(name):
    f, at, dtype, first = CASES[name]
    tape = recorded(lambda b, x: f(b, x[0]), [(1,)])
    found = leaving(tape, int(tape.outputs), [at], dtype)
    assert (found[0] if found else None) == first
    assert leaving(tape, int(tape.outputs), [0.5], "float32") == []


def test_more_is_done_with_a_number_later():
    tape = recorded(lambda b, x: b.mul(x[0], x[0]), [(1,)])
    with precision():
        r = enclose.run(tape, [arb(1e150)]).registers
    ranges = Ranges(tape, set())
    assert (ranges.leave(int(tape.outputs), r, "float64"), ranges.leave(int(tape.outputs), r, "float64", 1e10)) == (False, True)


def slope_of(f, inputs, dtype):
    """What leaves on the way to the terms of the slopes of f by each of its inputs."""
    kept = []
    tape = recorded(lambda b, x: kept.append((b, f(b, x))) or kept[0][1], [(len(inputs),)])
    b, output = kept[0]
    slopes = gradient(b, int(output), tape.variables)
    terms = [t for ts in slopes.values() for t in ts]
    whole, written = b.tape(np.array(terms)), tape.behind([int(output)])
    return [told for t in terms for told in leaving(whole, t, inputs, dtype, written)]


def test_slopes_of_a_softmax_stay_wherever_its_exponentials_are():
    def loss(b, s):
        return b.sub(b.log(b.sum(b.exp(s))), s[0])

    for dtype in ("float64", "float32"):
        assert slope_of(loss, (1e4, -1e4, 0, 5), dtype) == []


def test_sums_of_adjoints_are_multiplied_out():
    """Σ = e^x + e^y is used twice: the adjoint of Σ is a sum whose parts are small, times an exponential that is not."""

    def loss(b, s):
        total = b.sum(b.exp(s))
        return b.add(b.div(1, total), b.div(2, b.square(total)))

    assert slope_of(loss, (800.0, 1.0), "float64") == []
    assert slope_of(lambda b, s: b.mul(b.exp(s[0]), s[1]), (800.0, 1.0), "float64")


def test_a_slope_may_be_too_large_where_the_value_is_not():
    def loss(b, x):
        return b.mul(b.mul(x[0], x[1]), 1e30)

    assert slope_of(loss, (1e20, 1e-30), "float32") == ["large mul"]
    assert slope_of(loss, (1e20, 1e-30), "float64") == []


def test_what_multiplies_out_into_too_many_products_stays_a_sum():
    def loss(b, x):
        found = x[0]
        for _ in range(MOST_PRODUCTS):
            found = b.add(b.mul(found, b.exp(found)), found)
        return found

    assert slope_of(loss, (0.0,), "float64") == []


def test_switches_are_not_looked_into():
    tape = recorded(lambda b, x: b.max(np.array([b.exp(x[0]), x[0]])), [(1,)])
    assert leaving(tape, int(tape.outputs), [800.0], "float64") == []
