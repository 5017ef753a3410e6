"""Logit-adjusted cross-entropy, w the priors: ℓ(s, y) = log Σ_j w_j exp(s_j) − s_y − log w_y."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, positive


def adjusted(s, y, w):
    return sympy.log(sympy.Add(*(b * sympy.exp(v) for v, b in zip(s, w, strict=True)))) - s[y] - sympy.log(w[y])


SPEC = LossSpec(
    name="logit_adjusted",
    per_example=adjusted,
    parameters={"w": positive(default=1, dims="C")},
    claims=Claims(convex=True, shift_invariant=True),
    source="A. K. Menon et al., Long-Tail Learning via Logit Adjustment, ICLR 2021, with τ = 1",
    aliases=("balanced softmax",),
)
