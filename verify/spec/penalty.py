"""What a penalty is: λ·R(W) with R(W) = Σ ρ(W_jk), over all columns or all but the last (the bias)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy


@dataclass(frozen=True, kw_only=True, eq=False)
class Penalty:
    """`per_weight(w)` is ρ(w) in sympy; `bias` says whether the last column of W is penalised too."""

    name: str
    per_weight: Callable[[sympy.Symbol], sympy.Expr]
    bias: bool = True

    def expression(self) -> tuple[sympy.Expr, list[sympy.Symbol]]:
        """(ρ, [w])."""
        w = sympy.Symbol("w", real=True)
        return sympy.sympify(self.per_weight(w)), [w]
