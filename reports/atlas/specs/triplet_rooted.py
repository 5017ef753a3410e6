"""Triplet margin with optax's ε: ℓ(a, p, q) = mean of max(0, √(‖a − p‖² + ε) − √(‖a − q‖² + ε) + m)."""

import numpy as np

from verify.spec import Array, Claims, FunctionSpec, Separable, positive


def triplet(a, p, q, m, eps):
    near, far = ((a - other) ** 2 for other in (p, q))
    return np.maximum(0, np.sqrt(near.sum(axis=1) + eps) - np.sqrt(far.sum(axis=1) + eps) + m).mean()


SPEC = FunctionSpec(
    name="triplet_rooted",
    inputs={"a": Array("n e"), "p": Array("n e"), "q": Array("n e")},
    formula=triplet,
    parameters={"m": positive(default=1), "eps": positive(default=1e-6)},
    claims=Claims(convex=None, relations=(Separable("n", reduction="mean"),)),
    source="optax.losses.triplet_margin_loss, Optax documentation 0.2.8: eps is added to the sum of squares",
)
