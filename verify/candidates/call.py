"""The call of a function of named inputs: the order of its arguments, the parameters that it takes, and what it returns.

f(x, gamma)                → (value, gradients), or (value, ∂x, ∂gamma)
loss(x, gamma), grad(x, gamma)
forward(x, gamma) → y      and backward(upstream, x, gamma) → gradients, upstream first or last
forward(x, gamma) → (y, saved)   and backward(upstream, saved)
"""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from verify.candidates.answer import Answer, Incomplete, Misbehaviour, array, guarded_call, halved, is_number, number, summed
from verify.candidates.arguments import Arguments
from verify.candidates.candidate import Candidate
from verify.candidates.signature import POSITIONAL
from verify.candidates.upstream import contracted
from verify.candidates.way import Way
from verify.errors import UsageError
from verify.problem import Problem
from verify.spec.function import UPSTREAM

Floats = NDArray[np.floating]

FIRST, LAST, SAVED, SAVED_FIRST = "upstream first", "upstream last", "(upstream, saved)", "(saved, upstream)"
BACKWARDS = (FIRST, LAST, SAVED, SAVED_FIRST)
"""The ways to call a backward."""


@dataclass(frozen=True, kw_only=True)
class Call(Way):
    """Calls `f` on copies of the named inputs in its own `order`, and answers by their names.

    `handed` are the parameters that it takes, by the names it uses; parameters with a number for each class are inputs, passed by name
    where it takes them so. `backward` is how the gradient of an array is requested; None if f returns one number. For code judged against
    its own formula, `own` builds its arguments from the inputs.
    """

    problem: Problem
    order: tuple[str, ...]
    handed: Mapping[str, float] = field(default_factory=dict)
    backward: str | None = None
    own: Arguments | None = None

    @property
    def has_loss(self) -> bool:
        """Whether the candidate returns a value."""
        return not isinstance(self.f, Candidate) or self.f.loss is not None

    @property
    def has_gradient(self) -> bool:
        """Whether it has a gradient: some candidates declare that they have a value alone."""
        if self.own is not None:
            return self.own.returned is not None
        return not isinstance(self.f, Candidate) or self.f.has_gradient

    @property
    def described(self) -> dict[str, Any]:
        """How the candidate is called: its arguments by the inputs' names, and its backward."""
        backward = {"backward": self.backward} if self.backward else {}
        return {"call": f"f({', '.join([*self.order, *self.handed])})", **backward}

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its arguments, the upstream gradient last."""
        return (*self.order, *((UPSTREAM,) if self.backward else ()))

    def others(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Other values to ask at: free arrays halved, restricted ones reversed."""
        arrays = {name: values[name] for name in self.names if np.ndim(values[name])}
        free = {name: a for name, a in arrays.items() if self.problem.input(name).is_free}
        bound = {name: a for name, a in arrays.items() if name not in free and self.problem.input(name).differentiated}
        return {**halved(free), **{name: a.ravel()[::-1].reshape(a.shape) for name, a in bound.items()}}

    @property
    def answers_alone(self) -> bool:
        """Whether the loss can be computed without the gradient."""
        if self.own is None or self.backward or not self.has_gradient:
            return False
        return self.f.loss is not None if isinstance(self.f, Candidate) else hasattr(self.f, "loss_alone")

    def value(self, /, **values: Any) -> float:
        """The loss alone, on copies of the inputs; only if `answers_alone`. Raises Misbehaviour."""
        if isinstance(self.f, Candidate):
            assert self.f.loss is not None
            return number(self._asked(self.f.loss, self.arguments(**values)))
        return number(self._asked(self.f.loss_alone, self.arguments(**values))[0])  # type: ignore[attr-defined]

    def arguments(self, /, **values: Any) -> tuple[Any, ...]:
        """New arrays in the candidate's own order, C-contiguous; single numbers as numbers."""
        return tuple(np.array(values[name], order="C") if np.ndim(values[name]) else values[name] for name in self.names)

    def packed(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """Arguments in the candidate's own order, in the form that its function takes."""
        return arguments if self.own is None else self.own.packed(dict(zip(self.order, arguments, strict=True)))

    def keeps(self, name: str) -> bool:
        """Whether an input is a buffer of code that is judged against its own formula."""
        return self.own is not None and self.own.is_kept(name)

    def answer(self, arguments: tuple[Any, ...]) -> Answer:
        """The candidate's answer to arguments in its own order, which are not copied. Raises Misbehaviour where there is none."""
        shapes = {name: np.shape(a) for name, a in zip(self.names, arguments, strict=True)}  # before the call, which may change it
        examples = shapes[self.problem.inputs[0].name][:1]
        if self.backward:
            return self._pulled(arguments, shapes)
        if self.own is not None and not self.has_gradient:
            nothing = {name: np.zeros(shapes[name]) for name in self.own.differentiated}
            return Answer(self._value(self._asked(self.f, arguments), examples), nothing)
        if isinstance(self.f, Candidate):
            value = np.nan if self.f.loss is None else self._value(self._asked(self.f.loss, arguments), examples)
            if not self.has_gradient:
                return Answer(value, {name: np.zeros(shapes[name]) for name in self.problem.differentiated})
            return Answer(value, self._gradients(self._asked(self.f.grad, arguments), shapes))
        returned = self._asked(self.f, arguments)
        if not isinstance(returned, (tuple, list)) or len(returned) == 1:
            message = f"returned {type(returned).__name__}, not a pair (value, {self._gradients_due()})"
            if is_number(returned) or type(returned) is np.ndarray:
                raise Incomplete(message, 1, array=type(returned) is np.ndarray)
            raise Misbehaviour("shape", message)
        first, *rest = returned
        return Answer(self._value(first, examples), self._gradients(rest[0] if len(rest) == 1 else rest, shapes))

    def _asked(self, f: Callable[..., Any], arguments: Sequence[Any]) -> Any:
        if self.own is not None:
            return guarded_call(f, self.packed(tuple(arguments)))
        bound, plain = self.bound(f, arguments, self.handed)
        return guarded_call(bound, plain)

    def bound(
        self, f: Callable[..., Any], arguments: Sequence[Any], handed: Mapping[str, Any], code: Callable[..., Any] | None = None
    ) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        """The function to call in place of `f`, or of its `code`, with everything that goes by name bound to it (what it takes of `handed`,
        and parameters with a number for each class); and the remaining arguments.
        """
        mine = {name: value for name, value in handed.items() if _takes(f, name)}
        by_name = [k for k, name in enumerate(self.order[: len(arguments)]) if name in self.problem.classwise]
        mine |= {own: arguments[k] for k in by_name if (own := _spelled(f, self.order[k])) is not None}
        plain = tuple(a for k, a in enumerate(arguments) if k not in by_name)
        called = f if code is None else code
        return partial(_by_position, called, mine) if mine else called, plain

    def _value(self, returned: Any, examples: tuple[int, ...]) -> float:
        """The value as one number, or the sum of the examples' losses, added without rounding."""
        if self.problem.loss and examples and np.shape(returned) == examples:
            return summed(array(returned, "loss").ravel().tolist())
        return number(returned)

    def _pulled(self, arguments: tuple[Any, ...], shapes: Mapping[str, tuple[int, ...]]) -> Answer:
        *inputs, upstream = arguments
        f = self.f
        assert isinstance(f, Candidate)
        value, saved = np.nan, None
        if f.loss is not None:
            y = self._asked(f.loss, inputs)
            if self.backward in (SAVED, SAVED_FIRST):
                if not isinstance(y, (tuple, list)) or len(y) != 2:
                    raise Misbehaviour("shape", f"returned {type(y).__name__}, not a pair (output, what backward needs)")
                y, saved = y
            out = array(y, "value")
            if out.shape != shapes[UPSTREAM]:
                raise Misbehaviour("shape", f"returned an array of shape {out.shape}, where {shapes[UPSTREAM]} is due")
            value = contracted([np.array(upstream)], [out.copy()])
        g = {
            FIRST: (upstream, *inputs),
            LAST: (*inputs, upstream),
            SAVED: (upstream, saved),
            SAVED_FIRST: (saved, upstream),
        }[self.backward or FIRST]
        return Answer(value, self._gradients(self._asked(f.grad, g), shapes))

    def _gradients(self, returned: Any, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Floats]:
        names = self.problem.differentiated
        if self.own is not None:
            found = self.own.gradients(returned)
            return {name: self._shaped(name, array(g, "gradient"), shapes[name]) for name, g in found.items()}
        if isinstance(returned, Mapping):
            if missing := [name for name in names if name not in returned]:
                raise Misbehaviour("shape", f"returned gradients for {', '.join(map(str, returned))}, and none for {missing[0]}")
            parts = [returned[name] for name in names]
        elif len(names) == 1:
            parts = [returned[0] if isinstance(returned, (tuple, list)) and len(returned) == 1 and np.ndim(returned[0]) else returned]
        elif isinstance(returned, (tuple, list)) and len(returned) == len(names):
            parts = list(returned)
        else:
            what = f"{len(returned)} things" if isinstance(returned, (tuple, list)) else type(returned).__name__
            raise Misbehaviour("shape", f"returned {what}, not {self._gradients_due()}")
        return {name: self._shaped(name, array(g, "gradient"), shapes[name]) for name, g in zip(names, parts, strict=True)}

    def _gradients_due(self) -> str:
        names = self.problem.differentiated
        return f"the gradient for {names[0]}" if len(names) == 1 else f"gradients for {', '.join(names[:-1])} and {names[-1]}"

    @staticmethod
    def _shaped(name: str, g: Floats, due: tuple[int, ...]) -> Floats:
        if g.shape != due and not (g.size == 1 and not due):
            raise Misbehaviour("shape", f"returned a gradient of shape {g.shape} for {name} of shape {due}")
        return g.reshape(due)

    def at(self, parameters: Mapping[str, float]) -> Call:
        """The call with other values of its parameters. Raises UsageError for a parameter that it does not take."""
        own = {name.lower(): name for name in self.handed}
        for name, value in parameters.items():
            if name.lower() not in own:
                raise UsageError(f"the candidate does not take {name}, so it cannot be judged at {name} = {value:g}.")
        return replace(self, handed={**self.handed, **{own[name.lower()]: value for name, value in parameters.items()}})


def _by_position(f: Callable[..., Any], named: Mapping[str, Any], *arguments: Any) -> Any:
    """f(*arguments, **named), with names turned into positions where the signature allows: functions adapted from a framework take no
    keywords.
    """
    try:
        told = inspect.signature(f)
    except (TypeError, ValueError):
        return f(*arguments, **named)
    free = [name for name, p in told.parameters.items() if p.kind in POSITIONAL and name not in named]
    if len(free) < len(arguments):
        return f(*arguments, **named)
    bound = inspect.BoundArguments(told, OrderedDict({**named, **dict(zip(free, arguments, strict=False))}))
    if bound.kwargs:  # behind an argument that has its default
        bound.apply_defaults()
    return f(*bound.args, **bound.kwargs)


def _spelled(f: Callable[..., Any], name: str) -> str | None:
    """The function's own spelling of a name, ignoring case; None where it has no such argument."""
    try:
        own = inspect.signature(f).parameters
    except (TypeError, ValueError):
        return name
    found = next((p for p in own if p.lower() == name.lower()), None)
    return name if found is None and any(p.kind is p.VAR_KEYWORD for p in own.values()) else found


def _takes(f: Callable[..., Any], name: str) -> bool:
    """Whether `f` takes an argument of this name, as far as its signature tells: of a pair, only forward may take a parameter."""
    try:
        own = inspect.signature(f).parameters
    except (TypeError, ValueError):
        return True
    return name in own or any(p.kind is p.VAR_KEYWORD for p in own.values())
