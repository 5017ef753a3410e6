"""Linear-exponential loss: ℓ(s, t) = exp(a·r) − a·r − 1, r = s − t."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Real, positive

SPEC = LossSpec(
    name="linex",
    per_example=lambda s, t, a: sympy.exp(a * (s - t)) - a * (s - t) - 1,
    target=Real(),
    parameters={"a": positive(default=1)},
    claims=Claims(convex=True),
    source="A. Zellner, Bayesian Estimation and Prediction Using Asymmetric Loss Functions, JASA 81, 1986",
    aliases=("LINEX", "Varian's loss"),
)
