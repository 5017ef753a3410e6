"""The cases that distinguish explanations: fixed ones, whatever broke the law, so that a bug always gets the same name.

Sizes differ from each other in every case, so that a factor of N is not one of C or D; labels are unsorted and repeated, and the penalty
matters in all but one. On the few small cases of a search most wrong gradients look alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from verify.cases import Case
from verify.cases.conversion import adapted, one_score
from verify.cases.kinks import has_kinks, tie
from verify.cases.shapes import BLOCK
from verify.cases.tails import OFFSETS, SPREADS
from verify.diagnosis.decomposition import Decomposition
from verify.form import form_of
from verify.oracle import Oracle
from verify.spec import Objective

ORDINARY = (
    # N, C, D, λ
    (3, 4, 2, 0.5),
    (4, 3, 5, 0.75),
    (5, 3, 2, 0.3125),
    (2, 5, 3, 1.5),
    (6, 4, 3, 0.375),
    (7, 4, 5, 0.625),
    (5, 4, 2, 0.0),
    (2, 3, 4, 1.25),
    (8, 3, 4, 0.875),
)
"""Sizes and λ of cases without special properties."""

SMALL = (
    (1, 3, 2, 0.5),
    (1, 4, 3, 0.75),
    (3, 2, 4, 0.5),
    (6, 2, 3, 1.5),
    (4, 3, 1, 0.75),
    (2, 4, 1, 0.5),
    (1, 9, 2, 0.625),
    (3, 4, 9, 0.5),
    (1, 9, 3, 0.75),
)
"""One example, two classes, one feature, many classes, many features."""

ON_KINKS = ((1, 3, 2, 0.5), (2, 4, 3, 0.75), (3, 5, 2, 0.25), (4, 4, 2, 0.0), (2, 2, 3, 1.5), (1, 4, 2, 0.5))
MOST_TIES = 3
DISTINCT = 4


Sizes = tuple[int, int, int, float]
"""N, C, D and λ."""


@lru_cache(maxsize=16)
def ordinary(objective: Objective, dtype: str) -> tuple[Decomposition, ...]:
    """Cases with full mantissas, scores of about one margin, and no kink nearby."""
    return _scenes(objective, dtype, [drawn(seed, *sizes, dtype) for seed, sizes in enumerate(_of(objective, ORDINARY))])


@lru_cache(maxsize=16)
def special(objective: Objective, dtype: str) -> tuple[Decomposition, ...]:
    """Two or more cases of everything that code often gets right or wrong separately."""
    cases = [drawn(20 + seed, *sizes, dtype) for seed, sizes in enumerate(_of(objective, SMALL))]
    # One label for each C: each has a formula of its own to compile.
    labels = {len(c["W"]): c["y"][:1] for c in reversed(cases) if len(c["X"]) == 1}
    cases = [c.but(y=labels[len(c["W"])]) if len(c["X"]) == 1 else c for c in cases]
    for seed in (40, 41):
        base = drawn(seed, 4 + seed % 2, C := objective.classes or 3, 3, 0.75, dtype)
        cases += [
            of_size(base, 2 * BLOCK - 1 - seed % 2),  # blocks of every size leave another rest
            of_size(base, BLOCK // 2),
            base.but(y=np.full_like(base["y"], seed % C)),
            base.but(y=np.where(base["y"] == seed % C, (base["y"] + 1) % C, base["y"])),
            base.but(W=np.zeros_like(base["W"])),
            base.but(reg=0.0),
            base.but(X=np.repeat(base["X"], 2, axis=0), y=np.repeat(base["y"], 2)),
            off(base, OFFSETS[dtype][0]),
            off(base, -OFFSETS[dtype][0]),
            off(base, OFFSETS[dtype][-1]),
            apart(base, SPREADS[dtype][0]),
            apart(base, SPREADS[dtype][-1]),
        ]
    return _scenes(objective, dtype, cases)


@lru_cache(maxsize=16)
def of_each_kind(objective: Objective, dtype: str) -> tuple[Decomposition, ...]:
    """One special case of each kind, without those of many examples: enough to find a condition where nothing is explained."""
    there = special(objective, dtype)
    return tuple(s for s in (*there[: len(SMALL) : 2], *there[len(SMALL) : len(SMALL) + KINDS]) if s.N < BLOCK // 2)


KINDS = 12
"""Special cases made from one ordinary case."""


@lru_cache(maxsize=16)
def on_kinks(objective: Objective, dtype: str) -> tuple[Decomposition, ...]:
    """Points with one to MOST_TIES switches exactly at 0, on a dyadic grid; none where the loss has no switches."""
    oracle = Oracle(objective, dtype)
    return _scenes(
        objective, dtype, [_tied(oracle, seed, *s) for seed, s in enumerate(_of(objective, ON_KINKS))] if has_kinks(oracle) else []
    )


def _of(objective: Objective, sizes: Sequence[Sizes]) -> list[Sizes]:
    """The sizes with the number of classes that a candidate supports, if there is only one."""
    return [(N, objective.classes or C, D, reg) for N, C, D, reg in sizes]


def _scenes(objective: Objective, dtype: str, cases: list[Case]) -> tuple[Decomposition, ...]:
    oracle = Oracle(objective, dtype)
    return tuple(Decomposition(oracle, adapted(c, oracle)) for c in cases)


def drawn(seed: int, N: int, C: int, D: int, reg: float, dtype: str) -> Case:
    """A case of these sizes; every class has an example if N allows it."""
    rng = np.random.default_rng(seed)
    W, X = rng.normal(size=(C, D)), rng.normal(size=(N, D))
    X[:, -1] = 1
    y = rng.permutation(np.concatenate([rng.permutation(C)[:N], rng.integers(0, C, max(0, N - C))]))
    return Case(values={"W": W.astype(dtype), "X": X.astype(dtype), "y": y.astype(np.int64), "reg": reg}, family="panel", seed=seed)


def of_sizes(decomposition: Decomposition) -> tuple[Decomposition, ...]:
    """Ordinary cases that each share one of the decomposition's sizes, or its λ, two for each."""
    N, C, D = min(decomposition.N, 2 * BLOCK), decomposition.C, decomposition.shape[1]
    sizes = [(4, 3, D), (5, 4, D), (4, C, 3), (5, C, 4)] if decomposition.targets is None else [(4, 1, D), (5, 1, D)]
    objective, dtype = decomposition.oracle.objective, decomposition.oracle.dtype
    some: list[Sizes] = [(*size, 0.75) for size in sizes]
    few: list[Sizes] = [(5 - seed, 3 + seed, 4 + seed, decomposition.reg) for seed in range(2)]
    cases = [drawn(60 + seed, *size, dtype) for seed, size in enumerate(_of(objective, some) if decomposition.targets is None else some)]
    if decomposition.reg > 0:
        cases += [drawn(66 + seed, *size, dtype) for seed, size in enumerate(_of(objective, few))]
    others: list[Sizes] = [(4, 3 + seed, 4 - seed, 0.625) for seed in range(2)]
    cases += [of_size(drawn(70 + seed, *size, dtype), N) for seed, size in enumerate(_of(objective, others))]
    return _scenes(objective, dtype, cases)


def of_size(base: Case, N: int) -> Case:
    """A case of N examples, made of a few distinct ones: the oracle judges equal ones once."""
    rows: NDArray[np.intp] = np.random.default_rng(N).integers(0, min(DISTINCT, len(base["y"])), N)
    return base.but(**form_of(base.values).of_examples(base.values, rows))


def off(base: Case, by: float) -> Case:
    """The case with the same offset in every score."""
    return base.but(**form_of(base.values).lifted(base.values, slice(None), by))


def apart(base: Case, reach: float) -> Case:
    """The case with weights times the power of two that spreads the scores of an example by about `reach`."""
    spread = float(np.max(np.ptp(base["X"].astype(np.float64) @ base["W"].astype(np.float64).T, axis=1)))
    return base.but(W=np.asarray(base["W"] * base["W"].dtype.type(2.0 ** np.floor(np.log2(reach / spread)))))


def _tied(oracle: Oracle, seed: int, N: int, C: int, D: int, reg: float) -> Case:
    rng = np.random.default_rng(seed)
    weights, features = rng.integers(-8, 9, (C, D)) / 8, rng.integers(-8, 9, (N, D)) / 8
    features[:, -1] = 1
    values = {"W": weights.astype(oracle.dtype), "X": features.astype(oracle.dtype), "y": rng.integers(0, C, N), "reg": reg}
    base = one_score(Case(values=values, family="panel", seed=seed), oracle)
    W = base["W"].copy()
    tie(oracle, W, base["X"], base["y"], (k % N for k in range(MOST_TIES)), rng)
    return base.but(W=W)
