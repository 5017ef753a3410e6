"""The logarithm of 1 + w² of each weight, Cauchy's prior: ρ(w) = log(1 + w²)."""

from verify.later import sympy
from verify.spec import Penalty

PENALTY = Penalty(
    name="log_penalty",
    per_weight=lambda w: sympy.log(1 + w**2),
    aliases=("Cauchy prior",),
)
