"""The meaning of numbers in code: 0.1 is a tenth, 0.3333333333333333 a third, 2.5066282746310002 the root of 2π.

A number that was rounded before the code got it is read as the nearest simple number, if there is one; all others are exact. Each reading
is part of the claim.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import exp, frexp, isfinite, isqrt, pi, sqrt, ulp
from typing import TYPE_CHECKING

from verify.tape.primitives import NAMED

if TYPE_CHECKING:
    from verify.proof.field import Element, Field

BITS = 24
"""Most significant bits of a float that is taken as exact."""
DIGITS = 12
"""Most decimal digits of a number that is meant as written."""
DENOMINATOR = 1000
ROOTED = 400
"""Greatest denominator of a fraction, and numerator and denominator under a root."""
ULPS = 4.0
DIVISORS = (1, 3, 6, 7, 9, 11, 12)
"""Whole numbers by which a decimal may have been divided, as in c²/6."""
DIVIDEND_DIGITS = 9
"""Decimal digits of a dividend."""
MAX_ULPS = 2.0
"""Largest distance in ulps."""


@dataclass(frozen=True)
class Reading:
    """The number that a float is read as: √(`under`)·√π^`pis`, a fraction, a named number or the log of a whole one; and in words."""

    text: str
    fraction: Fraction | None = None
    named: str | None = None
    under: Fraction | None = None
    pis: int = 0
    log: int | None = None

    def element(self, f: Field) -> Element:
        """The number in a field."""
        if self.fraction is not None:
            return f.number(self.fraction)
        if self.named is not None:
            return f.number(self.named)
        if self.log is not None:
            return f.logarithm(f.number(self.log))
        assert self.under is not None
        root = f.root_of(abs(self.under))
        for _ in range(abs(self.pis)):
            root = f.times(root, f.number("√π")) if self.pis > 0 else f.over(root, f.number("√π"))
        return root if self.under > 0 else f.negative(root)


def read(value: Fraction) -> Reading:
    """The reading of a constant of a tape."""
    x = float(value)
    plain = Reading(_in_words(value), fraction=value)
    if Fraction(x) != value or value.denominator == 1 or frexp(x)[0] * 2.0**BITS % 1 == 0:
        return plain
    digits = repr(abs(x)).partition("e")[0].replace(".", "").strip("0")
    if len(digits) <= DIGITS:
        return Reading(repr(x), fraction=Fraction(repr(x)))
    near = value.limit_denominator(DENOMINATOR)
    if float(near) == x:
        return Reading(_in_words(near), fraction=near)
    for name, (_, number) in NAMED.items():
        if abs(x - number) <= ulp(x):
            return Reading(name, named=name)
    for pis, of_pi in ((0, 1.0), (1, pi), (-1, 1 / pi), (2, pi * pi), (-2, 1 / (pi * pi))):
        square = x * x / of_pi
        if not isfinite(square) or not square:
            continue
        under = Fraction(square).limit_denominator(ROOTED)
        if under.numerator <= ROOTED and abs(sqrt(under * of_pi) - abs(x)) <= ULPS * ulp(x):
            sign = 1 if x > 0 else -1
            if not pis and (root := _root(under)) is not None:
                return Reading(_in_words(sign * root), fraction=sign * root)
            factor = {0: "", 1: "·π", -1: "/π", 2: "·π²", -2: "/π²"}[pis]
            return Reading(f"{'' if sign > 0 else '−'}√({_in_words(under)}{factor})", under=sign * under, pis=pis)
    if 0 < x < 10:
        whole = round(exp(x))
        if 1 < whole <= DENOMINATOR and abs(exp(x) - whole) <= ULPS * 2 * ulp(exp(x)):
            return Reading(f"log {whole}", log=whole)
    for k in DIVISORS:
        told = f"{x * k:.{DIVIDEND_DIGITS}g}"
        quotient = Fraction(told) / k
        if abs(float(quotient) - x) <= MAX_ULPS * ulp(x):
            return Reading(told if k == 1 else f"{told}/{k}", fraction=quotient)
    return plain


def _root(q: Fraction) -> Fraction | None:
    """The rational root of a square."""
    found = Fraction(isqrt(q.numerator), isqrt(q.denominator))
    return found if found * found == q else None


def _in_words(value: Fraction) -> str:
    return str(value) if value.denominator <= DENOMINATOR else repr(float(value))
