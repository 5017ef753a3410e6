"""ε-insensitive loss: ℓ(s, t) = max(0, |s − t| − ε)."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Real, positive

SPEC = LossSpec(
    name="epsilon_insensitive",
    per_example=lambda s, t, epsilon: sympy.Max(0, sympy.Abs(s - t) - epsilon),
    target=Real(),
    parameters={"epsilon": positive(default=0.125)},
    claims=Claims(convex=True),
    source="V. N. Vapnik, The Nature of Statistical Learning Theory, Springer 1995, chapter 6",
    aliases=("support vector regression loss", "Vapnik's loss", "SVR loss"),
    computed_by=("sklearn.linear_model._sgd_fast.EpsilonInsensitive", "sklearn.svm.LinearSVR(loss='epsilon_insensitive')"),
)
