"""Student's t likelihood up to constants: ℓ(s, t) = ½(ν + 1) log(1 + r²/(νσ²)), r = s − t."""

from verify.later import sympy
from verify.spec import Chord, Claims, LossSpec, Real, positive

SPEC = LossSpec(
    name="student_t",
    per_example=lambda s, t, nu, sigma: (nu + 1) * sympy.log(1 + ((s - t) / sigma) ** 2 / nu) / 2,
    target=Real(),
    parameters={"nu": positive(default=4), "sigma": positive(default=1)},
    claims=Claims(convex=False, chord=Chord(start=(4.0,), end=(16.0,))),
    source="K. L. Lange, R. J. A. Little, J. M. G. Taylor, Robust Statistical Modeling Using the t Distribution, JASA 84, 1989",
    aliases=("t-distribution loss", "Student's t negative log-likelihood"),
    computed_by=("torch.distributions.StudentT.log_prob, negated", "scipy.stats.t.logpdf, negated"),
)
