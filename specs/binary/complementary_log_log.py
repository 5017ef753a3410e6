"""Complementary log-log: ℓ(s, t) = −log(1 − exp(−eˢ)) where t = 1, else eˢ, t ∈ {0, 1}."""

from verify.later import sympy
from verify.spec import Binary, Claims, LossSpec

SPEC = LossSpec(
    name="complementary_log_log",
    per_example=lambda s, t: -sympy.log(1 - sympy.exp(-sympy.exp(s))) if t == 1 else sympy.exp(s),
    target=Binary(),
    claims=Claims(convex=True),
    source="P. McCullagh and J. A. Nelder, Generalized Linear Models, Chapman and Hall 1989, section 4.3",
    aliases=("cloglog", "grouped proportional hazards"),
    computed_by=("statsmodels.genmod.families.Binomial(link=CLogLog())",),
)
