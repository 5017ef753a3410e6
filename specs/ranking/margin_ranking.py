"""Margin ranking: ℓ(a, b, t) = mean of max(0, m − t(a − b)), t ∈ {−1, 1}."""

import numpy as np

from verify.spec import Array, Claims, FunctionSpec, Separable, ShiftInvariant, Sign, positive

SPEC = FunctionSpec(
    name="margin_ranking",
    inputs={"a": Array("n"), "b": Array("n"), "t": Array("n", Sign())},
    formula=lambda a, b, t, m: np.maximum(0, m - t * (a - b)).mean(),
    parameters={"m": positive(default=1)},
    claims=Claims(convex=True, relations=(Separable("n", reduction="mean"), ShiftInvariant("a b"))),
    source="R. Herbrich, T. Graepel, K. Obermayer, Large Margin Rank Boundaries, MIT Press 2000; torch's default is m = 0",
    aliases=("pairwise hinge", "RankSVM loss"),
    computed_by=("torch.nn.functional.margin_ranking_loss",),
)
