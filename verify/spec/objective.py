"""f(W) = reduce_i ℓ(W x_i, y_i) + λ R(W), or φ(S) = reduce_i ℓ(S_i, y_i): the function that a candidate claims to compute."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

from verify.errors import unknown
from verify.form import LINEAR, Form
from verify.spec.claimed_function import ClaimedFunction
from verify.spec.convexity import convex_penalty
from verify.spec.loss import LossSpec, Parameter
from verify.spec.penalty import Penalty
from verify.spec.relations import Affine, Relation, Separable, ShiftInvariant, Symmetric

REDUCTIONS = ("mean", "sum")


@dataclass(frozen=True, kw_only=True, eq=False)
class Objective(ClaimedFunction):
    """A loss, its parameters' values, a penalty and a reduction over the examples.

    `form` says what it is a function of; a function of scores has the penalty "none". `classes` is the only supported number of classes, if
    not all are.
    """

    loss: LossSpec
    penalty: Penalty
    reduction: str = "mean"
    form: Form = LINEAR
    classes: int | None = None

    def __post_init__(self) -> None:
        if self.reduction not in REDUCTIONS:
            raise unknown("reduction", self.reduction, REDUCTIONS)
        object.__setattr__(self, "parameters", self.loss.with_parameters(self.parameters))

    @property
    def stated(self) -> LossSpec:
        """The loss."""
        return self.loss

    @property
    def domains(self) -> Mapping[str, Parameter]:
        """The parameters of the loss."""
        return self.loss.parameters

    @property
    def differentiated(self) -> tuple[str, ...]:
        """The name of the weights, or of the scores."""
        return (self.form.point,)

    @property
    def summed(self) -> dict[str, Any]:
        """See `ClaimedFunction`; with the penalty for a function of weights."""
        penalty = {"penalty": self.penalty.name} if self.form.is_penalised else {}
        return {"reduction": self.reduction, **penalty, **({} if self.classes is None else {"classes": self.classes})}

    @property
    def kind(self) -> Hashable:
        """See `ClaimedFunction`; includes the penalty."""
        return self.reduction, self.penalty

    @property
    def relations(self) -> tuple[Relation, ...]:
        """The relations of its form, a sum over examples that is affine in λ, and those that the loss claims for the classes."""
        claims = self.loss.claims
        found: list[Relation] = [Separable("N", self.reduction), *([Affine("reg")] if self.form.is_penalised else [])]
        found += [Symmetric("C")] if claims.symmetric else []
        found += [ShiftInvariant(self.form.point, along="C")] if claims.shift_invariant else []
        return tuple(found)

    @property
    def claims_convexity(self) -> bool:
        """Whether f is claimed to be convex: the loss by its author, the penalty by proof."""
        return self.loss.claims.convex is True and convex_penalty(self.penalty)

    def share(self, examples: int) -> tuple[int, int]:
        """The factor of each example in the sum, as a fraction: (1, N) for the mean, (1, 1) for the sum."""
        return (1, examples) if self.reduction == "mean" else (1, 1)
