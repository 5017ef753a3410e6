"""The table of primitives: one row for each, from which every evaluation of a tape follows.

Partials are written in the other primitives, with an arithmetic as argument. So one row gives reverse mode over balls, balls with rounding
errors (including those of the partials), double precision with radii and recorded tapes (second derivatives), and power series of functions
for which python-flint has none.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from typing import Any, Literal

import numpy as np
from flint import arb, fmpq

from verify.rounding import COMPOSED_ROUNDINGS, ELEMENTARY
from verify.tape import balls, linear, spectral

Number = int | float | Fraction | str
"""An exact number, or the name of one: see `NAMED`."""

Form = Literal["elementwise", "row", "matrix", "switch", "comparison", "composite"]
"""What one output is computed from: one element of each operand; a row of each; see `Primitive`."""

Interval = tuple[float, float]
LINE: Interval = (-np.inf, np.inf)
POSITIVE: Interval = (float(np.finfo(np.float64).smallest_normal), np.inf)
NOT_NEGATIVE: Interval = (0.0, np.inf)

NAMED: dict[str, tuple[Callable[[], arb], float]] = {
    "pi": (arb.pi, float(np.pi)),
    "e": (arb.const_e, float(np.e)),
    "euler": (arb.const_euler, float(np.euler_gamma)),
    "log 2": (arb.const_log2, float(np.log(2))),
    "log 10": (arb.const_log10, float(np.log(10))),
    "1/√(2π)": (lambda: (2 * arb.pi()).rsqrt(), float(1 / np.sqrt(2 * np.pi))),
    "2/√π": (lambda: 2 * arb.pi().rsqrt(), float(2 / np.sqrt(np.pi))),
}
"""Constants that are not rational."""


def exact(value: Number) -> arb:
    """The ball of a number."""
    if isinstance(value, str):
        return NAMED[value][0]()
    q = value if isinstance(value, Fraction) else Fraction(value)  # a tape's constants are fractions already, and are read at each run
    return arb(fmpq(q.numerator, q.denominator))


def nearest(value: Number) -> float:
    """The float of a number."""
    return NAMED[value][1] if isinstance(value, str) else float(value if isinstance(value, Fraction) else Fraction(value))


def is_held(value: Number) -> bool:
    """Whether every dtype holds the number exactly, so that it has no rounding error."""
    if isinstance(value, str):
        return False
    q = value if isinstance(value, Fraction) else Fraction(value)  # see `exact`
    return balls.held(q.numerator, q.denominator)


@dataclass(frozen=True, kw_only=True, eq=False)
class Primitive:
    """One row of the table.

    `floats` takes arrays of floats and `ball` balls (and power series, where it is `native` to them), each with the parameter last where
    there is one. `partials(a, v, *ins)` are the derivatives by each operand, as numbers or in the primitives of `a`, v being the value. A
    careful evaluation errs by at most `roundings` unit roundoffs of `size(|v|, |x|, …)`, by default |v|. `domain` has for each operand the
    closed interval on which the primitive is defined (for all combinations). `monotone` is 1 if it increases in all operands, −1 if it
    decreases. `linear` primitives have constant partials. A "row" takes rows of operands (n, m), a "matrix" two of them, a "switch" chooses
    one of its operands, a "comparison" yields a truth. A "composite" takes whole matrices; `shape` is that of its outputs, `rate(a, v, ins,
    rates)` their slope along a line, and `partials(a, g, v, *ins)` the adjoint of each operand for the adjoint g of the value; its ball
    function takes the arithmetic as first argument.
    """

    name: str
    floats: Callable[..., Any]
    ball: Callable[..., Any]
    domain: tuple[Interval, ...]
    partials: Callable[..., tuple[Any, ...]] | None = None
    roundings: int | Callable[[Any], int] = ELEMENTARY
    size: Callable[..., Any] | None = None
    form: Form = "elementwise"
    native: bool = False
    monotone: int = 0
    linear: bool = False
    shape: Callable[..., tuple[int, ...]] | None = None
    rate: Callable[..., Any] | None = None

    def rounded(self, parameter: Any = None) -> int:
        """The number of roundings of one evaluation."""
        return self.roundings(parameter) if callable(self.roundings) else self.roundings


def given(parameter: Any) -> tuple[Any, ...]:
    """The parameter as trailing arguments: none if there is no parameter."""
    return () if parameter is None else (parameter,)


def _method(name: str) -> Callable[[Any], Any]:
    return operator.methodcaller(name)


def _special(name: str) -> Callable[..., Any]:
    def function(*args: Any) -> Any:
        from scipy import special  # a tenth of a second, which few tapes need

        return getattr(special, name)(*args)

    return function


def _by_ends(f: Callable[[arb], arb]) -> Callable[[arb], arb]:
    """A monotone function on a ball of any width, from its values at the ends."""

    def hull(x: arb) -> arb:
        return f(x) if x.is_exact() else f(arb(x.lower())).union(f(arb(x.upper())))

    return hull


def _logistic(x: arb) -> arb:
    if x > 0:
        return 1 / (1 + (-x).exp())
    e = x.exp()
    return e / (1 + e)


def _softplus(x: arb) -> arb:
    return x + (-x).exp().log1p() if x > 0 else x.exp().log1p()


def _logaddexp(x: arb, y: arb) -> arb:
    """The ball of logaddexp, from its ends, since it increases in both operands."""
    low, high = (_log_sum(arb(a), arb(b)) for a, b in ((x.lower(), y.lower()), (x.upper(), y.upper())))
    return low.union(high)


def _log_sum(x: arb, y: arb) -> arb:
    return x + (y - x).exp().log1p() if x > y else y + (x - y).exp().log1p()


def _square(x: Any) -> Any:
    size = abs(x) if isinstance(x, arb) else x  # a ball around 0 has a square that is not negative
    return size * size


def _pow_c(x: Any, c: Fraction) -> Any:
    if c.denominator == 1:
        n = int(c)
        return _square(balls.integer_power(x, n // 2)) if n > 0 and n % 2 == 0 else balls.integer_power(x, n)
    return _pow(x, exact(c))


def _pow(x: arb, y: arb) -> arb:
    return arb(0) if x.is_zero() and y > 0 else x.sqrt() if y == arb(1) / 2 else x**y


def _xlogy(x: arb, y: arb) -> arb:
    return arb(0) if x.is_zero() else x * y.log()


def _float_pow_c(x: Any, c: Fraction) -> Any:
    return np.sqrt(x) if c == Fraction(1, 2) else x ** (int(c) if c.denominator == 1 else x.dtype.type(float(c)))


def _float_polygamma(x: Any, n: int) -> Any:
    return _special("polygamma")(n, x).astype(x.dtype)


def _float_inverse_mills(x: Any) -> Any:
    return (np.sqrt(2 / np.pi) / _special("erfcx")(-x / np.sqrt(2))).astype(x.dtype)


def _float_round_to(x: Any, dtype: str) -> Any:
    return x.astype(dtype).astype(x.dtype)


def _power_partial(a: Any, v: Any, x: Any, c: Fraction) -> tuple[Any, ...]:
    if c == 2:
        return (a.mul(2, x),)
    return (a.mul(c, a.pow_c(x, parameter=c - 1)),) if c != 0 else (0,)


def _of_cosine(a: Any, x: Any) -> Any:
    """The function 1/√(1 − x²), from 1 − x and 1 + x, which do not cancel."""
    return a.rsqrt(a.mul(a.sub(1, x), a.add(1, x)))


def _normal(a: Any, x: Any) -> Any:
    """The density φ(x)."""
    return a.mul(a.exp(a.div(a.square(x), -2)), "1/√(2π)")


def _beside_1(v: Any, *_: Any) -> Any:
    return v + 1


def _by_square(v: Any, x: Any) -> Any:
    return v * (1 + x * x)


def _solve_adjoint(a: Any, g: Any, v: Any, x: Any, b: Any) -> tuple[Any, ...]:
    """The adjoints of X = A⁻¹B: B̄ = A⁻ᵀX̄ and Ā = −B̄Xᵀ."""
    right = a.solve(x.swapaxes(0, 1), g)
    return a.neg(a.matmul(right, v.swapaxes(0, 1))), right


ROWS = (
    Primitive(
        name="add", floats=np.add, ball=operator.add, domain=(LINE, LINE), partials=lambda a, v, x, y: (1, 1), roundings=1,
        native=True, linear=True,
    ),
    Primitive(
        name="sub", floats=np.subtract, ball=operator.sub, domain=(LINE, LINE), partials=lambda a, v, x, y: (1, -1), roundings=1,
        native=True, linear=True,
    ),
    Primitive(
        name="mul", floats=np.multiply, ball=operator.mul, domain=(LINE, LINE), partials=lambda a, v, x, y: (y, x), roundings=1,
        native=True,
    ),
    Primitive(
        name="div", floats=np.divide, ball=balls.quotient, domain=(LINE, POSITIVE),
        partials=lambda a, v, x, y: (a.div(1, y), a.neg(a.div(v, y))), roundings=1, native=True,
    ),
    Primitive(
        name="neg", floats=np.negative, ball=operator.neg, domain=(LINE,), partials=lambda a, v, x: (-1,), roundings=0,
        native=True, monotone=-1, linear=True,
    ),
    Primitive(
        name="square", floats=np.square, ball=_square, domain=(LINE,), partials=lambda a, v, x: (a.mul(2, x),), roundings=1, native=True,
    ),
    Primitive(
        name="pow", floats=np.power, ball=_pow, domain=(POSITIVE, LINE),
        partials=lambda a, v, x, y: (a.mul(y, a.pow(x, a.sub(y, 1))), a.mul(v, a.log(x))),
    ),
    Primitive(
        name="pow_c", floats=_float_pow_c, ball=_pow_c, domain=(POSITIVE,), partials=_power_partial,
        roundings=lambda c: int(abs(c) - (c > 0)) if c.denominator == 1 else 1 if c == Fraction(1, 2) else ELEMENTARY,
    ),
    Primitive(
        name="sqrt", floats=np.sqrt, ball=_method("sqrt"), domain=(NOT_NEGATIVE,), partials=lambda a, v, x: (a.div(Fraction(1, 2), v),),
        roundings=1, native=True, monotone=1,
    ),
    Primitive(
        name="rsqrt", floats=lambda x: 1 / np.sqrt(x), ball=_method("rsqrt"), domain=(POSITIVE,),
        partials=lambda a, v, x: (a.div(a.div(v, x), -2),), roundings=2, native=True, monotone=-1,
    ),
    Primitive(name="exp", floats=np.exp, ball=_method("exp"), domain=(LINE,), partials=lambda a, v, x: (v,), native=True, monotone=1),
    Primitive(name="expm1", floats=np.expm1, ball=_method("expm1"), domain=(LINE,), partials=lambda a, v, x: (a.exp(x),), monotone=1),
    Primitive(
        name="exp2", floats=np.exp2, ball=lambda x: (x * arb.const_log2()).exp(), domain=(LINE,),
        partials=lambda a, v, x: (a.mul(v, "log 2"),), native=True, monotone=1,
    ),
    Primitive(
        name="log", floats=np.log, ball=_method("log"), domain=(POSITIVE,), partials=lambda a, v, x: (a.div(1, x),),
        native=True, monotone=1,
    ),
    Primitive(
        name="log1p", floats=np.log1p, ball=_method("log1p"), domain=((-1 + 2.0**-53, np.inf),),
        partials=lambda a, v, x: (a.div(1, a.add(1, x)),), monotone=1,
    ),
    Primitive(
        name="log2", floats=np.log2, ball=lambda x: x.log() / arb.const_log2(), domain=(POSITIVE,),
        partials=lambda a, v, x: (a.div(1, a.mul(x, "log 2")),), native=True, monotone=1,
    ),
    Primitive(
        name="log10", floats=np.log10, ball=lambda x: x.log() / arb.const_log10(), domain=(POSITIVE,),
        partials=lambda a, v, x: (a.div(1, a.mul(x, "log 10")),), native=True, monotone=1,
    ),
    Primitive(
        name="logistic", floats=_special("expit"), ball=_by_ends(_logistic), domain=(LINE,),
        partials=lambda a, v, x: (a.mul(v, a.sub(1, v)),), monotone=1,
    ),
    Primitive(
        name="softplus", floats=lambda x: np.logaddexp(x.dtype.type(0), x), ball=_by_ends(_softplus), domain=(LINE,),
        partials=lambda a, v, x: (a.logistic(x),), monotone=1,
    ),
    Primitive(
        name="logaddexp", floats=np.logaddexp, ball=_logaddexp, domain=(LINE, LINE),
        partials=lambda a, v, x, y: (a.logistic(a.sub(x, y)), a.logistic(a.sub(y, x))), size=lambda v, x, y: v + x + y, monotone=1,
    ),
    Primitive(
        name="tanh", floats=np.tanh, ball=_method("tanh"), domain=(LINE,), partials=lambda a, v, x: (a.sub(1, a.square(v)),), monotone=1,
    ),
    Primitive(
        name="erf", floats=_special("erf"), ball=_method("erf"), domain=(LINE,),
        partials=lambda a, v, x: (a.mul(a.exp(a.neg(a.square(x))), "2/√π"),), native=True, monotone=1,
    ),
    Primitive(
        name="erfc", floats=_special("erfc"), ball=_method("erfc"), domain=(LINE,),
        partials=lambda a, v, x: (a.neg(a.mul(a.exp(a.neg(a.square(x))), "2/√π")),), size=_by_square, native=True, monotone=-1,
    ),
    Primitive(
        name="ndtr", floats=_special("ndtr"), ball=lambda x: (-x * (arb(1) / 2).sqrt()).erfc() / 2, domain=(LINE,),
        partials=lambda a, v, x: (_normal(a, x),), size=_by_square, native=True, monotone=1,
    ),
    Primitive(
        name="log_ndtr", floats=_special("log_ndtr"), ball=balls.log_ndtr, domain=(LINE,),
        partials=lambda a, v, x: (a.inverse_mills(x),), size=_beside_1, native=True, monotone=1,
    ),
    Primitive(
        name="inverse_mills", floats=_float_inverse_mills, ball=balls.inverse_mills, domain=(LINE,),
        partials=lambda a, v, x: (a.neg(a.mul(v, a.add(x, v))),), roundings=COMPOSED_ROUNDINGS, size=_by_square, native=True, monotone=-1,
    ),
    Primitive(
        name="lgamma", floats=_special("gammaln"), ball=balls.lgamma, domain=(POSITIVE,),
        partials=lambda a, v, x: (a.digamma(x),), size=_beside_1,
    ),
    Primitive(
        name="digamma", floats=_special("psi"), ball=lambda x: balls.polygamma(0, x), domain=(POSITIVE,),
        partials=lambda a, v, x: (a.polygamma(x, parameter=1),), size=_beside_1, monotone=1,
    ),
    Primitive(
        name="polygamma", floats=_float_polygamma, ball=lambda x, n: balls.polygamma(n, x), domain=(POSITIVE,),
        partials=lambda a, v, x, n: (a.polygamma(x, parameter=n + 1),), roundings=COMPOSED_ROUNDINGS, size=_beside_1,
    ),
    Primitive(name="sin", floats=np.sin, ball=_method("sin"), domain=(LINE,), partials=lambda a, v, x: (a.cos(x),), native=True),
    Primitive(name="cos", floats=np.cos, ball=_method("cos"), domain=(LINE,), partials=lambda a, v, x: (a.neg(a.sin(x)),), native=True),
    Primitive(
        name="tan", floats=np.tan, ball=_method("tan"), domain=(LINE,), partials=lambda a, v, x: (a.add(1, a.square(v)),), native=True,
    ),
    Primitive(
        name="asin", floats=np.arcsin, ball=_method("asin"), domain=((-1.0, 1.0),), partials=lambda a, v, x: (_of_cosine(a, x),),
        native=True, monotone=1,
    ),
    Primitive(
        name="acos", floats=np.arccos, ball=_method("acos"), domain=((-1.0, 1.0),), partials=lambda a, v, x: (a.neg(_of_cosine(a, x)),),
        native=True, monotone=-1,
    ),
    Primitive(
        name="atan", floats=np.arctan, ball=_method("atan"), domain=(LINE,), partials=lambda a, v, x: (a.div(1, a.add(1, a.square(x))),),
        native=True, monotone=1,
    ),
    Primitive(
        name="atan2", floats=np.arctan2, ball=lambda y, x: arb.atan2(y, x), domain=(LINE, POSITIVE),
        partials=lambda a, v, y, x: tuple(a.div(p, a.add(a.square(x), a.square(y))) for p in (x, a.neg(y))),
    ),
    Primitive(name="sinh", floats=np.sinh, ball=_method("sinh"), domain=(LINE,), partials=lambda a, v, x: (a.cosh(x),), monotone=1),
    Primitive(name="cosh", floats=np.cosh, ball=_method("cosh"), domain=(LINE,), partials=lambda a, v, x: (a.sinh(x),)),
    Primitive(
        name="xlogy", floats=_special("xlogy"), ball=_xlogy, domain=(LINE, POSITIVE),
        partials=lambda a, v, x, y: (a.log(y), a.div(x, y)),
    ),
    Primitive(
        name="round_to", floats=_float_round_to, ball=lambda x, dtype: x, domain=(LINE,), partials=lambda a, v, x, dtype: (1,), roundings=1,
        native=True, monotone=1,
    ),
    Primitive(
        name="sum", floats=lambda x: x.sum(1), ball=lambda xs: reduce(operator.add, xs), domain=(LINE,), form="row", native=True,
        linear=True,
    ),
    Primitive(
        name="dot", floats=lambda x, y: (x * y).sum(1), ball=lambda xs, ys: reduce(operator.add, map(operator.mul, xs, ys)),
        domain=(LINE, LINE), form="row", native=True,
    ),
    Primitive(
        name="matmul", floats=lambda a, b: (a.transpose(2, 0, 1) @ b.transpose(2, 0, 1)).transpose(1, 2, 0), ball=operator.matmul,
        domain=(LINE, LINE), form="matrix", native=True,
    ),
    Primitive(
        name="max", floats=lambda x: x.max(1), ball=lambda xs: reduce(arb.max, xs), domain=(LINE,), form="switch", roundings=0, monotone=1,
    ),
    Primitive(
        name="min", floats=lambda x: x.min(1), ball=lambda xs: reduce(arb.min, xs), domain=(LINE,), form="switch", roundings=0, monotone=1,
    ),
    Primitive(name="abs", floats=np.abs, ball=abs, domain=(LINE,), form="switch", roundings=0),
    Primitive(
        name="where", floats=lambda c, x, y: np.where(c != 0, x, y), ball=lambda c, x, y: x.union(y) if c is None else x if c else y,
        domain=(LINE, LINE, LINE), form="switch", roundings=0,
    ),
    *(
        Primitive(name=name, floats=f, ball=ball, domain=(LINE, LINE), form="comparison", roundings=0)
        for name, f, ball in (
            ("lt", np.less, lambda x, y: True if x < y else False if x >= y else None),
            ("le", np.less_equal, lambda x, y: True if x <= y else False if x > y else None),
            ("gt", np.greater, lambda x, y: True if x > y else False if x <= y else None),
            ("ge", np.greater_equal, lambda x, y: True if x >= y else False if x < y else None),
            ("above", np.greater, lambda x, y: True if x > y else False if x < y else None),
            ("and", np.logical_and, lambda x, y: False if x is False or y is False else None if x is None or y is None else True),
            ("or", np.logical_or, lambda x, y: True if x is True or y is True else None if x is None or y is None else False),
        )
    ),
    Primitive(
        name="not", floats=np.logical_not, ball=lambda x: None if x is None else not x, domain=(LINE,), form="comparison", roundings=0,
    ),
    Primitive(
        name="solve", floats=linear.by_points(np.linalg.solve), ball=linear.solve, domain=(LINE, LINE), form="composite",
        shape=lambda a, b: b, partials=_solve_adjoint, rate=lambda a, v, ins, d: a.solve(ins[0], a.sub(d[1], a.matmul(d[0], v))),
    ),
    Primitive(
        name="inv", floats=linear.by_points(np.linalg.inv), ball=linear.inv, domain=(LINE,), form="composite", shape=lambda a: a,
        partials=lambda a, g, v, x: (a.neg(a.matmul(a.matmul(v.swapaxes(0, 1), g), v.swapaxes(0, 1))),),
        rate=lambda a, v, ins, d: a.neg(a.matmul(a.matmul(v, d[0]), v)),
    ),
    Primitive(
        name="slogdet", floats=linear.by_points(lambda a: np.linalg.slogdet(a)[1][:, None]), ball=linear.slogdet, domain=(LINE,),
        form="composite", shape=lambda a: (1,), partials=lambda a, g, v, x: (a.mul(g, a.inv(x).swapaxes(0, 1)),),
        rate=lambda a, v, ins, d: a.dot(a.inv(ins[0]).swapaxes(0, 1).reshape(1, -1), d[0].reshape(1, -1)),
    ),
    Primitive(
        name="eigenvalues", floats=linear.by_points(spectral.float_eigenvalues), ball=spectral.eigenvalues, domain=(LINE,),
        form="composite", shape=lambda a: a[:1], partials=spectral.values_adjoint, rate=spectral.values_rate,
    ),
    Primitive(
        name="eigenvectors", floats=linear.by_points(spectral.float_eigenvectors), ball=spectral.eigenvectors, domain=(LINE,),
        form="composite", shape=lambda a: a, partials=spectral.vectors_adjoint, rate=spectral.vectors_rate,
    ),
)  # fmt: skip

PRIMITIVES: dict[str, Primitive] = {row.name: row for row in ROWS}
COMPARISONS = {"lt", "le", "gt", "ge", "above"}
"""Comparisons of two numbers; the others combine truth values. `above` is `gt`, but open where both numbers are one."""
