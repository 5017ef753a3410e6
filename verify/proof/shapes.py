"""The shape of a proof, and the patterns of its whole numbers."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice, product
from math import inf, prod
from traceback import extract_tb
from typing import Any

import numpy as np

from verify.candidates import Candidate, Misbehaviour
from verify.candidates.answer import guarded_call
from verify.candidates.arguments import loss_and_gradient
from verify.errors import UsageError, unknown
from verify.problem import Input
from verify.problem.small import drawn
from verify.spec.domains import Domain, Label, Simplex
from verify.traced import Code
from verify.traced.recorder import LIBRARIES

MOST_LABELS = 1024
"""Most patterns of labels to explore."""
SIZE, CLASSES = 2, 3
"""Default sizes of dimensions, and of those that count classes: the smallest with every kind of pattern."""
OTHER_SIZE = 4
"""Size of a single other dimension besides examples and classes: with equal sizes a transposed result would have the right shape."""

LINEAR = (
    "{}: d c, {}: n d, {}: n | labels(c), {}:",
    "{}: c d, {}: n d, {}: n | labels(c), {}:",
    "{}: c d, {}: d n, {}: n | labels(c), {}:",
)
SCORES = ("{}: n c, {}: n | labels(c)", "{}: n, {}: n | binary", "{}: n, {}: n | sign", "{}: n, {}: n")
"""Inputs of functions with the known signatures, the likeliest first."""


WITHOUT_REG = tuple(text.rpartition(",")[0] for text in LINEAR)
"""The first of them without the strength of a penalty."""


def unfit(f: Callable[..., Any], given: Mapping[str, Any], first: str) -> str | None:
    """Why a function of these inputs does not return a number and a gradient of the shape of its `first` one: what it raises, and where;
    None if it does.
    """
    try:
        here = tuple(np.array(a) if np.ndim(a) else a for a in given.values())
        if isinstance(f, Candidate):
            loss, gradient = (guarded_call(g, here) for g in (f.loss, f.grad) if g is not None)
        else:
            loss, gradient = loss_and_gradient(guarded_call(f, here))
    except (Misbehaviour, ValueError) as error:
        return f"{error}{_line_of(error.__cause__ or error)}"
    if np.size(loss) == 1 and np.shape(gradient) == np.shape(given[first]):
        return None
    return f"returned shapes {np.shape(loss)} and {np.shape(gradient)}, where () and {np.shape(given[first])} are due"


def _line_of(error: BaseException) -> str:
    """The last line of code outside libraries."""
    own = [frame for frame in extract_tb(error.__traceback__) if not frame.filename.startswith(LIBRARIES)]
    return f" ({os.path.basename(own[-1].filename)}:{own[-1].lineno}, `{own[-1].line}`)" if own else ""


def is_any(i: Input) -> bool:
    """Whether an input may be any number, or any positive one. The values of others, and of undeclared ones, are one example."""
    return isinstance(i.domain, Domain) and (i.is_free or (i.domain.low == 0 and i.domain.high == inf))


def on_simplex(inputs: Sequence[Input]) -> list[str]:
    """The inputs that are not differentiated and whose rows add up to 1."""
    return [i.name for i in inputs if isinstance(i.domain, Simplex) and not i.differentiated]


def bounds(i: Input) -> tuple[float, float] | None:
    """The bounds of its numbers; None if only the example is known to be valid."""
    return (float(i.domain.low), float(i.domain.high)) if isinstance(i.domain, Domain) else None


def strays(candidate: Any, code: Code, values: Mapping[str, Any], called: Mapping[str, Any] | None = None) -> str | None:
    """Why the running code differs from the recorded one, for a candidate whose arguments are `called` by other names. Raises NotTraced."""
    try:
        gradient = candidate(**{n: np.array(a) if np.ndim(a) else a for n, a in (called or values).items()}).gradient
        if not np.all(np.isfinite(gradient)):
            return None
        if (found := code.strayed(values, gradient)) is None:
            return None
    except Misbehaviour as error:
        return f"it {error}"
    return f"what runs is not what was recorded: entry {found[0]} of the gradient was {found[1]:.17g} then"


def patterns(
    inputs: Sequence[Input], example: Mapping[str, Any], is_declared: bool, shape: Mapping[str, int], *, apart: bool = False
) -> tuple[list[dict[str, Any]] | str, str]:
    """Values of all inputs with each pattern of labels, and the shape in words; or why there are too many. Sizes that are not given are the
    smallest, with `apart` such that no two dimensions are equal. Raises UsageError for an unknown dimension.
    """
    if not is_declared:
        if shape:
            raise UsageError("shape is of inputs that are declared; an example has its own. Leave it out, or declare inputs.")
        shapes = {n: np.shape(a) for n, a in example.items()}
        return [dict(example)], str(*shapes.values()) if len(shapes) == 1 else ", ".join(
            f"{n} {s or 'a number'}" for n, s in shapes.items()
        )
    sizes, classes = sizes_of(inputs, shape, apart=apart), {d for i in inputs for d in _classes(i)}
    rng = np.random.default_rng(0)
    values = {i.name: drawn(i, i.shape(sizes), sizes, rng, "float64") for i in inputs}
    labels = {i.name: choices(i, sizes) for i in inputs if np.asarray(values[i.name]).dtype.kind in "iub"}
    asked = {i.name: known for i in inputs if i.concrete and i.name not in labels and (known := choices(i, sizes))}
    if _count(labels | asked, values) <= MOST_LABELS:
        labels |= asked
    told = f"({', '.join(str(sizes[d]) for d in _sorted(list(sizes), classes))})" if len(sizes) != 1 else f"({next(iter(sizes.values()))},)"
    count = _count(labels, values)
    if count > MOST_LABELS:
        return f"there are {count:,} patterns of labels, and {MOST_LABELS} are gone through: give a smaller shape", told
    ignored = ignoring(inputs)
    return [values | found for found in _labelled(labels, values) if all(np.any(found[name] != k) for name, k in ignored.items())], told


def _count(labels: Mapping[str, list[Any]], values: Mapping[str, Any]) -> int:
    return prod(len(c) ** int(np.size(values[name])) for name, c in labels.items())


def ignoring(inputs: Sequence[Input]) -> dict[str, int]:
    """The ignored label of each input that may have it: a mean of what is kept is undefined if all labels are ignored."""
    return {i.name: i.domain.ignored for i in inputs if isinstance(i.domain, Label) and i.domain.ignored is not None}


def sizes_of(inputs: Sequence[Input], shape: Mapping[str, int], *, apart: bool = False) -> dict[str, int]:
    """The size of each dimension, as in `patterns`. Raises UsageError for an unknown dimension."""
    dims = list(dict.fromkeys(d for i in inputs for d in (*i.dims, *_classes(i)) if not d.isdigit()))
    given = {name.lower(): n for name, n in shape.items()}
    for name in given:
        if name not in map(str.lower, dims):
            raise unknown("dimension", name, dims)
    classes = {d for i in inputs for d in _classes(i)}
    others = [d for d in _sorted(dims, classes) if d not in classes]
    last = others[-1] if apart and len(others) == 2 else None
    return {d: given.get(d.lower(), CLASSES if d in classes else OTHER_SIZE if d == last else SIZE) for d in dims}


def _classes(i: Input) -> tuple[str, ...]:
    return (i.domain.size,) if isinstance(i.domain, Label) and not i.domain.size.isdigit() else ()


def _sorted(dims: Sequence[str], classes: set[str]) -> list[str]:
    """The dimensions in the usual order: examples first, classes last."""
    return sorted(dims, key=lambda d: (d in classes, d.lower() != "n"))


def choices(i: Input, sizes: Mapping[str, int]) -> list[Any]:
    """The possible values of a whole number whose domain lists them."""
    if isinstance(i.domain, Label):
        n = int(i.domain.size) if i.domain.size.isdigit() else sizes[i.domain.size]
        return [*range(n), *([] if i.domain.ignored is None else [i.domain.ignored])]
    return list(getattr(i.domain, "values", ()))


def _labelled(labels: Mapping[str, list[Any]], values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """All patterns of labels."""
    places = [(name, np.shape(values[name]), int(np.size(values[name]))) for name in labels]
    each = [labels[name] for name, _, n in places for _ in range(n)]
    for chosen in product(*each):
        numbers, found = iter(chosen), {}
        for name, shape, n in places:
            found[name] = np.array([*islice(numbers, n)], np.asarray(values[name]).dtype).reshape(shape)[()]
        yield found
