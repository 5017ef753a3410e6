"""Gamma loss of the log mean: ℓ(s, t) = s + t·e⁻ˢ, t > 0."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Positive

SPEC = LossSpec(
    name="gamma_log_link",
    per_example=lambda s, t: s + t * sympy.exp(-s),
    target=Positive(),
    claims=Claims(convex=True),
    source="P. McCullagh and J. A. Nelder, Generalized Linear Models, Chapman and Hall 1989, chapter 8",
    aliases=("gamma regression", "half gamma deviance, up to constants", "exponential likelihood of the log mean"),
    computed_by=("sklearn._loss.loss.HalfGammaLoss", "xgboost reg:gamma", "lightgbm gamma"),
)
