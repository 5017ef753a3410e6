"""Tangent loss: ℓ(s, t) = (2·atan(t·s) − 1)², t ∈ {−1, 1}."""

from verify.later import sympy
from verify.spec import Chord, Claims, LossSpec, Sign

SPEC = LossSpec(
    name="tangent",
    per_example=lambda s, t: (2 * sympy.atan(t * s) - 1) ** 2,
    target=Sign(),
    claims=Claims(convex=False, chord=Chord(start=(0.0,), end=(16.0,))),
    source="H. Masnadi-Shirazi, V. Mahadevan, N. Vasconcelos, On the Design of Robust Classifiers for Computer Vision, CVPR 2010",
    aliases=("TangentBoost loss",),
)
