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
"""How a backward is called."""


@dataclass(frozen=True, kw_only=True)
class Call(Way):
    """Calls `f` on copies of the named inputs in its own `order`, and answers by their names.

    `handed` are parameters that it takes, by their own names there; those that have a number for each class are inputs, of which it gets
    what it takes by name, too. `backward` is how the gradient of an array is asked for, None where
    one number comes out. Of code that is its own formula the inputs are put together to its `own` arguments.
    """

    problem: Problem
    order: tuple[str, ...]
    handed: Mapping[str, float] = field(default_factory=dict)
    backward: str | None = None
    own: Arguments | None = None

    @property
    def has_loss(self) -> bool:
        """Whether there is a value."""
        return not isinstance(self.f, Candidate) or self.f.loss is not None

    @property
    def has_gradient(self) -> bool:
        """Whether there is one: of code beside a reference, and where the candidate says so, there may be a value alone."""
        if self.own is not None:
            return self.own.returned is not None
        return not isinstance(self.f, Candidate) or self.f.has_gradient

    @property
    def described(self) -> dict[str, Any]:
        """Its arguments by the inputs' names, and how its backward is called."""
        backward = {"backward": self.backward} if self.backward else {}
        return {"call": f"f({', '.join([*self.order, *self.handed])})", **backward}

    @property
    def names(self) -> tuple[str, ...]:
        """Of its arguments, the upstream gradient last."""
        return (*self.order, *((UPSTREAM,) if self.backward else ()))

    def change(self, arguments: tuple[Any, ...]) -> None:
        """Writes other numbers into the arrays: where any are allowed half of them, else the same in reverse order."""
        inputs = [self.problem.input(name) for name in self.names]
        arrays = [k for k, a in enumerate(arguments) if isinstance(a, np.ndarray)]
        halved(arguments, [k for k in arrays if inputs[k].is_free])
        for k in arrays:
            if inputs[k].differentiated and not inputs[k].is_free:
                arguments[k][...] = arguments[k].ravel()[::-1].reshape(arguments[k].shape).copy()

    @property
    def answers_alone(self) -> bool:
        """Whether its loss can be asked for without the gradient."""
        if self.own is None or self.backward or not self.has_gradient:
            return False
        return self.f.loss is not None if isinstance(self.f, Candidate) else hasattr(self.f, "loss_alone")

    def value(self, /, **values: Any) -> float:
        """The loss alone, on copies of the inputs, of one that `answers_alone`. Raises Misbehaviour."""
        if isinstance(self.f, Candidate):
            assert self.f.loss is not None
            return number(self._asked(self.f.loss, self.arguments(**values)))
        return number(self._asked(self.f.loss_alone, self.arguments(**values))[0])  # type: ignore[attr-defined]

    def arguments(self, /, **values: Any) -> tuple[Any, ...]:
        """Fresh arrays in the candidate's own order, in C order; numbers alone as numbers."""
        return tuple(np.array(values[name], order="C") if np.ndim(values[name]) else values[name] for name in self.names)

    def packed(self, arguments: tuple[Any, ...]) -> tuple[Any, ...]:
        """Arguments in its own order as its function takes them."""
        return arguments if self.own is None else self.own.packed(dict(zip(self.order, arguments, strict=True)))

    def keeps(self, name: str) -> bool:
        """Whether an input is a buffer of code that is its own formula."""
        return self.own is not None and self.own.is_kept(name)

    def answer(self, arguments: tuple[Any, ...]) -> Answer:
        """The answer to arguments in the candidate's own order, which it gets as they are. Raises Misbehaviour where it gives none."""
        shapes = {name: np.shape(a) for name, a in zip(self.names, arguments, strict=True)}  # before it is asked: it may change that
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
        """What is called for `f`, its `code` if that is another, with all that goes by name: what is `handed` in, as far as it takes it,
        and parameters with a number for each class; and the arguments that are left.
        """
        mine = {name: value for name, value in handed.items() if _takes(f, name)}
        by_name = [k for k, name in enumerate(self.order[: len(arguments)]) if name in self.problem.classwise]
        mine |= {own: arguments[k] for k in by_name if (own := _spelled(f, self.order[k])) is not None}
        plain = tuple(a for k, a in enumerate(arguments) if k not in by_name)
        called = f if code is None else code
        return partial(_by_position, called, mine) if mine else called, plain

    def _value(self, returned: Any, examples: tuple[int, ...]) -> float:
        """One number, or the losses of the examples, which are added without rounding."""
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
        """The same at other values of parameters that it takes. Raises UsageError for one that it does not take."""
        own = {name.lower(): name for name in self.handed}
        for name, value in parameters.items():
            if name.lower() not in own:
                raise UsageError(f"the candidate does not take {name}, so it cannot be judged at {name} = {value:g}.")
        return replace(self, handed={**self.handed, **{own[name.lower()]: value for name, value in parameters.items()}})


def _by_position(f: Callable[..., Any], named: Mapping[str, Any], *arguments: Any) -> Any:
    """f(*arguments, **named), by position where it tells them: what is adapted from a framework takes no names."""
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
    """What it calls the argument of a name, whatever its case; None where it takes none."""
    try:
        own = inspect.signature(f).parameters
    except (TypeError, ValueError):
        return name
    found = next((p for p in own if p.lower() == name.lower()), None)
    return name if found is None and any(p.kind is p.VAR_KEYWORD for p in own.values()) else found


def _takes(f: Callable[..., Any], name: str) -> bool:
    """Whether it takes an argument of the name, as far as it tells: of a pair, only forward may take a parameter."""
    try:
        own = inspect.signature(f).parameters
    except (TypeError, ValueError):
        return True
    return name in own or any(p.kind is p.VAR_KEYWORD for p in own.values())
