"""Direct preference optimisation: ℓ = mean of log(1 + exp(−β((a − a₀) − (b − b₀)))), log-probabilities of chosen a and rejected b."""

import numpy as np

from verify.spec import Array, Claims, FunctionSpec, Separable, ShiftInvariant, positive

FIXED = Array("n", differentiated=False)

SPEC = FunctionSpec(
    name="dpo",
    inputs={"a": Array("n"), "b": Array("n"), "a0": FIXED, "b0": FIXED},
    formula=lambda a, b, a0, b0, beta: np.log(1 + np.exp(-beta * ((a - a0) - (b - b0)))).mean(),
    parameters={"beta": positive(default=0.125)},
    claims=Claims(convex=True, relations=(Separable("n", reduction="mean"), ShiftInvariant("a b"))),
    source="R. Rafailov et al., Direct Preference Optimization, NeurIPS 2023, equation 7",
    aliases=("DPO", "sigmoid preference loss"),
    computed_by=("trl.DPOTrainer(loss_type='sigmoid')", "torchtune.rlhf.loss.DPOLoss"),
)
