"""Specs whose targets are of a domain."""

from sympy import Abs, Max, Piecewise, Rational, exp, log

from verify.spec import Claims, Count, LossSpec, Parameter, Positive, Real, positive

HALF = Rational(1, 2)


def spec(formula, target, *, convex=True, **parameters):
    claims = Claims(convex=convex)
    return LossSpec(name="of_a_domain", per_example=formula, target=target, parameters=parameters, claims=claims, source="a textbook")


HUBER = spec(
    lambda s, t, delta: Piecewise((HALF * (s - t) ** 2, Abs(s - t) <= delta), (delta * (Abs(s - t) - HALF * delta), True)),
    Real(),
    delta=positive(default=1),
)
QUANTILE = spec(lambda s, t, tau: tau * Max(0, t - s) + (1 - tau) * Max(0, s - t), Real(), tau=Parameter(default=0.25, low=0, high=1))
POISSON = spec(lambda s, t: exp(s) - t * s, Count())
GAMMA = spec(lambda s, t: s + t * exp(-s), Positive())
SOFT = spec(lambda s, t: log(1 + exp(s)) - t * s, Real(0, 1))
FALSE = spec(lambda s, t: t * exp(-s), Real())
"""Not convex where t < 0."""
