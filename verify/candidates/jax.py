"""jax: a function of arrays, jitted or not, with a `custom_vjp` or without. Where it returns no gradient of its own, `jax.vjp` computes it.

float64 is switched on only for the calls in float64: it is a setting of the whole process.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial, reduce
from operator import getitem
from typing import Any

import jax
import numpy as np
from jax.extend.core import jaxpr_as_fun

from verify.candidates import half_precision
from verify.candidates.answer import guarded_call
from verify.candidates.arguments import Arguments, arguments_of
from verify.candidates.example import Example, as_lists, mapped
from verify.candidates.frameworks import named, variable
from verify.candidates.upstream import (
    DRAWN,
    NOT_DIFFERENTIABLE,
    Pulled,
    Upstream,
    answering,
    contracted,
    no_loss_and_gradient,
    recorder_in,
)
from verify.difference import joined
from verify.traced.jaxpr import GIVEN


def adapted(f: Callable[..., Any], both: bool, upstream: Upstream) -> Callable[..., Any] | None:
    """The numpy function (loss, gradient) of a `custom_vjp`, a `custom_jvp` or a function that jax compiled; with both=False, a function of
    whatever it returns.
    """
    return of_function(f, both, upstream) if is_own(f) else None


def is_own(f: object) -> bool:
    """Whether the object is of one of jax's types."""
    return type(f).__module__.partition(".")[0] in ("jax", "jaxlib")


def layer(f: Any, at: Example, dtype: str, *, single: bool = False) -> tuple[Pulling, Arguments, dict[str, Any]] | None:
    """A function of several inputs, or of a `single` array, as a layer, with its arguments and the example by name. It runs in the judged
    dtype.
    """
    own = arguments_of(f, at)
    if own.alone and not single:
        return None
    whole = {"x": own.values["x"]} if own.alone else at.given
    named_ = dict(whole) if isinstance(whole, dict) else dict(zip(own.trees, whole, strict=True))
    found = guarded_call(Pulling(f=f, names=tuple(named_)).looked_at, (own.packed(own.at(dtype)),))
    return None if found is None else (found, own, named_)


def graph(f: Callable[..., Any], arguments: Sequence[Any], places: Sequence[int]) -> tuple[Any, Callable[[Any], list[np.ndarray]]]:
    """The value of `f` for arrays and numbers, and the function that pulls its upstream gradient back to the arguments at these places."""
    own = [np.asarray(arguments[k]) for k in places]

    def of_own(*arrays: Any) -> Any:
        there = dict(zip(places, arrays, strict=True))
        return f(*[there[k] if k in there else _given(a) for k, a in enumerate(arguments)])

    with _precise(*own):
        y, pull = jax.vjp(of_own, *map(_given, own))
    if not isinstance(y, jax.Array):
        raise TypeError(f"returned {type(y).__name__}, where an array is due")

    def back(v: Any) -> list[np.ndarray]:
        with _precise(*own):
            return [np.asarray(g) for g in pull(jax.numpy.asarray(v, y.dtype).reshape(y.shape))]

    return np.asarray(y), back


@dataclass(frozen=True, kw_only=True, eq=False)
class Pulling:
    """A function as a layer that `jax.vjp` differentiates. `places` are the positions of the differentiated outputs, `formats` their dtypes
    at the example. It is compiled once per shape, unless its code needs concrete numbers.
    """

    f: Callable[..., Any]
    names: tuple[str, ...]
    places: tuple[int, ...] = ()
    formats: tuple[str, ...] = ()
    example: dict[str, Any] = field(default_factory=dict)
    compiled: dict[Any, Any] = field(default_factory=dict)
    written: dict[str, dict[Any, Any]] = field(default_factory=dict)
    framework: str = "jax"

    @property
    def source(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """The user's code."""
        code = named(self.f, lambda *a: self.f(*a), "jax")
        return code, code

    def looked_at(self, given: tuple[Any, ...]) -> Pulling | None:
        """The layer after a first call; None where it returns a loss and its gradients itself."""
        with _precise(*_arrays_in(given)):
            returned = self.f(*jax.tree.map(_given, given))
            leaves = jax.tree.leaves(returned)
        if not leaves or not all(isinstance(y, jax.Array) for y in leaves):
            return None
        due = [np.shape(a) for a in _arrays_in(given)]
        shapes = [y.shape for y in leaves]
        if not _is_declared(self.f) and len(leaves) > 1 and not shapes[0] and all(shape in due for shape in shapes[1:]):
            return None
        places = tuple(k for k, y in enumerate(leaves) if jax.numpy.issubdtype(y.dtype, jax.numpy.floating))
        return replace(self, places=places, formats=tuple(str(leaves[k].dtype) for k in places))

    def twice(self, name: str, given: tuple[Any, ...]) -> Pulling:
        """The layer with its gradients among its outputs, for an upstream gradient that is one more input. Raises jax's error where it
        cannot be differentiated twice.
        """
        paths = _paths(given[:-1])

        def both(*inputs: Any) -> list[Any]:
            *own, upstream = inputs
            real = {path: reduce(getitem, path, own) for path in paths}

            def forward(*arrays: Any) -> list[Any]:
                known = dict(zip(real, arrays, strict=True))
                return self._outputs(*mapped(lambda path, a: known.get(path, a), tuple(own)))

            y, back = jax.vjp(forward, *real.values())
            weights = zip(upstream if isinstance(upstream, (tuple, list)) else [upstream], y, strict=True)
            return [*y, *back([jax.numpy.asarray(v, out.dtype) for v, out in weights])]

        places = tuple(range(len(self.places) + len(paths)))
        found = replace(self, f=named(self.f, both, "jax"), names=(*self.names, name), places=places, compiled={}, written={})
        found._run("gradients", given, found._run("outputs", given, []))
        return found

    def outputs(self, *inputs: Any) -> list[Any]:
        """See `Layer`."""
        if (recorder := recorder_in(inputs)) is not None:
            found: list[Any] = recorder.follow("jax", self._outputs, inputs, self.written.setdefault("outputs", {}))
            return found
        return [_array(y) for y in self._run("outputs", inputs, [])]

    def _outputs(self, *inputs: Any) -> list[Any]:
        leaves = jax.tree.leaves(self.f(*inputs))
        return [leaves[k] for k in self.places]

    def _followed(self, paths: Sequence[tuple[Any, ...]], *given: Any) -> list[Any]:
        """The gradients for the real inputs at these `paths`, of the placeholders that jax traces with, in whose dicts keys are sorted."""
        inputs, weights = given[: len(self.names)], [*given[len(self.names) :]]
        real = {path: reduce(getitem, path, inputs) for path in paths}

        def forward(*own: Any) -> list[Any]:
            known = dict(zip(real, own, strict=True))
            return self._outputs(*mapped(lambda path, a: known.get(path, a), tuple(inputs)))

        y, back = jax.vjp(forward, *map(jax.numpy.asarray, real.values()))
        return list(back([jax.numpy.asarray(v, out.dtype) for v, out in zip(weights, y, strict=True)]))

    def pulled(self, inputs: Sequence[Any], upstream: list[Any]) -> Any:
        """See `Layer`."""
        paths = _paths(inputs)
        if (recorder := recorder_in((*inputs, *upstream))) is not None:
            code = partial(self._followed, paths)
            returned = recorder.follow("jax", code, (*inputs, *upstream), self.written.setdefault("gradients", {}))
        else:
            returned = [np.asarray(g) for g in self._run("gradients", tuple(inputs), upstream)]
        found = dict(zip(paths, returned, strict=True))
        told: dict[Any, Any] = {}
        for path, g in found.items():
            below = told
            for key in path[:-1]:
                below = below.setdefault(key, {})
            below[path[-1]] = g
        return {self.names[k]: as_lists(tree) for k, tree in told.items()}

    def pull(self, inputs: Sequence[Any], upstream: list[Any], layout: str) -> Pulled:  # noqa: ARG002  # arrays of jax have one layout
        """See `Layer`."""
        for format_ in self.formats:
            half_precision.note(format_)
        return Pulled(value=None, gradient=joined([np.asarray(g) for g in self._run("gradients", tuple(inputs), upstream)]))

    def _run(self, what: str, inputs: tuple[Any, ...], upstream: list[Any]) -> Any:
        """The outputs or gradients, compiled where possible."""
        real, rest = dict[Any, Any](), dict[Any, Any]()
        mapped(lambda path, a: (real if _is_real(a) else rest).__setitem__(path, a), inputs)
        held = {path: a for path, a in rest.items() if not isinstance(a, np.ndarray)}
        moving = {path: a for path, a in rest.items() if isinstance(a, np.ndarray)}

        def forward(own: list[Any], others: list[Any]) -> list[Any]:
            known = {**dict(zip(real, own, strict=True)), **dict(zip(moving, others, strict=True)), **held}
            leaves = jax.tree.leaves(self.f(*mapped(lambda path, _: known[path], inputs)))
            return [leaves[k] for k in self.places]

        def pulled(own: list[Any], others: list[Any], weights: list[Any]) -> Any:
            y, back = jax.vjp(lambda *a: forward([*a], others), *own)
            return back([jax.numpy.asarray(v, out.dtype) for v, out in zip(weights, y, strict=True)])

        f: Any = forward if what == "outputs" else pulled
        with _precise(*real.values()):
            given = [[*real.values()], [*moving.values()], *([] if what == "outputs" else [[*map(np.asarray, upstream)]])]
            told = [(path, np.shape(a), a.dtype.char if hasattr(a, "dtype") else repr(a)) for path, a in (*real.items(), *rest.items())]
            key = what, *told
            if key not in self.compiled:
                self.compiled[key] = _compiled(f, given)
            return self.compiled[key](*given)


ADDRESSES = re.compile(r"0x[0-9a-f]+")
"""Addresses in the text of jax's programs, which differ between equal functions."""
ASKS_FOR_NUMBERS = (
    jax.errors.ConcretizationTypeError,
    jax.errors.TracerArrayConversionError,
    jax.errors.NonConcreteBooleanIndexError,
)


def _compiled(f: Callable[..., Any], given: Sequence[Any]) -> Callable[..., Any]:
    """A function of trees of arrays, compiled for arrays like the given ones, which jax converts from numpy ten times faster around a
    compiled program. The function as it is where it needs concrete numbers, or where two traces differ: code that is not deterministic must
    show it.
    """

    def plain(*arrays: Any) -> Any:
        return f(*jax.tree.map(_given, arrays))

    try:
        first, shape = jax.make_jaxpr(f, return_shape=True)(*given)
        again = jax.make_jaxpr(lambda *arrays: f(*arrays))(*given)  # a new function, since jax caches programs by function
    except ASKS_FOR_NUMBERS:
        return plain
    if not _alike(first, again):
        return plain
    run, tree = jax.jit(jaxpr_as_fun(first)), jax.tree.structure(shape)
    return lambda *arrays: jax.tree.unflatten(tree, run(*jax.tree.leaves(arrays)))


def _alike(a: Any, b: Any) -> bool:
    consts = [*zip(a.consts, b.consts, strict=False)]
    texts = [ADDRESSES.sub("", str(p.jaxpr)) for p in (a, b)]
    return len(a.consts) == len(b.consts) and texts[0] == texts[1] and all(np.array_equal(*pair, equal_nan=True) for pair in consts)


def _is_real(a: Any) -> bool:
    return (isinstance(a, (np.ndarray, np.floating, jax.Array)) or recorder_in(a) is not None) and np.dtype(a.dtype).kind == "f"


def _arrays_in(given: Any) -> list[Any]:
    return [np.asarray(a) for a in jax.tree.leaves(given) if _is_real(a)]


def _paths(inputs: Sequence[Any]) -> list[tuple[Any, ...]]:
    found: list[tuple[Any, ...]] = []
    mapped(lambda path, a: found.append(path) if _is_real(a) else None, tuple(inputs))
    return found


def _is_declared(f: Callable[..., Any]) -> bool:
    return any(isinstance(g, (jax.custom_vjp, jax.custom_jvp)) for g in (f, getattr(f, "__wrapped__", None)))


def of_function(f: Callable[..., Any], both: bool, upstream: Upstream) -> Callable[..., Any]:
    """The numpy function (loss, gradient) of a Python function of jax arrays; with both=False, a function of whatever it returns."""
    return named(f, _differentiated(f, upstream) if both else _converted(f), "jax")


def _differentiated(f: Callable[..., Any], upstream: Upstream) -> Callable[..., Any]:
    """A function that returns the loss and its gradient in the variable of `f`; or what `f` returns, if that is both already."""
    declared = _is_declared(f)
    passing: dict[tuple[Any, ...], list[int]] = {}
    written: dict[Any, dict[Any, Any]] = {}
    compiled, seen = dict[Any, Any](), dict[Any, Any]()

    def outputs(returned: Any, back: Callable[..., Any], shape: tuple[int, ...]) -> tuple[list[int], dict[int, str]] | None:
        """The positions of the differentiated outputs, and why the others are left out; None for a loss and its gradient."""
        leaves, tree = jax.tree.flatten(returned)
        shapes = [tuple(y.shape) for y in leaves]
        one = isinstance(returned, jax.Array)
        if not (one or declared or (upstream.seed is not None and no_loss_and_gradient(shapes, shape))):
            return None
        chosen = [k for k, y in enumerate(leaves) if jax.numpy.issubdtype(y.dtype, jax.numpy.inexact)]
        if not (one or declared):
            key = tuple(shapes)  # tracing is slow, and the result holds everywhere
            if key not in passing:
                passing[key] = [k for k in chosen if _passes_back(back, tree, leaves, k)]
            chosen = passing[key]
        left_out = dict.fromkeys((k for k in range(len(leaves)) if k not in chosen), NOT_DIFFERENTIABLE)
        if upstream.seed is None:
            left_out |= dict.fromkeys(chosen[1:], "since the first is the loss")
            chosen = chosen[:1]
        if not chosen:
            raise TypeError("returned nothing that can be differentiated")
        return chosen, left_out

    def followed(i: int, backward: bool, *given: Any) -> Any:
        """The value, and the gradient or None, for the placeholders that jax traces with."""
        returned, back = jax.vjp(lambda a: f(*given[:i], a, *given[i + 1 :]), given[i])
        found = outputs(returned, back, given[i].shape)
        if found is None:
            return returned
        leaves, tree = jax.tree.flatten(returned)
        drawn = upstream.weights([tuple(leaves[k].shape) for k in found[0]])
        weights = {k: GIVEN.bind(jax.numpy.asarray(v, leaves[k].dtype)) for k, v in zip(found[0], drawn, strict=True)}
        parts = [leaves[k] if leaves[k].ndim == 0 and len(weights) == 1 else (v * leaves[k]).sum() for k, v in weights.items()]
        if not backward:
            return sum(parts[1:], parts[0]), None
        (gradient,) = back(jax.tree.unflatten(tree, [_cotangent(y, weights.get(k), 1.0) for k, y in enumerate(leaves)]))
        return sum(parts[1:], parts[0]), gradient

    def pull(arguments: tuple[Any, ...], scale: float = 1.0, layout: str = DRAWN, *, backward: bool = True) -> Any:  # noqa: ARG001  # arrays of jax have one layout
        i = variable(f, arguments)
        if (recorder := recorder_in(arguments)) is not None:
            return recorder.follow("jax", partial(followed, i, backward), arguments, written.setdefault((i, backward), {}))
        arrays = [k for k, a in enumerate(arguments) if isinstance(a, (np.ndarray, np.floating))]

        def computed(own: list[Any], scale: Any) -> Any:
            given = [*arguments]
            for k, a in zip(arrays, own, strict=True):
                given[k] = a
            returned, back = jax.vjp(lambda a: f(*given[:i], a, *given[i + 1 :]), given[i])
            found = seen[key] = outputs(returned, back, given[i].shape)
            if found is None:
                return returned
            leaves, tree = jax.tree.flatten(returned)
            weights = dict(zip(found[0], upstream.weights([tuple(leaves[k].shape) for k in found[0]]), strict=True))
            upstreams = [_cotangent(y, weights.get(k), scale) for k, y in enumerate(leaves)]
            return leaves, back(jax.tree.unflatten(tree, upstreams))[0] if backward else None

        with _precise(arguments[i]):
            given = [_given(arguments[k]) for k in arrays]
            key = i, backward, *((np.shape(a), a.dtype.char if k in arrays else repr(a)) for k, a in enumerate(arguments))
            if key not in compiled:
                compiled[key] = _compiled(computed, (given, scale))
            returned = compiled[key](given, scale)
            if (found := seen[key]) is None:
                return _array(returned)
            (chosen, left_out), (leaves, gradient) = found, returned
            shapes = [tuple(y.shape) for y in leaves]
            for k in chosen:
                half_precision.note(str(leaves[k].dtype))
            weights = dict(zip(chosen, upstream.weights([shapes[k] for k in chosen]), strict=True))
            values = [np.asarray(leaves[k].real, np.float64) for k in chosen]  # the effect of real weights on complex numbers
            value = _array(leaves[chosen[0]]) if len(values) == 1 and values[0].size == 1 else contracted([*weights.values()], values)
            told = upstream.described([shapes[k] for k in chosen], left_out)
            return Pulled(value=value, gradient=_array(gradient), facts=told, weights=[*weights.values()])

    return answering(pull)


def _cotangent(y: Any, weight: np.ndarray | None, scale: float) -> Any:
    """The upstream gradient of one output: zeros where it has no weight, and of the dtype that jax demands for outputs that are not
    differentiable.
    """
    if not jax.numpy.issubdtype(y.dtype, jax.numpy.inexact):
        return np.zeros(y.shape, jax.dtypes.float0)
    return jax.numpy.zeros_like(y) if weight is None else jax.numpy.asarray(scale * weight, dtype=y.dtype)


def _passes_back(back: Callable[..., Any], tree: Any, leaves: list[Any], k: int) -> bool:
    """Whether an output has a gradient at all: one behind `stop_gradient` has none."""
    given = [_cotangent(y, None, 1.0) for y in leaves]

    def alone(cotangent: Any) -> Any:
        return back(jax.tree.unflatten(tree, [*given[:k], cotangent, *given[k + 1 :]]))

    traced = jax.make_jaxpr(alone)(given[k]).jaxpr
    return any(v is traced.invars[0] for v in [*traced.outvars, *(v for step in traced.eqns for v in step.invars)])


def _converted(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function that calls `f` with jax arrays and returns numpy's."""
    written: dict[Any, Any] = {}

    def call(*arguments: Any) -> Any:
        if (recorder := recorder_in(arguments)) is not None:
            return recorder.follow("jax", f, arguments, written)
        with _precise(*arguments):
            return _array(f(*[_given(a) for a in arguments]))

    return call


def _precise(*arguments: Any) -> Any:
    """Switches float64 on in the block if any argument has it."""
    double = any(isinstance(a, np.ndarray) and a.dtype == np.float64 for a in arguments)
    return jax.enable_x64(double) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64(double)


def _given(a: Any) -> Any:
    return jax.numpy.asarray(a) if isinstance(a, (np.ndarray, np.floating)) else a


def _array(returned: Any) -> Any:
    if isinstance(returned, jax.Array):
        half_precision.note(str(returned.dtype))
        return np.asarray(returned)
    return tuple(_array(r) for r in returned) if isinstance(returned, (tuple, list)) else returned
