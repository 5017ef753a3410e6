"""A recorded formula: its slopes are computed by reverse mode at each point, on the pieces that the switches take there.

The formula of a spec is small, and evaluated at thousands of points: its slopes are recorded once. Code may have hundreds of switches,
nearly all of them far from where they turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from flint import arb

from verify.oracle.formula import Formula
from verify.tape import reverse, series, switch_slopes
from verify.tape.derive import SecondDerivatives
from verify.tape.enclose import Run, reached
from verify.tape.ranges import Ranges
from verify.tape.reverse import Pieces, adjoints
from verify.tape.tape import Builder

MAX_ADJOINT = 2.0**-8
"""Largest adjoint, relative to the greatest number of a dtype: partials on the way to it are products of several factors."""


class SweptFormula(Formula):
    """The formula of a recording with one output. Inputs that are no variables are tiny numbers added somewhere, which careful code may
    leave out.
    """

    def __init__(self, b: Builder, output: int) -> None:
        self.expression, self.variables, self.registers = None, (), {}
        self._of_recording(b, (output,), len(b.tape(np.array([output], np.intp)).variables), (), {})

    def _record_slopes(self, b: Builder, switches: Any) -> None:  # noqa: ARG002  # none are recorded
        self.tape = self.value_tape

    @property
    def output(self) -> int:
        """The register of the output."""
        return self.value_terms[0]

    @cached_property
    def _curvature(self) -> SecondDerivatives:  # type: ignore[override]  # asked for by few
        return SecondDerivatives(self.value_tape, self.output)

    @cached_property
    def mentioned(self) -> tuple[frozenset[str], frozenset[str]]:
        """Empty: there are no named constants."""
        return frozenset(), frozenset()

    def pieces(self, thin: Run, fat: Run) -> Pieces:
        """∂ of the output over the box of `fat`."""
        return reverse.pieces(thin, fat, self.output, switch_slopes.slopes, switch_slopes.MIN_TOGETHER)

    def slope(self, run: Run, v: Sequence[arb]) -> arb:
        """A ball around ⟨∂, v⟩ over the box of the run."""
        return series.slope(run, v, self.output)

    @cached_property
    def _range_of_values(self) -> Ranges:
        return Ranges(self.value_tape, self.value_tape.behind(self.value_terms))

    def leaves(self, run: Run, dtype: str, factor: float, *, slopes: bool) -> bool:
        """Whether a number in the computation of the value, or of the slopes, may not fit `dtype`."""
        registers = [self.output]
        for k in reached(run, self.value_terms):
            switch, element = self.value_tape.places[k]
            registers += [switch.pieces(element)[a][0] for a in run.possible[k]]
        if any(self._range_of_values.leave(r, run.values, dtype, factor) for r in registers):
            return True
        if not slopes:
            return False
        found, most = adjoints(run, run.possible, self.output), MAX_ADJOINT * float(np.finfo(dtype).max)
        return any(not factor * p.abs_upper() < most for parts in found.parts.values() for p in parts)
