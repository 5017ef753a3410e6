"""Half of the sum of absolute weights and a quarter of their squares, scikit-learn's l1_ratio = ½: ρ(w) = ½|w| + ¼w²."""

from verify.later import sympy
from verify.spec import Penalty

PENALTY = Penalty(
    name="elastic_net",
    per_weight=lambda w: sympy.Abs(w) / 2 + w**2 / 4,
    aliases=("lasso and ridge",),
    computed_by=("sklearn.linear_model.ElasticNet(l1_ratio=0.5)", "keras.regularizers.L1L2"),
)
