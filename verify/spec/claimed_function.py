"""The function that one candidate claims to compute: a spec with its parameters' values and the scale of its sum."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from verify.form import Form
from verify.spec.loss import Parameter


@dataclass(frozen=True, kw_only=True, eq=False)
class ClaimedFunction(ABC):
    """A formula at values of its parameters. `unsure` says of those that were found out how far each of their numbers may be off, of its
    size: one for each class, or for all. `form` is what a loss with labels is a function of, None of a function of named inputs.
    """

    reduction: str
    parameters: Mapping[str, float] = field(default_factory=dict)
    unsure: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    form: Form | None = None

    @property
    @abstractmethod
    def stated(self) -> Any:
        """What its author states, in which the parameters have their domains."""

    @property
    @abstractmethod
    def domains(self) -> Mapping[str, Parameter]:
        """All parameters, those that have a number for each class among them."""

    @property
    @abstractmethod
    def differentiated(self) -> tuple[str, ...]:
        """The names of the inputs that a gradient is due for."""

    @property
    @abstractmethod
    def claims_convexity(self) -> bool:
        """Whether f is claimed to be convex in all of them."""

    @property
    def described(self) -> dict[str, Any]:
        """What there is to say of each parameter."""
        return dict(self.parameters)

    @property
    @abstractmethod
    def summed(self) -> dict[str, Any]:
        """What there is to say of how the sum is scaled and what is added to it, and of the only sizes that are asked about."""

    @property
    def kind(self) -> Hashable:
        """The same for members that are alike but for their parameters."""
        return self.reduction

    def at(self, parameters: Mapping[str, float]) -> Self:
        """The same at other values of some parameters."""
        return replace(self, parameters={**self.parameters, **parameters})
