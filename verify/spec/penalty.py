"""What a penalty is: λ·R(W) with R(W) = Σ ρ(W_jk), over all columns or all but the last (the bias)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy

from verify.errors import UsageError, of_type
from verify.spec.fields import by_name
from verify.spec.statement import stated


@by_name(name='"elastic_net"', per_weight="lambda w: Abs(w) / 2 + w**2 / 4")
@dataclass(frozen=True, kw_only=True, eq=False)
class Penalty:
    """`per_weight(w)` is ρ(w) in sympy, continuous; `bias` says whether the last column of W is penalised too.

    Raises UsageError, here and when the formula is called, for all that is no such formula.
    """

    name: str
    per_weight: Callable[[sympy.Symbol], sympy.Expr]
    bias: bool = True

    def __post_init__(self) -> None:
        of_type("the name of a penalty", self.name, (str,), "text")
        given: object = self.per_weight
        if not callable(given):
            raise UsageError(f"per_weight of {self.name} is {given!r}; give a function of one weight: lambda w: Abs(w).")
        if not isinstance(self.bias, bool):
            raise UsageError(f"bias of {self.name} is {self.bias!r}; give True, or False where the last column of W is not penalised.")

    def expression(self) -> tuple[sympy.Expr, list[sympy.Symbol]]:
        """(ρ, [w])."""
        w = sympy.Symbol("w", real=True)
        return stated(self.name, self.per_weight, [w], {}, "one weight", None, of="the weight"), [w]
