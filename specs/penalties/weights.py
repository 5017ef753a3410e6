"""The penalties λ·R(W) of linear models: none, R = ‖W‖², R = ½‖W‖², the last two with and without the bias column."""

from verify.later import sympy
from verify.spec import Penalty

PENALTIES = (
    Penalty(name="none", per_weight=lambda _: sympy.Integer(0)),
    Penalty(name="l2", per_weight=lambda w: w**2),
    Penalty(name="l2-no-bias", per_weight=lambda w: w**2, bias=False),
    Penalty(name="half-l2", per_weight=lambda w: sympy.Rational(1, 2) * w**2),
    Penalty(name="half-l2-no-bias", per_weight=lambda w: sympy.Rational(1, 2) * w**2, bias=False),
)
