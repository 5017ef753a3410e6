"""Multi-label margin loss: ℓ(s, t) = 1/C · Σ_{j: t_j = 1} Σ_{i: t_i = 0} max(0, 1 − s_j + s_i), t_j ∈ {0, 1}."""

from verify.later import sympy
from verify.spec import Binary, Claims, LossSpec


def margin(s, t):
    pairs = [(i, j) for i in range(len(s)) for j in range(len(s)) if i != j]
    return sympy.Add(*(t[j] * (1 - t[i]) * sympy.Max(0, 1 - s[j] + s[i]) for i, j in pairs)) / len(s)


SPEC = LossSpec(
    name="multilabel_margin",
    per_example=margin,
    target=Binary("C"),
    claims=Claims(convex=True, symmetric=True, shift_invariant=True),
    source="torch.nn.MultiLabelMarginLoss, PyTorch documentation 2.2, of labels as 0 and 1",
    aliases=("multi-label hinge", "pairwise hinge over labels"),
    computed_by=("torch.nn.functional.multilabel_margin_loss, which takes the indices",),
)
