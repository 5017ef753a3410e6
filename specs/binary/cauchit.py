"""Cauchit: ℓ(s, t) = −log(½ + atan(t·s)/π), t ∈ {−1, 1}."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Sign

SPEC = LossSpec(
    name="cauchit",
    per_example=lambda s, t: -sympy.log(sympy.Rational(1, 2) + sympy.atan(t * s) / sympy.pi),
    target=Sign(),
    claims=Claims(convex=None),
    source="R. Koenker and J. Yoon, Parametric Links for Binary Choice Models, Journal of Econometrics 152, 2009",
    computed_by=("statsmodels.genmod.families.Binomial(link=Cauchy())",),
)
