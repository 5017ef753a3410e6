"""The sum of absolute weights: ρ(w) = |w|."""

from verify.later import sympy
from verify.spec import Penalty

PENALTY = Penalty(
    name="l1",
    per_weight=lambda w: sympy.Abs(w),
    aliases=("lasso",),
    computed_by=("sklearn.linear_model.Lasso", "keras.regularizers.L1"),
)
