"""The edges of shape and of content: many classes and features, absent classes, rows that repeat, more examples than a block.

Code is often right for ordinary shapes and wrong here: a loop that stops early, a block whose tail is forgotten, a count that is 0.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from verify.cases.case import Case
from verify.cases.grid import CLASSES, Range, lattice, tamed

BLOCK = 64
"""Examples that a blocked implementation may process at once: cases with more test the tail."""
LARGE_CASE_CLASSES, WIDE_CASE_CLASSES = (2, 3), (9, 12)
"""Ranges of classes of a large case and of a wide one."""
DISTINCT_EXAMPLES = 4
"""Distinct examples in a large case. The oracle judges equal ones once, so that size costs little."""


def _one_label(case: Case) -> Case:
    """The case with all examples of one class, so that the others are absent."""
    return case.but(y=np.full_like(case["y"], case["y"][0]))


def _repeated(case: Case) -> Case:
    return case.but(X=np.repeat(case["X"], 2, axis=0), y=np.repeat(case["y"], 2))


def _scaled(case: Case) -> Case:
    """The case with features from 2^-10 to 2^10 in one matrix, and weights to match."""
    powers = np.linspace(-10, 10, case["W"].shape[1] - 1).round() if case["W"].shape[1] > 1 else np.zeros(0)
    X = case["X"].astype(np.float64)
    X[:, :-1] *= 2.0**powers
    return case.but(X=X.astype(case.dtype), W=tamed(case["W"].astype(np.float64), X).astype(case.dtype))


def shapes(dtype: str, fixed: Range | None = None) -> dict[str, st.SearchStrategy[Case]]:
    """A family for each edge: one search over all of them would hardly draw most. With `fixed` classes, their number is kept."""
    classes = fixed or CLASSES
    return {
        "wide": lattice(dtype, family="wide", examples=(1, 3), features=(6, 9), classes=fixed or WIDE_CASE_CLASSES),
        "one label": lattice(dtype, family="one label", classes=classes).map(_one_label),
        "repeated rows": lattice(dtype, family="repeated rows", examples=(1, 3), classes=classes).map(_repeated),
        "scaled features": lattice(dtype, family="scaled features", features=(2, 5), classes=classes).map(_scaled),
        "large": large(dtype, fixed or LARGE_CASE_CLASSES),
    }


def large(dtype: str, classes: Range = LARGE_CASE_CLASSES) -> st.SearchStrategy[Case]:
    """More examples than one block: 65 to 80, unsorted, made of a few distinct ones."""
    return lattice(dtype, family="large", examples=(1, DISTINCT_EXAMPLES), features=(1, 3), classes=classes).map(_many)


def _many(few: Case) -> Case:
    N = BLOCK + 1 + few.seed % 16
    rows: NDArray[np.integer[Any]] = np.random.default_rng(few.seed).integers(0, len(few["X"]), N)
    return few.but(X=few["X"][rows], y=few["y"][rows])
