"""Charbonnier's loss: ℓ(s, t) = √((s − t)² + 1) − 1."""

from sympy import sqrt

from verify.spec import Claims, LossSpec, Real

SPEC = LossSpec(
    name="charbonnier",
    per_example=lambda s, t: sqrt((s - t) ** 2 + 1) - 1,
    target=Real(),
    claims=Claims(convex=True),
    source="kornia.losses.charbonnier_loss, kornia documentation 0.9; P. Charbonnier et al., ICIP 1994",
)
