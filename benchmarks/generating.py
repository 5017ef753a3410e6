"""Test cases a second: one byte string decoded to a dyadic grid, and Hypothesis' arrays of floats of the same sizes."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from verify.bench.table import Setup, Table
from verify.cases.grid import lattice


def _work(strategy: Any, examples: int) -> Callable[[], None]:
    @settings(max_examples=examples, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(strategy)
    def look(_: Any) -> None:
        pass

    return look


def setups(smoke: bool) -> Iterator[Setup]:
    """W (3, 5), X (10, 5), y (10,)."""
    examples = 5 if smoke else 200
    finite = st.floats(-8, 8)
    floats = st.tuples(
        arrays(np.float64, (3, 5), elements=finite),
        arrays(np.float64, (10, 5), elements=finite),
        arrays(int, 10, elements=st.integers(0, 2)),
    )
    grid = lattice("float64", examples=(10, 10), features=(5, 5), classes=(3, 3))
    works = {"one byte string": grid, "arrays of floats": floats, "one integer": st.integers(0, 9)}
    yield Setup(label=f"{examples} examples", contestants={n: _work(s, examples) for n, s in works.items()}, problems=examples)


TABLE = Table(name="generating", title="Test cases, per example", setups=setups)
