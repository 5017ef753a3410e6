"""One way of asking a candidate: its arguments made of the values of a case, and what it returns read as an answer.

Every signature is one: of weights and of scores (`Labelled`), and of named inputs (`Call`).
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
    """Calls `f` in its own layout, on copies, and answers in the suite's. `form` is what a loss with labels is a function of, None of a
    function of named inputs.
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
        """Whether there is a value."""
        return True

    @property
    def has_gradient(self) -> bool:
        """Whether there is one."""
        return True

    @property
    def has_curvature(self) -> bool:
        """Whether there is a Hessian."""
        return False

    @property
    def flat(self) -> bool:
        """Whether scores and gradients are numbers in one row."""
        return False

    @property
    def takes_weights(self) -> bool:
        """Whether weights of the examples are handed in beside the values."""
        return False

    @property
    @abstractmethod
    def described(self) -> dict[str, Any]:
        """How it is called, for the report."""

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Of its arguments."""

    @abstractmethod
    def arguments(self, /, *values: Any, **named: Any) -> tuple[Any, ...]:
        """Fresh arrays in the candidate's own layout, in C order."""

    @abstractmethod
    def answer(self, arguments: tuple[Any, ...]) -> Answer:
        """The answer to arguments in the candidate's own layout, which it gets as they are. Raises Misbehaviour where it gives none."""

    @abstractmethod
    def change(self, arguments: tuple[Any, ...]) -> None:
        """Writes other numbers into the arguments."""

    @abstractmethod
    def at(self, parameters: Mapping[str, float]) -> Self:
        """The same at other values of parameters that it takes. Raises UsageError for one that it does not take."""

    @property
    def answers_alone(self) -> bool:
        """Whether its loss can be asked for without the gradient."""
        return False

    def value(self, /, **values: Any) -> float:
        """The loss alone, on copies of the values, of one that `answers_alone`. Raises Misbehaviour."""
        return self(**values).value

    def weighted(self, weights: tuple[float, ...]) -> Self:  # noqa: ARG002
        """The same with these weights of the examples, where it takes some beside the values. Raises TypeError where it does not."""
        raise TypeError(f"{', '.join(self.names)}: no weights beside the values are taken")

    def packed(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """Arguments in its own layout as its function takes them."""
        return arguments

    def keeps(self, name: str) -> bool:  # noqa: ARG002
        """Whether an argument is a buffer that it may write to."""
        return False


@dataclass(frozen=True, kw_only=True)
class Labelled(Way):
    """Calls `f` on what has labels.

    `extras` are what it takes after the first arguments. `targets` are what labels stand for where a loss has one score. `weights` of the
    examples are handed in where they are asked about.
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
        """The places of those that may hold any numbers."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of its arguments."""
        return (*self.first, *(e if e == REG else "weights" if isinstance(e, WeightsArgument) else "parameter" for e in self.extras))

    @property
    def takes_weights(self) -> bool:
        """Whether weights of the examples are handed in."""
        return any(isinstance(e, WeightsArgument) for e in self.extras)

    def at(self, parameters: Mapping[str, float]) -> Self:
        """The same at other values of parameters of the loss that it takes."""
        return replace(self, extras=with_parameters(self.extras, parameters))

    def weighted(self, weights: tuple[float, ...]) -> Self:
        """The same with these weights of the examples."""
        return replace(self, weights=weights)

    def change(self, arguments: tuple[Any, ...]) -> None:
        """Writes other numbers where any may stand."""
        halved(arguments, self.real)

    def labels(self, y: NDArray[np.integer[Any]], dtype: np.dtype[Any]) -> NDArray[Any]:
        """What labels stand for."""
        return np.array(y) if self.targets is None else np.array(self.targets, dtype=dtype)[y]

    def more(self, examples: int, dtype: np.dtype[Any], reg: float = 0.0) -> tuple[Any, ...]:
        """What is handed in after the first arguments."""
        return tuple(self._one(e, examples, dtype, reg) for e in self.extras)

    def _one(self, e: Extra, examples: int, dtype: np.dtype[Any], reg: float) -> Any:
        if isinstance(e, WeightsArgument):
            return e.given(examples, dtype, self.weights)
        return e.value if isinstance(e, FixedArgument) else reg
