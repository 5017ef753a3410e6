"""Convexity of losses and functions of named inputs, proved by the rules of `spec.convexity` at every size up to `MAX_SIZE`.

The formula is stated for each pattern of labels and of other finite targets, with symbols in the domains of their inputs. If it gets other
numbers, for example times to compare, there are too many patterns to enumerate.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from math import isfinite
from typing import Any

import numpy as np

from verify.errors import UsageError
from verify.later import sympy
from verify.problem.build import problem_of
from verify.problem.problem import Input, Problem, Stated
from verify.problem.small import small
from verify.spec.convexity import curvature, within
from verify.spec.convexity import supported as supported_of_scores
from verify.spec.domains import Domain, Finite, Label, Simplex
from verify.spec.function import FunctionSpec
from verify.spec.loss import LossSpec
from verify.spec.shipped import plain

MAX_SIZE = 3
"""The greatest size of all dimensions: two of an input, and a third in addition."""
MAX_PATTERNS = 1024
"""Most patterns of labels at one size."""


@lru_cache(maxsize=64)
def convex(spec: LossSpec | FunctionSpec) -> bool:
    """Whether a loss or a function of named inputs is proved convex in the differentiated inputs, for all values of the others."""
    return plain("convex", spec, lambda: _convex(problem_of(spec)))


def supported(spec: LossSpec | FunctionSpec) -> str:
    """What is known about the convexity of a loss or a function, in words."""
    if isinstance(spec, LossSpec) and not spec.of_inputs:
        return supported_of_scores(spec)
    if not spec.claims.convex:
        return "nothing claimed of convexity"
    return "convex, proved and tested" if convex(spec) else "convex, only tested"


def _convex(problem: Problem) -> bool:
    if problem.output is not None:  # ⟨v, F(x)⟩ for every v
        return False
    known: set[Any] = set()
    for size in range(1, MAX_SIZE + 1):
        patterns = _patterns(problem, size)
        if patterns is None:
            return False
        try:
            known.update(part.key for values in patterns for part in problem.parts(values))
        except (UsageError, ValueError):  # it is stated for other sizes
            continue
    return bool(known) and all(_is_convex(problem, key) for key in sorted(known, key=repr))


def _patterns(problem: Problem, size: int) -> list[dict[str, Any]] | None:
    """Values with each pattern of the numbers that a formula may branch on; None if there are too many."""
    values = small(problem, size=size)
    asked: list[tuple[Input, tuple[float, ...]]] = []
    for i in (i for i in problem.inputs if i.concrete):
        if isinstance(i.domain, Label):
            ignored = () if i.domain.ignored is None else (i.domain.ignored,)
            asked.append((i, (*range(size), *ignored)))
        elif isinstance(i.domain, Finite):
            asked.append((i, i.domain.values))
        else:
            return None
    shapes = [np.shape(values[i.name]) for i, _ in asked]
    if np.prod([float(len(each)) ** np.prod(shape) for (_, each), shape in zip(asked, shapes, strict=True)]) > MAX_PATTERNS:
        return None
    return [dict(values, **dict(found)) for found in _each(values, asked)]


def _each(values: dict[str, Any], asked: list[tuple[Input, tuple[float, ...]]]) -> Iterator[list[tuple[str, Any]]]:
    arrays = [
        [np.array(row).reshape(np.shape(values[i.name])) for row in product(each, repeat=np.size(values[i.name]))] for i, each in asked
    ]
    for chosen in product(*arrays):
        yield [(i.name, a) for (i, _), a in zip(asked, chosen, strict=True)]


def _is_convex(problem: Problem, key: Any) -> bool:
    stated = problem.stated(key)
    assert isinstance(stated, Stated)  # code is nobody's spec
    shapes = {name: shape for name, shape, _ in key}
    of = [i for i in problem.inputs if i.differentiated for _ in range(_size(shapes[i.name]))]
    others = [i for i in problem.inputs if not (i.differentiated or i.concrete) for _ in range(_size(shapes[i.name]))]
    variables = [_shifted(s, i.domain) for s, i in zip(stated.variables, of, strict=True)]
    known = dict(zip(stated.variables, variables, strict=True))
    known |= {s: _any(s, i) for s, i in zip(stated.numbers, others, strict=True)}
    known |= {s: within(s, problem.parameters[s.name]) for s in stated.parameters}
    free = {next(iter(v.free_symbols)) for v in variables}
    return curvature(stated.expression.subs(known, simultaneous=True), free).convex


def _size(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape))


def _shifted(s: sympy.Symbol, domain: object) -> sympy.Expr:
    """A variable as an affine function of one with a known sign, if its domain has an end: convexity in both is equivalent."""
    if not isinstance(domain, Domain) or not (isfinite(domain.low) or isfinite(domain.high)):
        return s
    x = sympy.Symbol(s.name, nonnegative=True) if domain.closed else sympy.Symbol(s.name, positive=True)
    return sympy.Rational(domain.low) + x if isfinite(domain.low) else sympy.Rational(domain.high) - x


def _any(s: sympy.Symbol, i: Input) -> sympy.Expr:
    """A number of an input that is not differentiated, as a symbol in its domain."""
    if i.parameter is not None:
        return within(s, i.parameter)
    if isinstance(i.domain, Simplex):
        return sympy.Symbol(s.name, nonnegative=True)
    return i.domain.symbol(s.name) if isinstance(i.domain, Domain) else s
