"""Every switch becomes a symbol; equal switches become the same one; what jumps is refused."""

from __future__ import annotations

import pytest
import sympy
from sympy import Abs, Add, Heaviside, Max, Min, Piecewise, ceiling, exp, floor, sign

from verify.spec.lift import lift

x, y, z, c = sympy.symbols("x y z c", real=True)


def unlifted(lifted):
    """The formula again, its switches put back."""
    e = lifted.smooth
    for s in reversed(lifted.switches):
        pairs = zip(s.pieces, s.conditions, strict=True) if s.conditions else None
        e = e.subs(s.symbol, Piecewise(*pairs) if pairs else Max(*s.pieces))
    return e


FORMULAS = {
    "smooth": (exp(x) * y, []),
    "max": (Max(0, x - y), [{0, x - y}]),
    "max of three": (Max(x, y, z), [{x, y, z}]),
    "min": (Min(x, y), [{-x, -y}]),
    "absolute value": (Abs(x - 1), [{x - 1, 1 - x}]),
    "two": (Max(0, x) + 2 * Max(0, y), [{0, x}, {0, y}]),
    "inside a function": (exp(-Max(x, y)), [{x, y}]),
    "root of a square": (sympy.sqrt(x**2), [{x, -x}]),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_switches_are_found_and_the_rest_is_smooth(name):
    e, pieces = FORMULAS[name]
    lifted = lift(e, [x, y, z])
    assert sorted(map(str, map(set, (s.pieces for s in lifted.switches)))) == sorted(map(str, pieces))
    assert not lifted.smooth.has(Max, Min, Abs, Piecewise)
    assert lifted.variables == (x, y, z)


@pytest.mark.parametrize("name", FORMULAS)
def test_putting_the_switches_back_gives_the_formula(name):
    e, _ = FORMULAS[name]
    lifted = unlifted(lift(e, [x, y, z]))
    for at in ({x: -2, y: 3, z: 1}, {x: 1, y: 1, z: 0}, {x: 5, y: -1, z: 7}):
        assert sympy.simplify(lifted.subs(at) - e.subs(at)) == 0


def test_inner_switches_come_first_and_outer_ones_mention_them():
    lifted = lift(Max(0, 1 + Max(x, y) - z), [x, y, z])
    inner, outer = lifted.switches
    assert set(inner.pieces) == {x, y}
    assert set(outer.pieces) == {0, 1 + inner.symbol - z}
    assert lifted.smooth == outer.symbol


def test_a_piecewise_keeps_its_order_and_its_conditions_are_lifted_too():
    lifted = lift(Piecewise((x**2, Abs(x) <= c), (2 * c * Abs(x) - c**2, True)), [x], [c])
    absolute, huber = lifted.switches
    assert set(absolute.pieces) == {x, -x}
    assert huber.pieces == (x**2, 2 * c * absolute.symbol - c**2)
    assert [condition.canonical for condition in huber.conditions] == [(absolute.symbol <= c).canonical, sympy.true]
    assert absolute.conditions is None
    assert lifted.constants == (c,)


CANCELLING = {
    "max minus itself": Add(Max(0, x), -Max(0, x), evaluate=False),
    "max plus min of the negated": Max(x, y) + Min(-x, -y),
    "absolute value minus max": Abs(x) - Max(x, -x),
    "quotient": sympy.Mul(exp(Max(0, x)), exp(-Max(0, x)), evaluate=False) - 1,
}


@pytest.mark.parametrize("name", CANCELLING)
def test_a_difference_of_the_same_kink_cancels(name):
    assert lift(CANCELLING[name], [x, y]).smooth == 0


def test_a_difference_that_sympy_sees_through_has_no_switches():
    assert lift(Max(0, x) - Max(0, x), [x]).switches == ()


def test_equal_switches_share_a_symbol_and_others_do_not():
    assert len(lift(Max(0, x) + exp(Max(0, x)), [x]).switches) == 1
    assert len(lift(Max(0, x) + Max(0, x + 1), [x]).switches) == 2
    assert len(lift(Max(0, x) + Min(0, x), [x]).switches) == 2


@pytest.mark.parametrize("jump", [sign, Heaviside, floor, ceiling])
@pytest.mark.parametrize("place", ["alone", "in a sum", "in a max", "in a condition"])
def test_what_jumps_is_refused_by_name(jump, place):
    e = {
        "alone": jump(x),
        "in a sum": x + 2 * jump(x),
        "in a max": Max(0, jump(x)),
        "in a condition": Piecewise((x, jump(x) > y), (0, True)),
    }[place]
    with pytest.raises(ValueError, match=f"{jump.__name__} jumps: state the loss by Max"):
        lift(e, [x, y])


def test_slopes_go_by_variable_and_by_switch_and_leave_out_zeros():
    lifted = lift(3 * x + exp(y) * Max(0, z), [x, y, z])
    (switch,) = lifted.switches
    assert lifted.slopes(lifted.smooth) == {x: 3, y: exp(y) * switch.symbol, switch.symbol: exp(y)}
    assert lifted.slopes(sympy.Integer(5)) == {}
