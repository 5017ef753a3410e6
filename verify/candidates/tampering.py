"""Protects the suite's own names: a candidate that replaces one could decide its own verdict, so replaced names are restored and reported.

This is no sandbox. Code in the suite's process can do whatever the suite can: only the plain ways are noticed.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import is_dataclass
from functools import cached_property, lru_cache
from gc import get_referents
from operator import attrgetter, is_
from types import FunctionType, ModuleType
from typing import Any

from verify.candidates.process_globals import Names, Space, of_module

ENGINE = ("hypothesis.core", "hypothesis.control", "hypothesis.internal.conjecture.engine", "hypothesis.internal.conjecture.data")
"""The modules of Hypothesis that cases and failures pass through."""


def spaces() -> Iterator[Space]:
    """The namespaces of the suite's loaded code: modules, classes, constant tables, and what these contain."""
    for name, module in [*sys.modules.items()]:
        if isinstance(module, ModuleType) and (name == "verify" or name.startswith("verify.") or name in ENGINE):
            yield from of_module(module, own=True)
            yield from _tables(module)


def _tables(module: ModuleType) -> Iterator[Space]:
    for name, table in [*vars(module).items()]:
        if isinstance(table, dict) and table and name.isupper() and all(isinstance(key, str) for key in table):
            yield Space(f"{module.__name__}.{name}.", table)
            for key, value in [*table.items()]:
                if is_dataclass(value) and not isinstance(value, type) and hasattr(value, "__dict__"):
                    yield Space(f"{module.__name__}.{name}.{key}.", vars(value))


CACHED = type(lru_cache(len))


class Suite:
    """A snapshot of the suite's names and of its functions' code."""

    def __init__(self) -> None:
        self._old = [(space, dict(space.names)) for space in spaces()]
        self._tables, self._modules = [_table(space.names) for space, _ in self._old], len(sys.modules)
        self._values, self._lengths = get_referents(*self._tables), [*map(len, self._tables)]
        self._functions = [*dict.fromkeys(f for value in self._values if (f := _function(value)) is not None)]  # imported ones once
        self._done = [[*map(part, self._functions)] for part in FUNCTION_PARTS]
        self._held = get_referents(*self._functions)

    def stands(self) -> bool:
        """Whether nothing has changed since, and nothing was loaded."""
        return self.is_whole() and self._names_stand() and self._functions_stand()

    def is_whole(self) -> bool:
        """Whether nothing was loaded since."""
        return len(sys.modules) == self._modules

    def _names_stand(self) -> bool:
        return [*map(len, self._tables)] == self._lengths and _are(get_referents(*self._tables), self._values)

    def _functions_stand(self) -> bool:
        """Whether the functions refer to the same objects: reading `__code__` raises an audit event, which costs a microsecond for each
        function.
        """
        return _are(get_referents(*self._functions), self._held)

    def restore(self) -> str | None:
        """Restores replaced names; returns the first of them, None if there were none. Names and functions that the suite itself changes as
        a cache do not count.
        """
        names, functions = self._restore_names(), self._restore_functions()
        return names or functions

    def _restore_names(self) -> str | None:
        if self._names_stand():
            return None
        told = None
        for space, old in self._old:
            if len(space.names) != len(old) or not all(map(is_, space.names.values(), old.values())):
                changed = space.put_back(old)
                told = told or changed
        if told is None:
            self._values, self._lengths = get_referents(*self._tables), [*map(len, self._tables)]
        return told

    def _restore_functions(self) -> str | None:
        if self._functions_stand():
            return None
        told = None
        for f, *done in zip(self._functions, *self._done, strict=True):
            if not all(map(is_, (f.__code__, f.__defaults__, f.__kwdefaults__), done)):
                f.__code__, f.__defaults__, f.__kwdefaults__ = done
                told = told or f"changes what {f.__module__}.{f.__qualname__} does"
        if told is None:
            self._held = get_referents(*self._functions)
        return told


FUNCTION_PARTS = attrgetter("__code__"), attrgetter("__defaults__"), attrgetter("__kwdefaults__")
"""The attributes that define what a function does."""


def _are(now: list[Any], before: list[Any]) -> bool:
    """Whether these are the same objects, by identity: in C loops, some ten nanoseconds each."""
    return len(now) == len(before) and all(map(is_, now, before))


def _table(names: Names) -> Names:
    """The dict behind a read-only view."""
    table: Names = names if isinstance(names, dict) else get_referents(names)[0]
    return table


PLAIN = frozenset({str, int, float, bool, tuple, list, dict, type, ModuleType, type(None)})
"""Types of values that wrap no function."""


def _function(value: Any) -> FunctionType | None:
    """The function behind a name of a module or of a class, unwrapped."""
    if type(value) in PLAIN:  # most are
        return None
    if isinstance(value, (staticmethod, classmethod)):
        value = value.__func__
    elif isinstance(value, property):
        value = value.fget
    elif isinstance(value, cached_property):
        value = value.func
    elif isinstance(value, CACHED):
        value = value.__wrapped__
    return value if isinstance(value, FunctionType) else None


_kept: list[Suite] = []
_latest: list[Suite] = []
"""At most one of each. Lists, since rebinding a name would itself be a change of the suite."""


def keep() -> None:
    """Takes the snapshot of the suite, before any candidate is imported in this process."""
    _kept[:] = [Suite()]


def is_kept() -> bool:
    """Whether this process judges candidates only."""
    return bool(_kept)


def suite(*, looked: bool = False) -> Suite:
    """The snapshot of the suite that was kept. Where a candidate is judged in the caller's process, a new one, since the caller may have
    changed the suite, unless the suite was `looked` at since other code ran.
    """
    if _kept:
        return _kept[0]
    if not _latest or not (_latest[0].is_whole() if looked else _latest[0].stands()):
        _latest[:] = [Suite()]
    return _latest[0]


def changed() -> str | None:
    """Puts back what a candidate has replaced since `suite` was asked last, and says the first of it; None where nothing was."""
    known = _kept or _latest
    return known[0].restore() if known else None
