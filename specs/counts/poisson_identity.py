"""Poisson loss of the mean: ℓ(s, t) = s − t log s, s > 0, t = 0, 1, 2, …"""

from verify.later import sympy
from verify.spec import Claims, Count, LossSpec, Positive

SPEC = LossSpec(
    name="poisson_identity",
    per_example=lambda s, t: s - t * sympy.log(s),
    prediction=Positive(),
    target=Count(),
    claims=Claims(convex=True),
    source="P. McCullagh and J. A. Nelder, Generalized Linear Models, Chapman and Hall 1989, chapter 6; libraries add an ε to s",
    aliases=("Poisson loss with identity link",),
    computed_by=("torch.nn.functional.poisson_nll_loss(log_input=False)", "keras.losses.poisson"),
)
