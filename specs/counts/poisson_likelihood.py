"""Poisson likelihood of the log mean: ℓ(s, t) = eˢ − t·s + log Γ(t + 1), t = 0, 1, 2, …"""

from verify.later import sympy
from verify.spec import Claims, Count, LossSpec

SPEC = LossSpec(
    name="poisson_likelihood",
    per_example=lambda s, t: sympy.exp(s) - t * s + sympy.loggamma(t + 1),
    target=Count(),
    claims=Claims(convex=True),
    source="P. McCullagh and J. A. Nelder, Generalized Linear Models, Chapman and Hall 1989; torch's full=True takes Stirling's formula",
    aliases=("Poisson negative log-likelihood",),
    computed_by=("torch.distributions.Poisson.log_prob, negated", "scipy.stats.poisson.logpmf, negated"),
)
