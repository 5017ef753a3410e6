"""The arithmetic of an evaluation of a tape: the primitives by name, on columns of that evaluation's numbers."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from verify.tape.primitives import PRIMITIVES, Primitive

Column = Any
"""A column of numbers: an array of balls, of registers, or of floats with radii, depending on the evaluation."""


class Arithmetic(ABC):
    """`a.exp(x)`, `a.mul(2, x)`, `a.pow_c(x, parameter=c)`: operands are columns, or numbers."""

    @abstractmethod
    def apply(self, row: Primitive, ins: Sequence[Column], parameter: Any = None) -> Column:
        """The column of one primitive for these operands."""

    def __getattr__(self, name: str) -> Callable[..., Column]:
        row = PRIMITIVES.get(name.rstrip("_"))  # `and_`, `or_`, `not_` are words of the language
        if row is None:
            raise AttributeError(f"{name} is no primitive. Known: {', '.join(PRIMITIVES)}.")
        return partial(self._apply, row)

    def _apply(self, row: Primitive, *ins: Column, parameter: Any = None) -> Column:
        return self.apply(row, ins, parameter)
