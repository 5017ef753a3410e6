"""One-vs-all logistic loss: ℓ(s, y) = log(1 + exp(−s_y)) + Σ_{j≠y} log(1 + exp(s_j))."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, others


def one_vs_all(s, y):
    return sympy.log(1 + sympy.exp(-s[y])) + sympy.Add(*(sympy.log(1 + sympy.exp(s[j])) for j in others(s, y)))


SPEC = LossSpec(
    name="one_vs_all_logistic",
    per_example=one_vs_all,
    claims=Claims(convex=True, symmetric=True),
    source="R. Rifkin and A. Klautau, In Defense of One-Vs-All Classification, JMLR 5, 2004",
    aliases=("one-vs-rest logistic loss", "OVR"),
    computed_by=("lightgbm multiclassova",),
)
