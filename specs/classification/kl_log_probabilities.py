"""Kullback–Leibler divergence from log-probabilities: ℓ(s, t) = Σ_j t_j(log t_j − s_j), 0 < t_j < 1."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Probability, Vector

SPEC = LossSpec(
    name="kl_log_probabilities",
    per_example=lambda s, t: sympy.Add(*(b * (sympy.log(b) - a) for a, b in zip(s, t, strict=True))),
    target=Vector(Probability()),
    claims=Claims(convex=True, symmetric=True),
    source="torch.nn.KLDivLoss, PyTorch documentation 2.2: the input is log-probabilities, and 'batchmean' is the divergence",
    aliases=("KL divergence", "relative entropy"),
    computed_by=("torch.nn.functional.kl_div", "optax.losses.kl_divergence"),
)
