"""Tweedie loss of the log mean: ℓ(s, t) = e^{(2−p)s}/(2 − p) + t·e^{(1−p)s}/(p − 1), 1 < p < 2, t ≥ 0."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Parameter, Real

SPEC = LossSpec(
    name="tweedie",
    per_example=lambda s, t, p: sympy.exp((2 - p) * s) / (2 - p) + t * sympy.exp((1 - p) * s) / (p - 1),
    target=Real(low=0),
    parameters={"p": Parameter(default=1.5, low=1, high=2)},
    claims=Claims(convex=True),
    source="B. Jørgensen, Exponential Dispersion Models, JRSS B 49, 1987",
    aliases=("compound Poisson–gamma", "half Tweedie deviance, up to constants"),
    computed_by=("sklearn._loss.loss.HalfTweedieLoss", "xgboost reg:tweedie", "lightgbm tweedie"),
)
