"""Which framework a candidate computes in, and the adapter for it: each is one file that wraps what the user wrote as a numpy function.

No framework is imported that the user's code has not imported itself.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from importlib import import_module
from types import CodeType, ModuleType
from typing import Any

import numpy as np

from verify.candidates.candidate import Candidate
from verify.candidates.signature import order

ADAPTERS = {"torch": "verify.candidates.torch", "jax": "verify.candidates.jax", "sklearn": "verify.candidates.sklearn"}
"""Each has `adapted(f, both)`: the numpy function of a candidate, or None where it is not of this framework."""


def adapted(f: Callable[..., Any]) -> Callable[..., Any]:
    """The candidate as a function of numpy arrays; itself where it is one already. Its `framework` tells what it computes in."""
    if isinstance(f, Candidate):
        parts = {name: _adapted(part, both=False) for name in ("loss", "grad", "hess") if (part := getattr(f, name)) is not None}
        return f if all(parts[name] is getattr(f, name) for name in parts) else Candidate(**parts)
    return _adapted(f, both=True)


def framework_of(f: Callable[..., Any]) -> str | None:
    """The framework of an adapted candidate, None for numpy."""
    return getattr(f.grad if isinstance(f, Candidate) else f, "framework", None)


def _adapted(f: Callable[..., Any], *, both: bool) -> Callable[..., Any]:
    for library, adapter in ADAPTERS.items():
        if library in sys.modules:
            found: Callable[..., Any] | None = import_module(adapter).adapted(f, both)
            if found is not None:
                return found
    return f


def named(f: Callable[..., Any], call: Callable[..., Any], framework: str) -> Callable[..., Any]:
    """`call` under the name and with the parameters of `f`."""
    wrapper = wraps(f)(call)
    wrapper.framework = framework  # type: ignore[attr-defined]
    return wrapper


def variable(f: Callable[..., Any], arguments: tuple[Any, ...]) -> int:
    """The place of what `f` is to be differentiated for: its first array of real numbers, unless its names tell that this is the target."""
    real = [i for i, a in enumerate(arguments) if isinstance(a, np.ndarray) and np.issubdtype(a.dtype, np.floating)]
    if not real:
        raise TypeError("none of the arguments is an array of real numbers")
    return real[-1] if len(arguments) == 2 and order(f) == "TARGETPREDICTION" else real[0]


def uses(f: Callable[..., Any], library: str) -> bool:
    """Whether a function is of the library, or what it mentions is, its own helpers included; or its file imports the library, and it
    mentions neither that nor numpy.
    """
    f = inspect.unwrap(f)
    if type(f).__module__.partition(".")[0] == library or (getattr(f, "__module__", None) or "").partition(".")[0] == library:
        return True
    mentioned = list(_mentioned(f, set()))
    if any(_is_of(value, library) for value in mentioned):
        return True
    imported = any(_is_of(value, library) for value in getattr(f, "__globals__", {}).values() if isinstance(value, ModuleType))
    return imported and not any(_is_of(value, "numpy") for value in mentioned)


def _mentioned(f: object, seen: set[int]) -> Iterator[object]:
    """The global values that a Python function mentions, and those that its own helpers mention."""
    code = getattr(f, "__code__", None)
    if not isinstance(code, CodeType) or id(code) in seen:
        return
    seen.add(id(code))
    space = getattr(f, "__globals__", {})
    for name in _names(code):
        if name in space:
            yield space[name]
            yield from _mentioned(space[name], seen)


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _is_of(value: object, library: str) -> bool:
    if isinstance(value, ModuleType):
        return value.__name__.partition(".")[0] == library
    home = getattr(value, "__module__", None)
    mine = isinstance(value, type) and any(base.__module__.partition(".")[0] == library for base in value.__mro__)
    return mine or (isinstance(home, str) and home.partition(".")[0] == library)
