"""Squared hinge: ℓ(s, t) = max(0, 1 − t·s)², t ∈ {−1, 1}."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Sign

SPEC = LossSpec(
    name="squared_hinge",
    per_example=lambda s, t: sympy.Max(0, 1 - t * s) ** 2,
    target=Sign(),
    claims=Claims(convex=True),
    source="R.-E. Fan et al., LIBLINEAR, JMLR 9, 2008",
    aliases=("L2-loss SVC", "quadratic hinge"),
    computed_by=("sklearn.linear_model._sgd_fast.SquaredHinge", "keras.losses.squared_hinge"),
)
