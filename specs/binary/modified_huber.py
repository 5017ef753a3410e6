"""Modified Huber: ℓ(s, t) = max(0, 1 − z)² where z ≥ −1, else −4z, z = t·s, t ∈ {−1, 1}."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Sign


def modified_huber(s, t):
    z = t * s
    return sympy.Piecewise((sympy.Max(0, 1 - z) ** 2, z >= -1), (-4 * z, True))


SPEC = LossSpec(
    name="modified_huber",
    per_example=modified_huber,
    target=Sign(),
    claims=Claims(convex=True),
    source="T. Zhang, Solving Large Scale Linear Prediction Problems Using Stochastic Gradient Descent Algorithms, ICML 2004",
    aliases=("Huberised squared hinge",),
    computed_by=("sklearn.linear_model._sgd_fast.ModifiedHuber",),
)
