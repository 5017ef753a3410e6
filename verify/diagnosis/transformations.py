"""Transformations of a finished gradient, or of a part of it: another order, the transpose, a function of its entries."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from verify.diagnosis.change import Added, Change, Mutation, with_sentences
from verify.diagnosis.decomposition import Decomposition, Floats
from verify.diagnosis.vocabulary import Vocabulary
from verify.diagnosis.wording import Axes, Coefficient, Message
from verify.terms import Reference

Function = Callable[[Floats], Floats]


def _swapped(G: Floats) -> Floats:
    return G[[1, 0, *range(2, len(G))]] if len(G) > 1 else G


ORDERS: dict[str, Function] = {
    "{rows} moved down": lambda G: np.roll(G, 1, axis=0),
    "{rows} moved up": lambda G: np.roll(G, -1, axis=0),
    "{rows} reversed": lambda G: G[::-1],
    "{columns} moved right": lambda G: np.roll(G, 1, axis=1),
    "{columns} moved left": lambda G: np.roll(G, -1, axis=1),
    "{columns} reversed": lambda G: G[:, ::-1],
    "first two {rows} swapped": _swapped,
    "last two {rows} swapped": lambda G: _swapped(G[::-1])[::-1],
}
"""In words with placeholders for the names of the axes."""

TRANSPOSES: dict[str, Function] = {
    "read": lambda G: G.T.reshape(G.shape),
    "written": lambda G: G.reshape(G.shape[::-1]).T,
}
"""The numbers of the transpose, in the shape of the gradient."""

NORMED, SCALED, CLIPPED = "{part} is divided by its norm", "{part} is divided by its greatest entry", "{part} is clipped to [−1, 1]"
TOUCHES: dict[str, Function] = {
    "in place of {part} stands its absolute value": np.abs,
    "in place of {part} stands its sign": np.sign,
    NORMED: lambda G: G / (np.linalg.norm(G) or 1.0),
    CLIPPED: lambda G: np.clip(G, -1, 1),
    SCALED: lambda G: G / (np.max(np.abs(G), initial=0.0) or 1.0),
    "the negative entries of {part} are set to 0": lambda G: np.maximum(G, 0),
    "in place of {part} stands its square": lambda G: G * G,
    "the mean over the classes is subtracted from {part}": lambda G: G - G.mean(axis=0),
    "the mean over the {across} is subtracted from {part}": lambda G: G - G.mean(axis=1, keepdims=True),
}

DONE: dict[str, dict[str, Function]] = {"permuted": ORDERS, "transposed": TRANSPOSES, "touched": TOUCHES}
"""Transformations of a finished gradient, or of a part of it."""


def done(name: str, matrix: Floats, kinds: Sequence[str] = tuple(DONE)) -> Added:
    """All transformations of these kinds, applied to a matrix."""
    for kind in kinds:
        for how, function in DONE[kind].items():
            yield Change(kind, name, how), function(matrix) - matrix


ORDERS_OF_ROWS = frozenset(how for how in ORDERS if "{rows}" in how)
CODES = {NORMED: "scaled", SCALED: "scaled", CLIPPED: "clipped"}
"""Codes of functions of the entries; the rest are `entries`."""


def message_of(axes: Axes, name: str, change: Change) -> Message:
    """The message on a transformed matrix of this name, with the names of its axes."""
    if change.kind == "transposed":
        return Message("transposed", f"{name} is transposed: its numbers stand in the order of the transpose")
    if change.kind == "permuted":
        return Message("class-swapped" if change.how in ORDERS_OF_ROWS else "entries", f"{name} has its {axes.filled(change.how)}")
    return Message(CODES.get(change.how, "entries"), axes.filled(change.how, part=name))


def _done(v: Vocabulary, change: Change, _: Coefficient) -> Message:
    return message_of(v.axes, v.names.get(change.part, change.part), change)


def _features(_: Vocabulary, change: Change, c: Coefficient) -> Message:
    return Message("entries", f"the data gradient is taken with {change.how} in place of the features")


def _mutated_order(reference: Reference) -> Iterator[Mutation]:
    for role in reference.roles if reference.has_classes else ():
        yield Mutation(f"{role} given to the next class", "term", Change("permuted", str(role), "{rows} moved down"))


@with_sentences({"permuted": _done}, _mutated_order)
def permuted(decomposition: Decomposition) -> Added:
    """Rows or columns in another order."""
    roles = {str(role): decomposition.sum_of(dS) for role, dS in decomposition.by_role.items()}
    for name, matrix in (decomposition.parts | roles).items():
        yield from done(name, matrix, ["permuted"])


@with_sentences({"transposed": _done})
def transposed(decomposition: Decomposition) -> Added:
    """The transposed gradient."""
    for name in ("whole", "data", "penalty"):
        yield from done(name, decomposition.parts[name], ["transposed"])


@with_sentences({"touched": _done})
def transformed(decomposition: Decomposition) -> Added:
    """Functions of the finished gradient's entries."""
    for name in ("whole", "data"):
        yield from done(name, decomposition.parts[name], ["touched"])


@with_sentences({"features": _features})
def featured(decomposition: Decomposition) -> Added:
    """Transformations of the features."""
    yield (
        Change("features", "data", "ones"),
        decomposition.sum_of(decomposition.all_slopes, np.ones_like(decomposition.X)) - decomposition.data,
    )
    yield Change("features", "data", "squares"), decomposition.sum_of(decomposition.all_slopes, decomposition.X**2) - decomposition.data
    yield (
        Change("features", "data", "absolute values"),
        decomposition.sum_of(decomposition.all_slopes, np.abs(decomposition.X)) - decomposition.data,
    )


@with_sentences({"touched": _done})
def summed(decomposition: Decomposition) -> Added:
    """The sum over all examples in place of each example's part, for functions of scores."""
    total = np.broadcast_to(decomposition.data.sum(axis=1, keepdims=True), decomposition.shape)
    for how, instead in (("sum", total), ("mean", total / decomposition.N)):
        yield Change("touched", "data", f"in place of {{part}} stands its {how} over the examples"), instead - decomposition.data
