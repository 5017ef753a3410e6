"""Ramp loss: ℓ(s, t) = max(0, 1 − t·s) − max(0, c − t·s), t ∈ {−1, 1}, c < 1."""

from verify.later import sympy
from verify.spec import Chord, Claims, LossSpec, Parameter, Sign

SPEC = LossSpec(
    name="ramp",
    per_example=lambda s, t, c: sympy.Max(0, 1 - t * s) - sympy.Max(0, c - t * s),
    target=Sign(),
    parameters={"c": Parameter(default=-1, high=1)},
    claims=Claims(convex=False, chord=Chord(start=(0.0,), end=(6.0,))),
    source="R. Collobert, F. Sinz, J. Weston, L. Bottou, Trading Convexity for Scalability, ICML 2006",
    aliases=("truncated hinge", "robust hinge"),
)
