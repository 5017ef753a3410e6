"""The formula on many examples at once, in double precision: a thousand times as fast as balls, but without proof.

The bulk search uses it on hundreds of thousands of problems; its suspects are judged by balls. On ties, each example's slopes are intervals
over the possible pieces, entry by entry: a superset of the subdifferential.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import reduce
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.oracle.formula import Formula, Slopes, penalty_formula
from verify.oracle.oracle import Oracle
from verify.rounding import ELEMENTARY, SLACK
from verify.tape import floats
from verify.tape.primitives import COMPARISONS, PRIMITIVES

Floats = NDArray[np.float64]
Bounds = dict[int, tuple[Any, Any, Any]]
"""By variable: the least and the greatest slope of each lane, and the magnitude of its terms."""

TIE = 64.0
"""Unit roundoffs, relative to the compared sizes, within which two pieces tie: a right candidate may take either as the greater."""


@dataclass(frozen=True, kw_only=True)
class Local:
    """ℓ of n lanes with the magnitude of its terms (n,), its slopes `low` to `high` with theirs (n, inputs), and which lanes are `tied`
    (n,).
    """

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
class Vectorised:
    """f of B problems and its gradient between `low` and `high`, each of the shape of the point, with the error bounds of a right
    candidate, about as large as with balls; `tied` (B,) says whose gradient is not unique.
    """

    value: Floats
    value_allowed: Floats
    low: Floats
    high: Floats
    allowed: Floats
    tied: NDArray[np.bool_]


Problems = Mapping[str, NDArray[Any]]
"""B problems of one size by the names of their values: W (B, C, D), X (B, N, D), y (B, N), reg (B,); or scores (B, N, C) and y."""


def at(oracle: Oracle, problems: Sequence[Problems]) -> list[Vectorised]:
    """The approximate truth for problems of several sizes. Examples with the same number of classes are evaluated together."""
    with np.errstate(all="ignore"):
        form = oracle.objective.form
        sums = [(form.scores(form.double(p)), form.scores(form.sizes(p))) for p in problems]
        labels = [p["y"].reshape(-1) for p in problems]
        found: dict[int, Local] = {}
        for C in {scores.shape[2] for scores, _ in sums}:
            mine = [i for i, (scores, _) in enumerate(sums) if scores.shape[2] == C]
            scores, sizes = (np.concatenate([sums[i][k].reshape(-1, C) for i in mine]) for k in (0, 1))
            together = _losses(oracle, scores, reduce(np.maximum, sizes.T), np.concatenate([labels[i] for i in mine]))
            ends = np.cumsum([labels[i].size for i in mine])
            found |= {i: together.part(end - labels[i].size, end) for i, end in zip(mine, ends.tolist(), strict=True)}
        return [_summed(oracle, p, found[i], sums[i][1]) for i, p in enumerate(problems)]


def _penalised(oracle: Oracle, p: Problems) -> tuple[Any, Any, Any, Any]:
    """λR (B,), the size of its terms, its slopes (B, C, D), and the sizes of theirs."""
    if not oracle.objective.form.is_penalised:
        return 0.0, 0.0, 0.0, 0.0
    W = p["W"].astype(np.float64)
    weights = local(penalty_formula(oracle.objective.penalty), [W.reshape(-1)], np.abs(W).reshape(-1), oracle.u)
    counted = p["reg"][:, None, None] * oracle.penalised(p["W"][0])
    value, size = ((c * part.reshape(W.shape)).sum((1, 2)) for c, part in ((counted, weights.value), (np.abs(counted), weights.size)))
    return value, size, counted * weights.low.reshape(W.shape), np.abs(counted) * weights.magnitude.reshape(W.shape)


def _summed(oracle: Oracle, p: Problems, examples: Local, sizes: NDArray[np.floating]) -> Vectorised:
    """From the truth of the examples to that of their problems; `sizes` (B, N, C) are Σ|w||x|."""
    form, (B, N, C) = oracle.objective.form, sizes.shape
    here, lengths = form.double(p), form.sizes(p)
    share, reach = float(np.divide(*oracle.objective.share(N))), sizes.max((1, 2))
    penalty, penalty_size, penalty_slope, own = _penalised(oracle, p)
    low, high, magnitude = (share * part.reshape(B, N, C) for part in (examples.low, examples.high, examples.magnitude))
    middle = form.gradient(here, (low + high) / 2) + penalty_slope
    reach_of_ties = form.gradient(lengths, (high - low) / 2) if examples.tied.any() else 0.0
    terms, greatest, steps = (form.gradient(lengths, part) for part in (magnitude, magnitude.max(2, keepdims=True), np.ones((B, N, 1))))
    others = C * oracle.u * greatest  # one class's entry may be computed from the others'
    size = share * (1 + examples.size.reshape(B, N)).sum(1) + penalty_size
    noise = oracle.u * (N + C + 2 * ELEMENTARY + 2 * reach)  # the grid's scores are exact; results computed from them are not
    tiny = SLACK * oracle.tiny * N * (terms[0].size // C)
    return Vectorised(
        value=share * examples.value.reshape(B, N).sum(1) + penalty,
        value_allowed=SLACK * noise * size + tiny,
        low=middle - reach_of_ties,
        high=middle + reach_of_ties,
        allowed=SLACK * (noise[:, None, None] * (terms + own) + others) + tiny * (1 + steps),
        tied=np.asarray(examples.tied.reshape(B, N).any(1)),
    )


def _losses(oracle: Oracle, scores: Floats, reach: Floats, y: NDArray[np.int64]) -> Local:
    """ℓ of every example: scores (n, C), the greatest Σ|w||x| (n,), labels (n,)."""
    if oracle.objective.loss.domain:
        return _of_any_target(oracle, scores, reach, y)
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


def _of_any_target(oracle: Oracle, scores: Floats, reach: Floats, y: NDArray[np.int64]) -> Local:
    """ℓ of every example if the target is a constant of one formula."""
    labels, where = np.unique(y, return_inverse=True)
    numbers = np.array([oracle.numbers(int(label)) for label in labels])
    steep = np.array([oracle.steepest(1, int(label)) for label in labels])
    found = local(oracle.formula(1, 0), [scores[:, 0], *numbers[where].T], reach, oracle.u)
    return replace(found, magnitude=np.maximum(found.magnitude, steep[where]))


def local(formula: Formula, inputs: Sequence[Any], reach: Floats, u: float) -> Local:
    """A formula at n lanes: its inputs, each (n,) or a number, and the sizes (n,) of the sums that gave its inputs."""
    n, variables = len(reach), formula.arity
    given = [np.broadcast_to(np.asarray(x, np.float64), n) for x in inputs]
    run: Any = floats.run(formula.tape, np.stack(given))
    masks = _masks(formula, run, TIE * u * (1 + reach))
    inner: list[Bounds] = []
    for register, pieces in zip(formula.switches, formula.piece_slopes, strict=True):
        inner.append(_hull([_bounds(slopes, run, inner) for slopes in pieces], masks[register]))
    found = _bounds(formula.slopes, run, inner)
    low, high, magnitude = (np.zeros((n, variables)) for _ in range(3))
    for j, parts in found.items():
        low[:, j], high[:, j], magnitude[:, j] = parts
    values = run[list(formula.value_terms)]
    tied = reduce(np.logical_or, (np.sum(possible, axis=0) > 1 for possible in masks.values()), np.zeros(n, bool))
    return Local(value=values.sum(0), size=np.abs(values).sum(0), low=low, high=high, magnitude=magnitude, tied=tied)


def _masks(formula: Formula, run: Floats, tolerance: Floats) -> dict[int, list[Any]]:
    """The lanes in which each piece of each switch may be taken."""
    truths: dict[int, tuple[Any, Any]] = {}
    found: dict[int, list[Any]] = {}
    for i in formula.value_tape.instructions:
        if i.row.form == "comparison":
            truths |= {k: _truth(i.op, ins, truths, run, tolerance) for k, ins in i.elements}
        elif i.op == "where":
            for k, (condition, *_) in i.elements:
                sure, perhaps = truths[condition]
                found[k] = [perhaps, ~sure]
        elif i.row.form == "switch":
            for k, pieces in i.choices:
                values = [(-s if i.op == "min" else s) * run[r] for r, s in pieces]
                top = reduce(np.maximum, values)
                slack = tolerance * (1 + np.abs(top))
                found[k] = [v >= top - slack for v in values]
    return found


def _truth(op: str, ins: tuple[int, ...], truths: dict[int, tuple[Any, Any]], run: Floats, tolerance: Floats) -> tuple[Any, Any]:
    """The lanes in which a condition certainly holds, and those in which it may."""
    if op == "not":
        sure, perhaps = truths[ins[0]]
        return ~perhaps, ~sure
    if op not in COMPARISONS:
        joined = np.logical_and if op == "and" else np.logical_or
        (a, b), (c, d) = (truths[k] for k in ins)
        return joined(a, c), joined(b, d)
    left, right = (run[k] for k in ins)
    slack = tolerance * (1 + np.abs(left) + np.abs(right))
    compare = PRIMITIVES[op].floats
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
    """The range from the least to the greatest slope over the possible pieces."""
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
