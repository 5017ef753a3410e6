"""Savage loss: ℓ(s, t) = 1/(1 + eᵗˢ)², t ∈ {−1, 1}."""

from verify.later import sympy
from verify.spec import Chord, Claims, LossSpec, Sign

SPEC = LossSpec(
    name="savage",
    per_example=lambda s, t: 1 / (1 + sympy.exp(t * s)) ** 2,
    target=Sign(),
    claims=Claims(convex=False, chord=Chord(start=(0.0,), end=(6.0,))),
    source="H. Masnadi-Shirazi and N. Vasconcelos, On the Design of Loss Functions for Classification, NIPS 2008, of 2s",
    aliases=("SavageBoost loss", "Brier loss of a logistic probability"),
)
