"""Laplace likelihood, the scale of which is a parameter: ℓ(s, t) = |s − t|/b + log(2b)."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Real, positive

SPEC = LossSpec(
    name="laplace_scale",
    per_example=lambda s, t, b: sympy.Abs(s - t) / b + sympy.log(2 * b),
    target=Real(),
    parameters={"b": positive(default=1)},
    claims=Claims(convex=True),
    source="N. L. Johnson, S. Kotz, N. Balakrishnan, Continuous Univariate Distributions 2, Wiley 1995, chapter 24",
    aliases=("Laplace negative log-likelihood",),
    computed_by=("torch.distributions.Laplace.log_prob, negated", "scipy.stats.laplace.logpdf, negated"),
)
