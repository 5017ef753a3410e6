"""Poly-1 cross-entropy: ℓ(s, y) = −log p_y + ε(1 − p_y), p = softmax(s)."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Parameter, others


def poly1(s, y, epsilon):
    total = sympy.Add(*map(sympy.exp, s))
    return sympy.log(total) - s[y] + epsilon * sympy.Add(*(sympy.exp(s[j]) for j in others(s, y))) / total


SPEC = LossSpec(
    name="poly1",
    per_example=poly1,
    parameters={"epsilon": Parameter(default=1, low=-1)},
    claims=Claims(convex=None, symmetric=True, shift_invariant=True),
    source="Z. Leng et al., PolyLoss: A Polynomial Expansion Perspective of Classification Loss Functions, ICLR 2022",
    aliases=("PolyLoss",),
    computed_by=("optax.losses.poly_loss_cross_entropy",),
)
