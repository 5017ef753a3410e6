"""Probit: ℓ(s, t) = −log Φ(t·s), t ∈ {−1, 1}."""

from verify import spec
from verify.spec import Claims, LossSpec, Sign

SPEC = LossSpec(
    name="probit",
    per_example=lambda s, t: -spec.log_ndtr(t * s),
    target=Sign(),
    claims=Claims(convex=True),
    source="P. McCullagh and J. A. Nelder, Generalized Linear Models, Chapman and Hall 1989, section 4.3",
    aliases=("probit regression", "Gaussian cumulative likelihood"),
    computed_by=("scipy.special.log_ndtr, negated", "statsmodels.discrete.discrete_model.Probit.loglike, negated"),
)
