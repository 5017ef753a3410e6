"""Layers that are objects: forward and backward are methods, parameters and their gradients are attributes.

    class Affine:
        def __init__(self, W, b): self.W, self.b = W, b
        def forward(self, x): self.x = x; return x @ self.W + self.b
        def backward(self, upstream): self.dW, self.db = self.x.T @ upstream, upstream.sum(axis=0); return upstream @ self.W.T

Each call goes to a fresh copy of one object, so that its state, such as running means and caches, is as it was before.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from verify.candidates.answer import Misbehaviour, error_line, guarded_call
from verify.candidates.arguments import Arguments, arguments_of
from verify.candidates.example import Example
from verify.candidates.signature import POSITIONAL, called
from verify.candidates.upstream import Pulled, generic
from verify.difference import joined
from verify.errors import UsageError

Path = tuple["PathKey", ...]


class PathKey(NamedTuple):
    """One step of a path: an attribute of an object, or an item of a dict or a list."""

    attribute: bool
    key: Any


MAX_DEPTH = 5
"""Depth to which objects within objects are searched."""
NUMBERS = {"data", "value", "val", "values"}
"""Usual names of the array in an object that stands for a parameter, beside its `grad`."""
RATES = {"lr", "learning_rate", "eta", "step_size"}
"""Usual names of the step size in a backward that updates its parameters: none is passed."""


def is_layer(f: object) -> bool:
    """Whether `f` is a class or an object with forward and backward methods."""
    kind = f if isinstance(f, type) else type(f)
    return _forward_name(kind) is not None and inspect.isfunction(inspect.getattr_static(kind, "backward", None))


def _forward_name(kind: type) -> str | None:
    found = (name for name in ("forward", "__call__") if inspect.isfunction(inspect.getattr_static(kind, name, None)))
    return next(found, None)


@dataclass(frozen=True, kw_only=True, eq=False)
class ObjectLayer:
    """An object as a layer: `names` are the arguments of its forward, then its parameters. `parameters` are their places in the object,
    several where it keeps one array twice, and `gradients` maps these places to those of the gradients.
    """

    thing: Any
    names: tuple[str, ...]
    inputs: tuple[str, ...]
    parameters: Mapping[Path, tuple[Path, ...]]
    gradients: Mapping[Path, Path]
    returned: tuple[Path, ...]
    places: tuple[int, ...] | None
    framework: str | None = None

    @property
    def source(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """The user's code."""
        return getattr(type(self.thing), _forward_name(type(self.thing)) or ""), type(self.thing).backward

    def outputs(self, *inputs: Any) -> list[Any]:
        """See `Layer`."""
        return self._asked(inputs)[1]

    def _asked(self, inputs: Sequence[Any]) -> tuple[Any, list[Any]]:
        """A copy with these parameters after its forward pass, and its outputs."""
        given = dict(zip(self.names, inputs, strict=True))
        thing = copy.deepcopy(self.thing)
        there = {path for path, _ in _arrays(thing)}
        for path, places in self.parameters.items():
            value = given[path[0].key]
            for step in _named(path)[1:]:
                value = value[step]
            for place in places:
                _set(thing, place, value)
            if self.gradients.get(path) in there:
                _set(thing, self.gradients[path], value * 0.0)  # some add to it, and some write into it
        y = getattr(thing, _forward_name(type(thing)) or "")(*(given[name] for name in self.inputs))
        return thing, [y] if self.places is None else [y[k] for k in self.places]

    def pulled(self, inputs: Sequence[Any], upstream: list[Any]) -> Any:
        """See `Layer`: gradients by the names of the inputs."""
        thing, _ = self._asked(inputs)
        back = _pulled(thing, dict(zip(self.names, inputs, strict=True)), upstream)
        found: dict[str, Any] = {}
        if isinstance(back, Mapping):
            found |= {name: back[key] for name in self.names for key in (name, f"d{name}") if key in back}
        else:
            parts = [*back] if isinstance(back, (tuple, list)) else [back]
            for place, part in zip(self.returned, parts, strict=False):
                _add(found, _named(place), part)
        for path, place in self.gradients.items():
            _add(found, _named(path), _get(thing, place))
        return found

    def pull(self, inputs: Sequence[Any], upstream: list[Any], layout: str) -> Pulled:  # noqa: ARG002  # layouts of inputs are tried by all
        """See `Layer`."""
        found = self.pulled(inputs, upstream)
        return Pulled(value=None, gradient=joined([np.asarray(g) for g in _numbers(found)]))


def _numbers(found: Any) -> Iterator[Any]:
    if isinstance(found, Mapping):
        for part in found.values():
            yield from _numbers(part)
    else:
        yield found


def of_object(f: Any, at: Any) -> tuple[ObjectLayer, Arguments, dict[str, Any]] | None:
    """The layer, its arguments, and the example by name; None where `f` is no such object.

    Raises UsageError where its class cannot be constructed, or where it does not fit the example.
    """
    if not is_layer(f):
        return None
    thing, given = _made(f, at) if isinstance(f, type) else (f, at)
    forward = getattr(thing, _forward_name(type(thing)) or "")
    before = [*_arrays(thing)]
    own_names = [p.name for p in inspect.signature(forward).parameters.values() if p.kind in POSITIONAL]
    known = {path[0].key for path, _ in before}
    at_names = {name: a for name, a in given.items() if name in own_names or name not in known} if isinstance(given, dict) else given
    kept = {name: a for name, a in given.items() if name not in at_names} if isinstance(given, dict) else {}
    inputs = arguments_of(forward, Example(at_names))
    here = inputs.packed(inputs.at(Example(at_names).dtype))
    names = tuple("x" if inputs.alone else name for name in inputs.trees)
    trial = copy.deepcopy(thing)
    try:
        y = guarded_call(getattr(trial, forward.__name__), here)
        places = tuple(k for k, part in enumerate(y) if _is_real(part)) if isinstance(y, (tuple, list)) else None
        outputs = [y] if places is None else [y[k] for k in places]
        v = [np.asarray(generic(np.size(p), np.random.default_rng(k)).reshape(np.shape(p)))[()] for k, p in enumerate(outputs)]
        back = guarded_call(_pulled, (trial, dict(zip(names, here, strict=True)), v))
    except Misbehaviour as error:
        raise UsageError(f"{type(thing).__name__} gives no gradient at the example: it {error}.") from None
    after = dict(_all(trial))
    parameters, gradients = _parameters(before, after, [*names])
    returned: list[Path] = [(PathKey(True, name),) for name in names if any(map(inputs.is_real, _slots(inputs, name)))]
    more = len(back) - len(returned) if isinstance(back, (tuple, list)) else 0
    for part in back[len(returned) :] if more > 0 else ():
        fitting = (p for p, a in before if p not in returned and p not in gradients and np.shape(a) == np.shape(part))
        if (path := next(fitting, None)) is None:
            break
        returned.append(path)
        parameters[path] = _alike(path, before)
    example: dict[str, Any] = {}
    for path in parameters:
        _add(example, _named(path), np.array(_get(thing, path)) if np.ndim(_get(thing, path)) else _get(thing, path))
    if back is None:
        gradients |= {(PathKey(True, n),): place for n in names if (place := _gradient_of((PathKey(True, n),), after)) is not None}
        returned = []
    example = _with(example, kept)
    layer = ObjectLayer(
        thing=copy.deepcopy(thing),
        names=(*names, *example),
        inputs=names,
        parameters=parameters,
        gradients=gradients,
        returned=tuple(returned),
        places=places,
    )
    mine = {"x": inputs.values["x"]} if inputs.alone else _by_name(inputs, at_names)
    named = {**mine, **example}
    return layer, replace(arguments_of(lambda **_: None, Example(named)), defaults=inputs.defaults), named


def _with(example: dict[str, Any], kept: Mapping[str, Any]) -> dict[str, Any]:
    """The example with the given parameters in place of the object's own."""
    return {name: kept.get(name, a) for name, a in example.items()}


def _by_name(inputs: Arguments, at: Any) -> dict[str, Any]:
    return dict(at) if isinstance(at, dict) else dict(zip(inputs.trees, at, strict=True))


def _slots(inputs: Arguments, name: str) -> list[str]:
    return ["x"] if inputs.alone else [n for n in inputs.values if n == name or n.startswith(f"{name}[")]


def _made(kind: type, at: Any) -> tuple[Any, Any]:
    """An object of a class, and the rest of the example: arguments of the constructor stand in the example by name, or first."""
    own = [p for p in inspect.signature(kind).parameters.values() if p.kind in (*POSITIONAL, inspect.Parameter.KEYWORD_ONLY)]
    needed = [p.name for p in own if p.default is p.empty]
    forward = list(inspect.signature(getattr(kind, _forward_name(kind) or "")).parameters.values())[1:]
    if isinstance(at, dict):
        theirs = {p.name for p in forward}
        mine = {p.name: at[p.name] for p in own if p.name in at}
        left = {name: a for name, a in at.items() if name in theirs or name not in mine}
        positional: tuple[Any, ...] = ()
    else:
        behind = sum(p.kind in POSITIONAL and p.default is p.empty for p in forward)
        several = isinstance(at, tuple) and needed and len(at) == len(needed) + behind
        positional, mine, left = (at[: len(needed)], {}, at[len(needed) :]) if several else ((), {}, at)
        left = left[0] if several and len(left) == 1 else left
    if missing := [name for name in needed[len(positional) :] if name not in mine]:
        listed = ", ".join(f'"{name}": …' for name in (*missing, *(p.name for p in forward[:1])))
        raise UsageError(
            f"{kind.__name__} is a class, made as {called(kind)}, and at has no {missing[0]}. Give an object of it, "
            f"{kind.__name__}(…), or an example by name with what it is made with, at={{{listed}}}."
        )
    numbers = np.random.get_state()  # noqa: NPY002  # the same numbers each time
    try:
        np.random.seed(0)  # noqa: NPY002
        return kind(*copy.deepcopy(positional), **copy.deepcopy(mine)), left
    except Exception as error:
        raise UsageError(f"{kind.__name__} cannot be made from the example: {error_line(error)}. Give an object of it.") from None
    finally:
        np.random.set_state(numbers)  # noqa: NPY002


def _pulled(thing: Any, given: Mapping[str, Any], upstream: Sequence[Any]) -> Any:
    """The result of backward, which may take the inputs again by name."""
    taken = [p for p in inspect.signature(thing.backward).parameters.values() if p.kind in POSITIONAL]
    free = [p.name for p in taken if p.name not in given and p.default is p.empty and p.name not in RATES]
    vs = iter([tuple(upstream)] if len(upstream) > 1 and len(free) == 1 else upstream)
    arguments = {}
    for p in taken:
        if p.name in given:
            arguments[p.name] = given[p.name]
        elif p.name in RATES:
            arguments[p.name] = 0.0
        elif p.default is p.empty or not free:
            v = next(vs, None)
            if v is not None:
                arguments[p.name] = v
    return thing.backward(**arguments)


def _parameters(
    before: Sequence[tuple[Path, Any]], after: Mapping[Path, Any], inputs: Sequence[str]
) -> tuple[dict[Path, tuple[Path, ...]], dict[Path, Path]]:
    """The arrays whose gradients exist after the backward pass, each once with all its places, and the places of the gradients."""
    parameters, gradients, seen = dict[Path, tuple[Path, ...]](), dict[Path, Path](), set[int]()
    for path, a in before:
        place = _gradient_of(path, after)
        if place is not None and id(a) not in seen and path[0].key not in inputs:
            seen.add(id(a))
            parameters[path], gradients[path] = _alike(path, before), place
    return parameters, gradients


def _alike(path: Path, before: Sequence[tuple[Path, Any]]) -> tuple[Path, ...]:
    """All places of one array."""
    a = next(a for p, a in before if p == path)
    return tuple(p for p, other in before if p == path or (other is a and isinstance(a, np.ndarray)))


def _gradient_of(path: Path, there: Mapping[Path, Any]) -> Path | None:
    """The place of the gradient for a parameter: `dW`, `grad_W`, `W_grad` beside `W`, `grads['W']` or `grads[0]`, `grad` beside `data`."""
    *above, last = path
    for place in there:
        *over, own = place
        if over == above and isinstance(last.key, str) and _means(own.key, last.key):
            return place
    for place in there:
        *over, own = place
        same = own.key == last.key or (isinstance(last.key, str) and _means(own.key, last.key))
        if not over or not same or not isinstance(over[-1].key, str) or not _of_gradients(over[-1].key):
            continue
        if over[:-1] == above or (above and over[:-1] == above[:-1] and over[-1] != above[-1]):
            return place
    return None


def _of_gradients(name: str) -> bool:
    return "grad" in name.lower() or name.lower() in ("dparams", "dweights", "deltas")


def _means(name: Any, what: str) -> bool:
    """Whether `name` is a usual name for the gradient of `what`."""
    if not isinstance(name, str) or name == what:
        return False
    if what in NUMBERS:
        return name in ("grad", "gradient")
    plain, own = name.replace("_", "").lower(), what.replace("_", "").lower()
    return plain in {
        f"d{own}",
        f"grad{own}",
        f"{own}grad",
        f"gradient{own}",
        f"{own}gradient",
        f"gradients{own}",
        f"dld{own}",
        f"dlossd{own}",
    }


def _all(thing: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """All values that an object keeps, recursively: numbers, arrays, and the contents of containers and objects."""
    if len(path) > MAX_DEPTH:
        return
    for step, value in _parts(thing):
        here = (*path, step)
        if isinstance(value, (float, np.number)) or hasattr(value, "__array_ufunc__"):
            yield here, value
        else:
            yield from _all(value, here)


def _arrays(thing: Any) -> Iterator[tuple[Path, Any]]:
    """The real numbers and arrays that an object keeps."""
    return ((path, a) for path, a in _all(thing) if _is_real(a))


def _parts(thing: Any) -> Iterator[tuple[PathKey, Any]]:
    if isinstance(thing, Mapping):
        yield from ((PathKey(False, key), value) for key, value in thing.items() if isinstance(key, (str, int)))
    elif isinstance(thing, (list, tuple)):
        yield from ((PathKey(False, k), value) for k, value in enumerate(thing))
    elif type(thing).__module__.partition(".")[0] not in ("builtins", "numpy", "types", "functools"):
        yield from ((PathKey(True, key), value) for key, value in getattr(thing, "__dict__", {}).items())


def _is_real(a: Any) -> bool:
    return isinstance(a, float) or getattr(getattr(a, "dtype", None), "kind", "") == "f"


def _get(thing: Any, path: Path) -> Any:
    for step in path:
        thing = getattr(thing, step.key, None) if step.attribute else thing[step.key]
    return thing


def _set(thing: Any, path: Path, value: Any) -> None:
    *above, last = path
    over = _get(thing, tuple(above))
    if last.attribute:
        setattr(over, last.key, value)
    elif isinstance(over, tuple):
        _set(thing, tuple(above), (*over[: last.key], value, *over[last.key + 1 :]))
    else:
        over[last.key] = value


def _named(path: Path) -> list[Any]:
    """The name of an input from its path, without the attribute in which an array object keeps its numbers."""
    keys = [step.key for step in path]
    return keys[:-1] if len(keys) > 1 and path[-1].attribute and keys[-1] in NUMBERS else keys


def _add(found: dict[Any, Any], keys: Sequence[Any], value: Any) -> None:
    for key in keys[:-1]:
        found = found.setdefault(key, {})
    found[keys[-1]] = value
