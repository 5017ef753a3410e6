"""Gumbel likelihood: ℓ(s, t) = z + exp(−z) + log β, z = (t − s)/β."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Real, positive

SPEC = LossSpec(
    name="gumbel",
    per_example=lambda s, t, beta: (t - s) / beta + sympy.exp(-(t - s) / beta) + sympy.log(beta),
    target=Real(),
    parameters={"beta": positive(default=1)},
    claims=Claims(convex=True),
    source="N. L. Johnson, S. Kotz, N. Balakrishnan, Continuous Univariate Distributions 2, Wiley 1995, chapter 22",
    aliases=("extreme value likelihood", "Gumbel negative log-likelihood"),
    computed_by=("torch.distributions.Gumbel.log_prob, negated", "scipy.stats.gumbel_r.logpdf, negated"),
)
