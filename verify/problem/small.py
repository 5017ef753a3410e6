"""Small values of a problem's inputs, drawn from their domains, to examine it and for the first calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.problem.problem import WEIGHTS, Fixed, FromExample, Input, Problem
from verify.problem.sampling import in_dtype, near
from verify.spec.domains import Label, Simplex

IGNORED_ONE_IN = 4
"""One label in this many is ignored, if some may be."""
SIMPLEX_UNIT = 64
"""Numbers of a simplex are multiples of 1/SIMPLEX_UNIT: their sum is 1 in every dtype, in any order."""


def small(problem: Problem, *, size: int = 2, seed: int = 0, dtype: str = "float64", rare: bool = False) -> dict[str, Any]:
    """Values with all dimensions of this size: ordinary numbers, different from each other, or also `rare` ones of the domains.

    Around an example they have its size; for the seed 0 it is the example.
    """
    rng = np.random.default_rng(seed)
    if problem.example is not None:
        moved = {name: near(np.asarray(problem.example[name]), rng) for name in problem.moved if seed}
        return {name: in_dtype(a, dtype) for name, a in {**problem.example, **moved}.items()}
    sizes = dict.fromkeys(problem.dims, size)
    found = {i.name: drawn(i, i.shape(sizes), sizes, rng, dtype, rare=rare) for i in problem.inputs}
    return sound(problem, found)


def different(inputs: Sequence[Input], dtype: str = "float64") -> dict[str, Any]:
    """Values in which no two dimensions have one size, so that shapes identify inputs."""
    names = dict.fromkeys(d for i in inputs for d in (*i.dims, i.domain.size if isinstance(i.domain, Label) else "1") if not d.isdigit())
    sizes, rng = {d: k for k, d in enumerate(names, 3)}, np.random.default_rng(0)
    return {i.name: drawn(i, i.shape(sizes), sizes, rng, dtype) for i in inputs}


def sound(problem: Problem, values: dict[str, Any]) -> dict[str, Any]:
    """The values with at least one kept element: not all labels are ignored, and not all weights of kept ones 0. A mean over nothing is
    undefined.
    """
    counts: Any = True
    for i in problem.inputs:
        if isinstance(i.domain, Label) and i.domain.ignored is not None:
            labels = values[i.name]
            ignored = np.asarray(labels == i.domain.ignored)
            values = values | {i.name: np.where(ignored, 0, labels) if np.all(ignored) else labels}
            counts = ~ignored | np.all(ignored)
    if WEIGHTS in values and not np.any(values[WEIGHTS] * counts):
        return values | {WEIGHTS: np.ones_like(values[WEIGHTS])}
    return values


def drawn(i: Input, shape: tuple[int, ...], sizes: dict[str, int], rng: np.random.Generator, dtype: str, *, rare: bool = False) -> Any:
    """Ordinary numbers of an input's domain, or any of its list."""
    if isinstance(i.domain, FromExample):
        return in_dtype(i.domain.value, dtype)
    raw = rng.integers(0, 256, shape, dtype=np.uint8)
    if i.is_free:
        return np.round(rng.normal(size=shape) * 32).astype(dtype) / np.dtype(dtype).type(32)
    return of_bytes(i, raw if rare else raw % 64, sizes, dtype)


def of_bytes(i: Input, raw: NDArray[np.integer[Any]], sizes: dict[str, int], dtype: str) -> Any:
    """The numbers of bytes, the simplest for 0: for a domain those of its list, for a simplex a row that adds up to 1."""
    if isinstance(i.domain, Label):
        n = int(i.domain.size) if i.domain.size.isdigit() else sizes[i.domain.size]
        labels = raw.astype(np.int64) % n
        return np.asarray(
            labels if i.domain.ignored is None else np.where(raw % IGNORED_ONE_IN == IGNORED_ONE_IN - 1, i.domain.ignored, labels)
        )
    if isinstance(i.domain, Simplex):
        return _rows(raw.astype(np.int64)).astype(dtype)
    if isinstance(i.domain, Fixed):
        return np.full(raw.shape, i.domain.values, dtype)
    assert not isinstance(i.domain, FromExample)  # which an example alone has
    found = np.array(i.domain.values)[raw.astype(np.int64) % len(i.domain.values)]
    return np.asarray(found.astype(np.int64 if i.whole else dtype))


def _rows(parts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Multiples of 1/SIMPLEX_UNIT proportional to the parts, the rest given to the first of the greatest; a corner if all are 0."""
    total = np.maximum(parts.sum(axis=-1, keepdims=True), 1)
    found = parts * SIMPLEX_UNIT // total
    first = np.argmax(parts, axis=-1, keepdims=True)
    rest = SIMPLEX_UNIT - found.sum(axis=-1, keepdims=True)
    np.put_along_axis(found, first, np.take_along_axis(found, first, -1) + rest, -1)
    return np.asarray(found / SIMPLEX_UNIT)
