"""The first operation that leaves a dtype's range."""

from __future__ import annotations

import numpy as np
import pytest
from flint import arb
from tape.networks import log_softmax, recorded

from verify.tape import enclose, ranges
from verify.tape.balls import precision
from verify.tape.tape import Builder, Line

CASES = {
    "an exponential as such": (lambda b, x: b.sub(b.exp(x), 1), 800.0, "sub", "value"),
    "an exponential that is asked for": (lambda b, x: b.exp(x), 800.0, "exp", "value"),
    "in single precision": (lambda b, x: b.sub(b.exp(x), 1), 100.0, "sub", "value"),
    "a product": (lambda b, x: b.div(b.mul(b.square(x), x), 3), 1e150, "mul", "value"),
    "a quotient": (lambda b, x: b.div(1, b.square(x)), 1e-170, "div", "divisor"),
    "a logarithm of what vanishes": (lambda b, x: b.log(b.square(x)), 1e-170, "log", "divisor"),
    "nothing": (lambda b, x: b.div(1, b.add(b.square(x), 1)), 1e100, None, None),
    "the logarithm of a sum of exponentials": (lambda b, x: b.log(b.add(1, b.exp(x))), 1e4, None, None),
    "a quotient of exponentials": (lambda b, x: b.div(b.exp(x), b.add(1, b.exp(x))), 1e4, None, None),
}


@pytest.mark.parametrize("name", CASES)
def test_forward(name):
    f, at, op, what = CASES[name]
    tape = recorded(lambda b, x: f(b, x[0]), [(1,)])
    with precision():
        run = enclose.run(tape, [arb(at)])
        found = next(ranges.leaving(run, "float32" if name == "in single precision" else "float64"), None)
        assert next(ranges.leaving(enclose.run(tape, [arb(1)]), "float32"), None) is None
    assert (found and found.instruction.op, found and found.what) == (op, what)


def test_a_loss_with_a_shift_stays():
    tape = recorded(lambda b, s: b.neg(log_softmax(b, s)[0]), [(4,)])
    with precision():
        run = enclose.run(tape, [arb(x) for x in (1e4, -1e4, 0, 5)])
        assert list(ranges.leaving(run, "float32")) == []
        assert list(ranges.leaving_in_reverse(run, int(tape.outputs), "float32")) == []


def test_in_reverse():
    tape = recorded(lambda b, x: b.mul(b.mul(x[0], 1e30), 1e30), [(1,)])
    with precision():
        run = enclose.run(tape, [arb(1e-40)])
        assert list(ranges.leaving(run, "float32")) == []
        (found,) = ranges.leaving_in_reverse(run, int(tape.outputs), "float32")
        assert (found.instruction.op, found.what) == ("input", "adjoint")
        assert list(ranges.leaving_in_reverse(run, int(tape.outputs), "float64")) == []


def test_the_line_is_told():
    b = Builder()
    x = b.inputs(1)
    b.line = Line("norms.py", 14, "y = x ** 4")
    tape = b.tape(b.square(b.square(x))[0])
    with precision():
        found = next(ranges.leaving(enclose.run(tape, [arb(1e100)]), "float64"))
    assert found.instruction.line.number == 14
    assert found.register == int(tape.outputs)
    assert np.array_equal(found.instruction.outs, [tape.outputs])
