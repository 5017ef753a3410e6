"""CRPS of a normal forecast: ℓ(μ, σ, t) = mean of σ(z(2Φ(z) − 1) + 2φ(z) − 1/√π), z = (t − μ)/σ, σ > 0."""

from verify.later import sympy
from verify.spec import Array, Claims, FunctionSpec, Positive, Separable, ShiftInvariant


def crps(mu, t, sigma):
    def of_one(z):
        density = sympy.exp(-(z**2) / 2) / sympy.sqrt(2 * sympy.pi)
        return z * sympy.erf(z / sympy.sqrt(2)) + 2 * density - 1 / sympy.sqrt(sympy.pi)

    return sympy.Add(*(b * of_one((x - m) / b) for m, x, b in zip(mu, t, sigma, strict=True))) / len(mu)


SPEC = FunctionSpec(
    name="gaussian_crps",
    inputs={"mu": Array("n"), "t": Array("n", differentiated=False), "sigma": Array("n", Positive())},
    formula=crps,
    claims=Claims(convex=None, relations=(Separable("n", reduction="mean"), ShiftInvariant("mu t"))),
    source="T. Gneiting et al., Calibrated Probabilistic Forecasting, Monthly Weather Review 133, 2005, equation 5",
    aliases=("continuous ranked probability score",),
    computed_by=("properscoring.crps_gaussian", "scoringrules.crps_normal"),
)
