"""Relations between the values of a function at two or more points, which its author claims besides its formula.

They are examined for the formula first; then the laws `batches` and `symmetry` test candidates with them. Inputs and dimensions are named
as in the spec, several separated by spaces.
"""

from __future__ import annotations

from dataclasses import dataclass

from verify.errors import UsageError, of_type
from verify.spec.fields import number

SUMMED = ("sum", "mean")


@dataclass(frozen=True)
class Symmetric:
    """The order along a dimension does not matter: it is permuted in all inputs that have it, and in the result. Labels over it are
    renamed.
    """

    dim: str

    def __post_init__(self) -> None:
        _one("a dimension", self.dim, '"n"')

    def __str__(self) -> str:
        """The relation as written in a spec."""
        return f'Symmetric("{self.dim}")'


@dataclass(frozen=True)
class ShiftInvariant:
    """An added number changes nothing: added to all entries of an input `along` some of its dimensions, one number for each index of the
    others; or, for several inputs, added to the same entry of each.
    """

    inputs: str
    along: str = ""

    def __post_init__(self) -> None:
        _some("inputs", self.inputs, '"x"')
        of_type("along of ShiftInvariant", self.along, (str,), 'a dimension of the input, "d" say')
        if not self.along.split() and len(self.inputs.split()) == 1:
            raise UsageError(f'{self} adds a number to one entry alone; say along which dimension: {str(self)[:-1]}, along="d").')

    def __str__(self) -> str:
        """The relation as written in a spec."""
        along = f', along="{self.along}"' if self.along else ""
        return f'ShiftInvariant("{self.inputs}"{along})'


@dataclass(frozen=True)
class Homogeneous:
    """f(t·x) = t^degree · f(x) for every t > 0, all these inputs times t; the degree is a multiple of one half."""

    inputs: str
    degree: float = 1

    def __post_init__(self) -> None:
        _some("inputs", self.inputs, '"x"')
        if not number("the degree of Homogeneous", self.degree) * 2 % 1 == 0:
            raise UsageError(f"the degree of {self} is {self.degree!r}; give a multiple of one half.")

    def __str__(self) -> str:
        """The relation as written in a spec."""
        return f'Homogeneous("{self.inputs}", degree={self.degree:g})'


@dataclass(frozen=True)
class Affine:
    """f is affine in these inputs together."""

    inputs: str

    def __post_init__(self) -> None:
        _some("inputs", self.inputs, '"x"')

    def __str__(self) -> str:
        """The relation as written in a spec."""
        return f'Affine("{self.inputs}")'


@dataclass(frozen=True)
class Separable:
    """The whole is the "sum", or the "mean", of its parts along a dimension; each part has all inputs without that dimension."""

    dim: str
    reduction: str = "sum"

    def __post_init__(self) -> None:
        _one("a dimension", self.dim, '"n"')
        if self.reduction not in SUMMED:
            raise UsageError(f"the reduction of Separable is {self.reduction!r}; give one of {', '.join(map(repr, SUMMED))}.")

    def __str__(self) -> str:
        """The relation as written in a spec."""
        return f'Separable("{self.dim}", reduction="{self.reduction}")'


Relation = Symmetric | ShiftInvariant | Homogeneous | Affine | Separable

RELATIONS = ('Symmetric("n")', 'ShiftInvariant("x", along="d")', 'Homogeneous("x", degree=1)', 'Affine("x")', 'Separable("n")')


def _some(what: str, given: object, example: str) -> None:
    of_type(f"the {what} of a relation", given, (str,), f"names with spaces between them: {example}")
    if not str(given).split():
        raise UsageError(f"the {what} of a relation are {given!r}; give names with spaces between them: {example}.")


def _one(what: str, given: object, example: str) -> None:
    of_type(f"{what} of a relation", given, (str,), f"one name: {example}")
    if len(str(given).split()) != 1:
        raise UsageError(f"{what} of a relation is {given!r}; give one name: {example}.")
