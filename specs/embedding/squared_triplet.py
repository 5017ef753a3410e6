"""Triplet loss of squared distances: ℓ(a, p, q) = Σ max(0, ‖a − p‖² − ‖a − q‖² + m)."""

import numpy as np

from verify.spec import Array, Claims, FunctionSpec, Separable, ShiftInvariant, positive

SPEC = FunctionSpec(
    name="squared_triplet",
    inputs={"a": Array("n e"), "p": Array("n e"), "q": Array("n e")},
    formula=lambda a, p, q, m: np.maximum(0, ((a - p) ** 2).sum(axis=1) - ((a - q) ** 2).sum(axis=1) + m).sum(),
    parameters={"m": positive(default=1)},
    claims=Claims(convex=None, relations=(Separable("n"), ShiftInvariant("a p q"))),
    source="F. Schroff, D. Kalenichenko, J. Philbin, FaceNet: A Unified Embedding for Face Recognition and Clustering, CVPR 2015",
    aliases=("FaceNet loss",),
    computed_by=("tensorflow_addons.losses.TripletSemiHardLoss, of given triplets",),
)
