"""The sum of the norms of each feature's weights over all classes: ρ(w) = ‖w‖."""

from verify.later import sympy
from verify.spec import Penalty

PENALTY = Penalty(
    name="group_lasso",
    per_group=lambda w: sympy.sqrt(sympy.Add(*(v**2 for v in w))),
    group="feature",
    aliases=("L2,1 norm", "multi-task lasso"),
    computed_by=("sklearn.linear_model.MultiTaskLasso",),
)
