"""Examining the claims of a function of named inputs: that it compiles, depends on its inputs, is real somewhere, and is convex and has
relations as claimed. Claims are refuted by balls, so that no rounding can refute a true one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from flint import arb, fmpq

from verify.errors import UsageError
from verify.oracle import exact
from verify.oracle.formula import Formula
from verify.oracle.instance import InstanceOracle
from verify.oracle.loss_claims import CONTINUOUS, Along
from verify.problem import Equation, Instance, Problem, Values, check_relations, equations, small
from verify.spec.relations import Relation, Symmetric
from verify.tape.balls import precision
from verify.tape.enclose import Run

SIZES = (1, 2, 3)
"""Sizes of all dimensions at which a formula is examined: one for properties of size one, three for those of others."""
PLACES = 8
"""Points tried at each size."""
LINES = 3
"""Points through which lines are searched for jumps, and numbers along which each line goes."""
CHORDS = 24
"""Chords tried at each size where convexity is claimed."""
MOVES = 4
"""Points at each size from which a relation is tried."""


def examine_problem(problem: Problem, given: Mapping[str, float] | None = None) -> None:
    """Raises UsageError if the formula is invalid or a claim is certainly false: right code would be called broken by it.

    `given` are values of parameters other than their defaults.
    """
    _examine(problem, tuple(Instance(problem=problem, parameters=given or {}).parameters.items()))


@lru_cache(maxsize=64)
def _examine(problem: Problem, parameters: tuple[tuple[str, float], ...]) -> None:
    oracle = InstanceOracle(Instance(problem=problem, parameters=dict(parameters)), "float64")
    check_relations(problem)
    for size in SIZES:
        _is_a_function(oracle, size)
    for size in SIZES:
        _is_continuous(oracle, size)
        _is_written_alike(oracle, size)
    if problem.claims.convex is False:
        raise UsageError(f"{problem.name} claims convex=False, which is shown by a chord of scores; claim nothing: Claims(convex=None).")
    if problem.claims.convex:
        for size in SIZES:
            _is_convex(oracle, size)
    for relation in problem.relations:
        for size in SIZES:
            _is_related(oracle, relation, size)


def _is_a_function(oracle: InstanceOracle, size: int) -> None:
    problem = oracle.problem
    points = [small(problem, size=size, seed=seed) for seed in range(PLACES)]
    formulas = [oracle.formula(part.key) for values in points for part in problem.parts(values)]
    if size == max(SIZES) and not any(f.slopes[0] or f.slopes[1] for f in formulas):
        raise UsageError(f"the formula of {problem.name} depends on none of {', '.join(problem.differentiated)}: it is the same for all.")
    if not any(_value(oracle, values).is_finite() for values in points):
        shapes = ", ".join(f"{name} {np.shape(a)}" for name, a in points[0].items())
        raise UsageError(
            f"the formula of {problem.name} is no finite number at any point that was tried, for {shapes}: a root, a logarithm or a power "
            "of what is negative, 0/0? Give the inputs the domain where it is real, such as Positive() or Probability()."
        )


def _is_continuous(oracle: InstanceOracle, size: int) -> None:
    """Searches for jumps along lines through some points: along some of the numbers, and oblique ones."""
    rng = np.random.default_rng(size)
    for values in (small(oracle.problem, size=size, seed=seed) for seed in range(LINES)):
        x, part = oracle.point(values), oracle.problem.parts(values)[0]
        formula = oracle.formula(part.key)
        if not formula.conditional:
            continue
        m = len(part.places)
        more = [*map(exact.ball, part.numbers), *oracle.constants]
        for direction in (*np.eye(m)[rng.permutation(m)[:LINES]], rng.choice((-1.0, 1.0), m) * rng.integers(1, 4, m)):
            found = Along(formula, x[part.places].tolist(), direction.tolist(), _runner(formula, more), more).jumps()
            if found is not None:
                at, left, right = found
                told = ", ".join(f"{float(a.mid()):.6g}" for a in at)
                names = ", ".join(oracle.problem.differentiated)
                raise UsageError(
                    f"{oracle.problem.name} jumps: where {names} are ({told}), its value is {left} on one side and {right} on the other. "
                    f"{CONTINUOUS}"
                )


def _runner(formula: Formula, more: list[arb]) -> Callable[[list[arb]], Run]:
    return lambda at: formula.follow([*at, *more])


def _is_written_alike(oracle: InstanceOracle, size: int) -> None:
    """Checks that further ways of writing it are the same function."""
    problem = oracle.problem
    for n, way in enumerate(problem.ways):
        other = InstanceOracle(replace(oracle.instance, problem=replace(problem, stated=way, ways=())), "float64")
        for values in (small(problem, size=size, seed=seed) for seed in range(PLACES)):
            with precision():
                apart = _value(oracle, values) - _value(other, values)
            if not apart.contains(0):
                raise UsageError(
                    f"ways[{n}] of {problem.name} is another loss: at {_all(values)} it differs from the formula by "
                    f"{float(apart.mid()):.6g}. Give formulas that are equal everywhere."
                )


def _all(values: Values) -> str:
    return " and ".join(f"{name} = {_shown(a)}" for name, a in values.items())


def _is_convex(oracle: InstanceOracle, size: int) -> None:
    problem = oracle.problem
    for seed in range(CHORDS):
        start, other = (small(problem, size=size, seed=s) for s in (seed, seed + CHORDS))
        end = {**start, **{name: other[name] for name in problem.differentiated}}
        middle = {**start, **{name: (start[name] + end[name]) / 2 for name in problem.differentiated}}
        with precision():
            bulge = _value(oracle, middle) - (_value(oracle, start) + _value(oracle, end)) / 2
        if bulge > 0:
            ends = " and ".join(f"{name} = {_shown(p[name])}" for p in (start, end) for name in problem.differentiated)
            raise UsageError(
                f"{problem.name} claims to be convex, but at the middle of {ends} it lies above its chord. Correct the formula, or claim "
                "nothing: Claims(convex=None)."
            )


def _is_related(oracle: InstanceOracle, relation: Relation, size: int) -> None:
    for seed in range(MOVES):
        for e in equations(oracle.instance, relation, small(oracle.problem, size=size, seed=seed), seed):
            uphold(oracle.problem, relation, e, [_value(oracle, values) for values in (e.here, *(t.values for t in e.terms))])


def uphold(problem: Problem, relation: Relation, e: Equation, values: Sequence[arb], slopes: Sequence[Mapping[str, Any]] = ()) -> None:
    """Raises UsageError if an equation certainly does not hold for the true values, here and at its terms, or for the true slopes, which
    are balls by input. A right implementation would be called broken by it.
    """
    with precision():
        for what, found, due in (*_values(e, values), *(_slopes(e, values[0], slopes) if slopes else ())):
            if (found - due).is_finite() and not (found - due).contains(0):
                raise UsageError(
                    f"{problem.name} claims {_claim(problem, relation)}, but at {_all(e.here)} {what} is {float(found):.6g}, and from "
                    f"{e.what} it would be {float(due):.6g}. Correct the formula, or leave the claim out."
                )


def _weights(e: Equation) -> list[arb]:
    return [arb(fmpq(*t.weight.as_integer_ratio())) for t in e.terms]


def _values(e: Equation, values: Sequence[arb]) -> Iterator[tuple[str, arb, arb]]:
    here, *there = values
    yield "its value", here, sum((w * v for w, v in zip(_weights(e), there, strict=True)), arb(0))


def _slopes(e: Equation, value: arb, slopes: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, arb, arb]]:
    here, *there = ({name: np.asarray(a, object) for name, a in given.items()} for given in slopes)
    back = [{name: w * a for name, a in t.back(given).items()} for t, w, given in zip(e.terms, _weights(e), there, strict=True)]
    for name, given in here.items():
        due = np.asarray(sum((part[name] for part in back), arb(0)), object)
        for at, a, b in zip(np.ndindex(given.shape), given.ravel().tolist(), due.ravel().tolist(), strict=True):
            yield f"its slope for {name}{[*at] or ''}", a, b
    if e.direction is not None:
        along = ((np.ravel(a).tolist(), here[name].ravel().tolist()) for name, a in e.direction.items())
        total = sum((arb(d) * g for ds, gs in along for d, g in zip(ds, gs, strict=True)), arb(0))
        yield "its slope along what is moved", total, e.degree * value


def _claim(problem: Problem, relation: Relation) -> str:
    """The claim as written in the spec."""
    if relation in problem.claims.relations:
        return str(relation)
    return "symmetric=True" if isinstance(relation, Symmetric) else "shift_invariant=True"


def _value(oracle: InstanceOracle, values: Values) -> arb:
    return oracle.at(**values).value.exact


def _shown(a: object) -> str:
    return str(np.asarray(a).tolist())
