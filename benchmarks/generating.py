"""Test cases a second: one byte string decoded to a dyadic grid, and Hypothesis' arrays of floats of the same sizes; then the engine's way
from nothing to the smallest case on an exact kink, and the problems of a bulk search, each asked of a candidate and compared.
"""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from verify.benchmarks.peers import LOSSES, kernel

from verify import bulk
from verify.bench.table import Setup, Table
from verify.candidates import Linear
from verify.cases import Case
from verify.cases.bulk import ROUND, batches
from verify.cases.grid import lattice
from verify.laws import LAWS, Subject
from verify.oracle import Oracle
from verify.spec.catalogue import find_loss, find_penalty
from verify.spec.objective import Objective


def _work(strategy: Any, examples: int) -> Callable[[], None]:
    @settings(max_examples=examples, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(strategy)
    def look(_: Any) -> None:
        pass

    return look


def _shrinking() -> None:
    """Finds an exact kink of the hinge, and the smallest case that has one."""

    @settings(database=None, deadline=None, phases=[Phase.generate, Phase.shrink], report_multiple_bugs=False, print_blob=False)
    @seed(0)
    @given(lattice("float64"))
    def never(case: Case) -> None:
        S, rows = case["X"] @ case["W"].T, np.arange(len(case["y"]))
        margins = S - S[rows, case["y"]][:, None] + 1
        margins[rows, case["y"]] = 1
        assert np.all(margins)

    with suppress(AssertionError):
        never()


def _in_bulk(loss: str) -> tuple[Callable[[], Any], int]:
    """A bulk search for a wrong gradient of the core, and how many problems it asks."""
    oracle = Oracle(Objective(loss=find_loss(LOSSES[loss]), penalty=find_penalty("l2")), "float64")
    subject = Subject(candidate=Linear(f=kernel(loss)), oracle=oracle)
    problems = sum(len(b.raw) for b in batches(oracle, seed=0, examples=bulk.examples_of(subject), rounds=bulk.ROUNDS["ci"]))
    return lambda: list(bulk.search(LAWS["gradient"], subject, profile="ci", seed=0, watch=lambda _: None)), problems


def setups(smoke: bool) -> Iterator[Setup]:
    """W (3, 5), X (10, 5), y (10,); then others."""
    examples = 5 if smoke else 200
    finite = st.floats(-8, 8)
    floats = st.tuples(
        arrays(np.float64, (3, 5), elements=finite),
        arrays(np.float64, (10, 5), elements=finite),
        arrays(int, 10, elements=st.integers(0, 2)),
    )
    grid = lattice("float64", examples=(10, 10), features=(5, 5), classes=(3, 3))
    works = {"one byte string": grid, "arrays of floats": floats, "the bytes alone": st.binary(min_size=85, max_size=85)}
    yield Setup(label=f"{examples} examples", contestants={n: _work(s, examples) for n, s in works.items()}, problems=examples)
    yield Setup(label="to the smallest case on an exact kink", contestants={"one byte string": _shrinking})
    for loss in LOSSES:
        work, problems = _in_bulk(loss)
        label = f"{loss}, {problems:,} problems of {ROUND} sizes in bulk, per problem"
        yield Setup(label=label, contestants={"generate, ask, compare": work}, problems=problems)


TABLE = Table(name="generating", title="Test cases, per example", setups=setups)
