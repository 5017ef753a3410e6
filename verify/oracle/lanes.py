"""The formula on many examples at once, in double precision: a thousand times as fast as the balls, and it proves nothing.

The bulk search looks at hundreds of thousands of problems through it. What it calls suspect, the balls judge. Where switches tie, each
example's slopes are intervals over the pieces that may be taken, entry by entry: more than the subdifferential, never less.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from functools import reduce
from typing import Any

import numpy as np
import sympy
from flint import arb
from numpy.typing import NDArray

from verify.oracle.formula import Formula, Terms, penalty_formula
from verify.oracle.oracle import Oracle
from verify.oracle.program import RELATIONS, Choice
from verify.rounding import ELEMENTARY, SLACK

Floats = NDArray[np.float64]
Slopes = tuple[dict[int, Terms], dict[int, Terms]]
Bounds = dict[int, tuple[Any, Any, Any]]
"""By variable: the least and the greatest slope of each lane, and the magnitude of its terms."""

TIE = 64.0
"""Unit roundoffs, of the sizes that are compared, within which two pieces tie: a right candidate may see either as the greater."""


def _method(ufunc: Any) -> Callable[[Any], Any]:
    return lambda self: ufunc(self)


def _special(name: str) -> Callable[[Any], Any]:
    def method(self: Any) -> Any:
        from scipy import special  # a tenth of a second, which few formulas need

        return getattr(special, name)(self)

    return method


class Lanes(np.ndarray):
    """One number a lane, with the methods that programs ask of balls."""

    exp, log, sqrt = _method(np.exp), _method(np.log), _method(np.sqrt)
    erf, erfc, lgamma, log_ndtr = _special("erf"), _special("erfc"), _special("gammaln"), _special("log_ndtr")
    sin, cos, tan, atan = _method(np.sin), _method(np.cos), _method(np.tan), _method(np.arctan)
    sinh, cosh, tanh = _method(np.sinh), _method(np.cosh), _method(np.tanh)

    def inverse_mills(self) -> Any:
        """φ/Φ."""
        from scipy import special

        return np.exp(-self * self / 2 - special.log_ndtr(self)) / np.sqrt(2 * np.pi)

    def polygamma(self, n: int) -> Any:
        """The n-th derivative of digamma."""
        from scipy import special

        return special.polygamma(n, self)


@dataclass(frozen=True, kw_only=True)
class Local:
    """ℓ of n lanes with the magnitude of its terms (n,), its slopes `low` to `high` with theirs (n, inputs), and who is `tied` (n,)."""

    value: Floats
    size: Floats
    low: Floats
    high: Floats
    magnitude: Floats
    tied: NDArray[np.bool_]

    def part(self, first: int, last: int) -> Local:
        """Some of the lanes."""
        return Local(**{f.name: getattr(self, f.name)[first:last] for f in fields(self)})


@dataclass(frozen=True, kw_only=True)
class Many:
    """f of B problems and its gradient between `low` and `high`, (B, C, D), each with what a right candidate may be off, about as much
    as the balls allow; `tied` (B,) tells whose gradient is no single one.
    """

    value: Floats
    value_allowed: Floats
    low: Floats
    high: Floats
    allowed: Floats
    tied: NDArray[np.bool_]


Problems = tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.int64], Floats]
"""B problems of one size: W (B, C, D), X (B, N, D), y (B, N), reg (B,)."""


def at(oracle: Oracle, problems: Sequence[Problems]) -> list[Many]:
    """What is about true of problems of several sizes. Examples of as many classes are looked at together."""
    with np.errstate(all="ignore"):
        sums = [(_products(X, W), _products(np.abs(X), np.abs(W))) for W, X, _, _ in problems]
        found: dict[int, Local] = {}
        for C in {W.shape[1] for W, _, _, _ in problems}:
            mine = [i for i, (W, _, _, _) in enumerate(problems) if W.shape[1] == C]
            scores, sizes = (np.concatenate([sums[i][k].reshape(-1, C) for i in mine]) for k in (0, 1))
            together = _losses(oracle, scores, reduce(np.maximum, sizes.T), np.concatenate([problems[i][2].reshape(-1) for i in mine]))
            ends = np.cumsum([problems[i][2].size for i in mine])
            found |= {i: together.part(end - problems[i][2].size, end) for i, end in zip(mine, ends.tolist(), strict=True)}
        return [_summed(oracle, p, found[i], sums[i][1].max((1, 2))) for i, p in enumerate(problems)]


def _products(X: NDArray[np.floating], W: NDArray[np.floating]) -> Floats:
    return np.asarray(X.astype(np.float64) @ W.astype(np.float64).transpose(0, 2, 1))


def _summed(oracle: Oracle, problems: Problems, examples: Local, reach: Floats) -> Many:
    """From what is true of the examples to what is true of their problems; `reach` (B,) are the greatest Σ|w||x|."""
    W, X, _, reg = problems
    (B, N, D), C = X.shape, W.shape[1]
    W, X, share = W.astype(np.float64), X.astype(np.float64), float(np.divide(*oracle.objective.share(N)))
    weights = local(penalty_formula(oracle.objective.penalty), [W.reshape(-1)], np.abs(W).reshape(-1), oracle.u)
    counted = reg[:, None, None] * oracle.penalised(W[0])
    low, high, magnitude = (share * part.reshape(B, N, C).transpose(0, 2, 1) for part in (examples.low, examples.high, examples.magnitude))
    lengths, own = np.abs(X), np.abs(counted) * weights.magnitude.reshape(W.shape)
    middle = (low + high) / 2 @ X + counted * weights.low.reshape(W.shape)
    reach_of_ties = (high - low) / 2 @ lengths if examples.tied.any() else 0.0
    terms, greatest = np.split(np.concatenate([magnitude, magnitude.max(1, keepdims=True)], axis=1) @ lengths, [C], axis=1)
    others = C * oracle.u * greatest  # one class's entry may be computed from the others'
    size = share * (1 + examples.size.reshape(B, N)).sum(1) + (np.abs(counted) * weights.size.reshape(W.shape)).sum((1, 2))
    noise = oracle.u * (N + C + 2 * ELEMENTARY + 2 * reach)  # the grid's scores are exact; what is made of them is not
    tiny = SLACK * oracle.tiny * N * D
    return Many(
        value=share * examples.value.reshape(B, N).sum(1) + (counted * weights.value.reshape(W.shape)).sum((1, 2)),
        value_allowed=SLACK * noise * size + tiny,
        low=middle - reach_of_ties,
        high=middle + reach_of_ties,
        allowed=SLACK * (noise[:, None, None] * (terms + own) + others) + tiny * (1 + lengths.sum(1, keepdims=True)),
        tied=np.asarray(examples.tied.reshape(B, N).any(1)),
    )


def _losses(oracle: Oracle, scores: Floats, reach: Floats, y: NDArray[np.int64]) -> Local:
    """ℓ of every example: scores (n, C), the greatest Σ|w||x| (n,), labels (n,)."""
    groups = {label: np.flatnonzero(y == label) for label in np.unique(y)}
    parts = []
    for label, mine in groups.items():
        inputs = [*scores[mine].T, *map(float, oracle.objective.parameters.values())]
        C, steep = scores.shape[1], oracle.steepest(scores.shape[1], int(label))
        found = local(oracle.formula(C, int(label)), inputs, reach[mine], oracle.u)
        parts.append(replace(found, magnitude=np.maximum(found.magnitude, steep)))
    back = np.empty(len(y), np.int64)
    back[np.concatenate(list(groups.values()))] = np.arange(len(y))
    return Local(**{f.name: np.concatenate([getattr(p, f.name) for p in parts])[back] for f in fields(Local)})


def local(formula: Formula, inputs: Sequence[Any], reach: Floats, u: float) -> Local:
    """A formula at n lanes: its inputs, each (n,) or a number, and the sizes (n,) that its inputs were summed from."""
    n, variables = len(reach), len(formula.lifted.variables)
    run: list[Any] = [np.atleast_1d(np.asarray(x, np.float64)).view(Lanes) for x in inputs]
    masks: list[list[Any]] = []
    tolerance = TIE * u * (1 + reach)
    for op in formula.program.operations:
        args = [run[i] for i in op.args]
        if isinstance(op.apply, Choice):
            value, possible = _chosen(op.apply, args, run, tolerance)
            masks.append(possible)
        else:
            value = op.apply(*args)
        run.append(np.atleast_1d(np.asarray(float(value) if isinstance(value, arb) else value)).view(Lanes))
    inner: list[Bounds] = []
    for pieces, possible in zip(formula.piece_slopes, masks, strict=True):
        inner.append(_hull([_bounds(slopes, run, inner) for slopes in pieces], possible))
    found = _bounds(formula.slopes, run, inner)
    low, high, magnitude = (np.zeros((n, variables)) for _ in range(3))
    for j, parts in found.items():
        low[:, j], high[:, j], magnitude[:, j] = parts
    values = [run[t] for t in formula.value_terms]
    tied = reduce(np.logical_or, (np.sum(possible, axis=0) > 1 for possible in masks), np.zeros(n, bool))
    return Local(
        value=np.asarray(np.broadcast_to(sum(values, np.zeros(n)), n)),
        size=np.asarray(np.broadcast_to(sum(map(np.abs, values), np.zeros(n)), n)),
        low=low,
        high=high,
        magnitude=magnitude,
        tied=tied,
    )


def _chosen(choice: Choice, pieces: Sequence[Any], run: Sequence[Any], tolerance: Floats) -> tuple[Any, list[Any]]:
    """The value of a switch, and for each piece the lanes in which it may be taken."""
    if choice.conditions is None:
        top = reduce(np.maximum, pieces)
        slack = tolerance * (1 + np.abs(top))
        return top, [np.asarray(np.broadcast_to(p >= top - slack, tolerance.shape)) for p in pieces]
    possible, open_ = [], np.ones(tolerance.shape, bool)
    for condition in choice.conditions:
        sure, perhaps = _truth(condition, choice, run, tolerance)
        possible.append(perhaps & open_)
        open_ &= ~sure
    return np.select(possible, [np.broadcast_to(p, tolerance.shape) for p in pieces]), possible


def _truth(c: sympy.Basic, choice: Choice, run: Sequence[Any], tolerance: Floats) -> tuple[Any, Any]:
    """The lanes in which a condition certainly holds, and those in which it may."""
    if c is sympy.true or c is sympy.false:
        return (np.full(tolerance.shape, c is sympy.true),) * 2
    if isinstance(c, (sympy.And, sympy.Or)):
        parts, joined = [_truth(a, choice, run, tolerance) for a in c.args], np.logical_and if isinstance(c, sympy.And) else np.logical_or
        return reduce(joined, (s for s, _ in parts)), reduce(joined, (p for _, p in parts))
    if isinstance(c, sympy.Not):
        sure, perhaps = _truth(c.args[0], choice, run, tolerance)
        return ~perhaps, ~sure
    left, right = (np.asarray(run[choice.registers[side]]) for side in c.args)
    slack = tolerance * (1 + np.abs(left) + np.abs(right))
    compare, _ = RELATIONS[type(c)]
    down, up = compare(left, right - slack), compare(left, right + slack)
    return down & up, down | up


def _bounds(slopes: Slopes, run: Sequence[Any], inner: Sequence[Bounds]) -> Bounds:
    """The chain rule through the switches, with intervals."""
    found: Bounds = {}
    for j, terms in slopes[0].items():
        total = sum(run[t] for t in terms)
        found[j] = total, total, sum(abs(run[t]) for t in terms)
    for k, terms in slopes[1].items():
        weight = sum(run[t] for t in terms)
        for j, (low, high, size) in inner[k].items():
            a, b, old = weight * low, weight * high, found.get(j, (0.0, 0.0, 0.0))
            found[j] = old[0] + np.minimum(a, b), old[1] + np.maximum(a, b), old[2] + np.abs(weight) * size
    return found


NOTHING = 0.0, 0.0, 0.0


def _hull(pieces: Sequence[Bounds], possible: Sequence[Any]) -> Bounds:
    """From the least to the greatest slope over the pieces that may be taken."""
    found: Bounds = {}
    for j in {j for piece in pieces for j in piece}:
        (low, high, size), after = pieces[-1].get(j, NOTHING), possible[-1]
        for piece, mask in zip(pieces[-2::-1], possible[-2::-1], strict=True):
            a, b, s = piece.get(j, NOTHING)
            low = np.where(mask, np.where(after, np.minimum(a, low), a), low)
            high = np.where(mask, np.where(after, np.maximum(b, high), b), high)
            size, after = np.where(mask, np.where(after, np.maximum(s, size), s), size), after | mask
        found[j] = low, high, size
    return found
