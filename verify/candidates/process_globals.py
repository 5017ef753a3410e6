"""The functions and modules that all code of a process shares and that judging needs: a candidate that replaces one of them, or prevents
files from being opened, harms whatever runs next.
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
    """A namespace: of a module, or of a class that owns its names. In namespaces of the suite (`own`) added names count as changes too,
    where they act: a name that hides a builtin, or one that a class finds before an inherited one.
    """

    what: str
    names: Any
    owner: type | None = None
    own: bool = False

    def put_back(self, old: Names, leave: Leave | None = None, _hides: Names = OF_PYTHON) -> str | None:
        """Restores each name; returns the first that had changed. A module's private names that are no functions may change: `random`
        imports its hash function on first use.
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
    """Whether a value runs code when it is used: a function, a class, a property."""
    return bool(_callable(value) or _hasattr(_type(value), "__get__"))


def of_module(module: ModuleType, *, own: bool = False) -> Iterator[Space]:
    """The namespace of a module, and for modules of the suite those of its classes."""
    yield Space(f"{module.__name__}.", vars(module), own=own)
    for value in [*vars(module).values()] if own else ():
        if isinstance(value, type) and value.__module__ == module.__name__:
            yield Space(f"{value.__module__}.{value.__qualname__}.", vars(value), value, own=True)


SHARED_SPACES = [*(space for module in MODULES for space in of_module(module)), *of_module(evidence, own=True)]
"""Includes the suite's `judge`, so that a candidate that replaces it misleads no law; the rest of the suite is checked once per law."""
SPACES = [Space("the module ", sys.modules), *SHARED_SPACES]
NAMES = [space.names for space in SHARED_SPACES]
_of_sys = vars(sys)
IMPORTS = ("meta_path", "path_hooks", "modules")
"""The tables that Python's imports use. Where a candidate empties or replaces one, no later import works."""


def _imports(_map: Any = map, _id: Any = id, _any: Any = Exception) -> tuple[list[int], list[Any], list[Any]]:
    """The identities of the import system's tables, and the contents of the first two."""
    tables = [_of_sys.get(name) for name in IMPORTS]
    try:
        return [*_map(_id, tables)], [*(tables[0] or ())], [*(tables[1] or ())]
    except _any:  # it is no list any more
        return [], [], []


class Before:
    """A snapshot of the names of these modules, and of the modules themselves."""

    def __init__(self, _copy: Any = dict) -> None:
        self.old = [_copy(space.names) for space in SPACES]
        self.values, self.modules = [[*names.values()] for names in NAMES], [*sys.modules.values()]
        self.imports = _imports()
        self.tables: list[Any] = [_of_sys.get(name) for name in IMPORTS]
        self.path, self.folders = sys.path, [*sys.path]

    def stands(self, *, modules: bool = False) -> bool:
        """Whether nothing has changed since, by comparing identities: some nanoseconds per name. Without `modules`, only the number of
        loaded modules is compared.
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
        """Whether the only change since is that modules were loaded, and none of the suite's: a candidate could have put its own in place
        of one before the suite imports it.
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
        """Restores names that were replaced or removed; returns the first of them. New names stay, since libraries add them as they load;
        so do the names that `leave` lists with their present values. Changes of `sys.path` are not reported here but by the law of
        surroundings.
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
        """Restores the folders of modules that the suite has not loaded yet."""
        there: Any = _of_sys.get("path")
        if missing := self._missing_folders():
            if there.__class__ is not _list:
                there = _of_sys["path"] = self.path
            there[:] = [*there, *missing]

    def loads(self) -> bool:
        """Whether modules have been loaded since: a change made then may be the work of a library, which makes it once."""
        return sys.modules.__len__() > self.modules.__len__()


def _same(a: Any, b: Any, _any: Any = Exception) -> bool:
    try:
        return a == b  # type: ignore[no-any-return]  # no name that may have been replaced
    except _any:  # a new value that compares as it likes
        return False


_AT_FIRST = Before()


@dataclass
class _Watch:
    """The latest look at the names, whether calls are `trusted` with them, since they are looked at after the last, and whether nobody but
    the suite has run since.
    """

    latest: Before
    trusted: bool = False
    alone: bool = False


_watch = _Watch(_AT_FIRST)


def now(*, modules: bool = False) -> Before:
    """A snapshot of the names: usually unchanged since the last call, which is cheaper to check than to copy."""
    known = _watch.trusted and not modules
    if not known and not _watch.latest.stands(modules=modules):
        _watch.latest = Before()
    return _watch.latest


def stood(before: Before) -> bool:
    """Whether the names are the same after a call as before it, as far as they are checked now."""
    return _watch.trusted or before.stands()


def undisturbed(ask: Callable[[], T], forget: Callable[[], object] = lambda: None) -> T:
    """The result of `ask`, a block in which only the suite and the candidate run. Names are compared once, afterwards. If they changed,
    they are restored, `forget` drops what the suite computed and cached meanwhile, and `ask` runs again with comparisons around each call.
    Within another such block nothing is compared: that is done behind it.
    """
    if _watch.trusted:
        return ask()
    still = _watch.alone and not _watch.latest.loads()  # or the suite has loaded what it needs
    before, _watch.trusted = _watch.latest if still else now(), True
    try:
        return _not_misled(before, ask)
    except _Misled:
        _watch.trusted = False
        forget()
        return ask()
    finally:
        _watch.trusted = False


def others_run() -> None:
    """Has the names looked at again before the next question: whoever uses the suite may have changed them, as they may."""
    _watch.alone = False


class _Misled(Exception):
    """The suite may have computed with something that a candidate replaced."""


def _not_misled(before: Before, ask: Callable[[], T]) -> T:
    try:
        return ask()
    finally:
        _watch.alone = before.stands()
        if not _watch.alone and not before.has_only_loaded():
            before.restore()
            raise _Misled


def harm() -> str | None:
    """The reason why other code cannot go on in this process, as far as it shows; replaced names are restored."""
    told = _AT_FIRST.restore()
    return no_files() or told


def no_files(_open: Any = os.open, _close: Any = os.close) -> str | None:
    """A sentence where files can no longer be opened or written, else None."""
    try:
        _close(_open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return f"leaves its process unable to open files ({error.strerror})"
    if _largest() < min(MAX_FILE_BYTES, _AT_MOST):
        return "leaves its process unable to write files"
    return None


WITHOUT_END = math.inf
MAX_FILE_BYTES = 1 << 20
"""Bytes of a file that suffice for notes and for cached data."""


def _largest() -> float:
    """The limit on the size of files that this process writes, in bytes."""
    if sys.platform == "win32":
        return WITHOUT_END
    soft, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    return WITHOUT_END if soft == resource.RLIM_INFINITY else soft


_AT_MOST = _largest()


def of_a_library(value: Any) -> bool:
    """Whether an installed library defined a value: some replace functions of others when they are imported."""
    module = sys.modules.get(getattr(value, "__module__", None) or "")
    return is_installed(getattr(module, "__file__", None) or "")


def is_installed(path: str) -> bool:
    """Whether a file or folder belongs to an installed library."""
    return any(part in ("site-packages", "dist-packages") for part in path.split(os.sep))


_listening: list[list[str]] = []


@contextmanager
def noting() -> Iterator[list[str]]:
    """Collects the changes made by candidates, and restored, in the block."""
    seen: list[str] = []
    _listening.append(seen)
    try:
        yield seen
    finally:
        _listening[:] = [other for other in _listening if other is not seen]


def are_heard() -> bool:
    """Whether a block of `noting` is active."""
    return _listening.__len__() > 0


def note(effect: str) -> None:
    """Reports an effect to the active blocks of `noting`."""
    for seen in _listening:
        seen.append(effect)
