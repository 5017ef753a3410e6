"""Brier score of softmax probabilities: ℓ(s, y) = Σ_j (p_j − [j = y])², p = softmax(s)."""

from verify.later import sympy
from verify.spec import Claims, LossSpec


def brier(s, y):
    total = sympy.Add(*map(sympy.exp, s))
    return sympy.Add(*((sympy.exp(v) / total - int(j == y)) ** 2 for j, v in enumerate(s)))


SPEC = LossSpec(
    name="softmax_brier",
    per_example=brier,
    claims=Claims(convex=None, symmetric=True, shift_invariant=True),
    source="G. W. Brier, Verification of Forecasts Expressed in Terms of Probability, Monthly Weather Review 78, 1950",
    aliases=("quadratic score", "squared error of softmax probabilities"),
    computed_by=("sklearn.metrics.brier_score_loss, of several classes",),
)
