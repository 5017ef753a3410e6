"""A target in a formula: an exact number that can be tested, compared and looked up as well as multiplied by a symbol."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from verify.later import sympy


class ExactTarget(Fraction):
    """An exact fraction that equals and hashes like a number, including `t == 0.5` and `TABLE[t]`, can be an index if it is whole, and
    becomes a sympy.Rational beside a symbol. A sympy number does neither: Rational(1, 2) != 0.5.
    """

    def __index__(self) -> int:
        if self.denominator != 1:
            raise TypeError(f"the target {float(self):g} is no whole number, so it is no index: look it up in a dict")
        return self.numerator

    def __getattr__(self, name: str) -> Any:
        """Further attributes of sympy's numbers: is_positive, is_zero, …"""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(sympy.Rational(self.numerator, self.denominator), name)

    def __pow__(self, other: Any, modulo: None = None) -> Any:  # a fraction's own power may be a rounded float
        return sympy.Rational(self.numerator, self.denominator) ** sympy.sympify(other)

    def __rpow__(self, other: Any, modulo: None = None) -> Any:
        return sympy.sympify(other) ** sympy.Rational(self.numerator, self.denominator)

    def __repr__(self) -> str:
        return str(sympy.Rational(self.numerator, self.denominator))


def _exact(name: str) -> Callable[..., Any]:
    own = getattr(Fraction, name)

    def method(self: Fraction, *others: Any) -> Any:
        found = own(self, *others)
        return ExactTarget(found) if isinstance(found, Fraction) else found

    return method


for _name in ("add", "sub", "mul", "truediv", "mod"):
    setattr(ExactTarget, f"__{_name}__", _exact(f"__{_name}__"))
    setattr(ExactTarget, f"__r{_name}__", _exact(f"__r{_name}__"))
for _name in ("neg", "pos", "abs"):
    setattr(ExactTarget, f"__{_name}__", _exact(f"__{_name}__"))
