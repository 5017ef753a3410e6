"""Multiclass SVM hinge (Weston–Watkins): ℓ(s, y) = Σ_{j≠y} max(0, s_j − s_y + Δ)."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, others, positive

SPEC = LossSpec(
    name="multiclass_hinge",
    per_example=lambda s, y, delta: sympy.Add(*(sympy.Max(0, s[j] - s[y] + delta) for j in others(s, y))),
    parameters={"delta": positive(default=1)},
    claims=Claims(convex=True, symmetric=True, shift_invariant=True),
    source="J. Weston and C. Watkins, Support vector machines for multi-class pattern recognition, ESANN 1999",
    aliases=("SVM loss of several classes", "Weston–Watkins hinge"),
    computed_by=("torch.nn.functional.multi_margin_loss, times the number of classes",),
)
