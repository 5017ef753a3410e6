"""Penalties that are not shipped, as their authors state them, right and wrong."""

from sympy import Abs, Integer, Piecewise, sign

from verify.spec import Penalty

PENALTY = Penalty(name="elastic_net", per_weight=lambda w: Abs(w) / 2 + w**2 / 4, bias=False)
LASSO = Penalty(name="lasso", per_weight=Abs)
JUMPS = Penalty(name="jumps", per_weight=lambda w: Piecewise((0, w < 1), (1, True)))
OF_NUMBERS = Penalty(name="of_numbers", per_weight=lambda w: max(w, 0))
SIGN = Penalty(name="sign", per_weight=sign)
NOTHING = Penalty(name="nothing", per_weight=lambda _: Integer(3))
