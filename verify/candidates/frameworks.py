"""The framework that a candidate computes in, and its adapter: one file per framework, which wraps the user's code as a numpy function.

No framework is imported that the user's code has not imported itself.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial, wraps
from importlib import import_module
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from verify.candidates.answer import Misbehaviour, guarded_call
from verify.candidates.arguments import arguments_of
from verify.candidates.candidate import Candidate
from verify.candidates.compiled import python_of, unwrapped
from verify.candidates.example import Example
from verify.candidates.signature import order
from verify.candidates.upstream import DRAWN, Upstream, recorder_in
from verify.errors import UsageError
from verify.spec.function import UPSTREAM

ADAPTERS = {"torch": "verify.candidates.torch", "jax": "verify.candidates.jax", "sklearn": "verify.candidates.sklearn"}
"""Each has `adapted(f, both, upstream)`: the numpy function of a candidate of a type of this framework, or None."""

FUNCTIONS = ("torch", "jax")
"""Frameworks that a plain function may compute in: their adapters also have `of_function(f, both, upstream)`, `is_own`, `layer` and
`graph`.
"""


def load(candidate: object) -> None:
    """Imports the modules that a target's file imports in any case, before the file: the state of a library then is its own setup, and
    everything later is the file's doing.
    """
    if isinstance(candidate, str) and (file := candidate.rpartition(":")[0]).endswith(".py"):
        with suppress(OSError, ValueError):
            source = Path(file).read_text(encoding="utf-8", errors="replace")
            for library in sorted({*AT_ONCE.findall(source)} - sys.modules.keys()):
                with suppress(Exception):  # the file's own import says it
                    import_module(library)


AT_ONCE = re.compile(rf"^(?:import|from) ({'|'.join(FUNCTIONS)})\b", re.MULTILINE)

ONES = Upstream()


def adapted(f: Callable[..., Any], upstream: Upstream = ONES) -> Callable[..., Any]:
    """The candidate as a function of numpy arrays; itself if it is one already. The attribute `framework` names what it computes in.

    `upstream` has the weights for a candidate that returns an array and is differentiated by its framework.
    """
    if isinstance(f, Candidate):
        whole = {name: part for name in ("loss", "grad", "hess") if (part := getattr(f, name)) is not None}
        beside = tuple(whole.values())
        parts: dict[str, Any] = {name: _adapted(part, upstream, beside, both=False) for name, part in whole.items()}
        return f if all(parts[name] is whole[name] for name in parts) else Candidate(**parts)
    return _adapted(f, upstream, (f,), both=True)


def layer_of(f: Callable[..., Any], at: Example, dtype: str, *, single: bool = False) -> Any:
    """The candidate as a layer of its framework (`layer` of the adapter) if the example has several inputs, or it has parameters, or a
    `single` array is accepted; else None. `dtype` is the dtype judged.

    Raises UsageError where it returns nothing at the example.
    """
    there = {library: import_module(ADAPTERS[library]) for library in FUNCTIONS if library in sys.modules}
    own = [library for library, adapter in there.items() if adapter.is_own(f)]
    for library in own or [library for library in there if uses(f, library, (f,))]:
        if not own and not _mentions((f,), library) and _returns_a_loss_and_more(f, at):
            continue  # its file imports the framework: its second result is a gradient of any shape, not an output
        try:
            return there[library].layer(f, at, dtype, single=single)
        except Misbehaviour as error:
            if own or _mentions((f,), library):
                raise UsageError(f"{getattr(f, '__name__', 'the candidate')} gives no output at the example: it {error}.") from None
    return None


def _returns_a_loss_and_more(f: Callable[..., Any], at: Example) -> bool:
    """Whether a function, called with numpy arrays, returns a number and something else."""
    with suppress(Misbehaviour, UsageError):
        own = arguments_of(f, at)
        returned = guarded_call(f, own.packed(own.at(at.dtype)))
        return isinstance(returned, (tuple, list)) and len(returned) > 1 and np.size(returned[0]) == 1
    return False


def library_of(f: Callable[..., Any]) -> str | None:
    """The framework of a function that is not adapted; None for numpy."""
    there = (library for library in FUNCTIONS if library in sys.modules)
    return next((name for name in there if import_module(ADAPTERS[name]).is_own(f) or uses(f, name, (f,))), None)


def of_inputs(f: Callable[..., Any], library: str, places: Sequence[int], *, array: bool) -> Callable[..., Any]:
    """A function of a framework, differentiated for the arguments at these places, as a function of numpy arrays: it returns its value and
    the gradients; if its value is an `array`, it is a forward with its backward.
    """
    graph = import_module(ADAPTERS[library]).graph

    def both(*arguments: Any) -> Any:
        y, back = graph(f, arguments, places)
        return y, back(np.ones(np.shape(y)))

    def forward(*arguments: Any) -> Any:
        return graph(f, arguments, places)[0]

    def backward(upstream: Any, *arguments: Any) -> Any:
        return graph(f, arguments, places)[1](upstream)

    like = getattr(f, "forward", f)
    if not array:
        return named(like, both, library)
    return Candidate(forward=named(like, forward, library), backward=_behind(like, backward, library), saved=False)


def _behind(f: Callable[..., Any], backward: Callable[..., Any], library: str) -> Callable[..., Any]:
    """The backward, with the upstream gradient as first argument."""
    wrapper = named(f, backward, library)
    with suppress(TypeError, ValueError):
        own = inspect.signature(f).parameters.values()
        first = inspect.Parameter(UPSTREAM, inspect.Parameter.POSITIONAL_ONLY)
        wrapper.__signature__ = inspect.Signature([first, *own])  # type: ignore[attr-defined]
    return wrapper


def framework_of(f: Callable[..., Any]) -> str | None:
    """The framework of an adapted candidate, None for numpy."""
    found = getattr(f.signature_part if isinstance(f, Candidate) else f, "framework", None)
    return found if isinstance(found, str) and found in ADAPTERS else None  # a user's object may use the name for anything


def _adapted(f: Callable[..., Any], upstream: Upstream, beside: tuple[Callable[..., Any], ...], *, both: bool) -> Callable[..., Any]:
    there = {library: import_module(home) for library, home in ADAPTERS.items() if library in sys.modules}
    for adapter in there.values():
        found: Callable[..., Any] | None = adapter.adapted(f, both, upstream)
        if found is not None:
            return found
    for library, adapter in there.items():
        if library in FUNCTIONS and uses(f, library, beside):
            call: Callable[..., Any] = adapter.of_function(f, both, upstream)
            unsure = not both and not _mentions(beside, library) and _imports(f, "numpy")
            return _hedged(f, call, both=both, numpy_first=unsure)
    return f


def _hedged(f: Callable[..., Any], call: Callable[..., Any], *, both: bool, numpy_first: bool) -> Callable[..., Any]:
    """Chooses at the first call between `call`, which runs `f` in its framework, and `f` itself on numpy arrays, if only that works: with
    `both` it must return a loss and a gradient, since nothing else could differentiate it then.

    A function that converts its arguments itself mentions the framework too, and a file may import a framework without using it. The choice
    is final.
    """
    ways = [f, call] if numpy_first else [call, f]

    def either(*arguments: Any) -> Any:
        if len(ways) == 1:
            return ways[0](*arguments)
        kept = tuple(np.array(a) if isinstance(a, np.ndarray) else a for a in arguments)
        try:
            way, found = ways[0], ways[0](*arguments)
        except UsageError:
            raise
        except Exception:
            way = ways[1]
            with suppress(Exception):  # of two refusals the one of the likelier way is reported
                found = way(*kept)
                if way is call or not both or (isinstance(found, (tuple, list)) and len(found) == 2):
                    settle(way)
                    return found
            raise
        settle(way)
        return found

    def settle(way: Callable[..., Any]) -> None:
        ways[:] = [way]
        either.framework = getattr(way, "framework", None)  # type: ignore[attr-defined]

    def pull(arguments: tuple[Any, ...], scale: float = 1.0, layout: str = DRAWN, *, backward: bool = True) -> Any:
        return call.pull(arguments, scale, layout, backward=backward) if ways == [call] else None  # type: ignore[attr-defined]

    def loss_alone(*arguments: Any) -> Any:
        return call.loss_alone(*arguments) if ways == [call] else either(*arguments)  # type: ignore[attr-defined]

    either = named(f, either, call.framework)  # type: ignore[attr-defined]
    either.facts, either.weights = getattr(call, "facts", {}), getattr(call, "weights", [])  # type: ignore[attr-defined]
    if hasattr(call, "pull"):
        either.pull, either.loss_alone = pull, loss_alone  # type: ignore[attr-defined]
    return either


def named(f: Callable[..., Any], call: Callable[..., Any], framework: str) -> Callable[..., Any]:
    """`call` with the name and the parameters of `f`."""
    wrapper = wraps(f)(call)
    wrapper.framework = framework  # type: ignore[attr-defined]
    return wrapper


def variable(f: Callable[..., Any], arguments: tuple[Any, ...]) -> int:
    """The position of the argument to differentiate for: the first array of real numbers, unless its name is that of a target."""
    arrays = [(i, a) for i, a in enumerate(arguments) if isinstance(a, np.ndarray) or recorder_in(a) is not None]
    real = [i for i, a in arrays if np.issubdtype(a.dtype, np.floating)]
    if not real:
        raise TypeError("none of the arguments is an array of real numbers")
    return real[-1] if len(arguments) == 2 and order(f) == "TARGETPREDICTION" else real[0]


def uses(f: Callable[..., Any], library: str, beside: tuple[Callable[..., Any], ...] = ()) -> bool:
    """Whether a function computes in the library: it or its helpers mention it; or its file imports the library, and neither `f` nor the
    functions `beside` it, which belong to the same candidate, mention this library, another, or numpy.
    """
    if python_of(f) is not None:  # numba compiled it, for numpy's arrays
        return False
    for mine in ((f,), beside):
        if _mentions(mine, library):
            return True
        if any(_mentions(mine, other) for other in ("numpy", *FUNCTIONS)):
            return False
    return _imports(f, library)


def _imports(f: Callable[..., Any], library: str) -> bool:
    space = getattr(unwrapped(f), "__globals__", None)
    return isinstance(space, dict) and any(_is_of(value, library) for value in space.values() if isinstance(value, ModuleType))


def _mentions(functions: tuple[Callable[..., Any], ...], library: str) -> bool:
    return any(_is_of(value, library) for f in functions for value in (f, unwrapped(f), *_mentioned(unwrapped(f), set())))


def _mentioned(f: object, seen: set[int]) -> Iterator[object]:
    """The values that a Python function and its helpers mention: of its module, of enclosing functions, of its object, and its defaults."""
    if id(f) in seen:
        return
    seen.add(id(f))
    for value in _known(f):
        yield value
        if isinstance(value, (FunctionType, MethodType, partial)) and _root(value.__module__) not in LIBRARIES:
            yield from _mentioned(value, seen)


LIBRARIES = {*ADAPTERS, "numpy"}
"""Libraries whose functions are not searched for what they mention."""


def _known(f: object) -> Iterator[object]:
    """The values that one function, method, callable object or `partial` refers to directly."""
    if isinstance(f, partial):
        yield from (f.func, *f.args, *f.keywords.values())
    elif isinstance(f, MethodType):
        yield from (f.__func__, *getattr(f.__self__, "__dict__", {}).values())
    elif isinstance(code := getattr(f, "__code__", None), CodeType):
        space = getattr(f, "__globals__", {})
        yield from (space[name] for name in _names(code) if name in space)
        yield from getattr(f, "__defaults__", None) or ()
        for cell in getattr(f, "__closure__", None) or ():
            with suppress(ValueError):  # not filled yet
                yield cell.cell_contents
    elif not isinstance(f, type) and isinstance(call := inspect.getattr_static(type(f), "__call__", None), FunctionType):
        yield from (call, *getattr(f, "__dict__", {}).values())


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _is_of(value: object, library: str) -> bool:
    """Whether a module, class or function belongs to the library, or an object's class does; numpy scalars do not count."""
    if isinstance(value, ModuleType):
        return _root(value.__name__) == library
    if isinstance(value, np.generic):
        return False
    home = getattr(value, "__module__", None)
    bases = (value if isinstance(value, type) else type(value)).__mro__
    return (isinstance(home, str) and _root(home) == library) or any(_root(base.__module__) == library for base in bases)


def _root(name: str | None) -> str:
    """The library that a module belongs to. scipy counts as numpy."""
    return {"jaxlib": "jax", "scipy": "numpy"}.get(root := (name or "").partition(".")[0], root)
