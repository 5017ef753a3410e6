"""Cleans up after a recording: recorded numbers left in the candidate's own objects are replaced by plain ones.

A cache in the code (`self.cache`, a dict of its module, an attribute of a function) holds recorded numbers after a recorded call. Nothing
else of the user's is changed, and where an array was replaced, the original is restored.
"""

from __future__ import annotations

import sys
from collections import ChainMap, UserDict, UserList, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import lru_cache, partial
from types import CellType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np

from verify.traced.array import Recorded
from verify.traced.patching import FOLLOWED, LEAVES, LIBRARY, Data, places_of, uncompiled

MOST = 100_000
"""Most objects to search."""
PUT = (list, dict, tuple, set, frozenset, deque, ChainMap, UserDict, UserList, BaseException)
"""Types in which code keeps computed values."""


def tidy(functions: list[Callable[..., Any]]) -> None:
    """Makes everything that these functions keep plain again."""
    seen: dict[int, Any] = {}
    waiting: list[Any] = [*functions]
    for f in functions:
        modules, cells, attributes, _ = places_of(f)
        waiting += [*modules, *cells, *attributes]
    while waiting and len(seen) < MOST:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen[id(one)] = one  # kept, so that no other object has its number meanwhile
        with suppress(Exception):  # an object that raises for any attribute
            for value, put in _kept(one):
                plain = _plain(value)
                if plain is not value:
                    with suppress(Exception):  # read-only objects keep it
                        put(plain)
                elif _leads_on(value):
                    waiting.append(value)


def _leads_on(value: Any) -> bool:
    """Whether the user's code may have stored something in a value: objects of libraries hold only their own."""
    if isinstance(value, FunctionType):
        return not value.__code__.co_filename.startswith(LIBRARY)
    if isinstance(value, type):
        return _is_own(value.__module__)
    known = isinstance(value, (*PUT, MethodType, SimpleNamespace, partial, staticmethod, classmethod, CellType))
    return known or (_is_own(type(value).__module__) and not isinstance(value, ModuleType)) or uncompiled(value) is not value


@lru_cache(maxsize=1024)
def _is_own(module: str) -> bool:
    """Whether a module belongs to no library."""
    if module in LEAVES or module in sys.builtin_module_names:
        return False
    file = getattr(sys.modules.get(module), "__file__", None)
    return file is None or not file.startswith(LIBRARY)


def _kept(one: Any) -> Iterator[tuple[Any, Callable[[Any], object]]]:
    """The values that an object holds, each with a function that replaces it."""
    plain: Any = uncompiled(one)
    if plain is not one:
        yield plain, _nowhere
    elif isinstance(one, dict):
        own = ((key, value) for key, value in [*one.items()] if not (isinstance(key, str) and key.startswith("__")))
        yield from ((value, partial(one.__setitem__, key)) for key, value in own)
    elif isinstance(one, (list, deque)):
        yield from ((value, partial(one.__setitem__, k)) for k, value in enumerate([*one]))
    elif isinstance(one, set):
        yield from ((value, partial(_instead, one, value)) for value in [*one])
    elif isinstance(one, CellType):
        try:
            yield one.cell_contents, partial(setattr, one, "cell_contents")
        except ValueError:  # it is empty
            return
    else:
        yield from ((value, _nowhere) for value in _beside(one))
        if isinstance(one, BaseException):
            yield one.args, partial(setattr, one, "args")
        names = getattr(one, "__dict__", None)
        if isinstance(one, type):
            yield from ((value, partial(setattr, one, name)) for name, value in [*vars(one).items()] if not name.startswith("__"))
        elif isinstance(names, dict):
            yield names, _nowhere
        for name in _slots(one):
            yield getattr(one, name), partial(setattr, one, name)


def _beside(one: Any) -> list[Any]:
    """Objects reachable from one that cannot be replaced in it."""
    if isinstance(one, (tuple, frozenset)):
        return [*one]
    if isinstance(one, partial):
        return [one.func, one.args, one.keywords]
    if isinstance(one, MethodType):
        return [one.__func__, one.__self__]
    if isinstance(one, (staticmethod, classmethod)):
        return [one.__func__]
    if isinstance(one, FunctionType):
        return [*(one.__closure__ or ()), one.__defaults__ or (), one.__kwdefaults__ or {}]
    return [] if isinstance(one, type) else [type(one)]


def _slots(one: Any) -> list[str]:
    if isinstance(one, (type, FunctionType)) or type(one).__module__ in LEAVES:
        return []
    names = (name for c in type(one).__mro__ for name in np.atleast_1d(getattr(c, "__slots__", ())).tolist())
    return [name for name in names if not name.startswith("__") and hasattr(one, name)]


def _instead(among: set[Any], value: Any, plain: Any) -> None:
    """Nothing is added to a set: the sets of a plain call contain no arrays."""
    among.discard(value)
    among.add(plain)


def _nowhere(_: Any) -> None:
    """Keeps the value: its container is searched by itself."""


def _plain(value: Any) -> Any:
    """The value itself, unless it is recorded, or a tuple or frozen set with recorded values."""
    if isinstance(value, Recorded):
        return np.array(value.values) if isinstance(value.values, np.ndarray) else value.values
    if isinstance(value, Data):
        kept = value.kept
        same = kept is not None and kept.__array_interface__ == value.__array_interface__
        return kept if same else value.view(np.ndarray)
    if isinstance(value, (tuple, frozenset)):
        whole = [*value]
        parts = [*map(_plain, whole)]
        if any(a is not b for a, b in zip(parts, whole, strict=True)):
            return tuple.__new__(type(value), parts) if isinstance(value, tuple) else frozenset(parts)
    return value


def tidy_all() -> None:
    """Cleans up after all functions recorded since the last time."""
    functions = [*FOLLOWED.values()]
    FOLLOWED.clear()
    tidy(functions)
