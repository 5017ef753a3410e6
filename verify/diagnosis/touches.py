"""What may be done to a finished gradient, or to a part of it: another order, the transpose, a function of its entries."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from verify.diagnosis.change import Added, Change, told_by
from verify.diagnosis.scene import Floats, Scene
from verify.diagnosis.vocabulary import Vocabulary
from verify.diagnosis.words import Axes, Coefficient, Told

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
"""In words with places for the names of the axes."""

TRANSPOSES: dict[str, Function] = {
    "read": lambda G: G.T.reshape(G.shape),
    "written": lambda G: G.reshape(G.shape[::-1]).T,
}
"""The numbers of the transpose, in the shape of the gradient."""

TOUCHES: dict[str, Function] = {
    "its absolute value": np.abs,
    "its sign": np.sign,
    "divided by its norm": lambda G: G / (np.linalg.norm(G) or 1.0),
    "clipped to [−1, 1]": lambda G: np.clip(G, -1, 1),
    "divided by its greatest entry": lambda G: G / (np.max(np.abs(G), initial=0.0) or 1.0),
    "without its negative entries": lambda G: np.maximum(G, 0),
    "its square": lambda G: G * G,
    "centred over the classes": lambda G: G - G.mean(axis=0),
    "centred over the {across}": lambda G: G - G.mean(axis=1, keepdims=True),
}

DONE: dict[str, dict[str, Function]] = {"permuted": ORDERS, "transposed": TRANSPOSES, "touched": TOUCHES}
"""What may be done to a finished gradient, or to a part of it."""


def done(name: str, matrix: Floats, kinds: Sequence[str] = tuple(DONE)) -> Added:
    """Everything of these kinds that may be done to a matrix."""
    for kind in kinds:
        for how, function in DONE[kind].items():
            yield Change(kind, name, how), function(matrix) - matrix


ORDERS_OF_ROWS = frozenset(how for how in ORDERS if "{rows}" in how)
CODES = {"divided by its norm": "scaled", "divided by its greatest entry": "scaled", "clipped to [−1, 1]": "clipped"}
"""Of what is done to the entries; the rest are `entries`."""


def tell(axes: Axes, name: str, change: Change) -> Told:
    """What was done to a matrix that is called so, and whose rows and columns are."""
    if change.kind == "transposed":
        return Told("transposed", f"{name} is transposed: its numbers stand in the order of the transpose")
    if change.kind == "permuted":
        return Told("class-swapped" if change.how in ORDERS_OF_ROWS else "entries", f"{name} has its {axes.told(change.how)}")
    return Told(CODES.get(change.how, "entries"), f"in place of {name} stands: {axes.told(change.how)}")


def _done(v: Vocabulary, change: Change, _: Coefficient) -> Told:
    return tell(v.axes, v.names.get(change.part, change.part), change)


def _features(_: Vocabulary, change: Change, c: Coefficient) -> Told:
    return Told("entries", f"the data gradient is taken with {change.how} in place of the features")


@told_by({"permuted": _done})
def permuted(scene: Scene) -> Added:
    """Rows or columns in another order."""
    roles = {str(role): scene.sum_of(dS) for role, dS in scene.by_role.items()}
    for name, matrix in (scene.parts | roles).items():
        yield from done(name, matrix, ["permuted"])


@told_by({"transposed": _done})
def transposed(scene: Scene) -> Added:
    """The numbers of the transpose."""
    for name in ("whole", "data", "penalty"):
        yield from done(name, scene.parts[name], ["transposed"])


@told_by({"touched": _done})
def touched(scene: Scene) -> Added:
    """Something done to the finished gradient."""
    for name in ("whole", "data"):
        yield from done(name, scene.parts[name], ["touched"])


@told_by({"features": _features})
def featured(scene: Scene) -> Added:
    """Something done to the features."""
    yield Change("features", "data", "ones"), scene.sum_of(scene.all_slopes, np.ones_like(scene.X)) - scene.data
    yield Change("features", "data", "squares"), scene.sum_of(scene.all_slopes, scene.X**2) - scene.data
    yield Change("features", "data", "absolute values"), scene.sum_of(scene.all_slopes, np.abs(scene.X)) - scene.data


@told_by({"touched": _done})
def summed(scene: Scene) -> Added:
    """Of scores: what belongs to all examples, for each of them."""
    total = np.broadcast_to(scene.data.sum(axis=1, keepdims=True), scene.shape)
    for how, instead in (("its sum over the examples", total), ("its mean over the examples", total / scene.N)):
        yield Change("touched", "data", how), instead - scene.data
