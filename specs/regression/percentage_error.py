"""Absolute percentage error, as a fraction: ℓ(s, t) = |s − t|/t, t > 0."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Positive

SPEC = LossSpec(
    name="percentage_error",
    per_example=lambda s, t: sympy.Abs(s - t) / t,
    target=Positive(),
    claims=Claims(convex=True),
    source="A. de Myttenaere et al., Mean Absolute Percentage Error for regression models, Neurocomputing 192, 2016",
    aliases=("MAPE",),
    computed_by=("sklearn.metrics.mean_absolute_percentage_error", "keras.losses.mean_absolute_percentage_error, times 100"),
)
