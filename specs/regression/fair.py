"""Fair's loss: ℓ(s, t) = c²(|r|/c − log(1 + |r|/c)), r = s − t."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Real, positive


def fair(s, t, c):
    r = sympy.Abs(s - t) / c
    return c**2 * (r - sympy.log(1 + r))


SPEC = LossSpec(
    name="fair",
    per_example=fair,
    target=Real(),
    parameters={"c": positive(default=1)},
    claims=Claims(convex=True),
    source="R. C. Fair, On the Robust Estimation of Econometric Models, Annals of Economic and Social Measurement 3, 1974",
    computed_by=("lightgbm fair",),
)
