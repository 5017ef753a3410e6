"""Squared error of one score: ℓ(s, t) = ½(s − t)²."""

from verify.later import sympy
from verify.spec import Claims, LossSpec

SPEC = LossSpec(
    name="squared_error",
    per_example=lambda s, t: sympy.Rational(1, 2) * (s - t) ** 2,
    targets=(0, 1, -1, 0.5, -2.75, 3),
    claims=Claims(convex=True),
    source="C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, section 3.1.1",
    aliases=("half squared error", "least squares"),
    computed_by=("sklearn._loss.loss.HalfSquaredError", "optax.losses.l2_loss"),
)
