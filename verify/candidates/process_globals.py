"""The functions and modules that all code of a process shares, and the judge needs: a candidate that replaces one of them, or forbids to
open files, harms whoever comes next.
"""

from __future__ import annotations

import builtins
import io
import math
import os
import pickle
import random
import signal
import struct
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeVar

import numpy as np

from verify import evidence

if sys.platform != "win32":
    import resource

MODULES = (builtins, io, math, os, pickle, random, signal, struct, time, np, np.linalg, np.random)

T = TypeVar("T")

Names = Mapping[str, Any]
Leave = Callable[[str, Any], bool]

OF_PYTHON = vars(builtins)


@dataclass(frozen=True)
class Space:
    """Names that stand for something: those of a module, or of the class that owns them. In what is the suite's `own` new names count,
    too, where they act: one that hides a function of Python's, or one that a class looks up before it goes on.
    """

    what: str
    names: Any
    owner: type | None = None
    own: bool = False

    def put_back(self, old: Names, leave: Leave | None = None, _hides: Names = OF_PYTHON) -> str | None:
        """Sets each name as it was, and says the first that was not. What a module keeps to itself and is no function may change: `random`
        imports what it hashes strings with when it is first asked.
        """
        missing, told = object(), None
        for name, value in old.items():
            now = self.names.get(name, missing)
            if now is not value and (_acts(value) or not name.startswith("_")) and not (leave and leave(f"{self.what}{name}", now)):
                self._set(name, value)
                told = told or f"replaces {self.what}{name} for the whole process"
        for name, value in [*self.names.items()] if self.own else ():
            if name not in old and (_acts(value) if self.owner else name in _hides and not name.startswith("_")):
                self._remove(name)
                told = told or f"adds {self.what}{name} to the suite that judges it"
        return told

    def _set(self, name: str, value: Any) -> None:
        if self.owner is None:
            self.names[name] = value
        else:
            type.__setattr__(self.owner, name, value)

    def _remove(self, name: str) -> None:
        if self.owner is None:
            del self.names[name]
        else:
            type.__delattr__(self.owner, name)


def _acts(value: Any, _callable: Any = callable, _hasattr: Any = hasattr, _type: Any = type) -> bool:
    """Whether a name stands for something that runs when it is used: a function, a class, a property."""
    return bool(_callable(value) or _hasattr(_type(value), "__get__"))


def of_module(module: ModuleType, *, own: bool = False) -> Iterator[Space]:
    """Its names, and where it is our own those of its classes."""
    yield Space(f"{module.__name__}.", vars(module), own=own)
    for value in [*vars(module).values()] if own else ():
        if isinstance(value, type) and value.__module__ == module.__name__:
            yield Space(f"{value.__module__}.{value.__qualname__}.", vars(value), value, own=True)


SHARED = [*(space for module in MODULES for space in of_module(module)), *of_module(evidence, own=True)]
"""The judge's own verdict is among them, so that no law is misled by a candidate that replaces it; the rest of the suite is looked at once
a law.
"""
SPACES = [Space("the module ", sys.modules), *SHARED]
NAMES = [space.names for space in SHARED]
_of_sys = vars(sys)
IMPORTS = ("meta_path", "path_hooks", "modules")
"""What Python asks for modules. Where a candidate empties it, or puts something else in its place, nobody finds the next one."""


def _imports(_map: Any = map, _id: Any = id, _any: Any = Exception) -> tuple[list[int], list[Any], list[Any]]:
    """Which objects these are, and what is in the first two."""
    tables = [_of_sys.get(name) for name in IMPORTS]
    try:
        return [*_map(_id, tables)], [*(tables[0] or ())], [*(tables[1] or ())]
    except _any:  # it is no list any more
        return [], [], []


class Before:
    """What the names of these modules, and of the modules themselves, stood for at one moment."""

    def __init__(self, _copy: Any = dict) -> None:
        self.old = [_copy(space.names) for space in SPACES]
        self.values, self.modules = [[*names.values()] for names in NAMES], [*sys.modules.values()]
        self.imports = _imports()
        self.tables: list[Any] = [_of_sys.get(name) for name in IMPORTS]
        self.path, self.folders = sys.path, [*sys.path]

    def stands(self, *, modules: bool = False) -> bool:
        """Whether nothing has changed since: identities, one after the other, at some nanoseconds a name. Of the `modules` themselves,
        which are as many, only how many there are if they are not asked for.
        """
        return (
            sys.modules.__len__() == self.modules.__len__()
            and self._names_stand()
            and (not modules or _same(self.modules, [*sys.modules.values()]))
        )

    def _names_stand(self) -> bool:
        return (
            _same(self.imports, _imports())
            and (_same(self.folders, _of_sys.get("path")) or not self._missing_folders())
            and _same(self.values, [[*names.values()] for names in NAMES])
        )

    def has_only_loaded(self) -> bool:
        """Whether modules have been loaded since, and nothing else has changed. None may be the suite's, in whose place a candidate could
        put one of its own before the suite asks for it.
        """
        there, known = [*sys.modules.items()], self.modules.__len__()
        new = [name for name, _ in there[known:]]
        return bool(
            new
            and not [name for name in new if name.__class__ is not str or name.startswith("verify.")]
            and _same(self.modules, [module for _, module in there[:known]])
            and self._names_stand()
        )

    def restore(self, leave: Leave | None = None, *, path: bool = True, _zip: Any = zip) -> str | None:
        """Puts back what has been replaced or removed, and says the first of it. New names stay: libraries add them as they load; so does
        what it is asked to `leave`, by its name and what that stands for now. Of `sys.path` nothing is said, which is the surroundings'.
        """
        if self.stands(modules=True):
            return None
        told = self._restore_imports(leave)
        if path:
            self._restore_path()
        for space, old in _zip(SPACES, self.old):
            told = (None if _same(space.names, old) else space.put_back(old, leave)) or told
        return told

    def _restore_imports(self, leave: Leave | None, _zip: Any = zip, _any: Any = any, _list: Any = list) -> str | None:
        told = None
        for name, table, members in _zip(IMPORTS, self.tables, (*self.imports[1:], ())):
            now: Any = _of_sys.get(name)
            there: list[Any] = now if now.__class__ is _list else []
            missing = [m for m in members if not _any(m is one for one in there)]
            if (now is table and not missing) or (leave and leave(f"sys.{name}", now)):
                continue
            if members:
                table[:] = [*there, *missing]
            _of_sys[name] = table
            told = told or f"replaces sys.{name} for the whole process"
        return told

    def _missing_folders(self, _list: Any = list) -> list[str]:
        there: Any = _of_sys.get("path")
        return [folder for folder in self.folders if there.__class__ is not _list or folder not in there]

    def _restore_path(self, _list: Any = list) -> None:
        """Where modules are that the judge has not loaded yet."""
        there: Any = _of_sys.get("path")
        if missing := self._missing_folders():
            if there.__class__ is not _list:
                there = _of_sys["path"] = self.path
            there[:] = [*there, *missing]

    def loads(self) -> bool:
        """Whether modules have been loaded since: what is replaced then may be the work of a library, which does so once."""
        return sys.modules.__len__() > self.modules.__len__()


def _same(a: Any, b: Any, _any: Any = Exception) -> bool:
    try:
        return a == b  # type: ignore[no-any-return]  # no name that may have been replaced
    except _any:  # a new value that compares as it likes
        return False


_AT_FIRST = Before()


@dataclass
class _Watch:
    """The latest look at the names, and whether calls are `trusted` with them, since they are looked at after the last."""

    latest: Before
    trusted: bool = False


_watch = _Watch(_AT_FIRST)


def now(*, modules: bool = False) -> Before:
    """The names as they are now: mostly as before the last call, which is cheaper to see than to copy."""
    known = _watch.trusted and not modules
    if not known and not _watch.latest.stands(modules=modules):
        _watch.latest = Before()
    return _watch.latest


def stood(before: Before) -> bool:
    """Whether the names stand after a call as they did before it, as far as that is looked at now."""
    return _watch.trusted or before.stands()


def undisturbed(ask: Callable[[], T], forget: Callable[[], object] = lambda: None) -> T:
    """What `ask` returns or raises, in which the suite asks candidates and else nobody runs. The names are looked at once, after it. Where
    they do not stand as before they are put back, and all of it is asked again, with a look before and after each call: what the suite has
    computed with those meanwhile, and kept, it is to `forget`.
    """
    before, outer, _watch.trusted = now(), _watch.trusted, True
    try:
        return _not_misled(before, ask)
    except _Misled:
        _watch.trusted = False
        forget()
        return ask()
    finally:
        _watch.trusted = outer


class _Misled(Exception):
    """Whoever asked may have computed with what a candidate replaced."""


def _not_misled(before: Before, ask: Callable[[], T]) -> T:
    try:
        return ask()
    finally:
        if not before.stands() and not before.has_only_loaded():
            before.restore()
            raise _Misled


def harm() -> str | None:
    """Why no other code can go on in this process, as far as it shows; what was replaced is put back."""
    told = _AT_FIRST.restore()
    return no_files() or told


def no_files(_open: Any = os.open, _close: Any = os.close) -> str | None:
    """What to say where no file can be opened any more, or written."""
    try:
        _close(_open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return f"leaves its process unable to open files ({error.strerror})"
    if _largest() < min(ENOUGH, _AT_MOST):
        return "leaves its process unable to write files"
    return None


WITHOUT_END = math.inf
ENOUGH = 1 << 20
"""Bytes of a file that are room for notes and for what is kept."""


def _largest() -> float:
    """Bytes that a file may have which this process writes."""
    if sys.platform == "win32":
        return WITHOUT_END
    soft, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    return WITHOUT_END if soft == resource.RLIM_INFINITY else soft


_AT_MOST = _largest()


def of_a_library(value: Any) -> bool:
    """Whether an installed library made a value, as far as it says: some replace functions of others when they are imported."""
    module = sys.modules.get(getattr(value, "__module__", None) or "")
    return is_installed(getattr(module, "__file__", None) or "")


def is_installed(path: str) -> bool:
    """Whether a file or folder is of an installed library."""
    return any(part in ("site-packages", "dist-packages") for part in path.split(os.sep))


_listening: list[list[str]] = []


@contextmanager
def noting() -> Iterator[list[str]]:
    """What candidates change, and is put back, while the block runs."""
    seen: list[str] = []
    _listening.append(seen)
    try:
        yield seen
    finally:
        _listening[:] = [other for other in _listening if other is not seen]


def are_heard() -> bool:
    """Whether anybody is `noting`."""
    return _listening.__len__() > 0


def note(effect: str) -> None:
    """Tells whoever is `noting`."""
    for seen in _listening:
        seen.append(effect)
