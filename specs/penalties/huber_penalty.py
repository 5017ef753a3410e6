"""Huber's function of each weight: ρ(w) = ½w² where |w| ≤ 1, else |w| − ½."""

from verify.later import sympy
from verify.spec import Penalty

PENALTY = Penalty(
    name="huber_penalty",
    per_weight=lambda w: sympy.Piecewise((w**2 / 2, sympy.Abs(w) <= 1), (sympy.Abs(w) - sympy.Rational(1, 2), True)),
    aliases=("smoothed L1",),
)
