"""The approximate truth of code at a point, and at several points together where one record holds: that takes little longer than one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import TypeVar

import numpy as np

from verify.problem import Values
from verify.traced import approximate
from verify.traced.approximate import Approximate, ApproximateGradient, Floats, Located
from verify.traced.problem import Code
from verify.traced.record import Record
from verify.traced.recorder import NotTraced

MOST_TOGETHER = 1 << 19
"""Numbers of one evaluation at several places: with more, each place takes as long as alone, and what is held takes room."""

Q = TypeVar("Q")
A = TypeVar("A")
Along = tuple[Approximate, list[Hashable]]


def slopes_at(code: Code, values: Values, moved: Floats) -> ApproximateGradient:
    """The slopes in double precision with error radii; careful code may have `moved` each variable by at most this share of its size.
    Raises NotTraced.
    """
    return code.once(_of_slopes(code.place(values)), lambda: _slopes([code.located(values, moved)])[0])


def values_along(code: Code, values: Values, points: Floats, moved: Floats) -> Along:
    """The values in double precision with error radii, and the active pieces, at `points` (n, variables), from the record at these
    `values`: unknown where the code takes other branches. Raises NotTraced.
    """
    return code.once(_of_values(code.place(values), points), lambda: _values([(code.located(values, moved), points)])[0])


def look_ahead(code: Code, asked: Iterable[tuple[Values, Floats, Floats]]) -> None:
    """Has the code know what `slopes_at` and `values_along` will be asked: values, how far careful code may have moved them, and points
    beside, or none. Nothing is known of values at which the code cannot be recorded.
    """
    slopes: dict[Record, dict[Hashable, Located]] = defaultdict(dict)
    along: dict[Record, dict[Hashable, tuple[Located, Floats]]] = defaultdict(dict)
    for values, moved, points in asked:
        with suppress(NotTraced):
            size = 2 * code.record(values)[0].tape.size
            if size > MOST_TOGETHER:
                continue
            there = code.located(values, moved)
            slopes[there.record][_of_slopes(there.place)] = there
            if len(points) and size * len(points) <= MOST_TOGETHER:
                along[there.record][_of_values(there.place, points)] = there, points
    for record, places in slopes.items():
        _answer(code, places, _slopes, record.tape.size)
    for record, lines in along.items():
        _answer(code, lines, _values, record.tape.size * max(len(points) for _, points in lines.values()))


def _answer(code: Code, questions: Mapping[Hashable, Q], answers: Callable[[Sequence[Q]], Sequence[A]], size: int) -> None:
    """Answers the new ones of these questions, each of which takes so many numbers, unless one has to be answered alone."""
    new = [(question, asked) for question, asked in questions.items() if not code.is_known(question)]
    most = max(1, MOST_TOGETHER // size)
    for k in range(0, len(new), most):
        part = new[k : k + most]
        if len(part) > 1:
            for (question, _), answer in zip(part, answers([asked for _, asked in part]), strict=True):
                code.keep(question, answer)


def _of_slopes(place: Hashable) -> Hashable:
    return "slopes", place


def _of_values(place: Hashable, points: Floats) -> Hashable:
    return "values", place, points.tobytes()


def _slopes(places: Sequence[Located]) -> list[ApproximateGradient]:
    inputs, off = (np.stack(columns, axis=1) for columns in zip(*((p.inputs, p.off) for p in places), strict=True))
    return approximate.slopes(places[0].record, inputs, off, places[0].u)


def _values(lines: Sequence[tuple[Located, Floats]]) -> list[Along]:
    """Of all lines, which have one record."""
    there, lengths = lines[0][0], [len(points) for _, points in lines]
    inputs, off = (np.repeat(np.stack([getattr(p, name) for p, _ in lines], axis=1), lengths, axis=1) for name in ("inputs", "off"))
    points = np.concatenate([points for _, points in lines])
    inputs[: points.shape[1]] = points.T
    found, patterns = approximate.values(there.record, inputs, off, there.u)
    ends = np.cumsum([0, *lengths]).tolist()
    return [(found.at(slice(a, b)), patterns[a:b]) for a, b in pairwise(ends)]
