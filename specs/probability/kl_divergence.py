"""Kullback–Leibler divergence of probabilities: ℓ(s, t) = Σ_j t_j log(t_j/s_j), 0 < s_j, t_j < 1."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Probabilities, Probability, Vector

SPEC = LossSpec(
    name="kl_divergence",
    per_example=lambda s, t: sympy.Add(*(b * (sympy.log(b) - sympy.log(a)) for a, b in zip(s, t, strict=True))),
    prediction=Probabilities(),
    target=Vector(Probability()),
    claims=Claims(convex=True, symmetric=True),
    source="S. Kullback and R. A. Leibler, On Information and Sufficiency, Ann. Math. Stat. 22, 1951",
    aliases=("relative entropy", "KL"),
    computed_by=("scipy.special.rel_entr", "scipy.stats.entropy", "keras.losses.kl_divergence"),
)
