"""Quantile loss: ℓ(s, t) = τ(t − s) where s < t, else (1 − τ)(s − t)."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Parameter, Real

SPEC = LossSpec(
    name="quantile",
    per_example=lambda s, t, tau: tau * sympy.Max(0, t - s) + (1 - tau) * sympy.Max(0, s - t),
    target=Real(),
    parameters={"tau": Parameter(default=0.5, low=0, high=1)},
    claims=Claims(convex=True),
    source="R. Koenker and G. Bassett, Regression Quantiles, Econometrica 46, 1978",
    aliases=("pinball loss", "check loss", "tilted absolute error"),
    computed_by=("sklearn._loss.loss.PinballLoss", "sklearn.metrics.mean_pinball_loss", "xgboost reg:quantileerror", "lightgbm quantile"),
)
