"""Hinge embedding of a distance: ℓ(s, t) = s where t = 1, else max(0, m − s), t ∈ {−1, 1}."""

from verify.later import sympy
from verify.spec import Claims, LossSpec, Sign, positive

SPEC = LossSpec(
    name="hinge_embedding",
    per_example=lambda s, t, m: s if t == 1 else sympy.Max(0, m - s),
    target=Sign(),
    parameters={"m": positive(default=1)},
    claims=Claims(convex=True),
    source="torch.nn.HingeEmbeddingLoss, PyTorch documentation 2.2",
    aliases=("distance hinge",),
    computed_by=("torch.nn.functional.hinge_embedding_loss",),
)
