"""Kullback–Leibler divergence between log-probabilities: ℓ(s, t) = Σ_j exp(t_j)(t_j − s_j)."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Real, Vector

SPEC = LossSpec(
    name="kl_log_targets",
    per_example=lambda s, t: sympy.Add(*(sympy.exp(b) * (b - a) for a, b in zip(s, t, strict=True))),
    target=Vector(Real(-32, 0)),
    claims=Claims(convex=True, symmetric=True),
    source="torch.nn.KLDivLoss, PyTorch documentation 2.2: log_target=True",
    aliases=("KL divergence of log targets", "relative entropy"),
    computed_by=("torch.nn.functional.kl_div(log_target=True)", "optax.losses.kl_divergence_with_log_targets"),
)
