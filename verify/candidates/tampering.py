"""Guards the suite's own names: a candidate that replaces one could decide its verdict, so what was replaced is put back, and told.

It is no lock. Code that runs in the judge's process can do whatever the judge can: what is done here notices the plain ways.
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
"""The parts of Hypothesis through which a case and what breaks on it go."""


def spaces() -> Iterator[Space]:
    """The names of what is loaded of the suite: of modules and classes, of tables that are constants, and of what these hold."""
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
    """What the suite's names stood for at one moment, and what its functions did."""

    def __init__(self) -> None:
        self._old = [(space, dict(space.names)) for space in spaces()]
        self._tables, self._modules = [_table(space.names) for space, _ in self._old], len(sys.modules)
        self._values, self._lengths = get_referents(*self._tables), [*map(len, self._tables)]
        self._functions = [*dict.fromkeys(f for value in self._values if (f := _function(value)) is not None)]  # imported ones once
        self._done = [[*map(part, self._functions)] for part in PARTS]
        self._held = get_referents(*self._functions)

    def stands(self) -> bool:
        """Whether nothing has changed since, and nothing been loaded."""
        return self.is_whole() and self._names_stand() and self._functions_stand()

    def is_whole(self) -> bool:
        """Whether nothing has been loaded since."""
        return len(sys.modules) == self._modules

    def _names_stand(self) -> bool:
        return [*map(len, self._tables)] == self._lengths and _are(get_referents(*self._tables), self._values)

    def _functions_stand(self) -> bool:
        """What a function does is among what it holds: `__code__` is an event that whoever hears the interpreter's is called for, a
        microsecond each.
        """
        return _are(get_referents(*self._functions), self._held)

    def restore(self) -> str | None:
        """Puts back what has been replaced, and says the first of it; None where nothing has. What keeps something for later has kept it,
        which need not be looked at again: what names stand for then, and what functions hold beside what they do, is no change.
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


PARTS = attrgetter("__code__"), attrgetter("__defaults__"), attrgetter("__kwdefaults__")
"""What a function does."""


def _are(now: list[Any], before: list[Any]) -> bool:
    """Whether these are the same objects, whatever they compare as: in loops of C, some ten nanoseconds each."""
    return len(now) == len(before) and all(map(is_, now, before))


def _table(names: Names) -> Names:
    """The dict itself, of what is only shown."""
    table: Names = names if isinstance(names, dict) else get_referents(names)[0]
    return table


def _function(value: Any) -> FunctionType | None:
    """The function that a name of a module or of a class stands for, in whatever it is wrapped."""
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
"""At most one of each; a name that is bound again would itself be a change of the suite."""


def keep() -> None:
    """Remembers the suite as it is now, before any candidate is imported in this process."""
    _kept[:] = [Suite()]


def is_kept() -> bool:
    """Whether this process is a candidate's alone."""
    return bool(_kept)


def suite(*, looked: bool = False) -> Suite:
    """The suite as it was kept; as it is now where a candidate is judged in the process of whoever calls, who may have changed it, unless
    it was `looked` at since anybody else ran.
    """
    if _kept:
        return _kept[0]
    if not _latest or not (_latest[0].is_whole() if looked else _latest[0].stands()):
        _latest[:] = [Suite()]
    return _latest[0]
