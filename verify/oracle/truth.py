"""The truth of what a candidate claims to compute, for any kind of function."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from verify.oracle import exact
from verify.oracle.formula import Formula
from verify.oracle.point import Point
from verify.rounding import smallest_normal, unit_roundoff, with_range
from verify.spec.claimed_function import ClaimedFunction
from verify.spec.relations import Relation

if TYPE_CHECKING:
    from verify.oracle.instance import InstanceOracle
    from verify.oracle.oracle import Oracle

Floats = NDArray[np.floating]
Values = Mapping[str, Any]


class Truth(ABC):
    """The truth about a claim, for candidates that compute in `dtype`. `constants` are its parameters.

    `code` is the candidate's own code, if that is the formula. Candidates that answer in a format of `half` precision have its `range`.
    """

    code: Any = None

    def __init__(self, claim: ClaimedFunction, dtype: str) -> None:
        self.claim, self.dtype = claim, dtype
        self.half: str | None = getattr(self.code, "half", None)
        self.u, self.tiny = unit_roundoff(dtype, self.half), smallest_normal(dtype, self.half)
        self.range = with_range(dtype, self.half)
        self.constants = [exact.ball(p) for p in claim.parameters.values()]
        self._rounded_constants = [exact.rounded(p, dtype, *claim.unsure.get(name, ())) for name, p in claim.parameters.items()]

    @property
    def scored(self) -> Oracle | None:
        """The oracle itself if it is of a loss with labels, else None."""
        return None

    @property
    def named(self) -> InstanceOracle | None:
        """The oracle itself if it is of a function of named inputs, else None."""
        return None

    @property
    def parameters(self) -> Mapping[str, float]:
        """The values of the parameters."""
        return self.claim.parameters

    @property
    def claims_convexity(self) -> bool:
        """Whether convexity is claimed."""
        return self.claim.claims_convexity

    @property
    @abstractmethod
    def relations(self) -> tuple[Relation, ...]:
        """The known relations between its values at several points: claimed, or by its form."""

    @property
    @abstractmethod
    def example(self) -> Formula:
        """The formula in a small form, which shows whether it has switches or is curved."""

    @property
    @abstractmethod
    def has_switches(self) -> bool:
        """Whether there are kinks."""

    @property
    def piecewise_linear(self) -> bool:
        """Whether every piece is linear."""
        return self.example.piecewise_linear

    def with_parameters(self, values: Mapping[str, float]) -> Self:
        """The truth for other values of some parameters."""
        return type(self)(self.claim.at(values), self.dtype)

    @abstractmethod
    def examine(self) -> None:
        """Raises UsageError if the formula is invalid, or a claim of its author is certainly false. Shipped
        ones are examined by the tests.
        """

    @abstractmethod
    def at(self, /, **values: Any) -> Point:
        """The truth at one point. Raises ValueError for values that do not fit."""

    def contains(self, values: Values) -> bool:  # noqa: ARG002
        """Whether all differentiated inputs lie in their domains."""
        return True

    def is_elsewhere(self, values: Values) -> bool:  # noqa: ARG002
        """Whether these values of code differ from its example: its domain may end before them."""
        return False

    @abstractmethod
    def stretched(self, values: Values, d: Floats) -> tuple[Floats, Floats]:
        """(x, d): the point on the grid on which steps are exact, and a direction along which a unit step stays in the domain."""

    @abstractmethod
    def moves(self, values: Values, d: Floats) -> float:
        """The most that a unit step along d may move any score, or any input."""

    @abstractmethod
    def elsewhere(self, values: Values) -> Values:
        """Other values."""
