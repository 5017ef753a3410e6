"""Poisson loss of the log mean: ℓ(s, t) = eˢ − t·s, t = 0, 1, 2, …"""

from verify.later import sympy
from verify.spec import Claims, Count, LossSpec

SPEC = LossSpec(
    name="poisson_log_link",
    per_example=lambda s, t: sympy.exp(s) - t * s,
    target=Count(),
    claims=Claims(convex=True),
    source="P. McCullagh and J. A. Nelder, Generalized Linear Models, Chapman and Hall 1989, chapter 6",
    aliases=("Poisson regression", "half Poisson deviance, up to constants"),
    computed_by=("torch.nn.functional.poisson_nll_loss", "sklearn._loss.loss.HalfPoissonLoss", "xgboost count:poisson", "lightgbm poisson"),
)
