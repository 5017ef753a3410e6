"""Triplet margin with torch's ε: ℓ(a, p, q) = mean of max(0, ‖a − p + ε‖ − ‖a − q + ε‖ + m)."""

import numpy as np

from verify.spec import Array, Claims, FunctionSpec, Separable, positive


def triplet(a, p, q, m, eps):
    return np.maximum(0, np.linalg.norm(a - p + eps, axis=1) - np.linalg.norm(a - q + eps, axis=1) + m).mean()


SPEC = FunctionSpec(
    name="triplet_eps",
    inputs={"a": Array("n e"), "p": Array("n e"), "q": Array("n e")},
    formula=triplet,
    parameters={"m": positive(default=1), "eps": positive(default=1e-6)},
    claims=Claims(convex=None, relations=(Separable("n", reduction="mean"),)),
    source="torch.nn.PairwiseDistance and torch.nn.TripletMarginLoss, PyTorch documentation 2.13: eps is added to the difference",
)
