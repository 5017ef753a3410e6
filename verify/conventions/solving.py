"""Parameters of a function of named inputs from its own answers, where nothing fits at the defaults.

Questions are ordinary values, values of other sizes, where bends lie far out and small constants show, and rare ones of the domains. What
solves the equations is believed where it fits, in balls, all of them and others that nothing was solved from.
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
from verify.conventions.agreement import BETWEEN, elsewhere
from verify.conventions.parameter import SIZES, InputsSystem, fixed_values, solutions
from verify.conventions.probes import Watch
from verify.oracle.exact import distance
from verify.oracle.instance import InstanceOracle
from verify.problem import MEAN, Instance, Problem, Values, fixed, mean_by, small, with_classes
from verify.spec.domains import Label

ASKED = ((3, 1), (2, 2), (3, 3), (4, 4), (2, 5), (3, 6), (4, 7), (1, 8))
"""Sizes and seeds of the questions from which parameters are found out."""
CONFIRMED = ((3, 11), (2, 12), (4, 13), (1, 14))
"""Those at which what was found must agree, too."""
RARE = ((4, 21), (4, 22))
"""Those of all numbers of a domain, not only of ordinary ones."""
CLASSES = range(10, 1, -1)
"""Numbers of classes that are asked about, where parameters have a number for each."""
USUAL = 3
"""Classes that are asked about where a function answers for any number of them."""

MOST = 4
"""Examples of a question about parameters with a number for each class."""

SHORT = (2, 4)
"""Significant digits of proportions that someone may have written."""

Answered = tuple[Values, Answer]


def answer_at(way: Call, values: Values, watch: Watch) -> Answer:
    """What it answers. Raises Misbehaviour where it does not."""
    watch(values)
    return way(**values)


def fits(oracle: InstanceOracle, way: Way, known: Sequence[Answered]) -> bool:
    """Whether the value is the instance's, wherever it has one; the gradient, where there is no value."""
    if not way.has_loss:
        return gradient_fits(oracle, known)
    values = [(oracle.at(**v).value, a.value) for v, a in known]
    finite = [(v, found) for v, found in values if v.exact.is_finite() and np.isfinite(v.radius)]
    return bool(finite) and all(distance(found, v.exact) <= v.radius for v, found in finite)


def gradient_fits(oracle: InstanceOracle, known: Sequence[Answered]) -> bool:
    """The same of the gradient."""
    return all(oracle.at(**v).gradient.distance(a.gradient).strain <= 1 for v, a in known)


def solved(way: Call, members: Sequence[Instance], free: Sequence[str], dtype: str, watch: Watch) -> Instance | None:
    """The member with other values of its free parameters that has the candidate's answers, everywhere that is asked."""
    problem = members[0].problem
    try:
        known, others = (_answers(way, problem, which, dtype, watch) for which in (ASKED, CONFIRMED))
    except Misbehaviour:
        return None
    farther = _where_finite(way, _farther(problem, known, dtype), watch)
    others += _where_finite(way, _sized(problem, known[:2], BETWEEN), watch)
    for system, every in _systems(tuple(members), way, known, farther, others, dtype):
        for member in solutions(system, free):
            if fits(InstanceOracle(member, dtype), way, every):
                return system.sure(member)
    return None


def solved_for_each(
    way: Call, members: Sequence[Instance], free: Sequence[str], each: Sequence[str], dtype: str, watch: Watch
) -> tuple[Instance, tuple[str, ...]] | None:
    """The same where some parameters have a number for each class, for as many classes as the candidate answers for; and those of them that
    are known up to a common factor.
    """
    whole = members[0].problem
    classes = _number_of_classes(way, whole, dtype, watch)
    if classes is None:
        return None
    problem = with_classes(whole, classes)
    equations = 2 * (classes * len(each) + len(free)) + 2
    questions = [(1 + (k + 1) % MOST, 31 + k) for k in range(equations + len(CONFIRMED))]
    values = _with_all_labels(problem, [small(problem, size=size, seed=seed, dtype=dtype) for size, seed in questions])
    try:
        every = [(v, answer_at(way, v, watch)) for v in values]
    except Misbehaviour:
        return None
    known, others = every[:equations], every[equations:]
    farther, own = _where_finite(way, _farther(problem, known, dtype), watch), [replace(m, problem=problem) for m in members]
    of_batch = MEAN not in problem.reductions
    for name in (None, *each):  # of a mean by a parameter the answers tell no more than its proportions; a formula of a batch may be one
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
    """The same in proportions of short numbers, where there are some: whoever wrote 0.3, 1 and 2 wrote no thirds."""
    values = np.array(fixed_values(found, name, 1))
    for digits, one in product(SHORT, values):
        other = tuple(float(f"{x:.{digits}g}") for x in values / one)
        if np.allclose(other, values / one, rtol=float(np.finfo(dtype).eps) ** 0.5, atol=0):
            short = replace(found, problem=fixed(found.problem, name, other))
            if fits(InstanceOracle(short, dtype), way, known):
                return short
    return found


def doubts(
    way: Call, used: Instance, free: Sequence[str], known: Sequence[Answered], dtype: str, watch: Watch
) -> dict[str, tuple[object, ...]]:
    """Of each free parameter the values that no point asked tells apart, the one that is used first."""
    others = [o for o in elsewhere(used, free) if fits(InstanceOracle(o, dtype), way, known)]
    if others:
        more = _where_finite(way, (small(used.problem, size=size, seed=seed, dtype=dtype) for size, seed in ASKED), watch)
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
    """The equations, and all that a solution must agree with: first with what is far from ordinary values, which tells more; else without
    it, since code that is not exact there may be so elsewhere.
    """
    finite = [(values, answer) for values, answer in known if _is_finite(way, answer)]
    for more in (farther, []) if farther and finite else ([],) if finite else ():
        yield InputsSystem(members, [*finite, *more], dtype, by_gradient=not way.has_loss, **each), [*known, *more, *others]


def _for_all(found: Instance, problem: Problem, each: Sequence[str], way: Call, dtype: str, watch: Watch) -> Instance:
    """What is found; where all classes have one number, which is that of any number of classes, it is fixed as this."""
    numbers = {name: set(fixed_values(found, name, 1)) for name in each}
    if any(len(several) > 1 for several in numbers.values()):
        return found
    for name, (value,) in numbers.items():
        problem = fixed(problem, name, value)
    member = replace(found, problem=problem, unsure={name: (max(off),) for name, off in found.unsure.items()})
    try:
        known = _answers(way, problem, ASKED, dtype, watch)
    except Misbehaviour:
        return found
    return member if member.reduction in problem.reductions and fits(InstanceOracle(member, dtype), way, known) else found


def _number_of_classes(way: Call, problem: Problem, dtype: str, watch: Watch) -> int | None:
    """How many classes a candidate is asked about: the most that it answers for where it refuses more, USUAL where it refuses none; None
    where it refuses all.
    """
    pinned = next((i.dims[0] for i in problem.inputs if i.parameter is not None and i.dims[0].isdigit()), None)
    numbers = CLASSES if pinned is None else [int(pinned)]
    answered = [n for n in numbers if _where_finite(way, [_of_the_last(with_classes(problem, n), n, dtype)], watch)]
    return USUAL if len(answered) == len(CLASSES) else next(iter(answered), None)


def _with_all_labels(problem: Problem, questions: Sequence[Values]) -> list[dict[str, Any]]:
    """The questions with all labels in turn, where they are not ignored."""
    found: list[dict[str, Any]] = [dict(values) for values in questions]
    for name, domain in ((i.name, i.domain) for i in problem.inputs):
        if isinstance(domain, Label):
            counts = np.cumsum([0, *(np.size(values[name]) for values in questions)])
            for values, count in zip(found, counts, strict=False):
                labels = values[name]
                values[name] = np.where(labels == domain.ignored, labels, (count + np.arange(len(labels))) % int(domain.size))
    return found


def _of_the_last(problem: Problem, classes: int, dtype: str) -> Values:
    """Values of so many classes, where all labels are the last of them."""
    values = small(problem, seed=1, dtype=dtype)
    labels = [i.name for i in problem.inputs if isinstance(i.domain, Label)]
    return {**values, **{name: np.full_like(values[name], classes - 1) for name in labels}}


def _answers(way: Call, problem: Problem, which: Sequence[tuple[int, int]], dtype: str, watch: Watch) -> list[Answered]:
    """Raises Misbehaviour where it gives no answer."""
    values = [small(problem, size=size, seed=seed, dtype=dtype) for size, seed in which]
    return [(v, answer_at(way, v, watch)) for v in values]


def _where_finite(way: Call, questions: Iterable[Values], watch: Watch) -> list[Answered]:
    """Without those to which it gives no answer, or none that is finite: it overflows there, say."""
    found: list[Answered] = []
    for values in questions:
        with suppress(Misbehaviour):
            answer = answer_at(way, values, watch)
            found += [(values, answer)] if _is_finite(way, answer) else []
    return found


def _is_finite(way: Call, answer: Answer) -> bool:
    return bool(np.isfinite(answer.value if way.has_loss else answer.gradient).all())


def _farther(problem: Problem, known: Sequence[Answered], dtype: str) -> list[Values]:
    """Values of other sizes, and the rare ones of domains."""
    rare = any(not i.is_free for i in problem.variables)
    ends = [small(problem, size=size, seed=seed, dtype=dtype, rare=True) for size, seed in RARE if rare]
    return [*_sized(problem, known[:2], SIZES), *ends]


def _sized(problem: Problem, known: Sequence[Answered], sizes: Sequence[float]) -> list[Values]:
    """The real numbers of values, as far as any may be there, times each of the sizes."""
    free = [i.name for i in problem.inputs if i.is_free]
    return [{**v, **{name: v[name] * v[name].dtype.type(size) for name in free}} for v, _ in known for size in sizes if free]
