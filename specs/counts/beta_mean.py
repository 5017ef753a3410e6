"""Beta likelihood of the mean up to terms of t: ℓ(s, t) = log Γ(sφ) + log Γ((1 − s)φ) − sφ log t − (1 − s)φ log(1 − t), 0 < s, t < 1."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Probability, positive


def beta(s, t, phi):
    of_s, of_rest = s * phi, (1 - s) * phi
    return sympy.loggamma(of_s) + sympy.loggamma(of_rest) - of_s * sympy.log(t) - of_rest * sympy.log(1 - t)


SPEC = LossSpec(
    name="beta_mean",
    per_example=beta,
    prediction=Probability(),
    target=Probability(),
    parameters={"phi": positive(default=4)},
    claims=Claims(convex=True),
    source="S. Ferrari and F. Cribari-Neto, Beta Regression for Modelling Rates and Proportions, J. Applied Statistics 31, 2004",
    aliases=("beta regression",),
    computed_by=("statsmodels.othermod.betareg.BetaModel, of its mean",),
)
