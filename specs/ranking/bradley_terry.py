"""Bradley–Terry preference: ℓ(a, b) = mean of log(1 + exp(b − a)), a preferred to b."""

import numpy as np

from verify.spec import Array, Claims, FunctionSpec, Separable, ShiftInvariant

SPEC = FunctionSpec(
    name="bradley_terry",
    inputs={"a": Array("n"), "b": Array("n")},
    formula=lambda a, b: np.log(1 + np.exp(b - a)).mean(),
    claims=Claims(convex=True, relations=(Separable("n", reduction="mean"), ShiftInvariant("a b"))),
    source="R. A. Bradley and M. E. Terry, Rank Analysis of Incomplete Block Designs, Biometrika 39, 1952",
    aliases=("reward model loss", "BPR loss", "RankNet of one pair"),
    computed_by=("trl.RewardTrainer", "torch.nn.functional.softplus(b - a)"),
)
