"""Exponential loss of several classes: ℓ(s, y) = Σ_{j≠y} exp(s_j − s_y)."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, others

SPEC = LossSpec(
    name="multiclass_exponential",
    per_example=lambda s, y: sympy.Add(*(sympy.exp(s[j] - s[y]) for j in others(s, y))),
    ways=(lambda s, y: sympy.Add(-1, *(sympy.exp(v - s[y], evaluate=False) for v in s)),),
    claims=Claims(convex=True, symmetric=True, shift_invariant=True),
    source="I. Mukherjee and R. E. Schapire, A Theory of Multiclass Boosting, JMLR 14, 2013",
    aliases=("AdaBoost.MR loss", "AdaBoost.M2 loss"),
)
