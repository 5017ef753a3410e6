"""Perceptron: ℓ(s, t) = max(0, −t·s), t ∈ {−1, 1}."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Sign

SPEC = LossSpec(
    name="perceptron",
    per_example=lambda s, t: sympy.Max(0, -t * s),
    target=Sign(),
    claims=Claims(convex=True),
    source="F. Rosenblatt, The Perceptron, Psychological Review 65, 1958",
    aliases=("perceptron criterion",),
    computed_by=("optax.losses.perceptron_loss", "sklearn.linear_model._sgd_fast.Hinge(threshold=0)"),
)
