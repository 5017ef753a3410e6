"""Pairwise logistic loss of several classes: ℓ(s, y) = Σ_{j≠y} log(1 + exp(s_j − s_y))."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, others

SPEC = LossSpec(
    name="pairwise_logistic",
    per_example=lambda s, y: sympy.Add(*(sympy.log(1 + sympy.exp(s[j] - s[y])) for j in others(s, y))),
    claims=Claims(convex=True, symmetric=True, shift_invariant=True),
    source="T. Zhang, Statistical Analysis of Some Multi-Category Large Margin Classification Methods, JMLR 5, 2004: pairwise comparison",
    aliases=("pairwise comparison loss",),
)
