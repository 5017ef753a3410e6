"""Parameters of a function of named inputs from its own answers, if nothing fits at the defaults.

The points are ordinary values, values of other sizes, where bends lie far out and small constants show, and rare ones of the domains. A
solution of the equations is accepted if it agrees, in balls, with all of them and with others that it was not solved from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np

from verify.candidates import Answer, Misbehaviour, Way
from verify.candidates.call import Call
from verify.conventions.agreement import CONFIRMING_FACTORS, elsewhere
from verify.conventions.parameter import SIZES, InputsSystem, fixed_values, solutions
from verify.conventions.probes import Watch
from verify.oracle.exact import distance
from verify.oracle.instance import InstanceOracle
from verify.problem import MEAN, Instance, Problem, Values, fixed, mean_by, small, with_classes
from verify.spec.domains import Label

SOLVING_POINTS = ((3, 1), (2, 2), (3, 3), (4, 4), (2, 5), (3, 6), (4, 7), (1, 8))
"""Sizes and seeds of the points from which parameters are inferred."""
CONFIRMING_POINTS = ((3, 11), (2, 12), (4, 13), (1, 14))
"""Sizes and seeds of the points at which the result must agree, too."""
RARE_POINTS = ((4, 21), (4, 22))
"""Sizes and seeds of points with any numbers of a domain, not only ordinary ones."""
CLASSES = range(10, 1, -1)
"""Numbers of classes to try, if parameters have a number for each."""
USUAL_CLASSES = 3
"""Number of classes if a function supports any number of them."""

MAX_EXAMPLES = 4
"""Examples at a point for parameters with a number for each class."""

SHORT_DIGITS = (2, 4)
"""Significant digits of ratios that may have been written."""

Answered = tuple[Values, Answer]


def answer_at(way: Call, values: Values, watch: Watch) -> Answer:
    """The candidate's answer. Raises Misbehaviour if it gives none."""
    watch(values)
    return way(**values)


def fits(oracle: InstanceOracle, way: Way, known: Sequence[Answered]) -> bool:
    """Whether the value is the instance's, wherever that is defined; or the gradient, if there is no value."""
    if not way.has_loss:
        return gradient_fits(oracle, known)
    values = [(oracle.at(**v).value, a.value) for v, a in known]
    finite = [(v, found) for v, found in values if v.exact.is_finite() and np.isfinite(v.radius)]
    return bool(finite) and all(distance(found, v.exact) <= v.radius for v, found in finite)


def gradient_fits(oracle: InstanceOracle, known: Sequence[Answered]) -> bool:
    """Whether the gradient is the instance's."""
    return all(oracle.at(**v).gradient.distance(a.gradient).strain <= 1 for v, a in known)


def solved(way: Call, members: Sequence[Instance], free: Sequence[str], dtype: str, watch: Watch) -> Instance | None:
    """The member with values of its free parameters that agrees with the candidate's answers at all points."""
    problem = members[0].problem
    try:
        known, others = (_answers(way, problem, which, dtype, watch) for which in (SOLVING_POINTS, CONFIRMING_POINTS))
    except Misbehaviour:
        return None
    farther = _where_finite(way, _farther(problem, known, dtype), watch)
    others += _where_finite(way, _sized(problem, known[:2], CONFIRMING_FACTORS), watch)
    for system, every in _systems(tuple(members), way, known, farther, others, dtype):
        for member in solutions(system, free):
            if fits(InstanceOracle(member, dtype), way, every):
                return system.sure(member)
    return None


def solved_for_each(
    way: Call, members: Sequence[Instance], free: Sequence[str], each: Sequence[str], dtype: str, watch: Watch
) -> tuple[Instance, tuple[str, ...]] | None:
    """The member with values of its free parameters, of which some have a number for each class, for as many classes as the candidate
    supports; and those that are known only up to a common factor.
    """
    whole = members[0].problem
    classes = _number_of_classes(way, whole, dtype, watch)
    if classes is None:
        return None
    problem = with_classes(whole, classes)
    equations = 2 * (classes * len(each) + len(free)) + 2
    questions = [(1 + (k + 1) % MAX_EXAMPLES, 31 + k) for k in range(equations + len(CONFIRMING_POINTS))]
    values = _with_all_labels(problem, [small(problem, size=size, seed=seed, dtype=dtype) for size, seed in questions])
    try:
        every = [(v, answer_at(way, v, watch)) for v in values]
    except Misbehaviour:
        return None
    known, others = every[:equations], every[equations:]
    farther, own = _where_finite(way, _farther(problem, known, dtype), watch), [replace(m, problem=problem) for m in members]
    of_batch = MEAN not in problem.reductions
    for name in (None, *each):  # for a mean by a parameter the answers determine only its ratios; a formula of a batch may be such a mean
        mean = () if name is None else (mean_by(name),)
        mine = tuple(m for m in own if (of_batch or m.reduction in mean if name else m.reduction not in map(mean_by, each)))
        held = (name,) if name else ()
        for system, everywhere in _systems(mine, way, known, farther, others, dtype, each=each, held=held) if mine else ():
            for member in solutions(system, [*free, *each]):
                if fits(InstanceOracle(member, dtype), way, everywhere):
                    found = _short(member, name, way, everywhere, dtype) if name else member
                    return _for_all(system.sure(found), whole, each, way, dtype, watch), held
    return None


def _short(found: Instance, name: str, way: Call, known: Sequence[Answered], dtype: str) -> Instance:
    """The member with ratios of short numbers, if there are any: 0.3, 1 and 2 are likelier than thirds."""
    values = np.array(fixed_values(found, name, 1))
    for digits, one in product(SHORT_DIGITS, values):
        other = tuple(float(f"{x:.{digits}g}") for x in values / one)
        if np.allclose(other, values / one, rtol=float(np.finfo(dtype).eps) ** 0.5, atol=0):
            short = replace(found, problem=fixed(found.problem, name, other))
            if fits(InstanceOracle(short, dtype), way, known):
                return short
    return found


def doubts(
    way: Call, used: Instance, free: Sequence[str], known: Sequence[Answered], dtype: str, watch: Watch
) -> dict[str, tuple[object, ...]]:
    """For each free parameter the values that no point used distinguishes, the chosen one first."""
    others = [o for o in elsewhere(used, free) if fits(InstanceOracle(o, dtype), way, known)]
    if others:
        more = _where_finite(way, (small(used.problem, size=size, seed=seed, dtype=dtype) for size, seed in SOLVING_POINTS), watch)
        more += _where_finite(way, _farther(used.problem, more, dtype), watch)
        others = [o for o in others if fits(InstanceOracle(o, dtype), way, more)]
    values = {name: dict.fromkeys(o.parameters[name] for o in (used, *others)) for name in free}
    return {name: tuple(several) for name, several in values.items() if len(several) > 1}


def _systems(
    members: tuple[Instance, ...],
    way: Call,
    known: Sequence[Answered],
    farther: Sequence[Answered],
    others: Sequence[Answered],
    dtype: str,
    **each: Sequence[str],
) -> Iterator[tuple[InputsSystem, list[Answered]]]:
    """The equations, and all points at which a solution must agree: first with points far from ordinary values, which determine more; then
    without them, since code that is inexact there may be right elsewhere.
    """
    finite = [(values, answer) for values, answer in known if _is_finite(way, answer)]
    for more in (farther, []) if farther and finite else ([],) if finite else ():
        yield InputsSystem(members, [*finite, *more], dtype, by_gradient=not way.has_loss, **each), [*known, *more, *others]


def _for_all(found: Instance, problem: Problem, each: Sequence[str], way: Call, dtype: str, watch: Watch) -> Instance:
    """The result; if all classes have the same number, it is fixed as one for any number of classes."""
    numbers = {name: set(fixed_values(found, name, 1)) for name in each}
    if any(len(several) > 1 for several in numbers.values()):
        return found
    for name, (value,) in numbers.items():
        problem = fixed(problem, name, value)
    member = replace(found, problem=problem, unsure={name: (max(off),) for name, off in found.unsure.items()})
    try:
        known = _answers(way, problem, SOLVING_POINTS, dtype, watch)
    except Misbehaviour:
        return found
    return member if member.reduction in problem.reductions and fits(InstanceOracle(member, dtype), way, known) else found


def _number_of_classes(way: Call, problem: Problem, dtype: str, watch: Watch) -> int | None:
    """The number of classes to call a candidate with: the largest that it supports if it refuses larger ones, USUAL_CLASSES if it refuses
    none; None if it refuses all.
    """
    pinned = next((i.dims[0] for i in problem.inputs if i.parameter is not None and i.dims[0].isdigit()), None)
    numbers = CLASSES if pinned is None else [int(pinned)]
    answered = [n for n in numbers if _where_finite(way, [_of_the_last(with_classes(problem, n), n, dtype)], watch)]
    return USUAL_CLASSES if len(answered) == len(CLASSES) else next(iter(answered), None)


def _with_all_labels(problem: Problem, questions: Sequence[Values]) -> list[dict[str, Any]]:
    """The points with all labels in turn, unless they are ignored."""
    found: list[dict[str, Any]] = [dict(values) for values in questions]
    for name, domain in ((i.name, i.domain) for i in problem.inputs):
        if isinstance(domain, Label):
            counts = np.cumsum([0, *(np.size(values[name]) for values in questions)])
            for values, count in zip(found, counts, strict=False):
                labels = values[name]
                values[name] = np.where(labels == domain.ignored, labels, (count + np.arange(len(labels))) % int(domain.size))
    return found


def _of_the_last(problem: Problem, classes: int, dtype: str) -> Values:
    """Values for this many classes, with all labels the last one."""
    values = small(problem, seed=1, dtype=dtype)
    labels = [i.name for i in problem.inputs if isinstance(i.domain, Label)]
    return {**values, **{name: np.full_like(values[name], classes - 1) for name in labels}}


def _answers(way: Call, problem: Problem, which: Sequence[tuple[int, int]], dtype: str, watch: Watch) -> list[Answered]:
    """The candidate's answers at these points. Raises Misbehaviour if it gives none."""
    values = [small(problem, size=size, seed=seed, dtype=dtype) for size, seed in which]
    return [(v, answer_at(way, v, watch)) for v in values]


def _where_finite(way: Call, questions: Iterable[Values], watch: Watch) -> list[Answered]:
    """The candidate's answers, without points at which it gives none, or one that is not finite: it may overflow there."""
    found: list[Answered] = []
    for values in questions:
        with suppress(Misbehaviour):
            answer = answer_at(way, values, watch)
            found += [(values, answer)] if _is_finite(way, answer) else []
    return found


def _is_finite(way: Call, answer: Answer) -> bool:
    return bool(np.isfinite(answer.value if way.has_loss else answer.gradient).all())


def _farther(problem: Problem, known: Sequence[Answered], dtype: str) -> list[Values]:
    """Values of other sizes, and rare ones of the domains."""
    rare = any(not i.is_free for i in problem.variables)
    ends = [small(problem, size=size, seed=seed, dtype=dtype, rare=True) for size, seed in RARE_POINTS if rare]
    return [*_sized(problem, known[:2], SIZES), *ends]


def _sized(problem: Problem, known: Sequence[Answered], sizes: Sequence[float]) -> list[Values]:
    """The values with their unrestricted real numbers multiplied by each of the sizes."""
    free = [i.name for i in problem.inputs if i.is_free]
    return [{**v, **{name: v[name] * v[name].dtype.type(size) for name in free}} for v, _ in known for size in sizes if free]
