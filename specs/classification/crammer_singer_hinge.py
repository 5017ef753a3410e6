"""Crammer and Singer's hinge: ℓ(s, y) = max(0, Δ + max_{j≠y} s_j − s_y)."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, others, positive

SPEC = LossSpec(
    name="crammer_singer_hinge",
    per_example=lambda s, y, delta: sympy.Max(0, *(s[j] - s[y] + delta for j in others(s, y))),
    parameters={"delta": positive(default=1)},
    claims=Claims(convex=True, symmetric=True, shift_invariant=True),
    source="K. Crammer and Y. Singer, On the Algorithmic Implementation of Multiclass Kernel-based Vector Machines, JMLR 2, 2001",
    aliases=("categorical hinge", "multiclass hinge of the greatest margin"),
    computed_by=("keras.losses.categorical_hinge", "optax.losses.multiclass_hinge_loss", "sklearn.metrics.hinge_loss, of several classes"),
)
