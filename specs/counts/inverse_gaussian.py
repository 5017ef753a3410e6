"""Inverse Gaussian loss of the log mean: ℓ(s, t) = ½t·e⁻²ˢ − e⁻ˢ, t > 0."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Positive

SPEC = LossSpec(
    name="inverse_gaussian",
    per_example=lambda s, t: t * sympy.exp(-2 * s) / 2 - sympy.exp(-s),
    target=Positive(),
    claims=Claims(convex=None),
    source="P. McCullagh and J. A. Nelder, Generalized Linear Models, Chapman and Hall 1989, table 2.1: half the deviance, up to constants",
    aliases=("Wald likelihood", "Tweedie of power 3"),
    computed_by=("statsmodels.genmod.families.InverseGaussian(link=Log())", "sklearn._loss.loss.HalfTweedieLoss(power=3)"),
)
