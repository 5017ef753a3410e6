"""Squared Hellinger distance: ℓ(s, t) = ½Σ_j (√s_j − √t_j)², 0 < s_j, t_j < 1."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Probabilities, Probability, Vector

SPEC = LossSpec(
    name="hellinger",
    per_example=lambda s, t: sympy.Add(*((sympy.sqrt(a) - sympy.sqrt(b)) ** 2 / 2 for a, b in zip(s, t, strict=True))),
    prediction=Probabilities(),
    target=Vector(Probability()),
    claims=Claims(convex=True, symmetric=True),
    source="A. W. van der Vaart, Asymptotic Statistics, Cambridge 1998, section 14.5, halved",
    aliases=("Bhattacharyya distance, of another scale",),
)
