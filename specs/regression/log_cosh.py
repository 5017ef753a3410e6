"""Log-cosh: ℓ(s, t) = log cosh(s − t)."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Real


def log_cosh(s, t):
    return sympy.log(sympy.exp(s - t) + sympy.exp(t - s)) - sympy.log(2)


def by_exponentials(s, t):
    return (s - t) + sympy.log(1 + sympy.exp(-2 * (s - t))) - sympy.log(2)


def by_cosh(s, t):
    return sympy.log(sympy.cosh(s - t))


SPEC = LossSpec(
    name="log_cosh",
    per_example=log_cosh,  # and not by cosh, which leaves the range where the loss does not
    ways=(by_exponentials, by_cosh),
    target=Real(),
    claims=Claims(convex=True),
    source="P. J. Green, Bayesian reconstructions from emission tomography data using a modified EM algorithm, IEEE TMI 9, 1990",
    aliases=("logarithm of the hyperbolic cosine of the error",),
    computed_by=("optax.losses.log_cosh", "keras.losses.log_cosh", "torchmetrics.functional.log_cosh_error"),
)
