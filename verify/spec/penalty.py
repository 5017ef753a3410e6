"""The spec of a penalty: λ·R(W) with R(W) = Σ ρ(W_jk), or Σ ρ(w) over groups of weights, of all columns or all but the last (the bias)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt

from verify.errors import UsageError, of_type, unknown
from verify.later import sympy
from verify.spec.fields import by_name, tuple_of_texts
from verify.spec.statement import stated

GROUPS = ("feature", "class")
"""The group of a weight: the weights of one feature, over all classes, or those of one class, over all features."""


@dataclass(frozen=True)
class Norm:
    """The term c·√(Σ b_j w_j²) of a formula over a group: where these weights are all 0, its subgradients are a ball."""

    factor: sympy.Expr
    squares: tuple[sympy.Expr, ...]

    @property
    def lengths(self) -> tuple[float, ...]:
        """The semi-axes of the ball, |c|·√b_j; 0 for weights that are not in the norm."""
        return tuple(abs(float(self.factor)) * sqrt(float(b)) for b in self.squares)

    def ray(self) -> tuple[sympy.Expr, list[sympy.Symbol], list[sympy.Symbol]]:
        """(expression, [t], [v_1, …, k]): the term along a line through 0, w = (t + k)·v."""
        t, k, *v = sympy.symbols(f"t k v:{len(self.squares)}", real=True)
        length = sympy.sqrt(sympy.Add(*(b * x**2 for b, x in zip(self.squares, v, strict=True))))
        return self.factor * length * sympy.Abs(t + k), [t], [*v, k]


@by_name(name='"elastic_net"')
@dataclass(frozen=True, kw_only=True, eq=False)
class Penalty:
    """`per_weight(w)` is ρ(w) in sympy, continuous; or `per_group(w)` is that of a list of weights, independent of their order: of a
    `group` "feature", a column of W over all classes, or "class", a row. `bias` says whether the last column of W is penalised too.
    `aliases` are other names, and `computed_by` library functions that compute it: `verify list specs` searches both.

    Raises UsageError, here and when the formula is called, for an invalid formula.
    """

    name: str
    per_weight: Callable[[sympy.Symbol], sympy.Expr] | None = None
    per_group: Callable[[list[sympy.Symbol]], sympy.Expr] | None = None
    group: str | None = None
    bias: bool = True
    aliases: tuple[str, ...] = ()
    computed_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        of_type("the name of a penalty", self.name, (str,), "text")
        tuple_of_texts(self.name, aliases=self.aliases, computed_by=self.computed_by)
        for name, shown in (("per_weight", "one weight: lambda w: Abs(w)"), ("per_group", f"a list of weights: {NORM}")):
            given: object = getattr(self, name)
            if given is not None and not callable(given):
                raise UsageError(f"{name} of {self.name} is {given!r}; give a function of {shown}.")
        if self.per_weight is None and self.per_group is None:
            raise UsageError(f"Penalty has no per_weight. Give it one, such as per_weight=lambda w: Abs(w), or a per_group={NORM}.")
        if self.per_weight is not None and self.per_group is not None:
            raise UsageError(f"{self.name} has both per_weight and per_group; give the whole as per_group.")
        self._check_group()
        if not isinstance(self.bias, bool):
            raise UsageError(f"bias of {self.name} is {self.bias!r}; give True, or False where the last column of W is not penalised.")

    def _check_group(self) -> None:
        if self.per_group is None and self.group is not None:
            raise UsageError(
                f"{self.name} has group={self.group!r} and a per_weight, which is of each weight; give a per_group, or no group."
            )
        if self.per_group is not None and self.group is None:
            raise UsageError(f"{self.name} has no group; give group='feature', a column of W, or group='class', a row.")
        if self.group is not None and self.group not in GROUPS:
            raise unknown("group", str(self.group), GROUPS)

    def expression(self, size: int = 2) -> tuple[sympy.Expr, list[sympy.Symbol]]:
        """(ρ, [w]), or (ρ, [w0, …]) of a group with `size` weights."""
        if self.per_weight is not None:
            w = sympy.Symbol("w", real=True)
            return stated(self.name, self.per_weight, [w], {}, "one weight", None, of="the weight"), [w]
        assert self.per_group is not None
        several = [sympy.Symbol(f"w{j}", real=True) for j in range(size)]
        return stated(self.name, self.per_group, [several], {}, f"a group of {size}", None, of="the weights"), several

    def norms(self, size: int) -> tuple[Norm, ...]:
        """The norms in the formula over a group of this size; empty if it is more than a sum of their multiples and a remainder."""
        e, w = self.expression(size)
        found = {node: sympy.Dummy() for node in sorted(e.atoms(sympy.Pow), key=str) if _squares(node, w)}
        lifted = e.xreplace(found)
        factors = [sympy.diff(lifted, n) for n in found.values()]
        if any(c.free_symbols for c in factors):
            return ()
        return tuple(Norm(c, _squares(node, w) or ()) for node, c in zip(found, factors, strict=True))

    def without(self, size: int, gone: Sequence[bool]) -> sympy.Expr:
        """The formula without the norms in `gone`."""
        e, w = self.expression(size)
        nodes = [node for node in sorted(e.atoms(sympy.Pow), key=str) if _squares(node, w)]
        return e.xreplace({node: sympy.S.Zero for node, is_gone in zip(nodes, gone, strict=False) if is_gone})


NORM = "lambda w: sqrt(Add(*(v**2 for v in w)))"


def _squares(node: sympy.Expr, w: Sequence[sympy.Symbol]) -> tuple[sympy.Expr, ...] | None:
    """The b_j of √(Σ b_j w_j²); None for anything else."""
    if not (isinstance(node, sympy.Pow) and node.exp == sympy.Rational(1, 2)):
        return None
    terms = [term.as_independent(*w, as_Add=False) for term in sympy.Add.make_args(node.base)]
    known = {rest.base: b for b, rest in terms if rest.is_Pow and rest.exp == 2 and rest.base in w and b.is_positive}
    return tuple(known.get(v, sympy.S.Zero) for v in w) if len(known) == len(terms) else None
