"""Tukey's biweight: ℓ(s, t) = c²/6 · (1 − (1 − (r/c)²)³) where |r| ≤ c, else c²/6, r = s − t."""

from verify.later import sympy
from verify.spec import Chord, Claims, LossSpec, Real, positive


def biweight(s, t, c):
    r = s - t
    return sympy.Piecewise((c**2 / 6 * (1 - (1 - (r / c) ** 2) ** 3), sympy.Abs(r) <= c), (c**2 / 6, True))


SPEC = LossSpec(
    name="tukey_biweight",
    per_example=biweight,
    target=Real(),
    parameters={"c": positive(default=4.685)},
    claims=Claims(convex=False, chord=Chord(start=(2.0,), end=(8.0,))),
    source="A. E. Beaton and J. W. Tukey, The Fitting of Power Series, Technometrics 16, 1974",
    aliases=("bisquare",),
    computed_by=("statsmodels.robust.norms.TukeyBiweight",),
)
