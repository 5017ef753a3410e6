"""torch: a function of tensors, an `autograd.Function`, a module. Where it returns no gradient of its own, autograd computes it.

Tensors have the dtype of the arrays: nothing is judged at a precision that it does not compute in.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from typing import Any

import numpy as np
import torch

from verify.candidates import half_precision
from verify.candidates.answer import Misbehaviour, error_line, guarded_call
from verify.candidates.arguments import Arguments, arguments_of
from verify.candidates.example import Example, as_lists, mapped
from verify.candidates.frameworks import named, variable
from verify.candidates.torch_modes import Code, batched, forward_mode, has_jvp
from verify.candidates.upstream import (
    DRAWN,
    EXPANDED,
    LEVEL,
    NOT_DIFFERENTIABLE,
    STRIDED,
    Pulled,
    Upstream,
    answering,
    contracted,
    no_loss_and_gradient,
    recorder_in,
    same,
)
from verify.difference import joined
from verify.errors import UsageError
from verify.library_errors import TORCH_NO_DERIVATIVE, TORCH_ONLY_BACKWARD, TORCH_OTHER_DTYPE
from verify.traced.tensors import as_given

OTHER_DTYPE = {torch.float64: torch.float32, torch.float32: torch.float64}


def adapted(f: Callable[..., Any], both: bool, upstream: Upstream) -> Callable[..., Any] | None:
    """The numpy function (loss, gradient) of an `autograd.Function` or a module; with both=False, a function of whatever it returns."""
    if isinstance(f, type) and issubclass(f, torch.nn.Module):
        f = _made(f)
    if isinstance(f, torch.nn.Module):
        return named(f.forward, _differentiated(f, f.forward, upstream, inner=True) if both else _converted(f), "torch")
    own = _function(f)
    return None if own is None else _of_autograd(own, both, upstream)


def of_function(f: Callable[..., Any], both: bool, upstream: Upstream) -> Callable[..., Any]:
    """The numpy function (loss, gradient) of a Python function of tensors; with both=False, a function of whatever it returns."""
    return named(f, _differentiated(f, f, upstream, inner=False) if both else _converted(f), "torch")


def is_own(f: object) -> bool:
    """Whether the object is of one of torch's types."""
    return isinstance(f, torch.nn.Module) or _function(f) is not None or (isinstance(f, type) and issubclass(f, torch.nn.Module))


def layer(f: Any, at: Example, dtype: str, *, single: bool = False) -> tuple[Graph, Arguments, dict[str, Any]] | None:
    """A function of several inputs, or of a `single` array, or a module with parameters, as a layer, with its arguments and the example by
    name. Parameters of another dtype are converted to the judged one, unless it then refuses an array beside them.
    """
    if isinstance(f, type) and issubclass(f, torch.nn.Module):
        f = _made(f)
    parameters = {name: p for name, p in f.named_parameters() if p.requires_grad} if isinstance(f, torch.nn.Module) else {}
    source = f.forward if isinstance(f, torch.nn.Module) else _of_autograd(g, True, Upstream()) if (g := _function(f)) else _code(f)
    known, given = {*parameters, PARAMETERS}, at.given
    mine = {name: a for name, a in given.items() if name not in known} if isinstance(given, dict) and parameters else given
    inputs = arguments_of(source, Example(mine))
    others = sorted({str(p.dtype).removeprefix("torch.") for p in parameters.values()} - {dtype})
    if inputs.alone and not single and (not parameters or (others and not _answers(f, inputs.packed(inputs.at(dtype))))):
        return None
    names = tuple("x" if inputs.alone else name for name in inputs.trees)
    here = {name: p.detach().cpu().numpy().copy() for name, p in parameters.items()}
    plain = all(name.isidentifier() and name not in names for name in here)
    example = here if plain or not here else {PARAMETERS: here}
    if isinstance(given, dict):
        example = {name: given.get(name, a) for name, a in example.items()}
    apply = g.apply if (g := _function(f)) else f
    values = {"x": inputs.values["x"]} if inputs.alone else mine if isinstance(mine, dict) else dict(zip(inputs.trees, mine, strict=True))
    scalars = frozenset(_scalars(values))
    whole = (*names, *example)
    graph = Graph(
        f=apply, source=(source, source), names=whole, inputs=names, example=example, plain=plain, inner=is_own(f), scalars=scalars
    )
    graph = replace(graph, beside=(_taken(others, dtype),)) if others else graph
    named_ = {**values, **example}
    own = arguments_of(lambda **_: None, Example(named_))
    there = (own.packed(own.at(Example(named_).dtype)),)
    try:
        found = guarded_call(graph.looked_at, there)
    except Misbehaviour:
        if others and inputs.alone and not single:
            return None  # it computes in its own dtype, whatever its input's
        if not scalars:
            raise
        found = guarded_call(replace(graph, scalars=frozenset()).looked_at, there)  # it takes plain numbers
    return None if found is None else (found, own, named_)


def _taken(others: Sequence[str], dtype: str) -> str:
    """The note on parameters in other dtypes than the judged one."""
    told = f"its parameters are in {' and '.join(others)}, and are taken in {dtype}, which is judged"
    is_judged = len(others) == 1 and others[0] in {str(d).removeprefix("torch.") for d in OTHER_DTYPE}
    return f"{told}: give --dtype {others[0]} (dtypes=({others[0]!r},)) to judge it as it is" if is_judged else told


def _answers(f: Callable[..., Any], arguments: tuple[Any, ...]) -> bool:
    """Whether `f` accepts these arrays with the parameters that it has."""
    try:
        guarded_call(f, tuple(torch.tensor(a) if isinstance(a, np.ndarray) else a for a in arguments))
    except Misbehaviour:
        return False
    return True


def _scalars(values: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """The positions of tensors, or arrays, without dimensions, but not of Python numbers."""
    found: list[tuple[Any, ...]] = []
    for name, tree in values.items():
        mapped(lambda path, a: found.append(path) if isinstance(a, np.floating) else None, tree, (name,))
    yield from found


def graph(f: Callable[..., Any], arguments: Sequence[Any], places: Sequence[int]) -> tuple[Any, Callable[[Any], list[np.ndarray]]]:
    """The value of `f` for arrays and numbers, and the function that pulls its upstream gradient back to the arguments at these places."""
    own = {k: np.asarray(arguments[k]) for k in places}
    tensors = [_tensor(own.get(k, a.item() if isinstance(a, np.generic) else a)) for k, a in enumerate(arguments)]
    leaves = [tensors[k].requires_grad_() for k in places]
    y = _returned(f, tensors, leaves[0].dtype)
    if not isinstance(y, torch.Tensor):
        raise TypeError(f"returned {type(y).__name__}, where a tensor is due")

    def back(v: Any) -> list[np.ndarray]:
        found = _gradients_of(y, leaves, torch.from_numpy(np.array(v)).to(y.dtype)) if y.requires_grad else [None] * len(leaves)
        return [np.zeros(a.shape, a.dtype) if g is None else _array(g) for a, g in zip(own.values(), found, strict=True)]

    return _array(y), back


def _gradients_of(y: torch.Tensor, leaves: list[torch.Tensor], v: torch.Tensor) -> list[torch.Tensor | None]:
    found = torch.autograd.grad(y, leaves, v.reshape(y.shape), allow_unused=True, retain_graph=True)
    return [g if g is None or g.layout is torch.strided else g.to_dense() for g in found]


PARAMETERS = "parameters"
"""Name of the dict of a module's parameters, where their names have dots."""


def _code(f: Any) -> Any:
    """An object with the names of an operator's arguments: the function that one of `torch.library` runs, or a function made from its
    schema. Anything else has its own names.
    """
    if isinstance(f, torch.library.CustomOpDef):
        return f._init_fn
    one = f.default if isinstance(f, torch._ops.OpOverloadPacket) else f
    if not isinstance(one, torch._ops.OpOverload):
        return f

    def call(*arguments: Any) -> Any:
        return f(*arguments)

    space, _, call.__name__ = one._schema.name.partition("::")
    call.__module__, call.__qualname__ = f"torch.ops.{space}", call.__name__
    call.__signature__ = inspect.Signature([_parameter(a) for a in one._schema.arguments if not a.kwarg_only])  # type: ignore[attr-defined]
    return call


def _parameter(a: Any) -> inspect.Parameter:
    default = a.default_value if a.has_default_value() else inspect.Parameter.empty
    return inspect.Parameter(a.name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default)


def _function(f: Any) -> Any:
    """The `autograd.Function` that it is, or whose `apply`; None where it is none."""
    name = getattr(f, "__name__", None)  # an object of the user's may answer with anything
    own = getattr(f, "__self__", None) if isinstance(name, str) and name == "apply" else f
    return own if isinstance(own, type) and issubclass(own, torch.autograd.Function) else None


@contextmanager
def _one_thread() -> Iterator[None]:
    """Runs torch on one thread in the block: waking others takes ten times as long as the work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True, kw_only=True, eq=False)
class Graph:
    """A function as a layer that autograd differentiates: `names` are its `inputs`, then its parameters, which a module takes by name
    (`plain`) or in a dict. `places` are the positions of the differentiated outputs, `without` the inputs without a gradient, `constants`
    those for which torch refuses one, `scalars` numbers that are passed as tensors, `beside` notes on parameters.
    """

    f: Callable[..., Any]
    source: tuple[Callable[..., Any], Callable[..., Any]]
    names: tuple[str, ...]
    inputs: tuple[str, ...]
    example: dict[str, Any]
    plain: bool
    inner: bool
    places: tuple[int, ...] = ()
    without: tuple[tuple[Any, ...], ...] = ()
    constants: frozenset[Any] = frozenset()
    scalars: frozenset[Any] = frozenset()
    beside: tuple[str, ...] = ()
    framework: str = "torch"

    def looked_at(self, given: tuple[Any, ...]) -> Graph | None:
        """The layer after a first call; None where it returns a loss and its gradients itself."""
        try:
            returned, arrays, _ = self._asked(given)
        except RuntimeError as error:
            if self.constants or not TORCH_NO_DERIVATIVE.is_told_by(error):
                raise
            paths = list[Any]()
            for name, a in zip(self.names, given, strict=True):
                mapped(lambda path, part: paths.append(path) if isinstance(part, np.ndarray) else None, a, (name,))
            constants = frozenset(path for path in paths if self._refuses(given, path))
            return replace(self, constants=constants).looked_at(given) if constants else None
        leaves = _leaves(returned)
        if not any(isinstance(y, torch.Tensor) for y in leaves):
            return None
        shapes = [tuple(y.shape) for y in leaves if isinstance(y, torch.Tensor)]
        due = [tuple(leaf.shape) for leaf in arrays.values()]
        nodes = [y.grad_fn for y in leaves if isinstance(y, torch.Tensor)]
        own = self.inner or any(_is_own(node) for node in nodes) or isinstance(returned, torch.Tensor)
        if not own and len(shapes) > 1 and prod(shapes[0]) == 1 and all(shape in due for shape in shapes[1:]):
            return None
        places, _ = _chosen(leaves, Upstream(seed=0))
        graph = replace(self, places=tuple(places))
        outputs = [leaves[k] for k in places]
        found = graph._gradients(outputs, arrays, [torch.ones_like(y) for y in outputs], [])
        without = tuple(path for path, g in found.items() if g is None and len(path) == 1)
        return replace(graph, without=without if len(without) < len(found) else ())

    def _refuses(self, given: tuple[Any, ...], path: tuple[Any, ...]) -> bool:
        """Whether torch has no derivative in one input, such as the target of some losses."""
        try:
            self._asked(given, alone=path)
        except RuntimeError as error:
            return TORCH_NO_DERIVATIVE.is_told_by(error)
        return False

    def outputs(self, *inputs: Any) -> list[Any]:
        """See `Layer`."""
        if (recorder := recorder_in(inputs)) is not None:
            found: list[Any] = recorder.follow("torch", self._outputs, inputs)
            return found
        with _one_thread():
            return [_array(y) for y in self._outputs(*inputs)]

    def _outputs(self, *inputs: Any) -> list[Any]:
        leaves = _leaves(self._asked(inputs, leaf=False)[0])
        return [leaves[k] for k in self.places]

    def pulled(self, inputs: Sequence[Any], upstream: list[Any]) -> Any:
        """See `Layer`."""
        if (recorder := recorder_in((*inputs, *upstream))) is not None:
            return self._by_name(recorder.follow("torch", self._pulled_alone, (*inputs, *upstream)))
        with _one_thread():
            outputs, arrays, weights = self._ready(inputs, upstream, DRAWN)
            return self._by_name(_filled(self._gradients(outputs, arrays, weights, None), arrays))

    def _pulled_alone(self, *given: Any) -> dict[Any, Any]:
        """The gradients of tensors, as tensors."""
        inputs, upstream = given[: len(self.names)], given[len(self.names) :]
        returned, arrays, _ = self._asked(inputs)
        outputs = [y for k, y in enumerate(_leaves(returned)) if k in self.places]
        pairs = [(y, v.to(y.dtype).reshape(y.shape)) for y, v in zip(outputs, upstream, strict=True) if y.requires_grad]
        leaves = [*arrays.values()]
        found = torch.autograd.grad([y for y, _ in pairs], leaves, [v for _, v in pairs], allow_unused=True) if pairs else leaves
        return {
            path: torch.zeros_like(leaf) if g is None or not pairs else g for (path, leaf), g in zip(arrays.items(), found, strict=True)
        }

    def pull(self, inputs: Sequence[Any], upstream: list[Any], layout: str) -> Pulled:
        """See `Layer`."""
        with _one_thread():
            found, changed = self._pulled(inputs, upstream, layout)
        gradient = joined([g for path, g in found.items() if path not in self.without])
        layouts = (STRIDED, EXPANDED) if any(np.size(v) > 1 for v in upstream) else ()
        habits = partial(self._habits, inputs, upstream)
        return Pulled(value=None, gradient=gradient, changed=any(changed), layouts=layouts, habits=habits)

    def _asked(
        self, inputs: Sequence[Any], *, leaf: bool = True, alone: Any = None, instead: Mapping[Any, torch.Tensor] | None = None
    ) -> tuple[Any, dict[Any, torch.Tensor], Any]:
        """The outputs, the leaves of the graph by position, and the tensors that the code has written to. Only the leaf `alone` requires a
        gradient, or all do. Tensors in `instead` are passed as they are.
        """
        leaves: dict[Any, torch.Tensor] = {}
        real: list[torch.dtype] = []

        def tensor(path: tuple[Any, ...], a: Any) -> Any:
            if instead is not None and path in instead:
                real.append(instead[path].dtype)
                return instead[path]
            own = path[0] in self.example  # parameters are tensors, and lie in a row, which torch's batch_norm needs for its gradients
            if isinstance(a, np.generic):
                if path not in self.scalars and not own:
                    return a.item()
                a = np.asarray(a)
            if not isinstance(a, (np.ndarray, torch.Tensor)):
                return a
            t = _tensor(np.asarray(a, order="C") if own and isinstance(a, np.ndarray) else a)
            if not t.is_floating_point():
                return t
            real.append(t.dtype)
            if not leaf or alone not in (None, path) or path in self.constants:
                return t
            leaves[path] = torch.empty_like(t).requires_grad_() if self.inner else t.requires_grad_()
            return _Given.apply(leaves[path], t.detach() if own else a) if self.inner else t

        tensors = dict(zip(self.names, (mapped(tensor, a, (n,)) for n, a in zip(self.names, inputs, strict=True)), strict=True))
        return self._called(tensors, real[0] if real else torch.float64), leaves, tensors

    def _called(self, tensors: dict[str, Any], dtype: torch.dtype) -> Any:
        mine = [tensors[name] for name in self.inputs]
        f = self.f
        if isinstance(f, torch.nn.Module):
            state = {name: tensors[name] for name in self.example} if self.plain else tensors.get(PARAMETERS, {})
            buffers = {name: b.to(dtype if b.is_floating_point() else b.dtype, copy=True) for name, b in f.named_buffers()}  # as they were
            return torch.func.functional_call(f, {**state, **buffers}, tuple(mine))
        return _returned(f, mine, dtype)

    def twice(self, name: str, given: tuple[Any, ...]) -> Graph:
        """The layer with its gradients among its outputs, for an upstream gradient that is one more input. Raises autograd's error where it
        cannot be differentiated twice.
        """

        def both(*inputs: Any) -> list[Any]:
            *own, upstream = inputs
            leaves: dict[Any, torch.Tensor] = {}

            def leaf(path: tuple[Any, ...], a: Any) -> Any:
                if not (isinstance(a, torch.Tensor) and a.is_floating_point()):
                    return a
                leaves[path] = a if a.requires_grad else a.detach().requires_grad_()
                return leaves[path].clone()  # which may be written into

            with torch.enable_grad():
                tensors = {n: mapped(leaf, a, (n,)) for n, a in zip(self.names, own, strict=True)}
                found = _leaves(self._called(tensors, next((a.dtype for a in leaves.values()), torch.float64)))
                outputs = [found[k] for k in self.places]
                weights = zip(outputs, upstream if isinstance(upstream, (tuple, list)) else [upstream], strict=True)
                pairs = [(y, torch.as_tensor(v, dtype=y.dtype).reshape(y.shape)) for y, v in weights if y.requires_grad]
                asked = [a for path, a in leaves.items() if path not in self.without]
                ys, vs = [y for y, _ in pairs], [v for _, v in pairs]
                gradients = torch.autograd.grad(ys, asked, vs, create_graph=True, allow_unused=True) if pairs else [None] * len(asked)
                return [*outputs, *(torch.zeros_like(a) if g is None else g for a, g in zip(asked, gradients, strict=True))]

        names = (*self.names, name)
        graph = replace(self, f=both, names=names, inputs=names, example={}, plain=True, inner=True)
        outputs, arrays, _ = graph._asked(given)
        if any(node.name().endswith("::Error") for node in _nodes([y.grad_fn for y in outputs])):  # which torch.autograd.grad ignores
            raise RuntimeError("a backward is marked once_differentiable")
        graph._gradients(outputs, arrays, [torch.ones_like(y) for y in outputs], [])
        return replace(graph, places=tuple(range(len(outputs))))

    def _pulled(self, inputs: Sequence[Any], upstream: list[Any], layout: str) -> tuple[dict[Any, np.ndarray], list[bool]]:
        outputs, arrays, weights = self._ready(inputs, upstream, layout)
        changed: list[bool] = []
        return _filled(self._gradients(outputs, arrays, weights, changed), arrays), changed

    def _ready(self, inputs: Sequence[Any], upstream: list[Any], layout: str) -> tuple[list[Any], dict[Any, torch.Tensor], list[Any]]:
        """The outputs, the leaves and the weights of the outputs."""
        returned, arrays, _ = self._asked(inputs)
        outputs = _noted([y for k, y in enumerate(_leaves(returned)) if k in self.places])
        return outputs, arrays, [_weight(np.asarray(v), y, 1.0, layout) for v, y in zip(upstream, outputs, strict=True)]

    def _gradients(
        self, outputs: list[Any], arrays: dict[Any, torch.Tensor], weights: list[Any], changed: list[bool] | None, *, keep: bool = False
    ) -> dict[Any, Any]:
        connected = [(y, v) for y, v in zip(outputs, weights, strict=True) if y.requires_grad]
        if not connected:
            return dict.fromkeys(arrays)
        for node in _own_nodes([y.grad_fn for y, _ in connected]):
            _watch(node, changed)
        ys, vs = [y for y, _ in connected], [v for _, v in connected]
        found = torch.autograd.grad(ys, [*arrays.values()], vs, allow_unused=True, retain_graph=keep)
        return {
            path: None if a is None else a if a.layout is torch.strided else a.to_dense() for path, a in zip(arrays, found, strict=True)
        }

    def _habits(self, inputs: Sequence[Any], upstream: list[Any]) -> list[str]:
        """Notes on calls with fewer required gradients, or in other ways: raises Misbehaviour where the answer differs."""
        with _one_thread():
            return self._habits_alone(inputs, upstream)

    def _habits_alone(self, inputs: Sequence[Any], upstream: list[Any]) -> list[str]:
        told, ignored = list[str](), list[bool]()
        outputs, arrays, weights = self._ready(inputs, upstream, DRAWN)
        own = [*_own_nodes([y.grad_fn for y in outputs])]
        g, coarse = _filled(self._gradients(outputs, arrays, weights, ignored, keep=True), arrays), _coarse(weights)
        if not self._agree(coarse, g, self._gradients(outputs, arrays, weights, ignored, keep=True)):
            told.append("answers otherwise to a second backward through the same graph: it changes what it saved, or its upstream gradient")
            return told
        parts = [self._gradients([y], arrays, [v], ignored, keep=True) for y, v in zip(outputs, weights, strict=True) if y.requires_grad]
        whole = {path: [p[path] for p in parts if p[path] is not None] for path in g}
        if len(parts) > 1 and not self._agree(coarse, g, {path: sum(ps[1:], ps[0]) if ps else None for path, ps in whole.items()}):
            raise Misbehaviour("upstream-ignored", "answers otherwise where one of its outputs is not used: nothing comes back through it")
        for path in g if len(g) > 1 else ():
            if path in self.without:
                continue
            returned, alone, _ = self._asked(inputs, alone=path)
            some = [y for k, y in enumerate(_leaves(returned)) if k in self.places]
            try:
                found = self._gradients(some, alone, weights, ignored)
            except (RuntimeError, TypeError, AttributeError) as error:
                told.append(f"cannot be differentiated for {path[0]} alone ({error_line(error)})")
                continue
            if not self._agree(coarse, {path: g[path]}, found):
                raise Misbehaviour(
                    "nondeterministic", f"answers otherwise where a gradient is asked for {path[0]} alone (needs_input_grad)"
                )

        def code(tensors: dict[Any, torch.Tensor]) -> list[Any]:
            leaves = _leaves(self._asked(inputs, leaf=False, instead=tensors)[0])
            return [leaves[k] for k in self.places]

        leaves = {path: _tensor(np.array(_at(dict(zip(self.names, inputs, strict=True)), path))) for path in arrays}
        return [*told, *_otherwise(code, leaves, weights, own)]

    @staticmethod
    def _agree(coarse: str | None, g: dict[Any, np.ndarray], other: dict[Any, Any]) -> bool:
        pairs = [(a, np.zeros_like(a) if other[path] is None else _array(other[path])) for path, a in g.items()]
        return all(same(a, b, joint=True, coarse=coarse) for a, b in pairs)

    def _by_name(self, found: dict[Any, Any]) -> dict[str, Any]:
        """Gradients by the names of the arguments."""
        told: dict[Any, Any] = {}
        for path, a in found.items():
            if path not in self.without:
                below = told
                for key in path[:-1]:
                    below = below.setdefault(key, {})
                below[path[-1]] = a
        return {name: as_lists(tree) for name, tree in told.items()}


def _filled(found: Mapping[Any, Any], arrays: Mapping[Any, torch.Tensor]) -> dict[Any, np.ndarray]:
    """Gradients as arrays, with zeros where there are none."""
    return {path: np.zeros(arrays[path].shape, str(arrays[path].dtype)[6:]) if a is None else _array(a) for path, a in found.items()}


def _at(tree: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def _otherwise(code: Code, leaves: Mapping[Any, torch.Tensor], weights: Sequence[torch.Tensor], own: Sequence[Any]) -> list[str]:
    """Notes on what a hand-written backward cannot do in forward mode and for a batch. Raises Misbehaviour where the answer differs."""
    if not own:
        return []
    coarse = _coarse(weights)
    told = batched(code, leaves, weights, coarse)
    return [*told, *forward_mode(code, leaves, weights, coarse)] if has_jvp(iter(own)) else told


def _made(module: type[torch.nn.Module]) -> torch.nn.Module:
    """A module of a class, its parameters drawn from the same random numbers each time."""
    try:
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(0)
            return module()
    except Exception as error:
        told = f"{module.__name__} is a class of modules and cannot be made without arguments ({error_line(error)})"
        raise UsageError(f"{told}. Give an object of it, {module.__name__}(…).") from None


def _of_autograd(function: Any, both: bool, upstream: Upstream) -> Callable[..., Any]:
    """The numpy function of an `autograd.Function`, whose `forward` may take a context that `apply` does not."""

    def apply(*tensors: Any) -> Any:
        return function.apply(*tensors)

    parameters = list(inspect.signature(function.forward).parameters.values())
    context = function.setup_context is torch.autograd.Function.setup_context
    signature = inspect.Signature(parameters[context:])
    named(function.forward, apply, "torch").__signature__ = signature  # type: ignore[attr-defined]
    call = named(function.forward, _differentiated(apply, apply, upstream, inner=True) if both else _converted(apply), "torch")
    call.__signature__ = signature  # type: ignore[attr-defined]
    return call


def _differentiated(f: Callable[..., Any], named_like: Callable[..., Any], upstream: Upstream, *, inner: bool) -> Callable[..., Any]:
    """A function that returns the loss and its gradient in the variable of `f`; or what `f` returns, if that is both already. With `inner`
    the variable is passed as the result of other code, which a function may overwrite if it declares so, and all results are outputs: a
    tuple is never a loss and its gradient.
    """

    def pull(arguments: tuple[Any, ...], scale: float = 1.0, layout: str = DRAWN, *, backward: bool = True) -> Any:
        if (recorder := recorder_in(arguments)) is not None:
            return recorder.follow("torch", partial(followed, variable(named_like, arguments), backward), arguments)
        i = variable(named_like, arguments)
        tensors = [_tensor(a) for a in arguments]
        before = tensors[i].clone() if inner else None
        leaf = torch.empty_like(tensors[i]).requires_grad_() if inner else tensors[i].requires_grad_()
        asked = [*tensors[:i], _Given.apply(leaf, arguments[i]) if inner else leaf, *tensors[i + 1 :]]
        returned = _returned(f, asked, leaf.dtype)
        leaves = _leaves(returned)
        if not any(isinstance(y, torch.Tensor) for y in leaves) or not (inner or _are_outputs(returned, leaves, leaf.shape, upstream)):
            return _array(returned)
        places, told = _chosen(leaves, upstream)
        outputs = [torch.view_as_real(leaves[k].resolve_conj()) if leaves[k].is_complex() else leaves[k] for k in places]
        drawn = upstream.weights([y.shape for y in outputs])
        weights = [_weight(v, y, scale, layout) for v, y in zip(drawn, outputs, strict=True)]
        changed: list[bool] = []
        gradient = _gradient(outputs, leaf, weights, changed) if backward else None
        value = _array(outputs[0]) if len(outputs) == 1 and outputs[0].numel() == 1 else _contracted(weights, outputs)
        if before is not None and any(y is asked[i] for y in leaves):  # it is declared: autograd would raise otherwise
            told = {**told, "in place": "as it declares"}
            tensors[i].copy_(before)
        layouts = (STRIDED, EXPANDED) if any(y.numel() > 1 for y in outputs) else ()
        own = [*_own_nodes([y.grad_fn for y in outputs])]

        def code(there: dict[Any, torch.Tensor]) -> list[Any]:
            found = _leaves(_returned(f, [*map(_tensor, arguments[:i]), there[()], *map(_tensor, arguments[i + 1 :])], leaf.dtype))
            return [torch.view_as_real(found[k].resolve_conj()) if found[k].is_complex() else found[k] for k in places]

        habits = partial(_otherwise, code, {(): _tensor(np.array(arguments[i]))}, weights, own)
        said: dict[str, Any] = {"facts": told, "weights": drawn}
        return Pulled(value=value, gradient=gradient, changed=any(changed), layouts=layouts, habits=habits, **said)

    def followed(i: int, backward: bool, *tensors: Any) -> Any:
        """The value, and the gradient or None, for tensors."""
        leaf = tensors[i].detach().requires_grad_()
        asked = [*tensors[:i], _Given.apply(leaf, tensors[i]) if inner else leaf, *tensors[i + 1 :]]
        returned = f(*asked)
        leaves = _leaves(returned)
        if not any(isinstance(y, torch.Tensor) for y in leaves) or not (inner or _are_outputs(returned, leaves, leaf.shape, upstream)):
            return returned
        outputs = [leaves[k] for k in _chosen(leaves, upstream)[0]]
        drawn = upstream.weights([y.shape for y in outputs])
        weights = [as_given(torch.from_numpy(np.array(v)).to(y.dtype)) for v, y in zip(drawn, outputs, strict=True)]
        alone = len(outputs) == 1 and outputs[0].numel() == 1
        value = outputs[0] if alone else sum((v * y).sum() for v, y in zip(weights, outputs, strict=True))
        if not backward:
            return value.detach(), None
        pairs = [(y, v) for y, v in zip(outputs, weights, strict=True) if y.requires_grad]
        if not pairs:
            return value, torch.zeros_like(leaf)
        (g,) = torch.autograd.grad([y for y, _ in pairs], leaf, [v for _, v in pairs], allow_unused=True)
        return value.detach(), torch.zeros_like(leaf) if g is None else g

    return answering(pull)


class _Given(torch.autograd.Function):  # type: ignore[misc]
    """The array as the result of other code computed from the leaf: on its memory, so that writes to it are seen."""

    @staticmethod
    def forward(ctx: Any, leaf: torch.Tensor, a: Any) -> Any:  # noqa: ARG004
        ctx.set_materialize_grads(False)  # a missing gradient is not 0
        return a.detach() if isinstance(a, torch.Tensor) else _tensor(a)

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> Any:  # noqa: ARG004
        return upstream, None


def _returned(f: Callable[..., Any], tensors: list[Any], dtype: torch.dtype) -> Any:
    """The result of `f`. Raises UsageError where it only computes in the other precision, which its parameters have."""
    try:
        return f(*tensors)
    except RuntimeError as error:
        if not (TORCH_OTHER_DTYPE.is_told_by(error) and _computes(f, tensors, OTHER_DTYPE.get(dtype))):
            raise
        mine, asked = (str(d).removeprefix("torch.") for d in (OTHER_DTYPE[dtype], dtype))
        raise UsageError(
            f"the candidate computes in {mine} and refuses {asked} ({error_line(error)}). Ask it in {mine}, with --dtype {mine} or an "
            f"array `at` of that dtype, or convert its parameters: module.{'double' if asked == 'float64' else 'float'}()."
        ) from None


def _computes(f: Callable[..., Any], tensors: list[Any], dtype: torch.dtype | None) -> bool:
    """Whether `f` answers in a dtype."""
    if dtype is None:
        return False
    try:
        f(*[t.detach().to(dtype, copy=True) if isinstance(t, torch.Tensor) and t.is_floating_point() else t for t in tensors])
    except Exception:
        return False
    return True


def _leaves(returned: Any) -> list[Any]:
    """The leaves of nested tuples, lists and dictionaries."""
    if isinstance(returned, dict):
        returned = tuple(returned.values())
    return [y for part in returned for y in _leaves(part)] if isinstance(returned, (tuple, list)) else [returned]


def _are_outputs(returned: Any, leaves: list[Any], shape: torch.Size, upstream: Upstream) -> bool:
    """Whether a Python function returned outputs, and not a loss and its gradient: one tensor, or the result of an `autograd.Function` or
    of torch itself, such as values with their indices; or, without a spec, tensors that cannot be those two.
    """
    if isinstance(returned, torch.Tensor) or type(returned).__module__ == "torch.return_types":
        return True
    if not all(isinstance(y, torch.Tensor) for y in leaves):
        return False
    nodes = [y.grad_fn for y in leaves]
    if len(nodes) > 1 and all(node is nodes[0] for node in nodes) and _is_own(nodes[0]):
        return True
    return upstream.seed is not None and no_loss_and_gradient([tuple(y.shape) for y in leaves], tuple(shape))


def _chosen(leaves: list[Any], upstream: Upstream) -> tuple[list[int], dict[str, str]]:
    """The positions of the differentiated outputs, and notes: all that can be, or with a spec the first, the loss. If none can be, all
    tensors of real numbers: the loss is a constant, with gradient 0.
    """
    tensors = [k for k, y in enumerate(leaves) if isinstance(y, torch.Tensor)]
    real = [k for k in tensors if leaves[k].is_floating_point() or leaves[k].is_complex()]
    found = [k for k in real if leaves[k].requires_grad]
    chosen = found or real or tensors
    chosen = chosen if upstream.seed is not None else chosen[:1]
    shapes = [(*leaves[k].shape, 2) if leaves[k].is_complex() else tuple(leaves[k].shape) for k in chosen]
    left_out = {k: "since the first is the loss" if k in found else NOT_DIFFERENTIABLE for k in range(len(leaves)) if k not in chosen}
    return chosen, upstream.described(shapes, left_out)


def _weight(v: np.ndarray, y: torch.Tensor, scale: float, layout: str) -> torch.Tensor:
    """The upstream gradient of one output, in its own memory."""
    weight: torch.Tensor = torch.from_numpy(np.array(v if layout in (DRAWN, STRIDED) else np.full_like(v, LEVEL)))
    weight = (scale * weight).to(y.dtype if y.is_floating_point() else torch.float64).to(y.device)
    if layout == STRIDED:
        return torch.stack((weight, weight), dim=-1)[..., 0]
    return torch.full((), scale * LEVEL, dtype=weight.dtype, device=y.device).expand(y.shape) if layout == EXPANDED else weight


def _contracted(weights: list[torch.Tensor], outputs: list[torch.Tensor]) -> float:
    _noted(outputs)
    return contracted(*([t.detach().cpu().double().numpy() for t in tensors] for tensors in (weights, outputs)))


def _gradient(outputs: list[torch.Tensor], leaf: torch.Tensor, weights: list[torch.Tensor], changed: list[bool]) -> Any:
    """The gradient from autograd, with every hand-written `backward` watched."""
    connected = [(y, v) for y, v in zip(outputs, weights, strict=True) if y.requires_grad]
    if not connected:
        return np.zeros(leaf.shape)
    for node in _own_nodes([y.grad_fn for y, _ in connected]):
        _watch(node, changed)
    try:
        (g,) = torch.autograd.grad([y for y, _ in connected], leaf, [v for _, v in connected], allow_unused=True)
    except RuntimeError as error:
        if not TORCH_ONLY_BACKWARD.is_told_by(error):
            raise
        raise UsageError(f"the candidate cannot be differentiated for x alone: {error_line(error)}") from None
    return np.zeros(leaf.shape) if g is None else _array(g if g.layout is torch.strided else g.to_dense())


def _own_nodes(roots: Sequence[Any]) -> Iterator[Any]:
    """The nodes of a graph with a backward that is not torch's own, in Python or in C++."""
    return filter(_is_own, _nodes(roots))


def _nodes(roots: Sequence[Any]) -> Iterator[Any]:
    todo, seen = [node for node in roots if node is not None], set[Any]()
    while todo:
        node = todo.pop()
        if node not in seen:
            seen.add(node)
            todo += [before for before, _ in node.next_functions if before is not None]
            yield node


def _is_own(node: Any) -> bool:
    return node is not None and (isinstance(node, torch.autograd.function.BackwardCFunction) or "CppNode" in node.name())


def _watch(node: Any, changed: list[bool] | None) -> None:
    """Passes copies of the upstream gradients to a node, and if `changed` is given checks afterwards whether it wrote to them: no other
    node is affected, so its result is judged by itself.
    """
    handed: list[tuple[torch.Tensor, torch.Tensor]] = []

    def before(gradients: Sequence[Any]) -> tuple[Any, ...]:
        copies = tuple(None if g is None else _copy(g) for g in gradients)
        if changed is not None:
            handed[:] = [(copy, g.clone()) for copy, g in zip(copies, gradients, strict=True) if copy is not None]
        return copies

    def after(_: Any, __: Any) -> None:
        assert changed is not None
        changed.extend(not _equal(copy, g) for copy, g in handed)

    node.register_prehook(before)
    if changed is not None:
        node.register_hook(after)


def _copy(g: torch.Tensor) -> torch.Tensor:
    """A copy in the same memory layout: an expanded tensor stays expanded."""
    if g.layout is not torch.strided:
        return g.clone()
    compact = g[tuple(slice(0, 1) if step == 0 else slice(None) for step in g.stride())]
    return torch.empty_strided(compact.shape, compact.stride(), dtype=g.dtype, device=g.device).copy_(compact).expand(g.shape)


def _equal(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.layout is not torch.strided or torch.equal(a, b) or bool(((a == b) | (a.isnan() & b.isnan())).all())


def _converted(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function that calls `f` with tensors and returns arrays."""

    def call(*arguments: Any) -> Any:
        if (recorder := recorder_in(arguments)) is not None:
            return recorder.follow("torch", f, arguments)
        tensors = [_tensor(a) for a in arguments]
        real = next((t.dtype for t in tensors if isinstance(t, torch.Tensor) and t.is_floating_point()), torch.float64)
        return _array(_returned(f, tensors, real))

    return call


def _tensor(a: Any) -> Any:
    """An array as a tensor on the same memory, so that writes to it are seen; a copy where torch does not accept the array."""
    if not isinstance(a, np.ndarray):
        return a
    return torch.from_numpy(a) if a.flags.writeable and all(s >= 0 for s in a.strides) else torch.tensor(a)


def _formats(tensors: Iterable[torch.Tensor]) -> list[str]:
    return [str(t.dtype)[6:] for t in tensors]


def _noted(outputs: list[Any]) -> list[Any]:
    for format_ in _formats(outputs):
        half_precision.note(format_)
    return outputs


def _coarse(weights: Iterable[torch.Tensor]) -> str | None:
    """The half-precision format of some output, whose upstream gradient has its dtype."""
    return half_precision.coarsest(_formats(weights))


def _array(returned: Any) -> Any:
    if isinstance(returned, torch.Tensor):
        _noted([returned])
        there = returned.detach().cpu()
        return (there.float() if there.dtype is torch.bfloat16 else there).numpy()
    return tuple(_array(r) for r in returned) if isinstance(returned, (tuple, list)) else returned
