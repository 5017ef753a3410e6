"""Gamma loss of the mean: ℓ(s, t) = log s + t/s, s, t > 0."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Positive

SPEC = LossSpec(
    name="gamma_identity",
    per_example=lambda s, t: sympy.log(s) + t / s,
    prediction=Positive(),
    target=Positive(),
    claims=Claims(convex=None),
    source="P. McCullagh and J. A. Nelder, Generalized Linear Models, Chapman and Hall 1989, chapter 8",
    aliases=("Itakura–Saito distance, up to constants", "QLIKE"),
    computed_by=("sklearn.metrics.mean_gamma_deviance, halved and up to constants",),
)
