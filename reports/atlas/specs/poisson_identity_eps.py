"""Poisson loss of the mean with torch's ε: ℓ(s, t) = s − t log(s + ε), s > 0, t = 0, 1, 2, …"""

from sympy import log

from verify.spec import Claims, Count, LossSpec, Positive, positive

SPEC = LossSpec(
    name="poisson_identity_eps",
    per_example=lambda s, t, eps: s - t * log(s + eps),
    prediction=Positive(),
    target=Count(),
    parameters={"eps": positive(default=1e-8)},
    claims=Claims(convex=True),
    source="torch.nn.PoissonNLLLoss, PyTorch documentation 2.13: log(input + eps) where log_input=False",
)
