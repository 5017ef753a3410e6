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

_SPACES: list[tuple[str, Names]] = [("the module ", sys.modules), *((f"{module.__name__}.", vars(module)) for module in MODULES)]


def names(_copy: Any = dict.copy) -> list[Names]:
    """What the names of these modules stand for now, and those of the modules themselves."""
    return [_copy(space) for _, space in _SPACES]


def restore(before: list[Names], _zip: Any = zip) -> str | None:
    """Puts back what has been replaced or removed since, and says the first of it. New names stay: libraries add them as they load."""
    told = None
    for (what, space), old in _zip(_SPACES, before):
        if space != old:
            told = _put_back(what, space, old) or told
    return told


def _put_back(what: str, space: Names, old: Names) -> str | None:
    missing, told = object(), None
    for name, value in old.items():
        if space.get(name, missing) is not value and not name.startswith("__"):
            space[name] = value
            told = told or f"replaces {what}{name} for the whole process"
    return told


_AT_FIRST = names()


def harm() -> str | None:
    """Why no other code can go on in this process, as far as it shows; what was replaced is put back."""
    told = restore(_AT_FIRST)
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return f"leaves its process unable to open files ({error.strerror})"
    return told
