"""Hinge: ℓ(s, t) = max(0, 1 − t·s), t ∈ {−1, 1}."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Sign

SPEC = LossSpec(
    name="hinge",
    per_example=lambda s, t: sympy.Max(0, 1 - t * s),
    target=Sign(),
    claims=Claims(convex=True),
    source="C. Cortes and V. Vapnik, Support-Vector Networks, Machine Learning 20, 1995",
    aliases=("SVM loss", "L1-loss SVC"),
    computed_by=("sklearn.linear_model._sgd_fast.Hinge", "sklearn.metrics.hinge_loss", "optax.losses.hinge_loss", "keras.losses.hinge"),
)
