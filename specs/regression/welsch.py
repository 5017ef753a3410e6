"""Welsch's loss: ℓ(s, t) = ½c²(1 − exp(−(r/c)²)), r = s − t."""

from verify.later import sympy
from verify.spec import Chord, Claims, LossSpec, Real, positive

SPEC = LossSpec(
    name="welsch",
    per_example=lambda s, t, c: c**2 * (1 - sympy.exp(-(((s - t) / c) ** 2))) / 2,
    target=Real(),
    parameters={"c": positive(default=1)},
    claims=Claims(convex=False, chord=Chord(start=(1.0,), end=(4.0,))),
    source="P. W. Holland and R. E. Welsch, Robust Regression Using Iteratively Reweighted Least-Squares, Comm. Stat. A6, 1977",
    aliases=("Leclerc's loss, of another c", "correntropy loss", "Gaussian robust loss"),
    computed_by=("kornia.losses.welsch_loss, of another c",),
)
