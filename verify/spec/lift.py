"""Lifting: every switch of a formula becomes a symbol, and what is left is smooth.

max(a_1..a_m) → m_k, so that ℓ = F(s, m_1..m_K) with F differentiable, and ∂ℓ = F_s + Σ_k F_{m_k} Σ_a τ_{k,a} ∇a with τ_k on the
unit simplex over the arguments that attain the maximum. Equal switches share one symbol, so a difference of the same
kink cancels before it is differentiated. Source: F. H. Clarke, Optimization and Nonsmooth Analysis, 1983, chapter 2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sympy

DISCONTINUOUS = {
    sympy.sign: "x·sign(x) is Abs(x)",
    sympy.Heaviside: "x·Heaviside(x) is Max(0, x)",
    sympy.floor: "",
    sympy.ceiling: "",
    sympy.frac: "",
    sympy.Mod: "",
    sympy.DiracDelta: "",
}
"""What jumps, and what it often stands for."""


@dataclass(frozen=True)
class Switch:
    """One node with a choice: `symbol` stands for the value of one of `pieces`.

    Without `conditions` the greatest piece is chosen; with them the first piece whose condition holds.
    """

    symbol: sympy.Symbol
    pieces: tuple[sympy.Expr, ...]
    conditions: tuple[sympy.Basic, ...] | None = None


@dataclass(frozen=True)
class Lifted:
    """ℓ = smooth(s, m) with its switches in order: a switch's pieces mention only earlier switches."""

    smooth: sympy.Expr
    variables: tuple[sympy.Symbol, ...]
    constants: tuple[sympy.Symbol, ...]
    switches: tuple[Switch, ...]

    def slopes(self, e: sympy.Expr) -> dict[sympy.Symbol, sympy.Expr]:
        """The nonzero partial derivatives of `e` with respect to variables and switch symbols."""
        symbols = [*self.variables, *(k.symbol for k in self.switches)]
        found = {x: sympy.diff(e, x) for x in symbols if e.has(x)}
        return {x: de for x, de in found.items() if de != 0}


def lift(e: sympy.Expr, variables: Sequence[sympy.Symbol], constants: Sequence[sympy.Symbol] = ()) -> Lifted:
    """Replaces Max, Min, Abs and Piecewise, innermost first.

    Raises ValueError for functions that jump: they have no subdifferential.
    """
    switches: dict[tuple[object, ...], Switch] = {}

    def switch(pieces: tuple[sympy.Expr, ...], conditions: tuple[sympy.Basic, ...] | None = None) -> sympy.Symbol:
        key = (pieces, conditions)
        if key not in switches:
            switches[key] = Switch(sympy.Symbol(f"m{len(switches)}", real=True), pieces, conditions)
        return switches[key].symbol

    def walk(node: sympy.Basic) -> sympy.Basic:
        if node.func in DISCONTINUOUS:
            hint = DISCONTINUOUS[node.func]
            raise ValueError(f"{node.func} jumps: state the loss by Max, Min, Abs or a continuous Piecewise{hint and f' ({hint})'}")
        if not node.has(sympy.Max, sympy.Min, sympy.Abs, sympy.Piecewise, *DISCONTINUOUS):
            return node
        if isinstance(node, sympy.Piecewise):
            pairs = [(walk(value), walk(condition)) for value, condition in node.args]
            return switch(tuple(v for v, _ in pairs), tuple(c for _, c in pairs))
        args = tuple(walk(a) for a in node.args)
        if isinstance(node, sympy.Max):
            return switch(args)
        if isinstance(node, sympy.Min):
            return -switch(tuple(-a for a in args))
        if isinstance(node, sympy.Abs):
            return switch((args[0], -args[0]))
        return node.func(*args)

    smooth = walk(e)
    return Lifted(smooth, tuple(variables), tuple(constants), tuple(switches.values()))
