"""Contrastive loss of pairs: ℓ(a, b, y) = mean of ½(y·d² + (1 − y)·max(0, m − d)²), d = ‖a − b‖, y ∈ {0, 1} for alike."""

import numpy as np

from verify.spec import Array, Binary, Claims, FunctionSpec, Separable, ShiftInvariant, positive


def contrastive(a, b, y, m):
    d = np.linalg.norm(a - b, axis=1)
    return (y * ((a - b) ** 2).sum(axis=1) + (1 - y) * np.maximum(0, m - d) ** 2).mean() / 2


SPEC = FunctionSpec(
    name="contrastive",
    inputs={"a": Array("n e"), "b": Array("n e"), "y": Array("n", Binary())},
    formula=contrastive,
    parameters={"m": positive(default=1)},
    claims=Claims(convex=None, relations=(Separable("n", reduction="mean"), ShiftInvariant("a b"))),
    source="R. Hadsell, S. Chopra, Y. LeCun, Dimensionality Reduction by Learning an Invariant Mapping, CVPR 2006, whose Y is 1 − y",
    aliases=("siamese loss", "pair margin loss"),
    computed_by=("pytorch_metric_learning.losses.ContrastiveLoss, unsquared", "sentence_transformers.losses.ContrastiveLoss"),
)
