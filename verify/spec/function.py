"""A function of named arrays, scalar or array, as its author states it: shapes by named dimensions, domains, and a formula."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from keyword import iskeyword
from typing import Any

from verify.errors import UsageError, of_type
from verify.spec.domains import DOMAINS, Domain, Finite, Label, Real, Simplex
from verify.spec.fields import by_name, tuple_of_texts
from verify.spec.loss import Claims, Parameter
from verify.spec.statement import takes

Numbers = Domain | Finite | Label | Simplex
"""The domain of one number of an array; for a simplex, of the row that it belongs to."""

UPSTREAM = "upstream"
"""The input with the weights of the entries of an array-valued result."""


@dataclass(frozen=True)
class Array:
    """An input: its dimensions as in jaxtyping, `"n d"`, `"n 3"`, `""` for one number; and the domain of its numbers.

    Equal names are equal sizes. Real numbers are differentiated unless declared otherwise; labels, counts and choices never are, and the
    formula gets them as exact numbers, which it may test and look up.
    """

    dims: str = ""
    domain: Numbers = field(default_factory=Real)
    differentiated: bool | None = None

    def __post_init__(self) -> None:
        of_type("the dimensions of an array", self.dims, (str,), 'text, such as "n d"')
        for part in self.dims.split():
            if not re.fullmatch(r"[A-Za-z_]\w*|[1-9]\d*", part):
                raise UsageError(f'{part!r} is no dimension; give names and numbers with spaces between them, such as "n d" or "n 3".')
        if not isinstance(self.domain, (Domain, Finite, Label, Simplex)):
            raise UsageError(f'the domain of an array is {self.domain!r}; give one of {", ".join(DOMAINS)}, Label("c"), Simplex().')
        if self.differentiated and not self.is_real:
            raise UsageError(f"an array of {self.domain} is differentiated, and its numbers cannot be moved a little; leave that out.")
        if isinstance(self.domain, Simplex) and not self.shape:
            raise UsageError("one number is no simplex; give an array of one dimension or more.")

    @property
    def is_real(self) -> bool:
        """Whether its numbers can be varied continuously."""
        return isinstance(self.domain, Domain) and not self.domain.whole

    @property
    def is_differentiated(self) -> bool:
        """Whether a gradient is due for it."""
        return self.is_real if self.differentiated is None else self.differentiated

    @property
    def shape(self) -> tuple[str, ...]:
        """Its dimensions, names and numbers."""
        return tuple(self.dims.split())


@by_name(
    name='"mine"',
    inputs='{"x": Array("n d")}',
    formula="lambda x: (x**2).sum()",
    source='"where the formula comes from"',
)
@dataclass(frozen=True, kw_only=True, eq=False)
class FunctionSpec:
    """f(x₁, x₂, …) of named arrays: one number, or an array with the dimensions `output`.

    `formula(x₁, x₂, …, **parameters)` gets arrays of sympy symbols in the order of `inputs`, to which numpy's operators, sums and
    elementwise functions (`np.exp`, `np.where`, …) and sympy's functions of single entries apply. It returns an expression, or an array of
    them in the shape of `output`: then the gradient of ⟨v, f⟩ is judged, with a random upstream gradient v.

    `aliases` are other names, and `computed_by` library functions that compute it: `verify list specs` searches both. Raises UsageError,
    here and when the formula is called, for an invalid formula.
    """

    name: str
    inputs: Mapping[str, Array]
    output: str = ""
    formula: Callable[..., Any]
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    claims: Claims = field(default_factory=lambda: Claims(convex=None))
    source: str
    aliases: tuple[str, ...] = ()
    computed_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        of_type("the name of a function", self.name, (str,), "text")
        of_type(f"the source of {self.name}", self.source, (str,), "text: where the formula comes from")
        tuple_of_texts(self.name, aliases=self.aliases, computed_by=self.computed_by)
        given: object = self.formula
        if not callable(given):
            raise UsageError(f"the formula of {self.name} is {given!r}; give a function of its inputs: lambda x: (x**2).sum().")
        if not isinstance(self.inputs, Mapping) or not self.inputs:
            raise UsageError(f'inputs of {self.name} are {self.inputs!r}; give a dict: {{"x": Array("n d")}}.')
        for name, array in self.inputs.items():
            if not isinstance(name, str) or not name.isidentifier() or iskeyword(name) or name == UPSTREAM:
                raise UsageError(f"{self.name} has an input called {name!r}; give it the name of an argument of the formula.")
            if not isinstance(array, Array):
                raise UsageError(f'input {name} of {self.name} is {array!r}; give Array("n d"), or with a domain Array("d", Positive()).')
        Array(self.output)
        known = {d for a in self.inputs.values() for d in a.shape}
        for what, dims in (("the output", Array(self.output).shape), *((f"input {n}", self._sizes(a)) for n, a in self.inputs.items())):
            for d in dims:
                if d not in known and not d.isdigit():
                    raise UsageError(f"{what} of {self.name} has the dimension {d}, and no input has: {', '.join(sorted(known))}.")
        if not isinstance(self.claims, Claims):
            raise UsageError(f"the claims of {self.name} are {self.claims!r}; give Claims(convex=None), which claims nothing.")
        for claim, relation in (("symmetric", 'Symmetric("n")'), ("shift_invariant", 'ShiftInvariant("x", along="n")')):
            if getattr(self.claims, claim):
                raise UsageError(f"{self.name} claims {claim}=True, which is of scores; name the dimension: relations=({relation},).")
        if not any(a.is_differentiated for a in self.inputs.values()):
            raise UsageError(f"no input of {self.name} is differentiated, so there is no gradient; give one the domain Real().")
        for name in (name for name, p in self.parameters.items() if p.dims):
            raise UsageError(
                f"parameter {name} of {self.name} has dims; of a function of inputs it is one of them: "
                f'inputs={{"{name}": Array("c", Positive(), differentiated=False)}}.'
            )
        takes(self.name, self.formula, self.parameters, ", ".join(self.inputs), len(self.inputs))

    @staticmethod
    def _sizes(array: Array) -> tuple[str, ...]:
        return (array.domain.size,) if isinstance(array.domain, Label) else ()
