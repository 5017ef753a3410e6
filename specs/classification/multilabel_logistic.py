"""Binary cross-entropy of several labels, their mean: ℓ(s, t) = 1/C · Σ_j (log(1 + exp(s_j)) − t_j s_j), t_j ∈ {0, 1}."""

from verify.later import sympy
from verify.spec import Binary, Claims, LossSpec

SPEC = LossSpec(
    name="multilabel_logistic",
    per_example=lambda s, t: sympy.Add(*((sympy.log(1 + sympy.exp(a)) - b * a) / len(s) for a, b in zip(s, t, strict=True))),
    target=Binary("C"),
    claims=Claims(convex=True, symmetric=True),
    source="torch.nn.MultiLabelSoftMarginLoss, PyTorch documentation 2.2; others take the sum over the classes",
    aliases=("multi-label soft margin", "binary relevance"),
    computed_by=("torch.nn.functional.multilabel_soft_margin_loss", "torch.nn.functional.binary_cross_entropy_with_logits"),
)
