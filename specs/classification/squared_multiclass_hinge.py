"""Squared multiclass hinge: ℓ(s, y) = Σ_{j≠y} max(0, s_j − s_y + Δ)²."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, others, positive

SPEC = LossSpec(
    name="squared_multiclass_hinge",
    per_example=lambda s, y, delta: sympy.Add(*(sympy.Max(0, s[j] - s[y] + delta) ** 2 for j in others(s, y))),
    parameters={"delta": positive(default=1)},
    claims=Claims(convex=True, symmetric=True, shift_invariant=True),
    source="J. Weston and C. Watkins, ESANN 1999, of squared slacks; CS231n notes, Stanford 2016: L2-SVM",
    aliases=("L2-SVM of several classes", "squared Weston–Watkins hinge"),
    computed_by=("torch.nn.functional.multi_margin_loss(p=2), times the number of classes",),
)
