"""The functions that all code of a process shares, and the judge needs: a candidate that replaces one of them, or forbids to open files,
harms whoever comes next.
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
import time
from contextlib import suppress
from types import ModuleType
from typing import Any

import numpy as np

MODULES = (builtins, io, math, os, pickle, random, signal, struct, time, np, np.linalg, np.random)

Namespaces = list[dict[str, Any]]


def namespaces(_copy: Any = dict.copy, _vars: Any = vars) -> Namespaces:
    """What the names of these modules stand for now."""
    return [_copy(_vars(module)) for module in MODULES]


def restore(before: Namespaces, _vars: Any = vars, _zip: Any = zip) -> str | None:
    """Puts back what has been replaced since; says the first of it, else None. New names stay: libraries add them as they load."""
    told = None
    for module, old in _zip(MODULES, before):
        if _vars(module) != old:
            told = _put_back(module, old) or told
    return told


def _put_back(module: ModuleType, old: dict[str, Any]) -> str | None:
    now, told, missing = module.__dict__, None, object()
    for name, value in old.items():
        if now.get(name, missing) is not value and not name.startswith("__"):
            now[name] = value
            told = f"replaces {module.__name__}.{name} for the whole process"
    return told


_AT_FIRST = namespaces()


def harm() -> str | None:
    """What no other code can go on with in this process, as far as it shows; what was replaced is put back."""
    told = restore(_AT_FIRST)
    with suppress(FileNotFoundError):
        try:
            os.close(os.open(os.devnull, os.O_RDONLY))
        except OSError as error:
            return f"leaves its process unable to open files ({error.strerror})"
    return told
