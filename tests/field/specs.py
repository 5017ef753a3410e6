"""Specs of the field's losses, as their authors state them."""

from sympy import Abs, Add, Integer, Max, Piecewise, Rational, exp, log

from verify.spec import Claims, LossSpec, Parameter, others, positive

HALF = Rational(1, 2)
CONVEX = Claims(convex=True)
REAL = (-2.5, -1, 0, 0.375, 1, 4)


def one(name, formula, targets, claims=CONVEX, **parameters):
    return LossSpec(name=name, per_example=formula, targets=targets, parameters=parameters, claims=claims, source="a textbook")


def _focal(s, t, gamma):
    """α = ½."""
    right, wrong = log(1 + exp(-s)), log(1 + exp(s))
    if t == 1:
        return HALF * (1 / (1 + exp(s))) ** gamma * right
    return HALF * (1 / (1 + exp(-s))) ** gamma * wrong


POISSON = one("poisson", lambda s, t: exp(s) - t * s, (0, 1, 2, 7))
POISSON_IDENTITY = one("poisson_identity", lambda s, t: s - t * log(s), (0, 1, 2, 7))
EXPONENTIAL = one("exponential", lambda s, t: exp(-t * s), (-1, 1))
GAMMA = one("gamma", lambda s, t: s + t * exp(-s), (0.125, 1, 2.5, 7))
TWEEDIE = one("tweedie", lambda s, t: 2 * exp(s / 2) + 2 * t * exp(-s / 2), (0, 0.125, 1, 2.5, 7))
FOCAL = one("focal", _focal, (0, 1), Claims(convex=None), gamma=positive(default=2))
FOCAL_HALF = one("focal_half", _focal, (0, 1), Claims(convex=None), gamma=positive(default=0.5))
LOGISTIC = one("logistic", lambda s, t: log(1 + exp(-t * s)), (-1, 1))
POS_WEIGHT = one("pos_weight", lambda s, t, w: (1 - t) * log(1 + exp(s)) + w * t * log(1 + exp(-s)), (0, 1), w=positive(default=3))
POS_WEIGHT_SHIFTED = one(
    "pos_weight_shifted", lambda s, t, w: (1 + (w - 1) * t) * log(1 + exp(s)) - w * t * s, (0, 1), w=positive(default=3)
)
HUBER = one(
    "huber",
    lambda s, t, delta: Piecewise((HALF * (s - t) ** 2, Abs(s - t) <= delta), (delta * (Abs(s - t) - HALF * delta), True)),
    REAL,
    delta=positive(default=1),
)
HUBER_MAX = one(
    "huber_max",
    lambda s, t, delta: HALF * (s - t) ** 2 - HALF * Max(0, s - t - delta) ** 2 - HALF * Max(0, t - s - delta) ** 2,
    REAL,
    delta=positive(default=1),
)
GEMAN_MCCLURE = one("geman_mcclure", lambda s, t: (s - t) ** 2 / (1 + (s - t) ** 2), REAL, Claims(convex=None))
PINBALL = one(
    "pinball",
    lambda s, t, tau: tau * Max(0, t - s) + (1 - tau) * Max(0, s - t),
    REAL,
    tau=Parameter(default=0.25, low=0, high=1),
)
ORDINAL = one(
    "ordinal",
    lambda s, t: log(1 + exp(s + 1)) if t == 0 else log(1 + exp(1 - s)) if t == 2 else -log(1 / (1 + exp(s - 1)) - 1 / (1 + exp(s + 1))),
    (0, 1, 2),
    Claims(convex=None),
)
ONE_VS_ALL = LossSpec(
    name="one_vs_all",
    per_example=lambda s, y: log(1 + exp(-s[y])) + Add(*(log(1 + exp(s[j])) for j in others(s, y))),
    claims=Claims(convex=True, symmetric=True),
    source="R. Rifkin and A. Klautau, JMLR 2004",
)
EXPONENTIAL_CLASSES = LossSpec(
    name="exponential_classes",
    per_example=lambda s, y: Add(Integer(0), *(exp(s[j] - s[y]) for j in others(s, y))),
    ways=(lambda s, y: Add(Integer(-1), *(exp(v - s[y], evaluate=False) for v in s)),),
    claims=Claims(convex=True, symmetric=True, shift_invariant=True),
    source="a textbook",
)
TEMPERATURE = LossSpec(
    name="temperature",
    per_example=lambda s, y, T: log(Add(*(exp(v / T) for v in s))) - s[y] / T,
    parameters={"T": positive(default=2)},
    claims=CONVEX,
    source="a textbook",
)
"""Of several scores; not monotone in T where an example's label has neither the least nor the greatest one."""
