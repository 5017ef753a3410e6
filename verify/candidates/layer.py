"""Layers: functions that return one or several arrays y and pull an upstream gradient v back. A layer is judged as the function Σ⟨v, y⟩ of
its inputs and of v, whose gradients are the answers of backward to v.

forward(x, gamma) → y            and backward(x, gamma, upstream), by the names of its arguments or in either order
forward(x, gamma) → (y, saved)   and backward(upstream, saved)
residuals(x) → r                 and jac(x) → ∂r/∂x, of shape r.shape + x.shape
a class, or an object of one, with forward(self, x) and backward(self, upstream), parameters and their gradients kept as attributes

Outputs that hold no real numbers, such as masks and indices, are not differentiated.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from verify.candidates.answer import Misbehaviour, guarded_call, is_number
from verify.candidates.arguments import Arguments, arguments_of
from verify.candidates.candidate import Candidate
from verify.candidates.example import Example
from verify.candidates.frameworks import adapted, layer_of
from verify.candidates.objects import of_object
from verify.candidates.signature import CACHES, POSITIONAL, UPSTREAMS, called, parameters_of
from verify.candidates.upstream import DRAWN, Pulled, Upstream, contracted, generic
from verify.difference import joined
from verify.errors import UsageError
from verify.spec.function import UPSTREAM

Floats = NDArray[np.floating]


class Layer(Protocol):
    """A differentiated function, as numpy functions of the inputs that it names."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the inputs, in order."""

    @property
    def framework(self) -> str | None:
        """The framework that it computes in; None for numpy."""

    @property
    def source(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """The user's code."""

    def outputs(self, *inputs: Any) -> list[Any]:
        """The differentiated outputs."""

    def pulled(self, inputs: Sequence[Any], upstream: list[Any]) -> Any:
        """The gradients for an upstream gradient of each of the outputs, in any of the accepted forms."""

    def pull(self, inputs: Sequence[Any], upstream: list[Any], layout: str) -> Pulled:
        """`pulled`, with the gradients in one row and with remarks; the upstream gradient in another memory `layout`."""


@dataclass(frozen=True, kw_only=True)
class Layered(Candidate):
    """A layer as a loss and its gradients. `pull` calls it in other ways, `facts` describe its upstream gradient, and `beside` lists what
    it cannot do.
    """

    pull: Callable[..., Any] = field(kw_only=True)
    facts: dict[str, str] = field(default_factory=dict)
    beside: tuple[str, ...] = ()


def layered(
    f: Callable[..., Any],
    given: Example,
    upstream: Upstream,
    wrt: Sequence[str] | None = None,
    *,
    dtype: str | None = None,
    twice: bool = False,
    single: bool = False,
) -> tuple[Layered, Example] | None:
    """A layer as a candidate of named inputs, and the example with its upstream gradient and parameters; None if `f` is no layer. It is
    judged in `dtype`, or in the example's dtype. With `twice`, its gradients are outputs, too, for an upstream gradient that is one more
    input. A function of a `single` array counts as a layer if another function is judged beside it, with the same upstream gradient.

    Raises UsageError where its backward cannot be called in any way, and where its forward cannot be differentiated.
    """
    at, v, first = given.given, None, None
    dtype = given.dtype if dtype is None else dtype
    if isinstance(at, dict) and UPSTREAM in at and not _takes_upstream(f):
        at, v = {name: a for name, a in at.items() if name != UPSTREAM}, at[UPSTREAM]
    if twice:
        if isinstance(at, dict) and FIRST_UPSTREAM in at:
            at, first = {name: a for name, a in at.items() if name != FIRST_UPSTREAM}, at[FIRST_UPSTREAM]
        found = layer_of(f, Example(at), dtype, single=True)
        if found is None:
            raise UsageError(
                "derivative is 2, and the candidate is none that a framework differentiates: give a function of torch or jax, an "
                "autograd.Function, a custom_vjp or a module that returns its outputs alone."
            )
        layer, own, named = found
        return _twice(layer, own, named, first, v, upstream)
    there = adapted(f, upstream)
    written = _of_pair(there, at, wrt) if isinstance(there, Candidate) else of_object(there, at)
    if written is not None:
        layer, own, named = written
        candidate, example = _stated(layer, own, named, v, upstream)
        return replace(candidate, beside=(*candidate.beside, *own.layer_default_notes)), example
    found = None if isinstance(there, Candidate) else layer_of(f, Example(at), dtype, single=single)
    if found is None:
        return None
    layer, own, named = found
    return _stated(layer, own, named, v, upstream)


FIRST_UPSTREAM = "first_upstream"
"""Name of the upstream gradient of the first derivative where the second is judged."""


def _twice(layer: Any, own: Arguments, at: dict[str, Any], first: Any, v: Any, upstream: Upstream) -> tuple[Layered, Example]:
    """The layer with its gradients among its outputs; or as it is where it refuses, with a note."""
    example = Example(at)
    if first is None:
        first = _drawn(layer.outputs(*own.packed(own.at(example.dtype))), replace(upstream, seed=(upstream.seed or 0) + 1), example.dtype)
    whole = {**at, FIRST_UPSTREAM: first}
    mine = arguments_of(lambda **_: None, Example(whole))
    try:
        both = guarded_call(partial(layer.twice, FIRST_UPSTREAM), (mine.packed(mine.at(example.dtype)),))
    except Misbehaviour as error:
        candidate, stated = _stated(layer, own, at, v, upstream)
        refused = f"it cannot be differentiated twice, so its gradient alone is judged: it {error}"
        return replace(candidate, beside=(*candidate.beside, refused)), stated
    return _stated(both, mine, whole, v, upstream)


def _drawn(y: Sequence[Any], upstream: Upstream, dtype: str) -> Any:
    """An upstream gradient for the outputs: one array, or a tuple for several."""
    sizes = [int(np.size(part)) for part in y]
    drawn = generic(sum(sizes), np.random.default_rng([abs(upstream.seed or 0), sum(sizes)]), positive=upstream.positive)
    parts = [p.reshape(np.shape(part)).astype(dtype)[()] for p, part in zip(np.split(drawn, np.cumsum(sizes)[:-1]), y, strict=True)]
    return tuple(parts) if len(y) > 1 else parts[0]


def forward_of(f: Callable[..., Any], names: Sequence[str], outputs: int) -> Callable[..., Any]:
    """A function beside a layer, such as a reference, as the same weighted sum of its outputs, without what it saves for backward."""
    forward = f.loss if isinstance(f, Candidate) and f.loss is not None else f

    def loss(*arguments: Any) -> Any:
        *inputs, v = arguments
        y = forward(*inputs)
        parts = [part for part in y if _is_real(part)] if isinstance(y, (tuple, list)) else [y]
        return _sum([*v] if outputs > 1 else [v], parts[:outputs])

    return _signed(loss, forward, [*names, UPSTREAM])


def _stated(layer: Layer, own: Arguments, at: dict[str, Any], v: Any, upstream: Upstream) -> tuple[Layered, Example]:
    """The layer as a candidate; `own` are the arguments of the layer, which has been called with them already."""
    names = [*layer.names]
    y = layer.outputs(*own.packed(own.at(Example(at).dtype)))
    many = len(y) > 1
    if v is None:
        v = _drawn(y, upstream, Example(at).dtype)

    def loss(*arguments: Any) -> Any:
        *inputs, weights = arguments
        return _sum([*weights] if many else [weights], layer.outputs(*inputs))

    def grad(*arguments: Any) -> Any:
        *inputs, weights = arguments
        return layer.pulled(inputs, [*weights] if many else [weights])

    forward, backward = layer.source
    told = {"upstream": f"drawn at random for outputs of shape {' and '.join(str(np.shape(part)) for part in y)}"}
    candidate = Layered(
        loss=_signed(loss, forward, [*names, UPSTREAM], layer.framework),
        grad=_signed(grad, backward, [*names, UPSTREAM], layer.framework, runs=forward),
        pull=partial(_pull, layer, many),
        facts=told,
        beside=tuple(getattr(layer, "beside", ())),
    )
    return candidate, Example({**at, UPSTREAM: v})


def _sum(weights: Sequence[Any], outputs: Sequence[Any]) -> Any:
    """Σ⟨v, y⟩: for plain numbers in the widest format of numpy."""
    if len(weights) != len(outputs):
        raise ValueError(f"{len(outputs)} outputs, where there were {len(weights)}")
    for v, y in zip(weights, outputs, strict=True):
        if np.shape(v) != np.shape(y):
            raise ValueError(f"an output of shape {np.shape(y)}, where the upstream gradient has {np.shape(v)}")
    if all(type(a) is np.ndarray or isinstance(a, (np.number, float, int)) for a in (*weights, *outputs)):
        return contracted([np.asarray(v) for v in weights], [np.asarray(y) for y in outputs])
    parts = [(v * y).sum() if np.ndim(v) else v * y for v, y in zip(weights, outputs, strict=True)]
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def _signed(
    f: Callable[..., Any],
    like: Callable[..., Any],
    names: Sequence[str],
    framework: str | None = None,
    *,
    runs: Callable[..., Any] | None = None,
) -> Callable[..., Any]:
    """`f` with these named arguments, and with attributes for the code that it stands for, and for the code that it `runs` too."""
    f.__name__ = f.__qualname__ = getattr(like, "__name__", "f")
    f.__module__ = getattr(like, "__module__", None) or ""
    f.framework = framework or getattr(like, "framework", None)  # type: ignore[attr-defined]
    f.__wrapped__, f.runs = like, runs  # type: ignore[attr-defined]  # by which its modules are found
    f.__signature__ = inspect.Signature([inspect.Parameter(n, inspect.Parameter.POSITIONAL_OR_KEYWORD) for n in names])  # type: ignore[attr-defined]
    return f


def _pull(layer: Layer, many: bool, arguments: tuple[Any, ...], scale: float = 1.0, layout: str = DRAWN, *, backward: bool = True) -> Any:  # noqa: ARG001
    """See `Pull`."""
    *inputs, v = arguments
    weights = [np.asarray(w) * np.asarray(scale, np.asarray(w).dtype) for w in (v if many else [v])]
    return layer.pull(inputs, [w[()] for w in weights], layout)


def in_a_row(gradients: Any) -> Floats:
    """All gradients, in one row."""
    return joined([np.asarray(g) for g in _leaves(gradients)])


def _leaves(g: Any) -> Iterator[Any]:
    if isinstance(g, (tuple, list)):
        for part in g:
            yield from _leaves(part)
    elif isinstance(g, Mapping):
        for part in g.values():
            yield from _leaves(part)
    elif g is not None:
        yield g


def _takes_upstream(f: Callable[..., Any]) -> bool:
    return any(p.name == UPSTREAM for p in parameters_of(f.loss if isinstance(f, Candidate) and f.loss else f) or ())


def _real(parts: Sequence[Any]) -> list[int]:
    """The positions of arrays of real numbers, also recorded ones."""
    return [k for k, part in enumerate(parts) if _is_real(part)]


def _is_real(part: Any) -> bool:
    if isinstance(part, (bool, str, int)) or part is None:
        return False
    return getattr(getattr(part, "dtype", np.dtype(object)), "kind", "f" if isinstance(part, float) else "O") == "f"


# A forward and a backward


@dataclass(frozen=True, kw_only=True, eq=False)
class BackwardArgument:
    """The argument of a backward in one place: an input by name, what forward saved, or the upstream gradient of one output or of all."""

    what: str
    name: str = ""
    place: int = 0


SAVED, INPUT, ONE, ALL = "saved", "input", "upstream", "upstreams"


@dataclass(frozen=True, kw_only=True, eq=False)
class BackwardCall:
    """How a backward is called, and which results of forward are outputs: for ((y, z), saved) those of the first, which is `nested`."""

    roles: tuple[BackwardArgument, ...]
    places: tuple[int, ...]
    saves: bool
    nested: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class ForwardBackward:
    """A forward and a backward, called as `call` says, or a forward and its Jacobian."""

    forward: Callable[..., Any]
    backward: Callable[..., Any]
    names: tuple[str, ...]
    call: BackwardCall | None
    framework: str | None = None

    @property
    def source(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """The user's code."""
        return self.forward, self.backward

    def outputs(self, *inputs: Any) -> list[Any]:
        """See `Layer`."""
        return self._outputs(self.forward(*inputs))

    def _outputs(self, y: Any) -> list[Any]:
        if self.call is None or not isinstance(y, (tuple, list)):
            return [y if _is_real(y) else np.asarray(y)]
        outputs = y[0] if self.call.nested else y
        return [outputs[k] for k in self.call.places]

    def pulled(self, inputs: Sequence[Any], upstream: list[Any]) -> Any:
        """See `Layer`."""
        if self.call is None:
            return {self.names[0]: _times(upstream[0], self.backward(*inputs), inputs[0])}
        saved = self.forward(*inputs)[-1] if self.call.saves else None
        by_name = dict(zip(self.names, inputs, strict=True))
        return self.backward(*[_given(role, saved, by_name, upstream) for role in self.call.roles])

    def pull(self, inputs: Sequence[Any], upstream: list[Any], layout: str) -> Pulled:  # noqa: ARG002  # layouts of inputs are tried by all
        """See `Layer`."""
        return Pulled(value=None, gradient=in_a_row(self.pulled(inputs, upstream)))


def _given(role: BackwardArgument, saved: Any, inputs: Mapping[str, Any], upstream: list[Any]) -> Any:
    """The value passed to a backward in one place."""
    if role.what == INPUT:
        return inputs[role.name]
    return saved if role.what == SAVED else upstream[role.place] if role.what == ONE else tuple(upstream)


def _times(v: Any, jacobian: Any, x: Any) -> Any:
    """The sum Σ v·J over the entries of the residuals."""
    jacobian = jacobian.toarray() if hasattr(type(jacobian), "toarray") else jacobian  # a recorded one refuses to be compared
    k = np.ndim(v)
    if np.shape(jacobian) != (*np.shape(v), *np.shape(x)):
        raise Misbehaviour("shape", f"returned a Jacobian of shape {np.shape(jacobian)}, where {(*np.shape(v), *np.shape(x))} is due")
    weights = v.reshape((*np.shape(v), *[1] * np.ndim(x)))
    return (weights * jacobian).sum(axis=tuple(range(k)))


def _of_pair(f: Candidate, at: Any, wrt: Sequence[str] | None) -> tuple[ForwardBackward, Arguments, dict[str, Any]] | None:
    if f.loss is None or f.hess is not None:
        return None
    own = arguments_of(f, Example(at))
    given = own.packed(own.at(Example(at).dtype))
    try:
        y = guarded_call(f.loss, given)
    except Misbehaviour:
        return None  # it is reported when it is judged
    names = tuple("x" if own.alone else name for name in own.trees)
    backward = parameters_of(f.grad)
    mine = [p.name for p in backward or () if p.kind in POSITIONAL]
    others = {name.lower() for name in mine if name not in _own_names(f.loss)}
    declared = f.saved is not None or bool(others & CACHES) or bool(others & UPSTREAMS and _takes_more(f, len(names)))
    if is_number(y) and not declared:
        return None
    assert f.loss is not None
    forms = names if backward is None else tuple(_own_names(f.loss)[: len(names)])
    calls = [*_calls(f, forms, names, y)]
    known = own.for_inputs(wrt) if wrt else own
    if not calls or not declared:
        jacobian = ForwardBackward(forward=f.loss, backward=f.grad, names=names, call=None)
        if not isinstance(y, (tuple, list)) and _is_jacobian(jacobian, given):
            return jacobian, own, _dict(own, at)
    several = isinstance(y, (tuple, list))
    is_array = any(getattr(part, "ndim", 0) > 0 for part in (y[:1] if several else [y]))
    if not declared and not (is_array and (calls or several)):
        return None
    if not calls:
        what = f"{len(y)} things" if isinstance(y, (tuple, list)) else "an array"
        listed = ", ".join(names)
        raise UsageError(
            f"backward is {called(f)}, and forward returns {what} for {listed}. Let it be backward(upstream, saved), where forward returns "
            f"(output, saved), or backward({listed}, upstream), one upstream gradient for each output that is differentiated."
        )
    layers = [ForwardBackward(forward=f.loss, backward=f.grad, names=names, call=call) for call in calls]
    return _likeliest(layers, known, given, wrt), own, _dict(own, at)


def _dict(own: Arguments, at: Any) -> dict[str, Any]:
    """The example by name."""
    if own.alone:
        return {"x": own.values["x"]}
    return dict(at) if isinstance(at, dict) else dict(zip(own.trees, at, strict=True))


def _own_names(f: Callable[..., Any]) -> list[str]:
    return [p.name for p in parameters_of(f) or () if p.kind in POSITIONAL]


def _takes_more(f: Candidate, n: int) -> bool:
    """Whether a backward needs more arguments than the inputs."""
    arguments = parameters_of(f.grad)
    return arguments is None or len([p for p in arguments if p.kind in POSITIONAL and p.default is p.empty]) > n


def _is_jacobian(layer: ForwardBackward, given: tuple[Any, ...]) -> bool:
    """Whether the backward takes only the inputs and returns the matrix of derivatives."""
    try:
        inspect.signature(layer.backward).bind(*given)
        r, found = np.asarray(layer.forward(*given)), guarded_call(layer.backward, given)
    except (TypeError, ValueError, Misbehaviour):
        return False
    found = found.toarray() if hasattr(found, "toarray") else found
    return not isinstance(found, (tuple, Mapping)) and r.ndim > 0 and np.shape(found) == (*r.shape, *np.shape(given[0]))


def _calls(f: Candidate, forms: Sequence[str], names: Sequence[str], y: Any) -> Iterator[BackwardCall]:
    """The ways to call a backward, the likeliest first: by the names of its arguments, then by their number."""
    arguments = parameters_of(f.grad)
    positional = None if arguments is None else [p for p in arguments if p.kind in POSITIONAL]
    needed, most = 0, 99
    if positional is not None and arguments is not None:
        needed = sum(p.default is p.empty for p in positional)
        most = 99 if any(p.kind is p.VAR_POSITIONAL for p in arguments) else len(positional)
    parts, several = ([*y], True) if isinstance(y, (tuple, list)) else ([y], False)
    saving = ([f.saved] if f.saved is not None else [True, False]) if several and len(parts) > 1 else [False]
    mine = [p.name for p in (positional or []) if p.default is p.empty]
    for saves in saving:
        outputs = parts[:-1] if saves else parts
        nested = saves and len(outputs) == 1 and isinstance(outputs[0], (tuple, list))
        outputs = [*outputs[0]] if nested else outputs
        real = tuple(_real(outputs)) if several else (0,)
        for group in [real] if real else []:
            by_name = _by_name(mine, dict(zip(forms, names, strict=False)), len(group), saves=saves)
            if by_name is not None:
                yield BackwardCall(roles=by_name, places=group, saves=saves, nested=nested)
            upstreams = [tuple(BackwardArgument(what=ONE, place=k) for k in range(len(group)))]
            upstreams += [(BackwardArgument(what=ALL),)] if len(group) > 1 or nested else []
            rest = (BackwardArgument(what=SAVED),) if saves else tuple(BackwardArgument(what=INPUT, name=name) for name in names)
            last = bool(mine) and mine[-1].lower() in UPSTREAMS and mine[0].lower() not in UPSTREAMS
            for v in upstreams:
                if needed <= len(v) + len(rest) <= most:
                    for first in (False, True) if last else (True, False):
                        roles = (*v, *rest) if first else (*rest, *v)
                        yield BackwardCall(roles=roles, places=group, saves=saves, nested=nested)


def _by_name(mine: Sequence[str], inputs: Mapping[str, str], outputs: int, *, saves: bool) -> tuple[BackwardArgument, ...] | None:
    """Roles by the names of a backward's arguments, if every input has the same name there as in forward."""
    roles, upstreams, known = list[BackwardArgument](), 0, 0
    for name in mine:
        if name in inputs:
            roles.append(BackwardArgument(what=INPUT, name=inputs[name]))
            known += 1
        elif saves and name.lower() in CACHES:
            roles.append(BackwardArgument(what=SAVED))
            known += 1
        else:
            roles.append(BackwardArgument(what=ONE, place=upstreams))
            upstreams += 1
    if upstreams == 1 and outputs > 1:
        roles = [BackwardArgument(what=ALL) if role.what == ONE else role for role in roles]
    return tuple(roles) if known and upstreams in (1, outputs) and (not saves or any(r.what == SAVED for r in roles)) else None


def _likeliest(layers: Sequence[ForwardBackward], own: Arguments, given: tuple[Any, ...], wrt: Sequence[str] | None) -> ForwardBackward:
    """The first layer whose gradients fit and double with the upstream gradient; else the first whose gradients fit."""
    fitting = list[ForwardBackward]()
    for layer in layers:
        try:
            y = guarded_call(layer.outputs, given)
            v = [np.asarray(generic(np.size(p), np.random.default_rng(k)).reshape(np.shape(p))) for k, p in enumerate(y)]
            once = guarded_call(layer.pulled, (given, v))
            fits = own.for_inputs(wrt, once) if wrt else own.found(once)
            g = [*fits.gradients(once).values()]
            if any(np.shape(a) != np.shape(own.values[n]) for n, a in zip(fits.differentiated, g, strict=True)):
                continue
            fitting.append(layer)
            twice = fits.gradients(guarded_call(layer.pulled, (given, [2.0 * w for w in v])))
            if all(np.allclose(2.0 * np.asarray(a), b, rtol=1e-4, equal_nan=True) for a, b in zip(g, twice.values(), strict=True)):
                return layer
        except (Misbehaviour, UsageError):
            continue
    return (fitting or [*layers])[0]
