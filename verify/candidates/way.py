"""A way of calling a candidate: its arguments made from the values of a case, and its result read as an answer.

All signatures are ways: of weights and of scores (`Labelled`), and of named inputs (`Call`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from verify.candidates.answer import Answer, halved
from verify.candidates.signature import REG, Extra, FixedArgument, WeightsArgument, with_parameters
from verify.form import Form


@dataclass(frozen=True, kw_only=True)
class Way(ABC):
    """Calls `f` in its own layout, on copies, and answers in the suite's. `form` is that of a loss with labels, None for a function of
    named inputs.
    """

    f: Callable[..., Any]

    form: ClassVar[Form | None] = None

    def __call__(self, /, *values: Any, **named: Any) -> Answer:
        """The candidate's answer on copies of the values; see `answer`."""
        return self.answer(self.arguments(*values, **named)).kept()

    @property
    def is_of_matrices(self) -> bool:
        """Whether it takes weights of several classes."""
        return False

    @property
    def has_loss(self) -> bool:
        """Whether it returns a value."""
        return True

    @property
    def has_gradient(self) -> bool:
        """Whether it returns a gradient."""
        return True

    @property
    def has_curvature(self) -> bool:
        """Whether it returns a Hessian."""
        return False

    @property
    def flat(self) -> bool:
        """Whether scores and gradients are one row of numbers."""
        return False

    @property
    def takes_weights(self) -> bool:
        """Whether it takes weights of the examples in addition to the values."""
        return False

    @property
    @abstractmethod
    def described(self) -> dict[str, Any]:
        """How it is called, for the report."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """The names of its arguments."""

    @abstractmethod
    def arguments(self, /, *values: Any, **named: Any) -> tuple[Any, ...]:
        """New arrays in the candidate's own layout, C-contiguous."""

    @abstractmethod
    def answer(self, arguments: tuple[Any, ...]) -> Answer:
        """The candidate's answer to arguments in its own layout, which are not copied. Raises Misbehaviour where there is none."""

    @abstractmethod
    def others(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Other numbers in place of those among the values that may be any."""

    @abstractmethod
    def at(self, parameters: Mapping[str, float]) -> Self:
        """The way with other values of its parameters. Raises UsageError for a parameter that it does not take."""

    @property
    def answers_alone(self) -> bool:
        """Whether the loss can be computed without the gradient."""
        return False

    def value(self, /, **values: Any) -> float:
        """The loss alone, on copies of the values; only if `answers_alone`. Raises Misbehaviour."""
        return self(**values).value

    def weighted(self, weights: tuple[float, ...]) -> Self:  # noqa: ARG002
        """The way with these weights of the examples, if it takes some in addition to the values. Raises TypeError if it does not."""
        raise TypeError(f"{', '.join(self.names)}: no weights beside the values are taken")

    def packed(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """Arguments in its own layout, in the form that its function takes."""
        return arguments

    def keeps(self, name: str) -> bool:  # noqa: ARG002
        """Whether an argument is a buffer that it may write to."""
        return False


@dataclass(frozen=True, kw_only=True)
class Labelled(Way):
    """Calls `f` of a loss with labels.

    `extras` are the arguments after the first ones. `targets` are the values of labels for a loss of one score. `weights` of the examples
    are passed where a law sets them.
    """

    extras: tuple[Extra, ...] = ()
    targets: tuple[float, ...] | None = None
    weights: tuple[float, ...] | None = None

    @property
    @abstractmethod
    def convention(self) -> str:
        """The name of its layout."""

    @property
    @abstractmethod
    def first(self) -> tuple[str, ...]:
        """The names of its first arguments."""

    @property
    @abstractmethod
    def real(self) -> tuple[int, ...]:
        """The positions of those that may hold any numbers."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of its arguments."""
        return (*self.first, *(e if e == REG else "weights" if isinstance(e, WeightsArgument) else "parameter" for e in self.extras))

    @property
    def takes_weights(self) -> bool:
        """Whether it takes weights of the examples."""
        return any(isinstance(e, WeightsArgument) for e in self.extras)

    def at(self, parameters: Mapping[str, float]) -> Self:
        """The way with other values of the loss's parameters."""
        return replace(self, extras=with_parameters(self.extras, parameters))

    def weighted(self, weights: tuple[float, ...]) -> Self:
        """The way with these weights of the examples."""
        return replace(self, weights=weights)

    def others(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Half of each."""
        assert self.form is not None
        return halved({name: values[name] for name in self.form.real})

    def labels(self, y: NDArray[np.integer[Any]], dtype: np.dtype[Any]) -> NDArray[Any]:
        """The labels, or the targets that they stand for."""
        return np.array(y) if self.targets is None else np.array(self.targets, dtype=dtype)[y]

    def more(self, examples: int, dtype: np.dtype[Any], reg: float = 0.0) -> tuple[Any, ...]:
        """The arguments after the first ones."""
        return tuple(self._one(e, examples, dtype, reg) for e in self.extras)

    def _one(self, e: Extra, examples: int, dtype: np.dtype[Any], reg: float) -> Any:
        if isinstance(e, WeightsArgument):
            return e.given(examples, dtype, self.weights)
        return e.value if isinstance(e, FixedArgument) else reg
