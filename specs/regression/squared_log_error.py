"""Squared logarithmic error: ℓ(s, t) = (log(1 + s) − log(1 + t))², s, t > 0."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Positive

SPEC = LossSpec(
    name="squared_log_error",
    per_example=lambda s, t: (sympy.log(1 + s) - sympy.log(1 + t)) ** 2,
    prediction=Positive(),
    target=Positive(),
    claims=Claims(convex=None),
    source="sklearn.metrics.mean_squared_log_error, scikit-learn user guide 1.4, section 3.3.4.4; xgboost halves it",
    aliases=("MSLE", "RMSLE squared"),
    computed_by=("sklearn.metrics.mean_squared_log_error", "keras.losses.mean_squared_logarithmic_error", "xgboost reg:squaredlogerror"),
)
