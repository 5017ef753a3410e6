"""Identity preference optimisation: ℓ = mean of ((a − a₀) − (b − b₀) − 1/(2β))², log-probabilities of chosen a and rejected b."""

from verify.spec import Array, Claims, FunctionSpec, Separable, ShiftInvariant, positive

FIXED = Array("n", differentiated=False)

SPEC = FunctionSpec(
    name="ipo",
    inputs={"a": Array("n"), "b": Array("n"), "a0": FIXED, "b0": FIXED},
    formula=lambda a, b, a0, b0, beta: (((a - a0) - (b - b0) - 1 / (2 * beta)) ** 2).mean(),
    parameters={"beta": positive(default=0.125)},
    claims=Claims(convex=True, relations=(Separable("n", reduction="mean"), ShiftInvariant("a b"))),
    source="M. G. Azar et al., A General Theoretical Paradigm to Understand Learning from Human Preferences, AISTATS 2024, equation 17",
    aliases=("IPO", "ΨPO with the identity"),
    computed_by=("trl.DPOTrainer(loss_type='ipo')",),
)
