"""Poisson deviance: ℓ(s, t) = 2(t log(t/s) − t + s), s, t > 0."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Positive

SPEC = LossSpec(
    name="poisson_deviance",
    per_example=lambda s, t: 2 * (t * sympy.log(t) - t * sympy.log(s) - t + s),
    ways=(lambda s, t: 2 * (t * sympy.log(t / s) - t + s),),
    prediction=Positive(),
    target=Positive(),
    claims=Claims(convex=True),
    source="P. McCullagh and J. A. Nelder, Generalized Linear Models, Chapman and Hall 1989, section 2.3",
    aliases=("generalised Kullback–Leibler divergence, doubled",),
    computed_by=("sklearn.metrics.mean_poisson_deviance", "scipy.special.kl_div, halved"),
)
