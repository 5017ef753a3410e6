"""The mixture of cases for an objective: its families, each with its share."""

from __future__ import annotations

from functools import lru_cache

from hypothesis import strategies as st

from verify.cases import inputs
from verify.cases.case import Case
from verify.cases.conversion import adapted, among
from verify.cases.digits import minibatch
from verify.cases.grid import CLASSES, generic, lattice
from verify.cases.kinks import has_kinks, kinks, near_kinks
from verify.cases.shapes import shapes
from verify.cases.tails import tails
from verify.oracle import Oracle, Truth

ORACLES = 8
"""Cached families: of a candidate at one dtype, and at the other values of its parameters."""


@lru_cache(maxsize=ORACLES)
def families(truth: Truth) -> dict[str, tuple[st.SearchStrategy[Case], float]]:
    """The families of the objective, the simplest first, each with its share of the cases.

    Each family has its own search: one search over all of them would follow the greatest strain into one family and hardly examine the
    rest. They are made once for all laws on a candidate, since strategies validate themselves when they are first drawn from.
    """
    if truth.named is not None:
        return _shared(inputs.families(truth.named))
    oracle = truth.scored
    assert oracle is not None
    dtype, fixed = oracle.dtype, oracle.objective.classes
    classes = among(oracle, CLASSES)
    found = {
        "lattice": (lattice(dtype, classes=classes), 0.2),
        "generic": (generic(dtype, classes), 0.2),
        **{name: (strategy, 0.03) for name, strategy in shapes(dtype, None if fixed is None else classes).items()},
        **{name: (strategy, 0.04) for name, strategy in tails(dtype, classes).items()},
        "digits": (minibatch(dtype, fixed), 0.08),
    }
    if has_kinks(oracle):
        found |= {"kink": (kinks(dtype, oracle), 0.2), "near a kink": (near_kinks(dtype, oracle), 0.2)}
    return _shared({name: (_fit(strategy, oracle), share) for name, (strategy, share) in found.items()})


def _shared(found: dict[str, tuple[st.SearchStrategy[Case], float]]) -> dict[str, tuple[st.SearchStrategy[Case], float]]:
    total = sum(share for _, share in found.values())
    return {name: (strategy, share / total) for name, (strategy, share) in found.items()}


def _fit(strategy: st.SearchStrategy[Case], oracle: Oracle) -> st.SearchStrategy[Case]:
    return strategy.map(lambda case: adapted(case, oracle))
