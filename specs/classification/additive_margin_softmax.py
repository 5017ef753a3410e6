"""Additive-margin softmax of cosines: ℓ(s, y) = log(exp(a(s_y − m)) + Σ_{j≠y} exp(a·s_j)) − a(s_y − m)."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, others, positive


def additive_margin(s, y, a, m):
    own = a * (s[y] - m)
    return sympy.log(sympy.exp(own) + sympy.Add(*(sympy.exp(a * s[j]) for j in others(s, y)))) - own


SPEC = LossSpec(
    name="additive_margin_softmax",
    per_example=additive_margin,
    parameters={"a": positive(default=4), "m": positive(default=0.5)},
    claims=Claims(convex=True, symmetric=True, shift_invariant=True),
    source="F. Wang, J. Cheng, W. Liu, H. Liu, Additive Margin Softmax for Face Verification, IEEE SPL 25, 2018",
    aliases=("CosFace", "AM-softmax"),
    computed_by=("pytorch_metric_learning.losses.CosFaceLoss, of cosines",),
)
