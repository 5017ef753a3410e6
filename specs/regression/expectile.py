"""Expectile loss: ℓ(s, t) = τ(t − s)² where s < t, else (1 − τ)(s − t)²."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Parameter, Real

SPEC = LossSpec(
    name="expectile",
    per_example=lambda s, t, tau: tau * sympy.Max(0, t - s) ** 2 + (1 - tau) * sympy.Max(0, s - t) ** 2,
    target=Real(),
    parameters={"tau": Parameter(default=0.5, low=0, high=1)},
    claims=Claims(convex=True),
    source="W. K. Newey and J. L. Powell, Asymmetric Least Squares Estimation and Testing, Econometrica 55, 1987",
    aliases=("asymmetric least squares",),
    computed_by=("catboost Expectile",),
)
