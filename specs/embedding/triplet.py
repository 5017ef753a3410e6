"""Triplet margin: ℓ(a, p, q) = mean of max(0, ‖a − p‖ − ‖a − q‖ + m)."""

import numpy as np

from verify.spec import Array, Claims, FunctionSpec, Separable, ShiftInvariant, positive

SPEC = FunctionSpec(
    name="triplet",
    inputs={"a": Array("n e"), "p": Array("n e"), "q": Array("n e")},
    formula=lambda a, p, q, m: np.maximum(0, np.linalg.norm(a - p, axis=1) - np.linalg.norm(a - q, axis=1) + m).mean(),
    parameters={"m": positive(default=1)},
    claims=Claims(convex=None, relations=(Separable("n", reduction="mean"), ShiftInvariant("a p q"))),
    source="V. Balntas et al., Learning Local Feature Descriptors with Triplets and Shallow CNNs, BMVC 2016; torch adds an ε to a − p",
    aliases=("triplet loss", "margin ranking of distances"),
    computed_by=("torch.nn.functional.triplet_margin_loss", "optax.losses.triplet_margin_loss"),
)
