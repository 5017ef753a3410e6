"""Softmax cross-entropy with a temperature: ℓ(s, y) = log Σ_j exp(s_j/T) − s_y/T."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, positive

SPEC = LossSpec(
    name="temperature_cross_entropy",
    per_example=lambda s, y, T: sympy.log(sympy.Add(*(sympy.exp(v / T) for v in s))) - s[y] / T,
    parameters={"T": positive(default=1)},
    claims=Claims(convex=True, symmetric=True, shift_invariant=True),
    source="C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, On Calibration of Modern Neural Networks, ICML 2017; some multiply it by T or T²",
    aliases=("temperature scaling", "tempered softmax"),
    computed_by=("torch.nn.functional.cross_entropy(s / T, y)",),
)
