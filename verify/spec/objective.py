"""f(W) = reduce_i ℓ(W x_i, y_i) + λ R(W), or φ(S) = reduce_i ℓ(S_i, y_i): what one candidate claims to compute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from verify.errors import unknown
from verify.form import LINEAR, Form
from verify.spec.convexity import convex_penalty
from verify.spec.loss import LossSpec
from verify.spec.penalty import Penalty

REDUCTIONS = ("mean", "sum")


@dataclass(frozen=True, kw_only=True, eq=False)
class Objective:
    """A loss, its parameters' values, a penalty and a reduction over the examples.

    `form` says what it is a function of; the scores themselves have the penalty "none". `classes` is the only number of classes that is
    asked about, if not all are. `unsure` says of parameters that were found out how far each of its numbers may be off, of its size.
    """

    loss: LossSpec
    penalty: Penalty
    reduction: str = "mean"
    parameters: Mapping[str, float] = field(default_factory=dict)
    form: Form = LINEAR
    classes: int | None = None
    unsure: Mapping[str, tuple[float, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.reduction not in REDUCTIONS:
            raise unknown("reduction", self.reduction, REDUCTIONS)
        object.__setattr__(self, "parameters", self.loss.with_parameters(self.parameters))

    @property
    def claims_convexity(self) -> bool:
        """Whether f is claimed to be convex: the loss by its author, the penalty by proof."""
        return self.loss.claims.convex is True and convex_penalty(self.penalty)

    def share(self, examples: int) -> tuple[int, int]:
        """The factor of each example in the sum, as a fraction: (1, N) for the mean, (1, 1) for the sum."""
        return (1, examples) if self.reduction == "mean" else (1, 1)
