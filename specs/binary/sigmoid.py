"""Sigmoid loss: ℓ(s, t) = 1/(1 + eᵗˢ), t ∈ {−1, 1}."""

from verify.later import sympy
from verify.spec import Chord, Claims, LossSpec, Sign

SPEC = LossSpec(
    name="sigmoid",
    per_example=lambda s, t: 1 / (1 + sympy.exp(t * s)),
    target=Sign(),
    claims=Claims(convex=False, chord=Chord(start=(0.0,), end=(6.0,))),
    source="P. L. Bartlett, M. I. Jordan, J. D. McAuliffe, Convexity, Classification, and Risk Bounds, JASA 101, 2006",
    aliases=("logistic surrogate of the zero-one loss",),
)
