"""Absolute error of softmax probabilities: ℓ(s, y) = Σ_j |p_j − [j = y]| = 2(1 − p_y), p = softmax(s)."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, others

SPEC = LossSpec(
    name="softmax_absolute_error",
    per_example=lambda s, y: 2 * sympy.Add(*(sympy.exp(s[j]) for j in others(s, y))) / sympy.Add(*map(sympy.exp, s)),
    claims=Claims(convex=None, symmetric=True, shift_invariant=True),
    source="A. Ghosh, H. Kumar, P. S. Sastry, Robust Loss Functions under Label Noise for Deep Neural Networks, AAAI 2017",
    aliases=("MAE of probabilities", "expected zero-one loss, doubled"),
)
