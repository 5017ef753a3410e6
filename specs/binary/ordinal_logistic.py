"""Cumulative-link ordinal loss of three classes: ℓ(s, t) = −log(σ(θ_{t+1} − s) − σ(θ_t − s)), θ = (−∞, a, a + g, ∞)."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Parameter, positive


def ordinal(s, t, a, g):
    if t == 0:
        return sympy.log(1 + sympy.exp(s - a))
    if t == 2:
        return sympy.log(1 + sympy.exp(a + g - s))
    return -sympy.log(1 / (1 + sympy.exp(s - a - g)) - 1 / (1 + sympy.exp(s - a)))


SPEC = LossSpec(
    name="ordinal_logistic",
    per_example=ordinal,
    targets=(0, 1, 2),
    parameters={"a": Parameter(default=-1), "g": positive(default=2)},
    claims=Claims(convex=True),
    source="P. McCullagh, Regression Models for Ordinal Data, JRSS B 42, 1980",
    aliases=("proportional odds", "ordered logit"),
    computed_by=("statsmodels.miscmodels.ordinal_model.OrderedModel(distr='logit')", "spacecutter.losses.CumulativeLinkLoss"),
)
