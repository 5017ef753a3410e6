"""Multi-margin loss with weights of the classes: ℓ(s, y) = w_y/C · Σ_{j≠y} max(0, m − s_y + s_j)."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, others, positive

SPEC = LossSpec(
    name="multi_margin",
    per_example=lambda s, y, m, w: w[y] * sympy.Add(*(sympy.Max(0, m - s[y] + s[j]) for j in others(s, y))) / len(s),
    parameters={"m": positive(default=1), "w": positive(default=1, dims="C")},
    claims=Claims(convex=True),
    source="torch.nn.MultiMarginLoss, PyTorch documentation 2.2, with p = 1",
    aliases=("multi-class margin loss",),
    computed_by=("torch.nn.functional.multi_margin_loss",),
)
