"""Absolute error: ℓ(s, t) = |s − t|."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Real

SPEC = LossSpec(
    name="absolute_error",
    per_example=lambda s, t: sympy.Abs(s - t),
    target=Real(),
    claims=Claims(convex=True),
    source="C. M. Bishop, Pattern Recognition and Machine Learning, Springer 2006, section 1.5.5",
    aliases=("L1 loss", "MAE", "least absolute deviations", "Laplace loss"),
    computed_by=("torch.nn.functional.l1_loss", "sklearn._loss.loss.AbsoluteError"),
)
