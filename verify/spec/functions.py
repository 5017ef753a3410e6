"""Functions that sympy lacks, in the terms that implementations compute: the rounding bound follows the terms as written."""

from __future__ import annotations

from typing import Any

import sympy


def log1p(x: sympy.Expr) -> sympy.Expr:
    """The function log(1 + x)."""
    return sympy.log(1 + x)


def expm1(x: sympy.Expr) -> sympy.Expr:
    """The function eˣ − 1."""
    return sympy.exp(x) - 1


def softplus(x: sympy.Expr) -> sympy.Expr:
    """The function log(1 + eˣ)."""
    return sympy.log(1 + sympy.exp(x))


def logistic(x: sympy.Expr) -> sympy.Expr:
    """The function σ(x) = 1/(1 + e⁻ˣ)."""
    return 1 / (1 + sympy.exp(-x))


class log_ndtr(sympy.Function):  # type: ignore[misc]  # noqa: N801  # a function, named like scipy's
    """The function log Φ(x), the logarithm of the normal distribution, as in a probit loss. Φ itself is erfc(−x/√2)/2."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        """φ(x)/Φ(x)."""
        if argindex != 1:
            raise sympy.core.function.ArgumentIndexError(self, argindex)
        return inverse_mills(self.args[0])

    def _eval_is_real(self) -> Any:
        return self.args[0].is_real

    def _eval_is_negative(self) -> Any:
        return self.args[0].is_real


class inverse_mills(sympy.Function):  # type: ignore[misc]  # noqa: N801
    """The function φ/Φ, the slope of log Φ: defined separately, since its quotient is 0/0 where Φ underflows."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        """The derivative −m(x + m)."""
        if argindex != 1:
            raise sympy.core.function.ArgumentIndexError(self, argindex)
        return -self * (self.args[0] + self)

    def _eval_is_real(self) -> Any:
        return self.args[0].is_real

    def _eval_is_positive(self) -> Any:
        return self.args[0].is_real
