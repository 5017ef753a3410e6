"""Cauchy's loss: ℓ(s, t) = ½c² log(1 + (r/c)²), r = s − t."""

from verify.later import sympy
from verify.spec import Chord, Claims, LossSpec, Real, positive

SPEC = LossSpec(
    name="cauchy",
    per_example=lambda s, t, c: c**2 * sympy.log(1 + ((s - t) / c) ** 2) / 2,
    target=Real(),
    parameters={"c": positive(default=1)},
    claims=Claims(convex=False, chord=Chord(start=(2.0,), end=(8.0,))),
    source="P. W. Holland and R. E. Welsch, Robust Regression Using Iteratively Reweighted Least-Squares, Comm. Stat. A6, 1977",
    aliases=("Lorentzian loss",),
    computed_by=("scipy.optimize.least_squares(loss='cauchy')", "kornia.losses.cauchy_loss"),
)
