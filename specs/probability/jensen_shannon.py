"""Jensen–Shannon divergence: ℓ(s, t) = ½Σ_j (s_j log(s_j/m_j) + t_j log(t_j/m_j)), m = ½(s + t), 0 < s_j, t_j < 1."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Probabilities, Probability, Vector


def jensen_shannon(s, t):
    def towards(a, b):
        return a * (sympy.log(a) - sympy.log((a + b) / 2))

    return sympy.Add(*((towards(a, b) + towards(b, a)) / 2 for a, b in zip(s, t, strict=True)))


SPEC = LossSpec(
    name="jensen_shannon",
    per_example=jensen_shannon,
    prediction=Probabilities(),
    target=Vector(Probability()),
    claims=Claims(convex=True, symmetric=True),
    source="J. Lin, Divergence Measures Based on the Shannon Entropy, IEEE Trans. Information Theory 37, 1991",
    aliases=("JSD", "the square of scipy's Jensen–Shannon distance"),
    computed_by=("scipy.spatial.distance.jensenshannon, squared",),
)
