"""The function that a candidate claims to compute: a spec with its parameters' values and the scale of its sum."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from verify.form import Form
from verify.spec.loss import Parameter


@dataclass(frozen=True, kw_only=True, eq=False)
class ClaimedFunction(ABC):
    """A formula at values of its parameters. `unsure` has the relative uncertainty of parameters that were inferred: one number for each
    class, or one for all. `form` is that of a loss with labels, None for a function of named inputs.
    """

    reduction: str
    parameters: Mapping[str, float] = field(default_factory=dict)
    unsure: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    form: Form | None = None

    @property
    @abstractmethod
    def stated(self) -> Any:
        """The author's spec, in which the parameters have their domains."""

    @property
    @abstractmethod
    def domains(self) -> Mapping[str, Parameter]:
        """All parameters, including those with a number for each class."""

    @property
    @abstractmethod
    def differentiated(self) -> tuple[str, ...]:
        """The names of the differentiated inputs."""

    @property
    @abstractmethod
    def claims_convexity(self) -> bool:
        """Whether f is claimed to be convex in these inputs."""

    @property
    def described(self) -> dict[str, Any]:
        """The values of the parameters, for the report."""
        return dict(self.parameters)

    @property
    @abstractmethod
    def summed(self) -> dict[str, Any]:
        """The scale of the sum and what is added to it, and the only supported sizes, for the report."""

    @property
    def kind(self) -> Hashable:
        """A key, equal for members that differ only in their parameters."""
        return self.reduction

    def at(self, parameters: Mapping[str, float]) -> Self:
        """The claim with other values of some parameters."""
        return replace(self, parameters={**self.parameters, **parameters})
