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
from typing import Any

import numpy as np

MODULES = (builtins, io, math, os, pickle, random, signal, struct, time, np, np.linalg, np.random)

Names = dict[str, Any]
Spaces = list[tuple[str, Names]]

SHARED: Spaces = [(f"{module.__name__}.", vars(module)) for module in MODULES]
SPACES: Spaces = [("the module ", sys.modules), *SHARED]


class Before:
    """What the names of these modules, and of the modules themselves, stood for at one moment."""

    def __init__(self, _copy: Any = dict.copy) -> None:
        self.old = [_copy(space) for _, space in SPACES]
        self.values, self.modules = [[*space.values()] for _, space in SHARED], sys.modules.__len__()

    def stands(self) -> bool:
        """Whether nothing has changed since: identities, one after the other, at a nanosecond or two a name. Of the modules themselves,
        which are as many, only how many there are.
        """
        return sys.modules.__len__() == self.modules and _same(self.values, [[*space.values()] for _, space in SHARED])

    def restore(self, _zip: Any = zip) -> str | None:
        """Puts back what has been replaced or removed, and says the first of it. New names stay: libraries add them as they load."""
        told = None
        for (what, space), old in _zip(SPACES, self.old):
            told = (None if _same(space, old) else _put_back(what, space, old)) or told
        return told


def _same(a: Any, b: Any, _any: Any = Exception) -> bool:
    try:
        return a == b  # type: ignore[no-any-return]  # no name that may have been replaced
    except _any:  # a new value that compares as it likes
        return False


def _put_back(what: str, space: Names, old: Names, _callable: Any = callable) -> str | None:
    """What a module keeps to itself and is no function may change: `random` imports what it hashes strings with when it is first asked."""
    missing, told = object(), None
    for name, value in old.items():
        own = name.startswith("__") or (name.startswith("_") and not _callable(value))
        if space.get(name, missing) is not value and not own:
            space[name] = value
            told = told or f"replaces {what}{name} for the whole process"
    return told


_AT_FIRST = _latest = Before()


def now() -> Before:
    """The names as they are now: mostly as before the last call, which is cheaper to see than to copy."""
    global _latest
    if not _latest.stands():
        _latest = Before()
    return _latest


def harm() -> str | None:
    """Why no other code can go on in this process, as far as it shows; what was replaced is put back."""
    told = _AT_FIRST.restore()
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return f"leaves its process unable to open files ({error.strerror})"
    return told
