"""The kill tables of several specs and dtypes, on worker processes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from verify.campaign.workers import each
from verify.errors import unknown
from verify.laws import LAWS
from verify.oracle import InstanceOracle, Oracle
from verify.oracle.loss_claims import examine
from verify.oracle.problem_claims import examine_problem
from verify.power import measure, measure_inputs
from verify.problem import Instance
from verify.problem.named import problem_named
from verify.profiles import DTYPES
from verify.spec import Objective
from verify.spec.catalogue import find_loss, find_penalty, find_spec
from verify.spec.catalogue import names as known_names


def tables(
    names: Sequence[str] | None, *, penalty: str, dtypes: Sequence[str], profile: str, seed: int, laws: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """One table for each loss (all shipped ones if None) and dtype. Raises UsageError for names that do not exist."""
    chosen = list(known_names() if names is None else names)
    for name in chosen:
        find_spec(name)
    find_penalty(penalty)
    for kind, given, known in (("dtype", dtypes, DTYPES), ("law", laws or (), LAWS)):
        for name in given:
            if name not in known:
                raise unknown(kind, name, known)
    return each(_table, [(loss, penalty, dtype, profile, seed, laws) for loss in chosen for dtype in dtypes])


def _table(loss: str, penalty: str, dtype: str, profile: str, seed: int, laws: Sequence[str] | None) -> dict[str, Any]:
    problem = problem_named(loss)
    if problem is not None:
        examine_problem(problem)
        return measure_inputs(InstanceOracle(Instance(problem=problem), dtype), profile=profile, seed=seed, laws=laws).to_dict()
    examine(find_loss(loss))
    oracle = Oracle(Objective(loss=find_loss(loss), penalty=find_penalty(penalty)), dtype)
    return measure(oracle, profile=profile, seed=seed, laws=laws).to_dict()
