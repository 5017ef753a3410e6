"""Negative binomial loss of the log mean: ℓ(s, t) = (t + 1/α) log(1 + α·eˢ) − t·s, t = 0, 1, 2, …"""

from verify.later import sympy
from verify.spec import Claims, Count, LossSpec, positive

SPEC = LossSpec(
    name="negative_binomial",
    per_example=lambda s, t, alpha: (t + 1 / alpha) * sympy.log(1 + alpha * sympy.exp(s)) - t * s,
    target=Count(),
    parameters={"alpha": positive(default=1)},
    claims=Claims(convex=True),
    source="J. M. Hilbe, Negative Binomial Regression, Cambridge 2011, chapter 8: NB2, up to constants",
    aliases=("NB2", "Poisson–gamma mixture"),
    computed_by=("statsmodels.genmod.families.NegativeBinomial(alpha=…)",),
)
