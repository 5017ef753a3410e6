"""Softmax cross-entropy with weights of the classes, labels ignored: ℓ(s, y) = w_y(log Σ_j exp(s_j) − s_y), 0 for y = −100."""

from verify.later import sympy
from verify.spec import Claims, Label, LossSpec, positive


def weighted(s, y, w):
    return 0 if y == -100 else w[y] * (sympy.log(sympy.Add(*map(sympy.exp, s))) - s[y])


SPEC = LossSpec(
    name="weighted_cross_entropy",
    per_example=weighted,
    target=Label(ignored=-100),
    parameters={"w": positive(default=1, dims="C")},
    claims=Claims(convex=True, shift_invariant=True),
    source="torch.nn.CrossEntropyLoss, PyTorch documentation 2.2: weight, ignore_index; its mean divides by the sum of w_y",
    aliases=("cross-entropy with class weights", "balanced cross-entropy"),
    computed_by=("torch.nn.functional.cross_entropy(weight=…, ignore_index=…)", "torch.nn.functional.nll_loss, of log_softmax"),
)
