"""Mini-batches of the embedded digits: real features (scaled to 0..1, with a bias column), real labels."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from verify.cases.case import Case
from verify.cases.grid import REGULARISATIONS
from verify.data import digits

MOST_EXAMPLES = 8
CLASSES = (2, 3, 3, 10)
"""How many of the ten digits a batch contains: mostly few, since every law's cost is proportional to the number of weights."""
WEIGHT_SCALES = (0.0, 2.0**-4, 2.0**-2)


@st.composite
def minibatch(draw: st.DrawFn, dtype: str, fixed: int | None = None) -> Case:
    """1 to MOST_EXAMPLES images of the first C digits, W (C, 65) zero, as training starts, or normal; C classes if they are `fixed`."""
    images, labels = digits()
    C = fixed or draw(st.sampled_from(CLASSES))
    known = np.flatnonzero(labels < C)
    rows = known[draw(st.lists(st.integers(0, len(known) - 1), min_size=1, max_size=MOST_EXAMPLES))]
    X = np.hstack([images[rows] / 16, np.ones((len(rows), 1))])
    seed, scale = draw(st.integers(0, 2**16)), draw(st.sampled_from(WEIGHT_SCALES))
    W = scale * np.random.default_rng(seed).normal(size=(C, X.shape[1]))
    reg = draw(st.sampled_from(REGULARISATIONS))
    values = {"W": W.astype(dtype), "X": X.astype(dtype), "y": labels[rows].astype(np.int64), "reg": reg}
    return Case(values=values, family="digits", seed=seed)
