"""A problem described for the report: inputs, formula, claims."""

from __future__ import annotations

import sys
from typing import Any

from verify.problem.build import problem_of
from verify.problem.convexity import supported
from verify.problem.problem import Stated
from verify.problem.small import small
from verify.spec.function import FunctionSpec
from verify.spec.loss import LossSpec

MAX_OPERATIONS = 60
"""Operations of the longest formula that is shown: longer ones fill a page and say nothing."""
SHOWN_SIZE = 2
"""The size of every dimension of the shown formula."""


def described_problem(spec: LossSpec | FunctionSpec) -> dict[str, Any]:
    """The formula as stated in its file, its MathML if it is short, its inputs, its parameters' defaults, its claims and its source."""
    from verify.spec.mathml import row  # with sympy's printers

    problem = problem_of(spec)
    stated = problem.stated(problem.parts(small(problem, size=SHOWN_SIZE))[0].key)
    assert isinstance(stated, Stated)  # code is nobody's spec
    short = stated.expression.count_ops() <= MAX_OPERATIONS
    symbols = [*stated.variables, *stated.numbers, *stated.parameters]
    module = sys.modules.get(problem.module)
    return {
        "formula": (getattr(module, "__doc__", None) or problem.name).split("\n")[0],
        "mathml": f"<math>{row(stated.expression, symbols)}</math>" if short else "",
        "shown": {"inputs": {i.name: " ".join(i.dims) for i in problem.inputs}, "size": SHOWN_SIZE},
        "parameters": {name: p.default for name, p in problem.all_parameters.items()},
        "convexity": supported(spec),
        "source": problem.source,
    }
