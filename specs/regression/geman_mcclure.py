"""Geman and McClure's loss: ℓ(s, t) = r²/(c² + r²), r = s − t."""

from verify.spec import Chord, Claims, LossSpec, Real, positive

SPEC = LossSpec(
    name="geman_mcclure",
    per_example=lambda s, t, c: (s - t) ** 2 / (c**2 + (s - t) ** 2),
    target=Real(),
    parameters={"c": positive(default=1)},
    claims=Claims(convex=False, chord=Chord(start=(1.0,), end=(4.0,))),
    source="S. Geman and D. McClure, Bayesian image analysis: an application to single photon emission tomography, ASA 1985",
    aliases=("Geman–McClure, which others multiply by 2 or ½c²",),
    computed_by=("kornia.losses.geman_mcclure_loss, of another scale",),
)
