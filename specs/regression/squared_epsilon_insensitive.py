"""Squared ε-insensitive loss: ℓ(s, t) = max(0, |s − t| − ε)²."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Real, positive

SPEC = LossSpec(
    name="squared_epsilon_insensitive",
    per_example=lambda s, t, epsilon: sympy.Max(0, sympy.Abs(s - t) - epsilon) ** 2,
    target=Real(),
    parameters={"epsilon": positive(default=0.125)},
    claims=Claims(convex=True),
    source="C.-H. Ho and C.-J. Lin, Large-scale Linear Support Vector Regression, JMLR 13, 2012",
    aliases=("L2-loss SVR",),
    computed_by=(
        "sklearn.linear_model._sgd_fast.SquaredEpsilonInsensitive",
        "sklearn.svm.LinearSVR(loss='squared_epsilon_insensitive')",
    ),
)
